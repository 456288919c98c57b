"""A service with every kind of route, deployed from its source text."""

from typing import Any

from coworks_async import TechMicroService

SOURCE = """
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from coworks_async import Blueprint, TechMicroService, entry


async def show_path(request: Request):
    return PlainTextResponse(f"mounted {request.url.path}")


class Admin(Blueprint):
    @entry
    async def get(self, number: int):
        return {"admin": number}


class Shop(TechMicroService):
    calls = 0

    async def token_authorizer(self, token):
        self.calls += 1
        return {"name": "ann"} if token == "token" else None

    @entry
    async def get(self):
        return "home"

    @entry
    async def post(self, value: int = 0, note: str = ""):
        return {"value": value, "note": note}

    @entry(no_auth=True, no_cors=False)
    async def get_open(self):
        return "open"

    @entry(no_auth=True)
    async def get_calls(self):
        return self.calls

    @entry
    async def get_items(self, id):
        return {"id": id}

    @entry
    async def post_bytes(self, request: Request):
        return await request.body(), {"Content-Type": "image/png"}

    @entry
    async def get_png(self):
        return bytes(range(256)), {"Content-Type": "image/png"}

    @entry
    async def get_files(self, *path, **query):
        return {"path": path, "query": query}

    @entry
    async def get_failing(self):
        raise LookupError("the reason")


app = Shop(name="shop")
app.register_blueprint(Admin(), url_prefix="/admin")
app.mount("/static", Starlette(routes=[Route("/{rest:path}", show_path)]))
lambda_handler = app.lambda_handler
"""


def load_service() -> TechMicroService:
    """Return the service in this process."""
    names: dict[str, Any] = {}
    exec(compile(SOURCE, "service.py", "exec"), names)  # noqa: S102 - the deployed text
    app = names["app"]
    assert isinstance(app, TechMicroService)
    return app

"""A service that X-Ray is told of, and a request to it without a client."""

from typing import Any

from coworks_async import Blueprint, Problem, TechMicroService, entry
from coworks_async.extensions import XRay

SCOPE: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.4"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/",
    "raw_path": b"/",
    "root_path": "",
    "query_string": b"",
    "headers": [],
    "client": None,
    "server": ("shop.example.com", 80),
}


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def ignore(message: Any) -> None:
    """Whoever asked is gone."""


class Items(Blueprint):
    @entry
    async def get(self, name: str, **query: str):
        return {"item": name}


class Shop(TechMicroService):
    async def token_authorizer(self, token: str):
        if token == "broken":
            raise ValueError("the token is broken")
        return {"name": "ann"} if token == "s3cr3t" else None

    @entry(no_auth=True)
    async def get(self, status: int = 200):
        if status >= 400:
            raise Problem(status, "so asked")
        return "Welcome.", status

    @entry(no_auth=True)
    async def get_bug(self):
        raise LookupError("no such shelf")

    @entry(no_auth=True)
    async def get_torn(self):
        yield "a"
        raise LookupError("torn")


def shop(recorder: Any, **options: Any) -> Shop:
    app = Shop(name="shop", **options)
    app.register_blueprint(Items(), url_prefix="/items")
    XRay(app, recorder)
    return app

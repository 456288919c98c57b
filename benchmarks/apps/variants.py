"""Variants of the service: with hooks, with a middleware, with many routes."""

from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks.apps import coworks_app, starlette_app
from coworks_async import TechMicroService, entry


class AddHeader:
    """A pure ASGI middleware that adds a response header."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("x-added", "yes")
            await send(message)

        await self.app(scope, receive, send_with_header)


def coworks_with_middleware() -> TechMicroService:
    return coworks_app.Bench(name="bench", middleware=[Middleware(AddHeader)])


def starlette_with_middleware() -> Starlette:
    return Starlette(routes=starlette_app.app.routes, middleware=[Middleware(AddHeader)])


def coworks_with_hooks() -> TechMicroService:
    """Create the service with a `before_request` and an `after_request` that do nothing."""
    service = coworks_app.Bench(name="bench")

    @service.before_request
    async def before() -> None:
        return None

    @service.after_request
    async def after(response: Response) -> Response:
        return response

    return service


def coworks_with_routes(number: int, end: str) -> TechMicroService:
    """Create a service with the routes `/r0`, `/r1`… and the same end, such as `/{item_id}`."""

    def create_entry(path: str) -> Any:
        async def plain(self: TechMicroService) -> str:
            return "Hello world.\n"

        async def typed(self: TechMicroService, item_id: int) -> dict[str, Any]:
            return {"item_id": item_id}

        return entry(path, method="GET")(typed if end else plain)

    entries = {f"r{i}": create_entry(f"/r{i}{end}") for i in range(number)}
    service: TechMicroService = type("Big", (coworks_app.Bench,), entries)(name="big")
    return service


def starlette_with_routes(number: int, end: str) -> Starlette:
    """Create a Starlette app with the same routes."""

    async def plain(request: Request) -> PlainTextResponse:
        starlette_app.check_token(request)
        return PlainTextResponse("Hello world.\n")

    async def typed(request: Request) -> JSONResponse:
        starlette_app.check_token(request)
        return JSONResponse({"item_id": starlette_app.parse_int("item_id", request.path_params["item_id"])})

    return Starlette(routes=[Route(f"/r{i}{end}", typed if end else plain) for i in range(number)])

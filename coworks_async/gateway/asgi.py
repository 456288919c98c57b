"""A gateway as an ASGI app: each request goes through an event and the Lambda handler, one at a time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from anyio import to_thread
from starlette.requests import ClientDisconnect

from coworks_async.exceptions import ContentTooLarge
from coworks_async.gateway.messages import HttpRequest, HttpResponse, Via
from coworks_async.gateway.simulator import CONTENT_TOO_LARGE, Deployable, Gateway
from coworks_async.pipeline.body import Limits, read_body
from coworks_async.types import Receive, Scope, Send

T = TypeVar("T")


class _Closable(Protocol):
    def close(self) -> None: ...


class GatewayApp:
    """Serves a service by any ASGI server, or test client, as Lambda would serve it.

    The Lambda's container is one thread: its loop and its lifespan start there at the first event, and events wait
    for each other. The container ends with the server's own lifespan. A body over the gateway's limit is a 413 of the
    gateway's, its rest left unread.

    Parameters:
        app: the service.
        via: the kind of gateway in between, as `Gateway` has it.
        base_path: of a custom domain's mapping.

    Example:
        >>> uvicorn.run(GatewayFront(app, "rest"))
    """

    def __init__(self, app: Deployable, via: Via = "rest", *, base_path: str = "") -> None:
        self.app = app
        self.gateway = Gateway(app, via, base_path=base_path)
        self._container = ThreadPoolExecutor(1, "lambda")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._lifespan(receive, send)
        if scope["type"] != "http":
            # No gateway here speaks WebSocket: refused, as a server refuses what it does not know.
            return await send({"type": "websocket.close", "code": 1000})
        try:
            answer = await self._answer(scope, receive)
        except ClientDisconnect:
            return
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope, receive: Receive) -> HttpResponse:
        try:
            body = await read_body(scope, receive, Limits(self.gateway.body_limit))
        except ContentTooLarge:
            return CONTENT_TOO_LARGE
        return await self._in_container(lambda: self.gateway.answer(request_from_scope(scope, body)))

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        handler: Any = self.app.lambda_handler
        container: _Closable = handler.container
        await self._in_container(container.close)
        self._container.shutdown()
        # A client that is opened again starts another container.
        self._container = ThreadPoolExecutor(1, "lambda")
        await send({"type": "lifespan.shutdown.complete"})

    async def _in_container(self, work: Callable[[], T]) -> T:
        # A second thread waits, whatever event loop this is.
        return await to_thread.run_sync(self._container.submit(work).result)


def request_from_scope(scope: Scope, body: bytes) -> HttpRequest:
    """Return a request as a gateway gets it."""
    raw_path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    client = scope.get("client") or ("127.0.0.1", 0)
    return HttpRequest(
        method=scope["method"],
        path=raw_path.decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]),
        body=body,
        source_ip=client[0],
        scheme=scope.get("scheme", "http"),
    )

"""Test client for services, over ASGI or through the Lambda handler.

It needs `httpx2`, as Starlette's own test client does.
"""

from typing import Any
from urllib.parse import quote_from_bytes, unquote, unquote_to_bytes, urlsplit

from coworks_async.extras import require

require("coworks_async.testing", "httpx2", "standard")

# A missing package is reported first.
# ruff: noqa: E402
import httpx2
from starlette.testclient import TestClient as StarletteTestClient

from coworks_async.gateway import STREAM_VIAS, VIAS, GatewayApp, StreamVia, Via
from coworks_async.gateway.in_memory import InMemoryFunction, ThreadedGatewayApp
from coworks_async.gateway.messages import FUNCTION_TIMEOUT
from coworks_async.gateway.native import NativeGatewayApp
from coworks_async.service import TechMicroService
from coworks_async.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["StreamVia", "TestClient", "Via"]

ENCODED = "x-coworks-encoded-headers"
"""Header between `encode_headers` and `decode_headers`: the indexes of the percent-encoded headers."""


class TestClient(StarletteTestClient):
    """Starlette's test client, optionally through a simulated AWS gateway and the Lambda handler.

    Used as a context manager, it runs the lifespan. Through a gateway the lifespan starts at the first request, as in
    Lambda.

    Args:
        app: the service. Without `via`, any ASGI app.
        via: None for plain ASGI, or the gateway whose events are sent: `"rest"` (REST API), `"http"` (HTTP API with
            the stage `$default`), `"http-stage"` (HTTP API with a named stage), `"alb"` (load balancer), `"url"`
            (function URL). `"stream-rest"` and `"stream-url"` are a REST API and a function URL that stream: the
            function runs in the native runtime, behind a simulator of Lambda's Runtime API. The client receives the
            response when it has ended.
        base_url: the URL at which the API is called. `https://<id>.execute-api.<region>.amazonaws.com/<stage>` is its
            default host; any other host is a custom domain, and the path is its base path.
        lambda_timeout: the function's timeout in seconds, with `via`. The service gets it in the context of each event.
            Only a gateway that streams ends an event then, with a 502.
        options: those of Starlette's test client.

    Raises:
        TypeError: `via` needs a TechMicroService.
        ValueError: unknown gateway.

    Examples:
        >>> from coworks_async import TechMicroService, entry
        >>> from coworks_async.testing import TestClient
        >>> class Shop(TechMicroService):
        ...     async def token_authorizer(self, token):
        ...         return token == "secret"
        ...
        ...     @entry
        ...     async def get_items(self, number: int):
        ...         return {"number": number}
        >>> with TestClient(Shop(), via="rest") as client:
        ...     client.get("/items/3").status_code
        ...     client.get("/items/3", headers={"Authorization": "secret"}).json()
        401
        {'number': 3}
    """

    __test__ = False

    def __init__(
        self,
        app: ASGIApp,
        *,
        via: Via | StreamVia | None = None,
        base_url: str = "http://testserver",
        lambda_timeout: float = FUNCTION_TIMEOUT,
        **options: Any,
    ) -> None:
        if via is not None:
            if not isinstance(app, TechMicroService):
                raise TypeError(f"via={via!r} needs a TechMicroService, not {type(app).__name__}")
            path = "" if ".execute-api." in base_url else urlsplit(base_url).path
            app = create_gateway(app, via, path, lambda_timeout)
        is_ours = isinstance(app, TechMicroService | GatewayApp | ThreadedGatewayApp)
        super().__init__(decode_path(encode_headers(app) if is_ours else app), base_url=base_url, **options)
        self.app = app

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request and return the response, with the headers that Starlette's test client cannot decode."""
        response = super().send(request, **options)
        for each in (*response.history, response):
            decode_headers(each)
        return response


def create_gateway(
    app: TechMicroService, via: Via | StreamVia, base_path: str, lambda_timeout: float
) -> GatewayApp | ThreadedGatewayApp:
    """Put a simulated gateway in front of a service."""
    if via not in (*VIAS, *STREAM_VIAS):
        raise ValueError(f"via must be one of {', '.join((*VIAS, *STREAM_VIAS))}, not {via!r}")
    if via != "stream-rest" and via != "stream-url":
        return GatewayApp(app, via, base_path=base_path, lambda_timeout=lambda_timeout)
    streaming: Via = "rest" if via == "stream-rest" else "url"
    function = InMemoryFunction(app, streaming)
    return ThreadedGatewayApp(
        NativeGatewayApp(app, streaming, function, base_path=base_path, lambda_timeout=lambda_timeout)
    )


def decode_path(app: ASGIApp) -> ASGIApp:
    """Wrap an app so that a path is decoded once, as by a server. Starlette's test client decodes it twice."""

    async def decoded(scope: Scope, receive: Receive, send: Send) -> None:
        # The lifespan does not pass here: the test client runs it with `self.app`.
        await app({**scope, "path": unquote(scope["raw_path"].decode())}, receive, send)

    return decoded


def encode_headers(app: ASGIApp) -> ASGIApp:
    """Wrap an app so that all its response headers are ASCII. Starlette's test client cannot decode others."""

    async def encoded(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_encoded(message: Message) -> None:
            headers = message.get("headers", [])
            indexes = [index for index, (_, value) in enumerate(headers) if not value.isascii()]
            if message["type"] == "http.response.start" and indexes:
                values = {index: quote_from_bytes(headers[index][1]).encode() for index in indexes}
                pairs = [(name, values.get(index, value)) for index, (name, value) in enumerate(headers)]
                marker = (ENCODED.encode(), " ".join(map(str, indexes)).encode())
                message = {**message, "headers": [*pairs, marker]}
            await send(message)

        await app(scope, receive, send_encoded)

    return encoded


def decode_headers(response: httpx2.Response) -> None:
    """Restore the headers of a response that `encode_headers` changed."""
    if ENCODED in response.headers:
        indexes = set(map(int, response.headers.pop(ENCODED).split()))
        pairs = enumerate(response.headers.raw)
        response.headers = httpx2.Headers(
            [(name, unquote_to_bytes(value) if index in indexes else value) for index, (name, value) in pairs]
        )

"""CORS headers on an entry's responses, and the preflight response.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from collections.abc import Iterable

from coworks_async.types import ASGIApp, Message, Receive, Scope, Send

ALLOW_ORIGIN = (b"access-control-allow-origin", b"*")


class CorsMiddleware:
    """Allows any origin, without credentials, on all responses of an entry, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_origin(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [pair for pair in message.get("headers", ()) if pair[0] != ALLOW_ORIGIN[0]]
                message = {**message, "headers": [*headers, ALLOW_ORIGIN]}
            await send(message)

        await self.app(scope, receive, send_with_origin)


def preflight_method(scope: Scope) -> str | None:
    """Return the method that a preflight request is for; None for any other request."""
    headers = dict(scope["headers"])
    method = headers.get(b"access-control-request-method")
    if scope["method"] != "OPTIONS" or method is None or b"origin" not in headers:
        return None
    return str(method, "latin-1").upper()


def preflight_headers(methods: Iterable[str], token_key: str) -> dict[str, str]:
    """Return the headers of a preflight response. The wildcard does not cover `Authorization`, so it is named."""
    return {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": ", ".join(sorted(methods)),
        "access-control-allow-headers": f"{token_key}, Content-Type, *",
        "access-control-max-age": "600",
    }

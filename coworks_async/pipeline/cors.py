"""Browsers of other origins: the headers on an entry's answers, and the preflight (https://fetch.spec.whatwg.org/#http-cors-protocol)."""

from collections.abc import Iterable

from coworks_async.types import ASGIApp, Message, Receive, Scope, Send

ALLOW_ORIGIN = (b"access-control-allow-origin", b"*")


class CorsMiddleware:
    """Opens all the answers of an entry, its errors too, to any origin, without credentials."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_open(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [pair for pair in message.get("headers", ()) if pair[0] != ALLOW_ORIGIN[0]]
                message = {**message, "headers": [*headers, ALLOW_ORIGIN]}
            await send(message)

        await self.app(scope, receive, send_open)


def preflight_method(scope: Scope) -> str | None:
    """Return the method that a browser asks leave for, None where the request is no preflight."""
    headers = dict(scope["headers"])
    method = headers.get(b"access-control-request-method")
    if scope["method"] != "OPTIONS" or method is None or b"origin" not in headers:
        return None
    return str(method, "latin-1").upper()


def preflight_headers(methods: Iterable[str], token_key: str) -> dict[str, str]:
    """Return what a preflight answers; the wildcard covers every header but the token's, which is named."""
    return {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": ", ".join(sorted(methods)),
        "access-control-allow-headers": f"{token_key}, Content-Type, *",
        "access-control-max-age": "600",
    }

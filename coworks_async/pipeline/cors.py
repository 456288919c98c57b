"""CORS headers on responses, and the response to a preflight request.

Starlette's `CORSMiddleware` has one list of methods for a whole app and its own error responses; each
entry has a policy, and its methods are known.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from collections.abc import Iterable, Sequence

from coworks_async.entries.cors import CORS, WILDCARD
from coworks_async.types import ASGIApp, Message, RawHeaders, Receive, Scope, Send

SERVICE_RESPONSES = "coworks.service_responses"
"""Scope key: the CORS headers of each response that the service has sent to its middleware."""

_REPLACED = (b"access-control-allow-origin", b"access-control-allow-credentials", b"vary")


def allow_headers(cors: CORS, origin: str) -> dict[str, str]:
    """Return the headers of a response to an allowed origin, `*` if all are."""
    headers = {"Access-Control-Allow-Origin": origin}
    if cors.credentials:
        headers["Access-Control-Allow-Credentials"] = "true"
    if cors.expose:
        headers["Access-Control-Expose-Headers"] = ", ".join(cors.expose)
    if origin != WILDCARD:
        headers["Vary"] = "Origin"
    return headers


class CorsHeaders:
    """Adds the headers of a policy to responses.

    The origin and the credentials replace those of the response; `Vary` is merged, and other headers are added.
    """

    def __init__(self, cors: CORS) -> None:
        self.by_origin: dict[bytes, RawHeaders] = {}
        for origin in cors.origins:
            headers = allow_headers(cors, origin).items()
            self.by_origin[origin.encode()] = [(name.lower().encode(), value.encode()) for name, value in headers]
        # Other responses vary too: a cache must not send them to a page of an allowed origin.
        self.default = self.by_origin.get(b"*", [(b"vary", b"Origin")])

    def add(self, scope: Scope, headers: Sequence[tuple[bytes, bytes]]) -> RawHeaders:
        """Return the headers of the response to a request with those of the policy."""
        added = self.by_origin.get(read_origin(scope), self.default)
        result = [pair for pair in headers if pair[0] not in _REPLACED]
        result += [pair for pair in added if pair[0] != b"vary"]
        vary = [value for name, value in (*headers, *added) if name == b"vary"]
        if vary:
            # One line, because middleware such as Starlette's for gzip keeps only the first.
            result.append((b"vary", b", ".join(vary)))
        return result

    def wrap(self, scope: Scope, send: Send) -> Send:
        """Return a `send` that adds the headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": self.add(scope, message.get("headers", ()))}
            await send(message)

        return send_with_headers


class CorsMiddleware:
    """Adds the headers of a policy to all responses of an app."""

    def __init__(self, app: ASGIApp, cors: CORS) -> None:
        self.app = app
        self.headers = CorsHeaders(cors)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, self.headers.wrap(scope, send))


class UserMiddlewareCors:
    """Adds CORS headers to the responses that the user's middleware makes itself.

    A response has the headers of the service's policy, or those of the service's response that it replaces. `app` is
    the middleware, around a service that `mark_service_reached` wraps.
    """

    def __init__(self, app: ASGIApp, headers: CorsHeaders) -> None:
        self.app = app
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        # A list, because middleware may pass on a copy of the scope.
        responses: list[RawHeaders] = []
        scope[SERVICE_RESPONSES] = responses

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", ())
                headers = _restore(headers, responses[-1]) if responses else self.headers.add(scope, headers)
                message = {**message, "headers": headers}
            await send(message)

        await self.app(scope, receive, send_with_headers)


def mark_service_reached(app: ASGIApp) -> ASGIApp:
    """Wrap the service inside the user's middleware, for `UserMiddlewareCors`."""

    async def marked(scope: Scope, receive: Receive, send: Send) -> None:
        # Now, because a mounted service replaces the list.
        responses: list[RawHeaders] | None = scope.get(SERVICE_RESPONSES)

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start" and responses is not None:
                headers = message.get("headers", ())
                responses.append([pair for pair in headers if _is_cors_header(*pair)])
            await send(message)

        await app(scope, receive, send_marked)

    return marked


def _is_cors_header(name: bytes, value: bytes) -> bool:
    return name.startswith(b"access-control-") or (name == b"vary" and b"origin" in value.lower())


def _restore(headers: Sequence[tuple[bytes, bytes]], expected: RawHeaders) -> Sequence[tuple[bytes, bytes]]:
    """Return headers with those CORS headers of the service's response that the middleware has removed."""
    found = {name for name, value in headers if _is_cors_header(name, value)}
    return [*headers, *(pair for pair in expected if pair[0] not in found)]


def read_origin(scope: Scope) -> bytes:
    """Return the origin of a request, empty without one."""
    for name, value in scope["headers"]:
        if name == b"origin":
            return bytes(value)
    return b""


def preflight_method(scope: Scope) -> str | None:
    """Return the method that a preflight request is for; None for any other request."""
    headers = dict(scope["headers"])
    method = headers.get(b"access-control-request-method")
    if scope["method"] != "OPTIONS" or method is None or b"origin" not in headers:
        return None
    return str(method, "latin-1").upper()


def preflight_headers(cors: CORS, scope: Scope, methods: Iterable[str], token_key: str) -> dict[str, str]:
    """Return the headers of a preflight response. The wildcard does not cover `Authorization`, so it is named."""
    origin = str(read_origin(scope), "latin-1")
    allowed = WILDCARD if WILDCARD in cors.origins else origin
    if allowed not in cors.origins:
        return {"Vary": "Origin"}
    return allow_headers(cors, allowed) | {
        "Access-Control-Allow-Methods": ", ".join(sorted(methods)),
        "Access-Control-Allow-Headers": ", ".join(dict.fromkeys((token_key, "Content-Type", *cors.headers))),
        "Access-Control-Max-Age": str(cors.max_age),
    }

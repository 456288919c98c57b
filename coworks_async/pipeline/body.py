"""The body of a request: read once, within the limits. How it is taken apart stands in `parse`."""

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

from coworks_async.pipeline.invocation import INVOCATION_TYPE
from coworks_async.pipeline.limits import Limits
from coworks_async.pipeline.request import BODY, STREAMED


async def read_body(scope: Scope, receive: Receive, limits: Limits) -> bytes:
    """Read the whole body, or return what was read before.

    Raises:
        ContentTooLarge: it is over the limit; the rest is left unread.
        ClientDisconnect: the client left before its end, so that nothing must run on half of it.
    """
    limits.check_length(scope)
    return await receive_body(scope, receive, limits)


async def receive_body(scope: Scope, receive: Receive, limits: Limits) -> bytes:
    """Read the whole body; its announced length is looked at only where it comes in parts."""
    if BODY in scope:
        kept: bytes = scope[BODY]
        return kept
    if STREAMED in scope:
        raise RuntimeError(
            "A hook took the body by request.stream(); let it use `await request.body()`, which is kept."
        )
    message = await receive()
    if message["type"] != "http.request" or message.get("more_body", False):
        limits.check_length(scope)
        body = await _receive_rest(message, receive, limits)
    else:
        body = message.get("body", b"")
        limits.check_size(len(body))
    scope[BODY] = body
    return body


async def _receive_rest(message: Message, receive: Receive, limits: Limits) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect()
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        limits.check_size(size)
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await receive()


_NON_PLAIN_HEADERS = frozenset((b"content-encoding", INVOCATION_TYPE))
_BODY_HEADERS = frozenset((b"content-length", b"transfer-encoding", INVOCATION_TYPE))


def is_plain_json(scope: Scope) -> bool:
    """Tell whether the headers say no more than that the body is JSON."""
    for name, value in scope["headers"]:
        if (name == b"content-type" and value != b"application/json") or name in _NON_PLAIN_HEADERS:
            return False
    return True


def may_have_body(scope: Scope) -> bool:
    """Tell whether there may be a body to read (RFC 9112, section 6.3; later versions of HTTP need no header).

    So may there be with an invocation type, which is for the long road to judge.
    """
    for name, _ in scope["headers"]:
        if name in _BODY_HEADERS:
            return True
    http_version: str = scope["http_version"]
    return http_version >= "2"

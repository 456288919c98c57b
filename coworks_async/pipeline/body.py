"""Read a request's body, once and within the limits of the service."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from msgspec import Struct
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

from coworks_async.exceptions import ContentTooLarge
from coworks_async.pipeline.concurrency import ThreadLimit
from coworks_async.pipeline.invocation import INVOCATION_TYPE

T = TypeVar("T")

BODY = "coworks.body"
"""Scope key: the whole body, once read."""

LARGE = "coworks.large"
"""Scope key: the size of a body whose items must be counted, or that is converted in a thread."""

THREAD_SIZE = 65_536
"""Bytes from which a body is converted in a thread, so that other requests are not delayed.

Below it, the slowest body (empty objects for a list of models) takes about as long as the interpreter's switch of
threads; a thread costs 0.1 ms.
"""

# A string may contain braces and brackets. Its end is optional, so that an unterminated string is searched only once.
_JSON_STRING = re.compile(rb'"[^"\\]*+(?:\\.?[^"\\]*+)*+"?', re.DOTALL)

STREAMED = "coworks.streamed"
"""Scope key: set once `request.stream()` has consumed the body."""

LAMBDA_PAYLOAD_LIMIT = 6 * 1024 * 1024
"""Bytes of a synchronous invocation's payload and of its response.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

ALB_PAYLOAD_LIMIT = 1024 * 1024
"""Bytes of a request or response body behind a load balancer.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""


class Limits(Struct, frozen=True):
    """Limits of a request.

    Attributes:
        body_size: bytes of the body, None for no limit.
        fields, files: fields and files of a form.
        items: objects in a JSON body, and arrays in it.
        hashed_items: values for sets, and for keys that are not strings.
    """

    body_size: int | None = LAMBDA_PAYLOAD_LIMIT
    fields: int = 1000
    files: int = 100
    items: int = 50_000
    hashed_items: int = 1000

    def check_size(self, size: int) -> None:
        if self.body_size is not None and size > self.body_size:
            raise ContentTooLarge(f"The body is over the limit of {self.body_size} bytes.")

    def check_length(self, scope: Scope) -> None:
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit():
                self.check_size(int(value[:20]))

    def check_items(self, json: bytes) -> None:
        """Check the number of objects and of arrays before they are created."""
        if json.count(b"{") <= self.items and json.count(b"[") <= self.items:
            return
        without_strings = _JSON_STRING.sub(b"", json)
        for start, name in ((b"{", "objects"), (b"[", "arrays")):
            if without_strings.count(start) > self.items:
                raise ContentTooLarge(f"The body has over {self.items} JSON {name}.")

    def check_hashed_items(self, count: int) -> None:
        if count > self.hashed_items:
            raise ContentTooLarge(
                f"The request has over {self.hashed_items} values for sets and for keys that are not strings."
            )


DEFAULT_LIMITS = Limits()

# More than one thread would only compete for the interpreter.
_conversions = ThreadLimit("coworks_conversions", 1)


async def read_body(scope: Scope, receive: Receive, limits: Limits) -> bytes:
    """Return the whole body, from the scope if it was read before. Over the limit, the rest is left unread."""
    body: bytes
    if BODY in scope:
        body = scope[BODY]  # by a hook, perhaps with `request.body()`
    elif STREAMED in scope:
        raise RuntimeError("A hook consumed the body with request.stream(). Use await request.body(), which keeps it.")
    else:
        message = await receive()
        if message["type"] != "http.request" or message.get("more_body", False):
            limits.check_length(scope)
            body = await _receive_parts(message, receive, limits)
        else:
            body = message.get("body", b"")
            limits.check_size(len(body))
        scope[BODY] = body
    size = len(body)
    if size > THREAD_SIZE or size > limits.items:  # an object takes more than a byte
        scope[LARGE] = size
    return body


async def convert_large(scope: Scope, convert: Callable[..., T], *args: Any) -> T:
    """Run a conversion, in a thread if the body is large enough. It does not wait for sync entries in other threads."""
    if scope[LARGE] <= THREAD_SIZE:
        return convert(*args)
    return await _conversions.run(convert, *args)


async def read_checked_body(scope: Scope, receive: Receive, limits: Limits) -> bytes:
    """Return the whole body. Over the limit by its declared length, none of it is received.

    A client that sends `Expect: 100-continue` waits for that before it sends the body (RFC 9110, section 10.1.1).
    """
    limits.check_length(scope)
    return await read_body(scope, receive, limits)


async def _receive_parts(message: Message, receive: Receive, limits: Limits) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        limits.check_size(size)
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()


_NON_PLAIN_HEADERS = frozenset((b"content-encoding", b"expect", INVOCATION_TYPE))
_BODY_HEADERS = frozenset((b"content-length", b"transfer-encoding", INVOCATION_TYPE))


def is_plain_json(scope: Scope) -> bool:
    """Return whether the headers describe an uncompressed JSON body, and neither `Expect` nor an asynchronous call."""
    for name, value in scope["headers"]:
        if (name == b"content-type" and value != b"application/json") or name in _NON_PLAIN_HEADERS:
            return False
    return True


def may_have_body(scope: Scope) -> bool:
    """Return whether a body may follow (RFC 9112, section 6.3), or an invocation type, which full binding checks."""
    for name, _ in scope["headers"]:
        if name in _BODY_HEADERS:
            return True
    http_version: str = scope["http_version"]
    return http_version >= "2"  # needs no header

"""Convert what an entry, a hook or an error handler returned to a response; check its status and headers."""

import dataclasses
import logging
import math
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from inspect import isasyncgen, isawaitable, iscoroutine, isgenerator
from types import GeneratorType
from typing import Any

import anyio
import msgspec
from starlette.background import BackgroundTask
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.responses import Response, StreamingResponse

from coworks_async.entries.header_syntax import is_raw_header_name, is_raw_header_value
from coworks_async.exceptions import ReturnError
from coworks_async.types import RawHeaders, Receive, Scope, Send

logger = logging.getLogger("coworks_async")

ResponseParts = tuple[int, RawHeaders, bytes]
"""Status, headers and body."""

TEXT = (b"content-type", b"text/plain; charset=utf-8")
BINARY = (b"content-type", b"application/octet-stream")
JSON = (b"content-type", b"application/json")

_LENGTH_RULE = "content-length and transfer-encoding are set automatically; remove them"

BODILESS_STATUSES = frozenset({204, 205, 304})
"""Statuses whose responses have no body (RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5)."""


def has_body(method: str, status: int) -> bool:
    """Return whether a response may have a body (RFC 9110, sections 9.3.2 and 15)."""
    return method != "HEAD" and status not in BODILESS_STATUSES


def check_headers(headers: RawHeaders) -> None:
    """Raise `ReturnError` if a name or a value is invalid."""
    for name, value in headers:
        if not is_raw_header_name(name) or not is_raw_header_value(value):
            raise ReturnError(
                f"invalid header {name.decode('latin-1')!r}: a name is a token; "
                "a value has no line break and neither leading nor trailing space"
            )


def _encode_headers(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> RawHeaders:
    try:
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
    except (TypeError, ValueError, AttributeError):
        raise ReturnError(
            "headers must map names to values, both latin-1 strings. To return a JSON array, use a list, not a tuple."
        ) from None
    check_headers(raw)
    return raw


def _set_headers(response: Response, raw: RawHeaders) -> None:
    """Replace the headers of these names; several pairs of one name are all sent."""
    names = {name for name, _ in raw}
    response.raw_headers[:] = [pair for pair in response.raw_headers if pair[0] not in names] + raw


def _encode_hook(value: Any) -> Any:
    """Encode what msgspec cannot: pydantic models and subclasses of plain types."""
    if _is_model(value):
        return value.model_dump(mode="json", by_alias=True)
    if isawaitable(value):
        raise TypeError(f"it contains {_describe_awaitable(value)}")
    for kind, plain in _PLAIN_TYPES:
        if isinstance(value, kind):
            return plain(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_PLAIN_TYPES: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
)


_encode = msgspec.json.Encoder(enc_hook=_encode_hook).encode


def encode_json(value: Any) -> bytes:
    """Encode as JSON; raise `ReturnError` for an unknown type, NaN or infinity."""
    try:
        body = _encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ReturnError(f"returned {type(value).__name__}, which cannot be encoded: {error}") from error
    # msgspec writes a float that is not finite as null, and such a Decimal as NaN or Infinity.
    # `find` takes half the time of `in` here.
    if (body.find(b"null") >= 0 or body.find(b"NaN") >= 0 or body.find(b"Infinity") >= 0) and not _is_finite(value):
        raise ReturnError(f"returned {type(value).__name__} containing NaN or infinity, which JSON does not allow")
    return body


def _plain_hook(value: Any) -> Any:
    """Encode for `_is_finite`, because pydantic's JSON mode also writes NaN as null."""
    if _is_model(value):
        return value.model_dump()
    try:
        return _encode_hook(value)
    except TypeError:
        return None


def _is_finite(value: Any) -> bool:
    stack = [msgspec.to_builtins(value, enc_hook=_plain_hook, str_keys=True, builtin_types=(Decimal,))]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list | tuple | set | frozenset):
            stack.extend(item)
        elif isinstance(item, float | Decimal) and not math.isfinite(item):
            return False
    return True


@lru_cache(maxsize=4096)
def _content_length(size: int) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % size


def _encode_text(value: str) -> ResponseParts:
    try:
        body = value.encode()
    except UnicodeEncodeError as error:
        raise ReturnError(f"returned {type(value).__name__}, which cannot be encoded: {error}") from error
    return 200, [TEXT, _content_length(len(body))], body


def _encode_bytes(value: bytes) -> ResponseParts:
    return 200, [BINARY, _content_length(len(value))], value


def _encode_data(value: Any) -> ResponseParts:
    body = encode_json(value)
    return 200, [JSON, _content_length(len(body))], body


ENCODERS: dict[type, Callable[[Any], ResponseParts]] = {
    str: _encode_text,
    bytes: _encode_bytes,
    type(None): lambda value: (204, [], b""),
    **dict.fromkeys((dict, list, int, float, bool, Decimal), _encode_data),
}
"""Encoders of the exact types that are sent without a response object."""


def encode_value(value: Any) -> ResponseParts:
    """Return the response of a value that is not a response, tuple or generator. Its headers are a new list."""
    encode = ENCODERS.get(type(value)) or _find_encoder(value)
    if encode is not None:
        return encode(value)
    if isawaitable(value):
        raise ReturnError(f"returned {_describe_awaitable(value)}")
    if isinstance(value, Exception):
        raise ReturnError(f"returned {type(value).__name__}, which is an exception. Did you mean 'raise'?")
    raise ReturnError(
        f"returned {type(value).__name__}, which cannot be sent. "
        "Return str, bytes, JSON data, None, a tuple, a generator or a Response."
    )


def _describe_awaitable(value: Any) -> str:
    if not iscoroutine(value):
        return f"{type(value).__name__}, which is not awaited. Did you forget 'await'?"
    value.close()  # prevents the "never awaited" warning, which would not name the entry
    return "a coroutine. Did you forget 'await'?"


def _find_encoder(value: Any) -> Callable[[Any], ResponseParts] | None:
    if isinstance(value, str):
        return _encode_text
    if isinstance(value, bytes):
        return _encode_bytes
    if isinstance(value, dict | list | int | float | Decimal | msgspec.Struct) or _is_model(value):
        return _encode_data
    return _encode_data if dataclasses.is_dataclass(value) and not isinstance(value, type) else None


def _is_model(value: Any) -> bool:
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(value, pydantic.BaseModel)


class PlainResponse(Response):
    def __init__(self, parts: ResponseParts, background: BackgroundTask | None = None) -> None:
        status, headers, body = parts
        super().__init__(body, status, background=background)
        self.raw_headers = headers


async def to_response(value: Any) -> Response:
    """Convert what an entry, a hook or an error handler returned; raise `ReturnError` if it cannot be sent."""
    if isinstance(value, Response):
        return check_response(value)
    if isasyncgen(value) or isgenerator(value):
        return await _stream_generator(value)
    if isinstance(value, tuple):
        return await _response_from_tuple(value)
    return PlainResponse(encode_value(value))


def check_response(response: Response) -> Response:
    """Return a user's response; raise `ReturnError` if its status or a header is invalid."""
    _check_status(response.status_code)
    check_headers(response.raw_headers)
    return response


def _check_status(status: int) -> None:
    if not 200 <= status <= 599:
        raise ReturnError(f"status {status} is not between 200 and 599")


async def _response_from_tuple(value: tuple[Any, ...]) -> Response:
    """Convert (body, status), (body, headers) or (body, status, headers)."""
    body, *rest = value or [None]
    given_status = rest.pop(0) if rest and isinstance(rest[0], int) and not isinstance(rest[0], bool) else None
    headers: Any = rest.pop(0) if rest and not isinstance(rest[0], int) else ()
    if rest or len(value) not in (2, 3) or isinstance(body, Response | tuple):
        raise ReturnError("a tuple must be (body, status), (body, headers) or (body, status, headers)")
    if given_status is not None:
        _check_status(given_status)
    raw = _encode_headers(headers)
    if any(name == b"transfer-encoding" for name, _ in raw):
        # Now, because a generator is started below.
        raise ReturnError(_LENGTH_RULE)
    response = await to_response(body)
    status = response.status_code if given_status is None else int(given_status)
    if body is None or status in BODILESS_STATUSES:
        if isinstance(response, GeneratorResponse):
            await response.close()
        # These two have no length either (RFC 9110, section 8.6).
        response = PlainResponse((status, [] if status in (204, 304) else [_content_length(0)], b""))
    response.status_code = status
    _set_headers(response, raw)
    _check_length(response, raw)
    return response


def _check_length(response: Response, raw: RawHeaders) -> None:
    """Reject a wrong length, which would make a client wait or lose data."""
    length = dict(raw).get(b"content-length")
    if not isinstance(response, GeneratorResponse) and length not in (None, b"%d" % len(response.body)):
        raise ReturnError(_LENGTH_RULE)


def without_body(response: Response, method: str) -> Response:
    """Return a response without the body that its status or the method HEAD forbids, otherwise the same response."""
    if has_body(method, response.status_code):
        return response
    headers = response.raw_headers
    if response.status_code in BODILESS_STATUSES:
        if getattr(response, "body", None) == b"":
            return response
        headers = [pair for pair in headers if pair[0] != b"content-length"]
    elif not isinstance(response, StreamingResponse):
        return response  # the server omits the body for HEAD, and middleware may compute headers from it
    return PlainResponse((response.status_code, headers, b""), response.background)


async def response_with_headers(headers: Sequence[tuple[str, str]], returned: Any) -> Response:
    """Convert what an entry returned, and add headers that the entry did not set itself."""
    response = await to_response(returned)
    names: set[bytes] = set()
    if response is returned:
        names = {name for name, _ in response.raw_headers}
    elif isinstance(returned, tuple) and not isinstance(returned[-1], int):
        names = {name for name, _ in _encode_headers(returned[-1])}
    _set_headers(response, [pair for pair in _encode_headers(headers) if pair[0] not in names])
    return response


class GeneratorResponse(StreamingResponse):
    """A streamed generator, which is always closed."""

    def __init__(self, first: Any, chunks: AsyncIterator[Any], generator: Any) -> None:
        self.generator = generator
        self.closed = False
        super().__init__(self._encode_chunks(_encode_chunk(first), chunks))
        self.raw_headers.append(TEXT if isinstance(first, str) else BINARY)

    async def _encode_chunks(self, first: bytes, chunks: AsyncIterator[Any]) -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield _encode_chunk(chunk)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the generator once, even if the request is cancelled."""
        if not self.closed:
            self.closed = True
            await close_generator(self.generator)


async def _stream_generator(generator: Any) -> Response:
    """Await the first chunk here, so that a failure before it becomes an error response."""
    source = chunks = generator
    if isgenerator(generator):
        source = SyncChunks(generator)
        chunks = iterate_in_threadpool(source)
    try:
        return GeneratorResponse(await anext(chunks, b""), chunks, source)
    except BaseException:  # a chunk that cannot be sent, or the request is cancelled
        await close_generator(source)
        raise


class SyncChunks:
    """The chunks of a sync generator. If the request is cancelled while a thread runs it, that thread closes it."""

    def __init__(self, generator: "GeneratorType[Any, Any, Any]") -> None:
        self._generator = generator
        self._is_ended = False
        self._lock = threading.Lock()  # two threads must not close it at once

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._generator)
        finally:
            if self._is_ended:
                self._close_late()

    async def aclose(self) -> None:
        self._is_ended = True
        if not self._generator.gi_running:
            await run_in_threadpool(self._close)

    def _close(self) -> None:
        with self._lock:
            self._generator.close()

    def _close_late(self) -> None:
        try:
            self._close()
        except Exception as error:  # nobody awaits this thread
            logger.error("Closing a sync generator of a cancelled request failed", exc_info=error)


async def close_generator(generator: Any) -> None:
    source = SyncChunks(generator) if isgenerator(generator) else generator
    with anyio.CancelScope(shield=True):
        await source.aclose()


def _encode_chunk(chunk: Any) -> bytes:
    if isinstance(chunk, str):
        return chunk.encode()
    if isinstance(chunk, bytes | bytearray | memoryview):
        return bytes(chunk)
    raise ReturnError(f"yielded {type(chunk).__name__}; a stream yields str or bytes")

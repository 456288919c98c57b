"""Respond: what an entry returned becomes an answer."""

import dataclasses
import math
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from inspect import isasyncgen, isgenerator
from typing import Any

import msgspec
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.responses import Response, StreamingResponse

from coworks_async.exceptions import ReturnError
from coworks_async.pipeline.headers import RawHeaders, check_headers, raw_headers, set_headers
from coworks_async.types import Receive, Scope, Send

ResponseParts = tuple[int, RawHeaders, bytes]

TEXT = (b"content-type", b"text/plain; charset=utf-8")
BINARY = (b"content-type", b"application/octet-stream")
JSON = (b"content-type", b"application/json")

BODILESS_STATUSES = frozenset({204, 205, 304})
"""Statuses whose responses have no body (RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5)."""


def encode_hook(value: Any) -> Any:
    """Encode what msgspec leaves to us anywhere in an answer: a pydantic model, a subclass of a plain type."""
    if _is_model(value):
        return value.model_dump(mode="json", by_alias=True)
    for kind, plain in _BASES:
        if isinstance(value, kind):
            return plain(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


_BASES: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
)


_encode = msgspec.json.Encoder(enc_hook=encode_hook).encode


def encode_json(value: Any) -> bytes:
    """Encode as JSON.

    Raises:
        ReturnError: something in it has no JSON: an unknown type, NaN or an infinity.
    """
    try:
        body = _encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ReturnError(f"returned {type(value).__name__}, which cannot be encoded: {error}") from error
    # msgspec writes those of float as null, those of Decimal by their names; `in` takes twice the time of `find` here.
    if (body.find(b"null") >= 0 or body.find(b"NaN") >= 0 or body.find(b"Infinity") >= 0) and not _is_finite(value):
        raise ReturnError(f"returned {type(value).__name__}, which holds a NaN or an infinity, as JSON cannot")
    return body


def _plain_hook(value: Any) -> Any:
    """What stands for a value where only its numbers are looked at: pydantic's own JSON writes NaN as null too."""
    if _is_model(value):
        return value.model_dump()
    try:
        return encode_hook(value)
    except TypeError:
        return None


def _is_finite(value: Any) -> bool:
    left = [msgspec.to_builtins(value, enc_hook=_plain_hook, str_keys=True, builtin_types=(Decimal,))]
    while left:
        item = left.pop()
        if isinstance(item, dict):
            left.extend(item.values())
        elif isinstance(item, list | tuple | set | frozenset):
            left.extend(item)
        elif isinstance(item, float | Decimal) and not math.isfinite(item):
            return False
    return True


@lru_cache(maxsize=4096)
def content_length(size: int) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % size


def _text(value: str) -> ResponseParts:
    try:
        body = value.encode()
    except UnicodeEncodeError as error:
        raise ReturnError(f"returned {type(value).__name__}, which cannot be encoded: {error}") from error
    return 200, [TEXT, content_length(len(body))], body


def _binary(value: bytes) -> ResponseParts:
    return 200, [BINARY, content_length(len(value))], value


def _json(value: Any) -> ResponseParts:
    body = encode_json(value)
    return 200, [JSON, content_length(len(body))], body


def _empty(value: None) -> ResponseParts:
    return 204, [], b""


# What is answered without a response object; a subclass takes the way of all the others.
ENCODERS: dict[type, Callable[[Any], ResponseParts]] = {
    str: _text,
    bytes: _binary,
    type(None): _empty,
    **dict.fromkeys((dict, list, int, float, bool, Decimal), _json),
}


def encode_value(value: Any) -> ResponseParts:
    """Return status, headers and body of a plain value; the headers are a new list each time.

    Raises:
        ReturnError: no answer can be made of it.
    """
    plain = ENCODERS.get(type(value)) or _encoder_for(value)
    if plain is None:
        raise ReturnError(f"returned {type(value).__name__}, of which no answer can be made")
    return plain(value)


def _encoder_for(value: Any) -> Callable[[Any], ResponseParts] | None:
    """Return how a value of a subclass is answered, or one of a type that users define; None for any other."""
    if isinstance(value, str):
        return _text
    if isinstance(value, bytes):
        return _binary
    if isinstance(value, dict | list | int | float | Decimal | msgspec.Struct) or _is_model(value):
        return _json
    return _json if dataclasses.is_dataclass(value) and not isinstance(value, type) else None


def _is_model(value: Any) -> bool:
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(value, pydantic.BaseModel)


class PlainResponse(Response):
    """A response made of finished parts, for the hooks and the headers that want one."""

    def __init__(self, parts: ResponseParts) -> None:
        self.status_code, self.raw_headers, self.body = parts
        self.background = None


async def to_response(value: Any) -> Response:
    """Return the response of whatever an entry, a hook or an error handler returned.

    Raises:
        ReturnError: no answer can be made of it.
    """
    if isinstance(value, Response):
        return check_response(value)
    if isasyncgen(value) or isgenerator(value):
        return await _stream_generator(value)
    if isinstance(value, tuple):
        return await _response_from_tuple(value)
    return PlainResponse(encode_value(value))


def check_response(response: Response) -> Response:
    """Return a response that a user made, if a server can send it.

    Raises:
        ReturnError: its status is not a final one, or a header is none.
    """
    _check_status(response.status_code)
    check_headers(response.raw_headers)
    return response


def _check_status(status: int) -> None:
    if not 200 <= status <= 599:
        raise ReturnError(f"{status} is no final status")


async def _response_from_tuple(value: tuple[Any, ...]) -> Response:
    """(body, status), (body, headers) or (body, status, headers)."""
    body, *rest = value or [None]
    told = rest.pop(0) if rest and isinstance(rest[0], int) and not isinstance(rest[0], bool) else None
    headers: Any = rest.pop(0) if rest and not isinstance(rest[0], int) else ()
    if rest or len(value) not in (2, 3) or isinstance(body, Response | tuple):
        raise ReturnError("a tuple is (body, status), (body, headers) or (body, status, headers)")
    if told is not None:
        _check_status(told)
    raw = raw_headers(headers)
    response = await to_response(body)
    status = response.status_code if told is None else int(told)
    if body is None or status in BODILESS_STATUSES:
        if isinstance(response, GeneratorResponse):
            await response.close()
        # These two have no length either (RFC 9110, section 8.6).
        response = PlainResponse((status, [] if status in (204, 304) else [content_length(0)], b""))
    response.status_code = status
    set_headers(response, raw)
    _check_length(response, raw)
    return response


def strip_body(response: Response) -> None:
    """Take the body from a response whose status has none: what follows on the connection would be lost."""
    if response.status_code in BODILESS_STATUSES and getattr(response, "body", None):
        response.body = b""
        response.raw_headers[:] = [pair for pair in response.raw_headers if pair[0] != b"content-length"]


def _check_length(response: Response, raw: RawHeaders) -> None:
    """Refuse a length, told by hand, at which a client would wait or cut."""
    names = dict(raw)
    if b"transfer-encoding" in names or (
        not isinstance(response, GeneratorResponse)
        and names.get(b"content-length") not in (None, b"%d" % len(response.body))
    ):
        raise ReturnError("content-length and transfer-encoding are set from the body itself; leave them out")


async def response_with_headers(headers: Sequence[tuple[str, str]], returned: Any) -> Response:
    """Return the response of what an entry returned, with headers where it set none of that name itself."""
    response = await to_response(returned)
    own: set[bytes] = set()
    if response is returned:
        own = {name for name, _ in response.raw_headers}
    elif isinstance(returned, tuple) and not isinstance(returned[-1], int):
        own = {name for name, _ in raw_headers(returned[-1])}
    set_headers(response, [pair for pair in raw_headers(headers) if pair[0] not in own])
    return response


class GeneratorResponse(StreamingResponse):
    """A generator being streamed, which is closed whatever becomes of the answer."""

    def __init__(self, first: Any, chunks: AsyncIterator[Any], generator: Any) -> None:
        self.generator = generator
        self.closed = False
        super().__init__(self._encoded(_encode_chunk(first), chunks))
        self.raw_headers.append(TEXT if isinstance(first, str) else BINARY)

    async def _encoded(self, first: bytes, chunks: AsyncIterator[Any]) -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield _encode_chunk(chunk)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self.close()

    async def close(self) -> None:
        """Run what the generator has to do at its end, once, even where the request is cancelled."""
        if not self.closed:
            self.closed = True
            await _close_generator(self.generator)


async def _stream_generator(generator: Any) -> Response:
    """Stream a generator; its first chunk is awaited here, so that a failure before it is an answer of its own."""
    chunks = generator if isasyncgen(generator) else iterate_in_threadpool(generator)
    first = await anext(chunks, b"")
    try:
        return GeneratorResponse(first, chunks, generator)
    except ReturnError:
        await _close_generator(generator)
        raise


async def _close_generator(generator: Any) -> None:
    from anyio import CancelScope  # no other answer needs it loaded

    with CancelScope(shield=True):
        if isasyncgen(generator):
            await generator.aclose()
        else:
            await run_in_threadpool(generator.close)


def _encode_chunk(chunk: Any) -> bytes:
    if isinstance(chunk, str):
        return chunk.encode()
    if isinstance(chunk, bytes | bytearray | memoryview):
        return bytes(chunk)
    raise ReturnError(f"a stream of str or bytes yielded {type(chunk).__name__}")

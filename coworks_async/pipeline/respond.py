"""Respond: what an entry returned becomes an answer."""

import dataclasses
import math
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from inspect import isasyncgen, isgenerator
from typing import Any

import msgspec
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.responses import Response, StreamingResponse

from coworks_async.exceptions import ReturnError
from coworks_async.types import Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]
Parts = tuple[int, Headers, bytes]

TEXT = (b"content-type", b"text/plain; charset=utf-8")
BINARY = (b"content-type", b"application/octet-stream")
JSON = (b"content-type", b"application/json")

_BODILESS = (204, 304)


def encode_hook(value: Any) -> Any:
    """Encode a pydantic model that stands anywhere in an answer."""
    pydantic = sys.modules.get("pydantic")
    if pydantic is not None and isinstance(value, pydantic.BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"no JSON for {type(value).__name__}")


_encode = msgspec.json.Encoder(enc_hook=encode_hook).encode


def encode_json(value: Any) -> bytes:
    """Encode as JSON.

    Raises:
        ReturnError: something in it has no JSON: an unknown type, NaN or an infinity.
    """
    try:
        body = _encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ReturnError(f"cannot be encoded: {error}") from error
    # msgspec writes NaN and the infinities as null.
    if b"null" in body and not _is_finite(msgspec.to_builtins(value, enc_hook=encode_hook, str_keys=True)):
        raise ReturnError("holds a NaN or an infinity, which JSON cannot hold")
    return body


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_is_finite(item) for item in value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return all(_is_finite(item) for item in value)
    return True


def _sized(content_type: tuple[bytes, bytes], body: bytes) -> Parts:
    return 200, [content_type, (b"content-length", b"%d" % len(body))], body


def _text(value: str) -> Parts:
    return _sized(TEXT, value.encode())


def _binary(value: bytes) -> Parts:
    return _sized(BINARY, value)


def _json(value: Any) -> Parts:
    return _sized(JSON, encode_json(value))


def _nothing(value: None) -> Parts:
    return 204, [], b""


# What is answered without a response object; a subclass takes the way of all the others.
PLAIN: dict[type, Callable[[Any], Parts]] = {
    str: _text,
    bytes: _binary,
    type(None): _nothing,
    **dict.fromkeys((dict, list, int, float, bool, Decimal), _json),
}


def parts_of(value: Any) -> Parts:
    """Return status, headers and body of a plain value; the headers are a new list each time.

    Raises:
        ReturnError: no answer can be made of it.
    """
    plain = PLAIN.get(type(value))
    if plain is None and (
        isinstance(value, dict | list | msgspec.Struct) or dataclasses.is_dataclass(value) or _is_model(value)
    ):
        plain = _json
    if plain is None:
        raise ReturnError(f"returned {type(value).__name__}, of which no answer can be made")
    try:
        return plain(value)
    except ReturnError as error:
        raise ReturnError(f"returned {type(value).__name__}, which {error}") from error


def _is_model(value: Any) -> bool:
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(value, pydantic.BaseModel)


class Reply(Response):
    """A response made of finished parts, for the hooks and the headers that want one."""

    def __init__(self, parts: Parts) -> None:
        self.status_code, self.raw_headers, self.body = parts
        self.background = None


async def response_of(value: Any) -> Response:
    """Return the response of whatever an entry, a hook or an error handler returned.

    Raises:
        ReturnError: no answer can be made of it.
    """
    if isinstance(value, Response):
        return value
    if isasyncgen(value) or isgenerator(value):
        return await _stream(value)
    if isinstance(value, tuple):
        return await _told(value)
    return Reply(parts_of(value))


async def _told(value: tuple[Any, ...]) -> Response:
    """(body, status), (body, headers) or (body, status, headers)."""
    body, *rest = value or [None]
    status = rest.pop(0) if rest and isinstance(rest[0], int) and not isinstance(rest[0], bool) else None
    headers: Any = rest.pop(0) if rest and not isinstance(rest[0], int) else ()
    if rest or len(value) not in (2, 3) or isinstance(body, Response | tuple):
        raise ReturnError("a tuple is (body, status), (body, headers) or (body, status, headers)")
    if status is not None and not 200 <= status <= 599:
        raise ReturnError(f"{status} is no final status")
    response = await response_of("" if body is None else body)
    if body is None:
        del response.headers["content-type"]
    response.status_code = int(status or 200)
    set_headers(response, headers)
    if response.status_code in _BODILESS and not isinstance(response, StreamingResponse):
        response.body = b""
        del response.headers["content-length"]
    return response


def set_headers(response: Response, headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> None:
    """Set headers as told: each replaces those of its name, and pairs of one name are all sent.

    Raises:
        ReturnError: they are no names and values of one line each.
    """
    raw = _raw(headers)
    names = {name for name, _ in raw}
    response.raw_headers[:] = [pair for pair in response.raw_headers if pair[0] not in names] + raw


def _raw(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> Headers:
    try:
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
    except (TypeError, ValueError, AttributeError):
        raise ReturnError("headers map names to values, both strings of latin-1") from None
    if any(char in name + value for name, value in raw for char in (b"\r", b"\n", b"\0")):
        raise ReturnError("a header holds a line break")
    return raw


async def response_with(headers: Sequence[tuple[str, str]], returned: Any) -> Response:
    """Return the response of what an entry returned, with headers where it set none of that name itself."""
    response = await response_of(returned)
    own: set[bytes] = set()
    if response is returned:
        own = {name for name, _ in response.raw_headers}
    elif isinstance(returned, tuple) and not isinstance(returned[-1], int):
        own = {name for name, _ in _raw(returned[-1])}
    set_headers(response, [(name, value) for name, value in headers if name.lower().encode("latin-1") not in own])
    return response


class Stream(StreamingResponse):
    """A generator being streamed, which is closed whatever becomes of the answer."""

    def __init__(self, first: Any, chunks: AsyncIterator[Any], generator: Any) -> None:
        self.generator = generator
        super().__init__(self._encoded(first, chunks))
        self.raw_headers.append(TEXT if isinstance(first, str) else BINARY)

    async def _encoded(self, first: Any, chunks: AsyncIterator[Any]) -> AsyncIterator[bytes]:
        yield _chunk(first)
        async for chunk in chunks:
            yield _chunk(chunk)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self.close()

    async def close(self) -> None:
        """Run what the generator has to do at its end."""
        if isasyncgen(self.generator):
            await self.generator.aclose()
        else:
            await run_in_threadpool(self.generator.close)


async def _stream(generator: Any) -> Response:
    """Stream a generator; its first chunk is awaited here, so that a failure before it is an answer of its own."""
    chunks = generator if isasyncgen(generator) else iterate_in_threadpool(generator)
    return Stream(await anext(chunks, b""), chunks, generator)


def _chunk(chunk: Any) -> bytes:
    if isinstance(chunk, str):
        return chunk.encode()
    if isinstance(chunk, bytes | bytearray | memoryview):
        return bytes(chunk)
    raise ReturnError(f"a stream of str or bytes yielded {type(chunk).__name__}")

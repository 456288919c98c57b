"""Read HTTP/1.1 requests from a stream, with the chunks and trailers that a server interface would hide.

https://www.rfc-editor.org/rfc/rfc9112
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from http import HTTPStatus

Headers = tuple[tuple[str, str], ...]

HEAD_LIMIT = 2 * 1024 * 1024  # X-Ray's cause of an error is a header of up to 1 MB


class MalformedRequest(ValueError):
    """Raised for input that is not an HTTP/1.1 request."""


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The request line and the headers of a request."""

    method: str
    path: str
    headers: Headers

    def value(self, name: str, default: str = "") -> str:
        """Return the last value of a header."""
        return {key.lower(): value for key, value in self.headers}.get(name.lower(), default)

    @property
    def is_chunked(self) -> bool:
        return self.value("transfer-encoding").lower() == "chunked"


async def read_head(reader: asyncio.StreamReader) -> RequestHead | None:
    """Read the head of the next request; return None if the client has closed the connection."""
    try:
        line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise MalformedRequest("the request ends in its head") from None
        return None
    except asyncio.LimitOverrunError:
        raise MalformedRequest("the head of the request is too long") from None
    try:
        method, path, version = line.split(" ")
    except ValueError:
        raise MalformedRequest(f"not a request line: {line[:100]!r}") from None
    if version != "HTTP/1.1":
        raise MalformedRequest(f"unknown version: {version[:20]!r}")
    return RequestHead(method, path, tuple(parse_headers(lines)))


def parse_headers(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise MalformedRequest(f"not a header: {line[:100]!r}")
        yield name, value.strip()


async def read_body(reader: asyncio.StreamReader, head: RequestHead) -> bytes:
    """Read a whole body."""
    if head.is_chunked:
        return b"".join([chunk async for chunk in read_chunks(reader, [])])
    length = head.value("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise MalformedRequest(f"not a content length: {length[:20]!r}")
    return await reader.readexactly(int(length))


async def read_chunks(reader: asyncio.StreamReader, trailers: list[tuple[str, str]]) -> AsyncIterator[bytes]:
    """Yield the chunks of a chunked body as they were sent, then add its trailers to a list."""
    while size := await _read_chunk_size(reader):
        chunk = await reader.readexactly(size + 2)
        if not chunk.endswith(b"\r\n"):
            raise MalformedRequest("a chunk is longer than its size")
        yield chunk[:-2]
    while line := (await reader.readuntil(b"\r\n"))[:-2]:
        trailers += parse_headers([line.decode("latin-1")])


async def _read_chunk_size(reader: asyncio.StreamReader) -> int:
    line = (await reader.readuntil(b"\r\n")).decode("latin-1")
    try:
        return int(line.partition(";")[0].strip(), 16)
    except ValueError:
        raise MalformedRequest(f"not the size of a chunk: {line[:20]!r}") from None


def encode_response(status: int, headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body

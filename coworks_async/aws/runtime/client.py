"""Requests to Lambda's Runtime API on one kept connection.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import asyncio
import logging
import platform
from collections.abc import Iterable
from typing import cast

from coworks_async.aws.runtime.http_parser import ApiResponse, ProtocolError, ResponseParser

PREFIX = "/2018-06-01/runtime"

# As AWS's own clients.
MAX_ATTEMPTS = 5
FIRST_DELAY = 0.1  # seconds before the second attempt; doubled for each other one

# asyncio allocates 256 KB for each read of a protocol without its own buffer, a fifth of the time of an event.
RECEIVE_SIZE = 64 * 1024

logger = logging.getLogger("coworks_async.runtime")


class RuntimeApiError(Exception):
    """The Runtime API cannot be reached, or refuses to send an event."""


class Connection(asyncio.BufferedProtocol):
    """A connection that sends one request at a time."""

    def __init__(self) -> None:
        self.is_closed = False
        self.has_response = False  # `send` has not returned it yet
        self._parser = ResponseParser()
        self._received = memoryview(bytearray(RECEIVE_SIZE))
        self._response: asyncio.Future[ApiResponse] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._received

    def buffer_updated(self, size: int) -> None:
        try:
            response = self._parser.feed(self._received[:size])
            if response is not None:
                self._resolve(response)
        except ProtocolError as error:
            self._fail(error)
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_closed = True
        self._writable.set()
        self._fail(error or ConnectionResetError("The Runtime API closed the connection."))

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def begin(self, data: bytes) -> "asyncio.Future[ApiResponse]":
        """Send the start of a request; return the response that will arrive."""
        self._response = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        return self._response

    async def write(self, data: bytes) -> None:
        """Send a part of a request, and wait while the Runtime API reads slowly."""
        self._transport.write(data)
        await self._writable.wait()

    async def send(
        self, head: bytes, body: bytes, response: "asyncio.Future[ApiResponse] | None" = None
    ) -> ApiResponse:
        """Send a request, or the end of the one with this response, and return the response.

        Raises:
            OSError: the connection is lost.
            ProtocolError: the response cannot be read.
        """
        if response is None:
            response = self._response = asyncio.get_running_loop().create_future()
        self._transport.write(head + body)
        try:
            received = await response
        except asyncio.CancelledError:
            # A response that comes later must not be taken for that of another request.
            self.close()
            raise
        self.has_response = False
        return received

    def close(self) -> None:
        self.is_closed = True
        self._transport.close()

    def abort(self) -> None:
        """Close the connection without what is not sent yet."""
        self.is_closed = True
        self._transport.abort()

    def _resolve(self, response: ApiResponse) -> None:
        waiting, self._response = self._response, None
        if waiting is None:
            raise ProtocolError("The Runtime API sent a response without a request.")
        if not waiting.done():
            self.has_response = True
            waiting.set_result(response)

    def _fail(self, error: Exception) -> None:
        waiting, self._response = self._response, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)


class RuntimeClient:
    """The requests of one poller.

    A lost connection or a response 5xx is tried again. This is safe for results, too: the API refuses a second one for
    the same event.

    Args:
        address: host and port, from `AWS_LAMBDA_RUNTIME_API`.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._host, self._port = host, int(port)
        self._headers = f"Host: {address}\r\nUser-Agent: coworks-async/{platform.python_version()}\r\n"
        self._next = self._format_head("GET", "/invocation/next")
        self._connection: Connection | None = None

    @property
    def has_response(self) -> bool:
        """Whether a response has arrived that the waiting task has not received yet."""
        return self._connection is not None and self._connection.has_response

    async def next(self) -> ApiResponse:
        """Wait for an event."""
        return self._check(await self._send(self._next), "/invocation/next")

    async def restore_next(self) -> None:
        """Wait until the execution environment is restored from its snapshot."""
        self._check(await self._send(self._format_head("GET", "/restore/next")), "/restore/next")
        # A connection does not outlive a snapshot.
        self.close()

    async def post(self, path: str, body: bytes, **headers: str) -> None:
        """Post a result or an error. A refusal is logged: the event has ended, and the next one can run."""
        head = self._format_head("POST", path, {"Content-Length": str(len(body)), **headers}.items())
        try:
            response = await self._send(head, body)
        except RuntimeApiError as error:
            logger.error("%s", error)
            return
        if response.status >= 300:
            text = response.body[:500].decode(errors="replace")
            message = "The Runtime API refused %s with %d bytes: %d %s"
            logger.error(message, path, len(body), response.status, text)

    async def begin(
        self, path: str, headers: Iterable[tuple[str, str]], data: bytes
    ) -> "tuple[Connection, asyncio.Future[ApiResponse]]":
        """Send the start of a result, once. Return its connection and the response that will arrive."""
        connection = self._connection
        if connection is None or connection.is_closed:
            connection = await self._connect()
        return connection, connection.begin(self._format_head("POST", path, headers) + data)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _check(self, response: ApiResponse, path: str) -> ApiResponse:
        if response.status != 200:
            raise RuntimeApiError(f"The Runtime API responded to {path} with status {response.status}.")
        return response

    def _format_head(self, method: str, path: str, headers: Iterable[tuple[str, str]] = ()) -> bytes:
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
        return f"{method} {PREFIX}{path} HTTP/1.1\r\n{self._headers}{lines}\r\n".encode("latin-1", "replace")

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, self._connection = await loop.create_connection(Connection, self._host, self._port)
        return self._connection

    async def _send(self, head: bytes, body: bytes = b"") -> ApiResponse:
        delay = FIRST_DELAY
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                connection = self._connection
                if connection is None or connection.is_closed:
                    connection = await self._connect()
                response = await connection.send(head, body)
                if response.status < 500:
                    return response
                reason = f"status {response.status}"
            except (OSError, ProtocolError) as error:
                reason = f"{type(error).__name__}: {error}"
            request = head.partition(b" HTTP")[0].decode("latin-1")
            if attempt < MAX_ATTEMPTS:
                logger.warning("Attempt %d of %d failed: %s (%s)", attempt, MAX_ATTEMPTS, request, reason)
                await asyncio.sleep(delay)
                delay *= 2
        raise RuntimeApiError(f"The Runtime API failed {MAX_ATTEMPTS} times: {request} ({reason})")

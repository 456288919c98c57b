"""Streamed responses that break: a refusal, a lost connection, a slow reader, several streams at once."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, PlainTextResponse

from coworks_async import TechMicroService, entry
from coworks_async.aws.runtime import client as client_module
from coworks_async.aws.runtime.client import RuntimeApiError, RuntimeClient
from coworks_async.aws.runtime.poller import Poller
from coworks_async.gateway.http_wire import encode_response, read_body, read_chunks, read_head
from tests.aws.events import rest_event
from tests.aws.runtime.native import FUNCTION, native, until
from tests.aws.runtime.streams import access_log, failure, logged, result_of, streaming
from tests.tools import PATIENCE

Treat = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

ACCEPTED = encode_response(202, [], b"")
TOO_LARGE = encode_response(413, [], b"too large")

CHUNK = b"x" * 65536


@pytest.fixture(autouse=True)
def info_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def deadline(seconds: float) -> str:
    return str(int((time.time() + seconds) * 1000))


class FaultyApi:
    """A Runtime API that treats the response to its first event as a test needs it, and accepts the others."""

    def __init__(self, treat: Treat, seconds: float) -> None:
        self.treat = treat
        self.seconds = seconds
        self.posts = 0
        self.finished = asyncio.Event()
        self.connections: set[asyncio.Task[None]] = set()
        self._waiting = [rest_event(path="/next"), rest_event()]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(asyncio.ensure_future(self.serve_connection(reader, writer)))

    async def serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing() and (head := await read_head(reader)) is not None:
                if head.method == "GET":
                    await self.send_event(reader, writer)
                    continue
                self.posts += 1
                if self.posts == 1:
                    await self.treat(reader, writer)
                else:
                    await read_body(reader, head)
                    writer.write(ACCEPTED)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def send_event(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._waiting:
            self.finished.set()
            await reader.read(1)
            return
        headers = [("Lambda-Runtime-Aws-Request-Id", "id"), ("Lambda-Runtime-Deadline-Ms", deadline(self.seconds))]
        writer.write(encode_response(200, headers, json.dumps(self._waiting.pop()).encode()))


@asynccontextmanager
async def faulty(app: TechMicroService, treat: Treat, seconds: float = 30) -> AsyncIterator[FaultyApi]:
    """Run a service against an API that treats its first response. The next event must succeed."""
    api = FaultyApi(treat, seconds)
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0)
    client = RuntimeClient(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    poller = Poller(client, streaming(app).lambda_handler, FUNCTION, print, is_alone=False)
    task = asyncio.create_task(poller.run())
    try:
        async with asyncio.timeout(PATIENCE):
            await api.finished.wait()
        yield api
    finally:
        poller.stop()
        await task
        await app.lambda_handler.lifespan.stop()
        await asyncio.gather(*api.connections)
        server.close()
        await server.wait_closed()


class Endless(TechMicroService):
    """Streams until its generator is closed."""

    def __init__(self, chunk: bytes = b"chunk") -> None:
        super().__init__()
        self.chunk = chunk
        self.log: list[str] = []
        self.teardown_request(lambda error=None: self.log.append("teardown"))

    @entry(no_auth=True)
    async def get(self):
        try:
            while True:
                yield self.chunk
                await asyncio.sleep(0.001)
        finally:
            self.log.append("closed")

    @entry(no_auth=True)
    async def get_next(self):
        self.log.append("next")
        return "next"


async def refuse_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(TOO_LARGE)
    await reader.read()


async def lose_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    chunks = read_chunks(reader, [])
    for _ in range(4):
        await anext(chunks)
    writer.transport.abort()


async def refuse_without_reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.2)  # the buffers are full then
    writer.write(TOO_LARGE)
    await asyncio.sleep(0.2)
    await reader.read()


@pytest.mark.parametrize(
    ("treat", "reason"),
    [
        (refuse_at_once, "the Runtime API sent 413 too large"),
        (refuse_without_reading, "the Runtime API sent 413 too large"),
        (lose_connection, "Connection"),
    ],
)
async def test_a_broken_response_closes_the_generator_and_is_logged_once(
    treat: Treat, reason: str, caplog: pytest.LogCaptureFixture
):
    app = Endless(CHUNK if treat is refuse_without_reading else b"chunk")
    async with faulty(app, treat) as api:
        assert api.posts == 2
    assert app.log == ["closed", "teardown", "next", "teardown"]
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage().startswith(f"The streamed response was cut: {reason}")
    assert record.exc_info is None
    assert access_log(caplog) == [(200, "StreamBroken"), (200, None)]


async def test_a_file_whose_response_breaks_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    file = tmp_path / "file.bin"
    file.write_bytes(bytes(10_000_000))

    class Sending(Endless):
        @entry(no_auth=True)
        async def get(self):
            return FileResponse(file)

    async with faulty(Sending(), lose_connection):
        pass
    assert len(logged(caplog)) == 1
    assert access_log(caplog) == [(200, "StreamBroken"), (200, None)]


@pytest.mark.parametrize("status", [403, 413])
async def test_a_refusal_at_the_end_is_logged_and_work_after_the_response_runs(
    status: int, caplog: pytest.LogCaptureFixture
):
    ran: list[str] = []

    class Working(Endless):
        @entry(no_auth=True)
        async def get(self):
            return PlainTextResponse("whole", background=BackgroundTask(ran.append, "work"))

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for _ in read_chunks(reader, []):
            pass
        writer.write(encode_response(status, [], b"no"))

    async with faulty(Working(), refuse):
        assert ran == ["work"]
    assert logged(caplog) == [f"The streamed response was cut: the Runtime API sent {status} no"]
    assert access_log(caplog) == [(200, "StreamBroken"), (200, None)]


async def test_a_connection_lost_at_the_end_is_logged(caplog: pytest.LogCaptureFixture):
    class Whole(Endless):
        @entry(no_auth=True)
        async def get(self):
            return "whole"

    async def lose(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for _ in read_chunks(reader, []):
            pass
        writer.transport.abort()

    async with faulty(Whole(), lose):
        pass
    [message] = logged(caplog)
    assert message.startswith("The streamed response was cut: Connection")


async def test_a_response_that_is_not_acknowledged_before_the_deadline_is_in_the_access_log(
    caplog: pytest.LogCaptureFixture,
):
    class Whole(Endless):
        lambda_timeout_margin = 0.2

        @entry(no_auth=True)
        async def get(self):
            return "whole"

    async def read_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with faulty(Whole(), read_only, seconds=0.4):
        pass
    assert access_log(caplog) == [(200, None), (200, None)]
    [message] = logged(caplog)
    assert message.startswith("GET '/dev/' on route /, after its response, request id id: cancelled 0.2 s before")


async def test_receive_returns_a_disconnect_when_the_response_breaks(caplog: pytest.LogCaptureFixture):
    received: list[str] = []

    class Listening(Endless):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http" or scope["path"].endswith("/next"):
                return await super().__call__(scope, receive, send)
            await receive()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"begun", "more_body": True})
            received.append((await receive())["type"])

    async with faulty(Listening(), refuse_at_once):
        pass
    assert received == ["http.disconnect"]
    assert logged(caplog) == ["The streamed response was cut: the Runtime API sent 413 too large"]


async def test_a_response_that_cannot_begin_is_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client_module, "FIRST_DELAY", 0.001)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        server.close()
        headers = [("Lambda-Runtime-Aws-Request-Id", "id"), ("Lambda-Runtime-Deadline-Ms", deadline(30))]
        writer.write(encode_response(200, headers, json.dumps(rest_event()).encode()))
        writer.close()

    class Delayed(Endless):
        @entry(no_auth=True)
        async def get(self):
            await until(lambda: client._connection is not None and client._connection.is_closed)
            yield "chunk"
            yield "another"

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = RuntimeClient(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    app = Delayed()
    with pytest.raises(RuntimeApiError):
        await Poller(client, streaming(app).lambda_handler, FUNCTION, print, is_alone=False).run()
    await app.lambda_handler.lifespan.stop()
    assert logged(caplog)[0].startswith("The streamed response was cut: ConnectionRefusedError")
    assert access_log(caplog) == [(200, "StreamBroken")]


class Large(TechMicroService):
    """Streams 400 chunks and counts them."""

    sent = 0

    @entry(no_auth=True)
    async def get(self):
        for _ in range(400):
            yield CHUNK
            self.sent += 1


async def until_paused(app: Large) -> None:
    """Wait until a service sends no more chunks."""
    previous = -1
    while app.sent != previous or not app.sent:
        previous = app.sent
        await asyncio.sleep(0.1)


async def test_a_slow_reader_slows_the_generator_down():
    app = Large()
    async with native(streaming(app)) as runtime:
        invocation = runtime.api.submit(rest_event())
        await until_paused(app)
        assert app.sent < 400
        result = await invocation.result()
    assert b"".join(result.chunks[2:]) == CHUNK * 400
    assert app.sent == 400


async def test_the_deadline_ends_a_stream_whose_reader_is_slow(caplog: pytest.LogCaptureFixture):
    class Slow(Large):
        lambda_timeout_margin = 29.5  # of 30 seconds

    app = Slow()
    async with native(streaming(app)) as runtime:
        invocation = runtime.api.submit(rest_event())
        await until(lambda: len(logged(caplog)) == 1)
        result = await invocation.result()
    assert failure(result)["errorType"] == "EventTimeout"
    assert access_log(caplog) == [(200, "EventTimeout")]


async def test_pollers_stream_at_once_and_next_to_other_events():
    streams = 8
    barrier = asyncio.Barrier(streams)

    class Together(TechMicroService):
        @entry(no_auth=True)
        async def get(self, number: int = 0):
            yield f"{number} "
            await barrier.wait()
            yield "end"

        @entry(no_auth=True)
        async def get_whole(self):
            return "whole"

    async with native(streaming(Together()), streams + 1) as runtime:
        first = [runtime.api.submit(rest_event(query=[("number", str(number))])) for number in range(streams - 1)]
        heads = [[await anext(chunks) for _ in range(3)][2] for chunks in (each.chunks() for each in first)]
        assert heads == [b"%d " % number for number in range(streams - 1)]
        # The other streams wait meanwhile.
        assert (await result_of(runtime, rest_event(path="/whole"))).chunks[2:] == (b"whole",)
        last = await result_of(runtime, rest_event(query=[("number", "7")]))
        assert last.chunks[2:] == (b"7 ", b"end")
        assert [(await each.result()).chunks[-1] for each in first] == [b"end"] * (streams - 1)

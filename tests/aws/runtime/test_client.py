"""The client of the Runtime API: retries, refusals and broken connections."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from coworks_async.aws.runtime import client as client_module
from coworks_async.aws.runtime.client import MAX_ATTEMPTS, Connection, RuntimeApiError, RuntimeClient
from coworks_async.gateway.http_wire import encode_response, read_body, read_head
from coworks_async.gateway.runtime_api import RuntimeApi

Answer = Callable[[int, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "FIRST_DELAY", 0.001)


@asynccontextmanager
async def serve(answer: Answer) -> AsyncIterator[RuntimeClient]:
    """Run a server that answers each request by its number; yield a client of it."""
    count = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        try:
            while (head := await read_head(reader)) is not None and not writer.is_closing():
                await read_body(reader, head)
                count += 1
                await answer(count, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    client = RuntimeClient(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    yield client
    client.close()
    server.close()
    await server.wait_closed()


def answers(*each: bytes | None) -> Answer:
    """Answer requests with these in turn. None closes the connection; the last answer is repeated."""

    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        data = each[min(number, len(each)) - 1]
        if data is None:
            writer.close()
        else:
            writer.write(data)

    return answer


OK = encode_response(200, [], b"event")
ACCEPTED = encode_response(202, [], b"")
FAILED = encode_response(500, [], b"")


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("failure", [None, FAILED, b"no response\r\n\r\n"])
async def test_a_failed_attempt_is_logged_and_repeated(failure: bytes | None, caplog: pytest.LogCaptureFixture):
    async with serve(answers(failure, failure, OK)) as client:
        assert (await client.next()).body == b"event"
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert messages(caplog)[1].startswith("Attempt 2 of 5 failed: GET /2018-06-01/runtime/invocation/next (")


async def test_a_result_is_sent_again_after_a_lost_connection(caplog: pytest.LogCaptureFixture):
    async with serve(answers(None, ACCEPTED)) as client:
        await client.post("/invocation/1/response", b"1")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


async def test_next_fails_after_five_attempts():
    async with serve(answers(FAILED)) as client:
        with pytest.raises(RuntimeApiError, match=rf"failed {MAX_ATTEMPTS} times: GET .*/next \(status 500\)"):
            await client.next()


async def test_a_result_that_cannot_be_sent_is_logged(caplog: pytest.LogCaptureFixture):
    async with serve(answers(None)) as client:
        await client.post("/invocation/1/response", b"1")
    assert caplog.records[-1].levelno == logging.ERROR
    assert "failed 5 times: POST" in messages(caplog)[-1]


async def test_nothing_listens_at_the_address(caplog: pytest.LogCaptureFixture, unused_address: str):
    client = RuntimeClient(unused_address)
    client.close()
    with pytest.raises(RuntimeApiError, match="ConnectionRefusedError"):
        await client.next()


@pytest.fixture
async def unused_address() -> str:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return f"127.0.0.1:{port}"


async def test_next_is_not_repeated_after_a_4xx():
    async with serve(answers(encode_response(403, [], b""))) as client:
        with pytest.raises(RuntimeApiError, match="responded to /invocation/next with status 403"):
            await client.next()


async def test_a_refused_result_is_logged_with_its_size_and_the_reason(caplog: pytest.LogCaptureFixture):
    async with serve(answers(encode_response(413, [], b"too large"), OK)) as client:
        await client.post("/invocation/1/response", b"12345")
        assert (await client.next()).body == b"event"
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == ("The Runtime API refused /invocation/1/response with 5 bytes: 413 too large")


async def test_a_cancelled_request_closes_its_connection():
    received = asyncio.Event()

    async def answer_the_second(number: int, writer: asyncio.StreamWriter) -> None:
        if number == 1:
            received.set()
        else:
            writer.write(encode_response(200, [], b"%d" % number))

    async with serve(answer_the_second) as client:
        waiting = asyncio.create_task(client.next())
        await received.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (await client.next()).body == b"2"


async def test_a_response_that_arrives_at_the_moment_of_the_cancellation_is_ignored():
    async with RuntimeApi() as api:
        host, port = api.address.split(":")
        _, connection = await asyncio.get_running_loop().create_connection(Connection, host, int(port))
        waiting = asyncio.create_task(connection.send(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n", b""))
        await asyncio.sleep(0)
        waiting.cancel()
        connection.get_buffer(-1)[: len(OK)] = OK
        connection.buffer_updated(len(OK))
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert connection.is_closed


async def test_a_response_may_arrive_in_parts():
    async def answer_in_parts(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(OK[:10])
        await asyncio.sleep(0.01)
        writer.write(OK[10:])

    async with serve(answer_in_parts) as client:
        assert (await client.next()).body == b"event"


async def test_an_unexpected_response_closes_the_connection():
    async def answer_twice(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await asyncio.sleep(0.01)
        writer.write(OK)

    async with serve(answer_twice) as client:
        assert (await client.next()).body == b"event"
        await asyncio.sleep(0.05)
        assert (await client.next()).body == b"event"


async def test_requests_have_the_headers_that_http_requires():
    async with RuntimeApi() as api:
        client = RuntimeClient(api.address)
        invocation = api.submit({"a": 1}, request_id="id")
        response = await client.next()
        assert (response.headers["lambda-runtime-aws-request-id"], json.loads(response.body)) == ("id", {"a": 1})
        await client.post("/invocation/id/response", b"2", **{"Content-Type": "application/json"})
        headers = {name.lower(): value for name, value in (await invocation.result()).headers}
        assert headers["host"] == api.address
        assert headers["user-agent"].startswith("coworks-async/")
        assert headers["content-length"] == "1"
        client.close()


async def test_restore_next_waits_for_the_restore_and_uses_a_new_connection_afterwards():
    async with RuntimeApi() as api:
        client = RuntimeClient(api.address)
        waiting = asyncio.create_task(client.restore_next())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        api.restore()
        await waiting
        api.submit("event")
        assert (await client.next()).body == b'"event"'
        client.close()

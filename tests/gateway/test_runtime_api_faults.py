"""The Runtime API simulator: execution environments that end, callers that leave, and injected faults."""

import asyncio

import pytest

from coworks_async.aws.runtime.client import PREFIX
from coworks_async.gateway.runtime_api import SLOW, Fault
from tests.gateway.manual_runtime import connect, serve, start

MB = 1024 * 1024


async def test_the_events_of_an_environment_that_ends_fail_and_those_of_another_go_on():
    async with serve() as api:
        first, runtime, request_id = await start(api)
        environment = await api.add_environment()
        assert not environment.has_polled.is_set()
        other = await connect(api, environment.address)
        second = api.submit("event")
        await other.next()
        assert environment.has_polled.is_set()
        api.remove_environment(environment.address, "Runtime.ExitError", "It ended.")
        result = await second.result()
        assert (result.kind, result.json()["errorMessage"], result.is_logged) == ("error", "It ended.", True)
        assert (await runtime.post(f"/invocation/{request_id}/response", b"1"))[0] == 202
        assert (await first.result()).body == b"1"


async def test_invocations_without_a_result_fail_at_the_end_of_the_api():
    async with serve() as api:
        running, _, _ = await start(api)
        waiting = api.submit("event")
        assert api.waiting == 1
    for invocation in (running, waiting):
        assert (await invocation.result()).json()["errorType"] == "Runtime.Shutdown"


async def test_the_environment_of_an_event_that_expires_is_reported():
    async with serve(0.05) as api:
        expired: list[str] = []
        api.on_timeout = expired.append
        invocation, _, _ = await start(api)
        assert (await invocation.result()).is_logged is False
        assert expired == [api.address]


async def test_the_runtime_sees_a_closed_connection_when_the_caller_leaves_a_stream():
    async with serve() as api:
        invocation, runtime, request_id = await start(api)
        await runtime.begin_stream(request_id)
        await runtime.send(b"1\r\na\r\n")
        assert await anext(invocation.chunks()) == b"a"
        invocation.abandon()
        assert await runtime.reader.read() == b""
        assert (await invocation.result()).json()["errorType"] == "Runtime.CallerGone"


async def test_a_stream_that_begins_after_the_caller_has_left_is_not_read():
    async with serve() as api:
        invocation, runtime, request_id = await start(api)
        invocation.abandon()
        assert not invocation.is_complete
        await runtime.begin_stream(request_id)
        assert await runtime.reader.read() == b""
        result = await invocation.result()
        assert (result.json()["errorType"], result.is_logged) == ("Runtime.CallerGone", True)


async def test_a_buffered_response_is_accepted_after_the_caller_has_left():
    async with serve() as api:
        invocation, runtime, request_id = await start(api)
        invocation.abandon()
        assert (await runtime.post(f"/invocation/{request_id}/response", b"1"))[0] == 202
        assert (await invocation.result()).body == b"1"


async def test_a_stream_over_200_mb_is_cut():
    async with serve() as api:
        invocation, runtime, request_id = await start(api)
        invocation.keeps_chunks = False
        await runtime.begin_stream(request_id)

        async def send() -> None:
            chunk = b"2000000\r\n" + bytes(32 * MB) + b"\r\n"
            for _ in range(10):
                await runtime.send(chunk)

        sending = asyncio.create_task(send())
        result = await invocation.result()
        assert result.json()["errorType"] == "Function.ResponseSizeTooLarge"
        with pytest.raises(ConnectionError):
            await sending


async def test_a_chunk_that_is_not_kept_is_not_part_of_the_result():
    async with serve() as api:
        invocation, runtime, request_id = await start(api)
        invocation.keeps_chunks = False
        await runtime.post(f"/invocation/{request_id}/response", b"1")
        assert [chunk async for chunk in invocation.chunks()] == [b"1"]
        assert (await invocation.result()).chunks == ()


# --- injected faults


async def test_a_poll_that_is_cut_or_refused_loses_no_event():
    for fault in ("cut", "error"):
        async with serve(next=fault) as api:
            invocation = api.submit("event")
            runtime = await connect(api)
            await runtime.request(f"GET {PREFIX}/invocation/next")
            if fault == "cut":
                assert await runtime.reader.read() == b""
            else:
                assert (await runtime.response())[0] == 500
            headers, event = await (await connect(api)).next()
            assert (headers["Lambda-Runtime-Aws-Request-Id"], event) == (invocation.id, "event")


@pytest.mark.parametrize("fault", ["cut", "error"])
@pytest.mark.parametrize("call", ["response", "error"])
async def test_a_response_that_is_cut_before_it_is_read_can_be_sent_again(call: str, fault: Fault):
    async with serve(response=fault) as api:
        invocation, runtime, request_id = await start(api)
        await runtime.request(f"POST {PREFIX}/invocation/{request_id}/{call}", b"1")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError, AssertionError)):
            assert (await runtime.response())[0] == 202
        assert (await (await connect(api)).post(f"/invocation/{request_id}/{call}", b"2"))[0] == 202
        assert (await invocation.result()).body == b"2"


async def test_a_response_whose_acceptance_is_cut_has_arrived_and_is_refused_again():
    async with serve(accepted="cut") as api:
        invocation, runtime, request_id = await start(api)
        await runtime.request(f"POST {PREFIX}/invocation/{request_id}/response", b"1")
        assert await runtime.reader.read() == b""
        status, error = await (await connect(api)).post(f"/invocation/{request_id}/response", b"2")
        assert (status, error["errorType"]) == (400, "InvalidRequestID")
        assert (await invocation.result()).body == b"1"


@pytest.mark.parametrize("fault", ["cut", "error"])
async def test_a_stream_that_is_cut_is_an_error(fault: Fault):
    async with serve(chunk=fault) as api:
        invocation, runtime, request_id = await start(api)
        await runtime.begin_stream(request_id)
        await runtime.send(b"1\r\na\r\n")
        assert (await invocation.result()).json()["errorType"] == "Runtime.TruncatedResponse"


async def test_a_slow_reader_delays_a_chunk():
    async with serve(chunk="slow") as api:
        invocation, runtime, request_id = await start(api)
        await runtime.begin_stream(request_id)
        start_time = asyncio.get_running_loop().time()
        await runtime.send(b"1\r\na\r\n0\r\n\r\n")
        assert (await invocation.result()).body == b"a"
        assert asyncio.get_running_loop().time() - start_time >= SLOW

"""The Runtime API simulator, called by hand. tests/aws run AWS's client and ours against it."""

import asyncio
import json
import time

import pytest

from coworks_async.gateway.http_wire import encode_response
from coworks_async.gateway.runtime_api import PREFIX
from tests.gateway.manual_runtime import connect, serve, start, until_polling


async def test_an_event_reaches_the_runtime_with_its_headers_and_the_response_the_caller():
    async with serve() as api:
        runtime = await connect(api)
        before = time.time()
        invocation = api.submit({"é": 1}, request_id="id-1", headers={"Lambda-Runtime-Client-Context": "{}"})
        headers, event = await runtime.next()
        assert event == {"é": 1}
        assert headers["Lambda-Runtime-Aws-Request-Id"] == "id-1"
        assert headers["Lambda-Runtime-Invoked-Function-Arn"] == "arn:aws:lambda:eu-west-1:123456789012:function:shop"
        assert headers["Lambda-Runtime-Client-Context"] == "{}"
        assert headers["Lambda-Runtime-Trace-Id"].startswith("Root=1-")
        assert 29 < int(headers["Lambda-Runtime-Deadline-Ms"]) / 1000 - before < 40
        status, _ = await runtime.post(
            "/invocation/id-1/response", b'{"ok":true}', **{"Content-Type": "application/json"}
        )
        assert status == 202
        result = await invocation.result()
        assert (result.kind, result.json(), result.value("content-type")) == (
            "response",
            {"ok": True},
            "application/json",
        )


async def test_events_are_served_to_concurrent_pollers_and_results_may_come_in_any_order():
    async with serve() as api:
        runtimes = [await connect(api) for _ in range(8)]
        polls = [asyncio.create_task(runtime.next()) for runtime in runtimes]
        await until_polling(api, 8)
        invocations = [api.submit(number) for number in range(8)]
        events = [(await poll) for poll in polls]
        assert [event for _, event in events] == list(range(8))
        assert api.polling == 0
        for runtime, (headers, event) in reversed([*zip(runtimes, events, strict=True)]):
            path = f"/invocation/{headers['Lambda-Runtime-Aws-Request-Id']}/response"
            assert (await runtime.post(path, json.dumps(event * 2).encode()))[0] == 202
        assert [(await invocation.result()).json() for invocation in invocations] == [0, 2, 4, 6, 8, 10, 12, 14]


async def test_an_error_is_the_result():
    async with serve() as api:
        invocation, runtime, request_id = await start(api)
        await runtime.post(f"/invocation/{request_id}/error", b'{"errorType":"E"}', **{"X-Cause": "c"})
        result = await invocation.result()
        assert (result.kind, result.json(), result.value("x-cause")) == ("error", {"errorType": "E"}, "c")


@pytest.mark.parametrize("call", ["response", "error"])
async def test_an_unknown_or_completed_invocation_is_refused(call: str):
    async with serve() as api:
        invocation, runtime, request_id = await start(api)
        assert (await runtime.post("/invocation/unknown/" + call))[0] == 400
        assert (await runtime.post(f"/invocation/{request_id}/response", b"1"))[0] == 202
        status, error = await runtime.post(f"/invocation/{request_id}/{call}", b"2")
        assert (status, error["errorType"]) == (400, "InvalidRequestID")
        assert (await invocation.result()).body == b"1"


@pytest.mark.parametrize("call", ["response", "error"])
async def test_a_second_response_to_an_event_whose_response_has_begun_is_refused(call: str):
    async with serve() as api:
        invocation, runtime, request_id = await start(api)
        await runtime.begin_stream(request_id)
        await runtime.send(b"1\r\na\r\n")
        assert await anext(invocation.chunks()) == b"a"
        status, error = await (await connect(api)).post(f"/invocation/{request_id}/{call}")
        assert (status, error["errorType"]) == (403, "InvalidStateTransition")


async def test_a_response_over_6_mb_is_refused_and_fails_the_invocation():
    async with serve() as api:
        invocation, runtime, request_id = await start(api)
        status, error = await runtime.post(f"/invocation/{request_id}/response", b"x" * (6 * 1024 * 1024 + 1))
        assert (status, error["errorType"]) == (413, "RequestEntityTooLarge")
        result = await invocation.result()
        assert (result.kind, result.json()["errorType"]) == ("error", "Function.ResponseSizeTooLarge")


async def test_chunks_of_a_stream_reach_the_caller_as_they_come_with_boundaries_and_trailers():
    async with serve() as api:
        invocation, runtime, request_id = await start(api)
        await runtime.begin_stream(request_id)
        chunks = invocation.chunks()
        for size, chunk in ((b"3", b"one"), (b"A;x=y", b"0123456789")):
            await runtime.send(size + b"\r\n" + chunk + b"\r\n")
            assert await anext(chunks) == chunk
        await runtime.send(b"0\r\nLambda-Runtime-Function-Error-Type: Late\r\n\r\n")
        assert (await runtime.response())[0] == 202
        result = await invocation.result()
        assert result.chunks == (b"one", b"0123456789")
        assert result.trailers == (("Lambda-Runtime-Function-Error-Type", "Late"),)
        assert result.value("lambda-runtime-function-error-type") == "Late"


async def test_a_slow_caller_slows_the_runtime_down():
    async with serve() as api:
        invocation, runtime, request_id = await start(api)
        await runtime.begin_stream(request_id)
        sent = 0

        async def send() -> None:
            nonlocal sent
            for _ in range(400):
                await runtime.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                sent += 1
            await runtime.send(b"0\r\n\r\n")

        sending = asyncio.create_task(send())
        previous = -1
        while sent != previous:
            previous = sent
            await asyncio.sleep(0.1)
        assert sent < 400
        result = await invocation.result()
        await sending
        assert len(result.body) == 400 * 65536


@pytest.mark.parametrize("ending", [b"5\r\nab", b"1\r\nab\r\n", b"x\r\n", b""])
async def test_a_stream_that_breaks_off_is_an_error(ending: bytes):
    async with serve() as api:
        invocation, runtime, request_id = await start(api)
        await runtime.begin_stream(request_id)
        await runtime.send(b"2\r\nok\r\n" + ending)
        await runtime.close()
        result = await invocation.result()
        assert (result.kind, result.json()["errorType"]) == ("error", "Runtime.TruncatedResponse")


async def test_a_buffered_response_may_be_chunked():
    async with serve() as api:
        invocation, runtime, request_id = await start(api)
        path = f"POST {PREFIX}/invocation/{request_id}/response"
        await runtime.send(f"{path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n12\r\n1\r\n3\r\n0\r\n\r\n")
        assert (await runtime.response())[0] == 202
        assert (await invocation.result()).json() == 123


async def test_an_invocation_without_a_response_times_out_and_a_late_one_is_refused():
    async with serve(0.05) as api:
        invocation, runtime, request_id = await start(api)
        result = await invocation.result()
        assert (result.kind, result.value("lambda-runtime-function-error-type")) == ("error", "Sandbox.Timedout")
        assert result.json()["errorMessage"].endswith("Task timed out after 0.05 seconds")
        assert (await runtime.post(f"/invocation/{request_id}/response"))[0] == 400


async def test_a_buffered_response_that_ends_after_the_timeout_is_refused():
    async with serve(0.05) as api:
        invocation, runtime, request_id = await start(api)
        await runtime.send(f"POST {PREFIX}/invocation/{request_id}/response HTTP/1.1\r\nContent-Length: 2\r\n\r\n1")
        assert (await invocation.result()).kind == "error"
        await runtime.send(b"2")
        assert (await runtime.response())[0] == 403


async def test_a_stream_is_cut_at_the_timeout():
    async with serve(0.05) as api:
        invocation, runtime, request_id = await start(api)
        await runtime.begin_stream(request_id)
        assert (await invocation.result()).kind == "error"
        assert await runtime.reader.read() == b""


async def test_init_and_restore_errors_are_kept():
    async with serve() as api:
        runtime = await connect(api)
        for call in ("init", "restore"):
            body = json.dumps({"errorType": call}).encode()
            status, _ = await runtime.post(f"/{call}/error", body, **{"Lambda-Runtime-Function-Error-Type": call})
            assert status == 202
        assert [error.json()["errorType"] for error in api.init_errors] == ["init", "restore"]
        assert api.init_errors[0].value("Lambda-Runtime-Function-Error-Type") == "init"


async def test_restore_next_waits_for_the_restore():
    async with serve() as api:
        runtime = await connect(api)
        await runtime.request(f"GET {PREFIX}/restore/next")
        answer = asyncio.create_task(runtime.response())
        await asyncio.sleep(0.01)
        assert not answer.done()
        api.restore()
        assert (await answer)[0] == 200


async def test_a_runtime_that_left_gets_no_event():
    async with serve() as api:
        gone = await connect(api)
        await gone.request(f"GET {PREFIX}/invocation/next")
        await until_polling(api, 1)
        await gone.close()
        await until_polling(api, 0)
        _, _, request_id = await start(api)
        assert request_id


async def test_an_event_for_a_runtime_that_leaves_at_that_moment_goes_to_another_one():
    async with serve() as api:
        gone = await connect(api)
        await gone.request(f"GET {PREFIX}/invocation/next")
        await until_polling(api, 1)
        # The end of the connection and the event are seen in the same step of the event loop.
        gone.writer.transport.abort()
        await asyncio.sleep(0)
        invocation = api.submit("event")
        runtime = await connect(api)
        headers, event = await runtime.next()
        assert (headers["Lambda-Runtime-Aws-Request-Id"], event) == (invocation.id, "event")


async def test_expect_100_continue_is_answered():
    async with serve() as api:
        invocation, runtime, request_id = await start(api)
        path = f"POST {PREFIX}/invocation/{request_id}/response"
        await runtime.send(f"{path} HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
        assert await runtime.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await runtime.send(b"7")
        assert (await invocation.result()).json() == 7


async def test_another_path_is_a_404():
    async with serve() as api:
        assert (await (await connect(api)).post("/nothing"))[0] == 404


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nno header\r\n\r\n",
        b"GET / HTTP/1.1\r\nName : value\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * (2 * 1024 * 1024 + 1),
    ],
)
async def test_a_malformed_request_is_a_400_and_ends_the_connection(sent: bytes):
    async with serve() as api:
        runtime = await connect(api)
        await runtime.send(sent)
        status, _, body = await runtime.response()
        assert (status, json.loads(body)["errorType"]) == (400, "InvalidRequest")
        assert await runtime.reader.read() == b""


async def test_a_request_that_ends_in_its_head_is_a_400():
    async with serve() as api:
        runtime = await connect(api)
        await runtime.send(b"GET / HTTP")
        runtime.writer.write_eof()
        assert (await runtime.response())[0] == 400


async def test_the_end_of_the_api_closes_its_connections():
    async with serve() as api:
        runtime = await connect(api)
        await runtime.request(f"GET {PREFIX}/invocation/next")
        await until_polling(api, 1)
        await api.__aexit__()
        assert await runtime.reader.read() == b""


def test_responses_are_encoded_with_their_length():
    assert encode_response(202, [("A", "b")], b"ok") == b"HTTP/1.1 202 Accepted\r\nA: b\r\nContent-Length: 2\r\n\r\nok"

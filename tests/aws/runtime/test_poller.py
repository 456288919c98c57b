"""Events under the native runtime, in this process with the Runtime API simulator."""

import asyncio
import json
import logging
import os
from contextlib import asynccontextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import Any

import pytest

from coworks_async import TechMicroService, entry, request
from coworks_async.aws.runtime.client import RuntimeClient
from coworks_async.aws.runtime.context import current_context
from coworks_async.aws.runtime.errors import ERROR_TYPE, XRAY_CAUSE
from coworks_async.aws.runtime.poller import TRACE_VARIABLE, Poller
from coworks_async.pipeline.trace import get_trace_header
from tests.aws.events import ClientResponse, rest_event
from tests.aws.runtime.native import FUNCTION, native, until


class Shop(TechMicroService):
    """Has an entry, and returns or raises what an event asks for."""

    def __init__(self, result: Any = None, **options: Any) -> None:
        super().__init__(**options)
        self.result = result

    async def on_event(self, event: Any, context: Any) -> Any:
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result(event, context) if callable(self.result) else self.result

    @entry(no_auth=True)
    async def get(self):
        return {"id": request.aws_context.aws_request_id}


async def test_a_request_gets_its_response():
    async with native(Shop()) as runtime:
        response = await runtime.request()
        assert (response.status, len(response.json["id"])) == (200, 36)


async def test_events_of_all_pollers_run_at_once_in_one_lifespan_with_their_own_context():
    starts: list[str] = []

    @asynccontextmanager
    async def lifespan(app):
        starts.append("start")
        yield {"barrier": asyncio.Barrier(16)}

    class Waiting(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            await request.state.barrier.wait()
            context = current_context.get()
            assert context is not None
            return {"ids": [context.aws_request_id, request.aws_context.aws_request_id], "trace": get_trace_header()}

    async with native(Waiting(lifespan=lifespan), 16) as runtime:
        invocations = [
            runtime.api.submit(rest_event(), request_id=f"id-{n}", headers={"Lambda-Runtime-Trace-Id": f"Root={n}"})
            for n in range(32)
        ]
        results = [ClientResponse((await invocation.result()).json()).json for invocation in invocations]
    assert results == [{"ids": [f"id-{n}"] * 2, "trace": f"Root={n}"} for n in range(32)]
    assert starts == ["start"]
    assert TRACE_VARIABLE not in os.environ


async def test_a_poller_that_is_alone_sets_the_trace_variable_for_libraries():
    app = Shop(lambda event, context: [os.environ.get(TRACE_VARIABLE), get_trace_header()])
    poller = Poller(RuntimeClient("127.0.0.1:1"), app.lambda_handler, FUNCTION, print, is_alone=True)
    async with native(app) as runtime:
        first = await runtime.api.submit({}, headers={"Lambda-Runtime-Trace-Id": "Root=1"}).result()
        assert first.json() == ["Root=1", "Root=1"]
    poller._set_trace(None)
    assert (os.environ.get(TRACE_VARIABLE), get_trace_header()) == (None, "")


async def test_context_variables_do_not_leak_into_the_next_event():
    seen: ContextVar[str] = ContextVar("seen", default="nothing")

    def set_it(event: Any, context: Any) -> str:
        before = seen.get()
        seen.set("this")
        return before

    async with native(Shop(set_it)) as runtime:
        assert [await runtime.result({}) for _ in range(2)] == ["nothing"] * 2


@pytest.mark.parametrize(
    "value", [None, {"a": ["é", 1, 0.5, True]}, 1e400, Decimal(7), Decimal("0.25"), Decimal("-Infinity")]
)
async def test_a_result_is_json(value: Any):
    async with native(Shop(value)) as runtime:
        assert await runtime.result({}) == value


async def test_a_decimal_nan_is_nan_and_bytes_are_sent_as_they_are():
    async with native(Shop(Decimal("NaN"))) as runtime:
        assert str(await runtime.result({})) == "nan"
    async with native(Shop(b"raw")) as runtime:
        assert (await runtime.api.submit({}).result()).body == b"raw"


@pytest.mark.parametrize("text", ['"\\ud800"', "NaN", "1e400", '{"a": 12345678901234567890123}'])
async def test_an_event_may_be_any_json_that_python_reads(text: str):
    received: list[Any] = []
    async with native(Shop(lambda event, context: received.append(event))) as runtime:
        await runtime.api.submit(json.loads(text)).result()
    assert json.dumps(received) == json.dumps([json.loads(text)])


async def test_an_exception_is_reported_with_type_message_stack_and_cause():
    def fail(event: Any, context: Any) -> None:
        raise LookupError("no such thing")

    async with native(Shop(fail)) as runtime:
        result = await runtime.api.submit({}, request_id="id-1").result()
        assert (result.kind, result.value(ERROR_TYPE)) == ("error", "LookupError")
        error = result.json()
        assert (error["errorType"], error["errorMessage"], error["requestId"]) == (
            "LookupError",
            "no such thing",
            "id-1",
        )
        # The runtime's own frames are left out.
        assert "in on_event" in error["stackTrace"][0]
        assert "raise LookupError" in error["stackTrace"][-1]
        [cause] = json.loads(result.value(XRAY_CAUSE))["exceptions"]
        assert (cause["type"], cause["message"], cause["stack"][-1]["label"]) == (
            "LookupError",
            "no such thing",
            "fail",
        )
        assert runtime.errors == [error]
        assert (await runtime.request()).status == 200


async def test_a_cause_that_is_too_large_for_a_header_is_left_out():
    async with native(Shop(LookupError("x" * 1024 * 1024))) as runtime:
        result = await runtime.api.submit({}).result()
        assert (result.json()["errorType"], result.value(XRAY_CAUSE)) == ("LookupError", "")


async def test_an_exception_without_a_readable_message_fails_the_event_with_its_type():
    class Unreadable(Exception):
        def __str__(self) -> str:
            raise ValueError("no message")

    async with native(Shop(Unreadable())) as runtime:
        error = await runtime.result({})
        assert (error["errorType"], error["errorMessage"]) == ("Unreadable", "<ValueError in __str__>")
        assert (await runtime.request()).status == 200


async def test_a_result_that_is_not_json_fails_the_event():
    async with native(Shop(object())) as runtime:
        error = await runtime.result({})
        assert (error["errorType"], error["errorMessage"]) == (
            "TypeError",
            "Unable to marshal response: object is not JSON serializable",
        )
        # An exception that was not raised by the service has the frames of the runtime.
        assert error["stackTrace"]


@pytest.mark.parametrize("value", ["result", LookupError("no such thing")])
async def test_the_invocation_id_is_returned_if_lambda_sends_one(value: Any):
    async with native(Shop(value)) as runtime:
        result = await runtime.api.submit({}, headers={"Lambda-Runtime-Invocation-Id": "once"}).result()
        assert result.value("Lambda-Runtime-Invocation-Id") == "once"
        assert (await runtime.api.submit({}).result()).value("Lambda-Runtime-Invocation-Id") == ""


async def test_a_context_that_cannot_be_read_fails_the_event():
    async with native(Shop()) as runtime:
        result = await runtime.api.submit({}, headers={"Lambda-Runtime-Client-Context": "{"}).result()
        assert (result.kind, result.json()["errorType"]) == ("error", "JSONDecodeError")


async def test_a_cancelled_request_is_a_500_and_another_cancelled_event_an_error():
    class Cancelled(Shop):
        @entry(no_auth=True)
        async def get(self):
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)

    async with native(Cancelled(asyncio.CancelledError())) as runtime:
        assert (await runtime.request()).status == 500
        assert (await runtime.result({}))["errorMessage"] == "The event failed with CancelledError"
        assert (await runtime.request("GET", "/nothing")).status == 404


async def test_an_event_that_is_not_a_request_is_cancelled_before_the_deadline():
    class Slow(Shop):
        lambda_timeout_margin = 0.2

        async def on_event(self, event: Any, context: Any) -> Any:
            await asyncio.sleep(60)

    async with native(Slow(), seconds=0.4) as runtime:
        assert (await runtime.result({}))["errorType"] == "EventTimeout"


async def test_without_a_margin_lambda_ends_an_event_at_the_deadline():
    class Slow(Shop):
        lambda_timeout_margin = None

        async def on_event(self, event: Any, context: Any) -> Any:
            await asyncio.sleep(0.4)

    async with native(Slow(), seconds=0.2) as runtime:
        assert (await runtime.result({}))["errorType"] == "Sandbox.Timedout"


async def test_a_response_that_the_gateway_would_refuse_is_a_500(caplog: pytest.LogCaptureFixture):
    class Breaking(Shop):
        async def __call__(self, scope, receive, send):
            if scope["type"] == "lifespan":
                return await super().__call__(scope, receive, send)
            await send({"type": "http.response.start", "status": 200, "headers": [(b"x-name", b"a\r\nb")]})
            await send({"type": "http.response.body", "body": b"whole"})

    async with native(Breaking()) as runtime:
        assert (await runtime.request()).status == 500
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.getMessage() == "A request failed without a complete response"


async def test_a_response_over_the_limit_of_lambda_is_logged_and_the_next_event_runs(
    caplog: pytest.LogCaptureFixture,
):
    async with native(Shop(b"x" * (6 * 1024 * 1024 + 1))) as runtime:
        assert (await runtime.result({}))["errorType"] == "Function.ResponseSizeTooLarge"
        assert (await runtime.request()).status == 200
    [refusal] = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert "with 6291457 bytes: 413" in refusal


async def test_stop_ends_a_waiting_poller_and_lets_an_event_finish():
    started, go = asyncio.Event(), asyncio.Event()

    class Slow(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            started.set()
            await go.wait()
            return "done"

    async with native(Slow(), 2) as runtime:
        invocation = runtime.api.submit(rest_event())
        await started.wait()
        stopping = asyncio.create_task(runtime.stop())
        await asyncio.sleep(0.01)
        assert sorted(task.done() for task in runtime.tasks) == [False, True]
        go.set()
        await stopping
        assert ClientResponse((await invocation.result()).json()).body == b"done"


async def test_an_event_that_has_arrived_at_the_moment_of_the_stop_is_handled():
    async with native(Shop("handled")) as runtime:
        [poller] = runtime.pollers
        await until(lambda: runtime.api.polling == 1)
        invocation = runtime.api.submit({})
        await until(lambda: poller.client.has_response)
        poller.stop()
        assert (await invocation.result()).json() == "handled"


async def test_a_cancelled_poller_ends():
    async with native(Shop()) as runtime:
        await until(lambda: runtime.api.polling == 1)
        runtime.tasks[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await runtime.tasks[0]
        runtime.tasks.clear()


# --- asynchronous calls


async def test_an_asynchronous_call_outside_lambda_runs_after_its_event():
    order: list[Any] = []

    class Jobs(TechMicroService):
        @entry(no_auth=True, background=True)
        async def post(self):
            order.append("entry")
            return "done"

        async def store_response(self, response: Any, headers: Any) -> None:
            order.append(response.status_code)

    app = Jobs()
    app.lambda_handler.after_event.append(lambda context: order.append("event"))
    async with native(app) as runtime:
        response = await runtime.request("POST", headers=[("InvocationType", "Event")])
        await until(lambda: len(order) == 4)
    assert response.status == 202
    assert order == ["event", "entry", 200, "event"]


async def test_an_asynchronous_call_outside_lambda_that_fails_is_logged(caplog: pytest.LogCaptureFixture):
    class Jobs(TechMicroService):
        @entry(no_auth=True, background=True)
        async def post(self):
            return "done"

        async def store_response(self, response: Any, headers: Any) -> None:
            raise LookupError("no bucket")

    async with native(Jobs()) as runtime:
        assert (await runtime.request("POST", headers=[("InvocationType", "Event")])).status == 202
        await until(lambda: "An asynchronous call failed" in caplog.messages)

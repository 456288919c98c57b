"""The native runtime as a process: initialization, concurrency, and its end."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.aws.events import ClientResponse, rest_event
from tests.aws.runtime_process import Runtime, running
from tests.tools import PATIENCE

SERVICE = """
import asyncio, logging, os, sys, time
from contextlib import asynccontextmanager
from coworks_async import TechMicroService, entry, request

asyncio.run(asyncio.sleep(0))  # a module may run an event loop

@asynccontextmanager
async def lifespan(app):
    if "REFUSE_TO_START" in os.environ:
        raise ConnectionError("no database")
    print("started", flush=True)
    yield {"barrier": asyncio.Barrier(8)}
    if "REFUSE_TO_STOP" in os.environ:
        raise ConnectionError("no end")
    print("stopped", flush=True)

class Shop(TechMicroService):
    async def on_event(self, event, context):
        if "name" in event:
            logging.getLogger("shop").warning("order of %s", event["name"])
            raise LookupError(event["name"])
        sys.exit(3)

    @entry(no_auth=True)
    async def get(self):
        return "hello"

    @entry(no_auth=True)
    async def get_slow(self):
        print("slow", flush=True)
        await asyncio.sleep(0.5)
        return "slow"

    @entry(no_auth=True)
    async def get_blocking(self):
        time.sleep(0.5)
        return "blocked"

    @entry(no_auth=True)
    async def get_together(self):
        await request.state.barrier.wait()
        return os.getpid()

    @entry(no_auth=True)
    async def get_stream(self):
        yield "first"
        while not os.path.exists("first-has-arrived"):
            await asyncio.sleep(0.01)
        yield "second"

    @entry(no_auth=True)
    async def get_exit(self):
        yield "chunk"
        sys.exit(5)

lambda_handler = Shop(lifespan=lifespan).lambda_handler
if "EXIT_AFTER_EVENT" in os.environ:
    lambda_handler.after_event.append(lambda context: sys.exit(4))
"""

Start = Callable[..., Runtime]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    (tmp_path / "shop.py").write_text(SERVICE)
    (tmp_path / "broken.py").write_text("raise LookupError('no table')")
    with ExitStack() as stack:
        yield lambda **environment: stack.enter_context(running(tmp_path, "native", **environment))


def wait(runtime: Runtime) -> tuple[int, str]:
    """Wait for the end of the process; return its exit code and its output."""
    out, _ = runtime.process.communicate(timeout=PATIENCE)
    return runtime.process.returncode, out


def test_one_process_runs_as_many_events_at_once_as_lambda_allows(start: Start):
    runtime = start(AWS_LAMBDA_MAX_CONCURRENCY="8")
    runtime.api.wait_until_polling(8)
    invocations = asyncio.run_coroutine_threadsafe(submit_together(runtime), runtime.api.loop).result(PATIENCE)
    assert len({ClientResponse(result).body for result in invocations}) == 1
    code, lines = runtime.stop()
    assert (code, lines[0], lines[-1]) == (0, "started", "stopped")


async def submit_together(runtime: Runtime) -> list[dict[str, object]]:
    invocations = [runtime.api.api.submit(rest_event(path="/together")) for _ in range(8)]
    return [(await invocation.result()).json() for invocation in invocations]


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        ("shop.missing", "Runtime.HandlerNotFound"),
        ("broken.handler", "LookupError"),
        ("x", "Runtime.MalformedHandlerName"),
    ],
)
def test_a_handler_that_does_not_load_is_posted_and_logged_and_ends_the_process(start: Start, handler: str, kind: str):
    runtime = start(_HANDLER=handler)
    code, out = wait(runtime)
    [error] = runtime.api.api.init_errors
    assert (code, error.json()["errorType"], error.value("Lambda-Runtime-Function-Error-Type")) == (1, kind, kind)
    assert kind in out


def test_chunks_are_sent_when_they_are_yielded(start: Start, tmp_path: Path):
    runtime = start(CWS_STREAM="rest")

    async def read() -> list[bytes]:
        chunks = []
        async for chunk in runtime.api.api.submit(rest_event(path="/stream")).chunks():
            chunks.append(chunk)
            if chunk == b"first":
                (tmp_path / "first-has-arrived").touch()
        return chunks

    chunks = asyncio.run_coroutine_threadsafe(read(), runtime.api.loop).result(PATIENCE)
    assert chunks[-2:] == [b"first", b"second"]


def test_a_stream_of_a_process_that_ends_is_truncated(start: Start):
    runtime = start(CWS_STREAM="rest")
    _, result = runtime.api.call(rest_event(path="/exit"))
    assert (result.kind, result.json()["errorType"]) == ("error", "Runtime.TruncatedResponse")
    assert wait(runtime)[0] == 5


def test_an_unknown_caller_in_cws_stream_ends_the_process(start: Start):
    code, out = wait(start(CWS_STREAM="url http"))
    assert code == 1
    assert "CWS_STREAM: 'http' is not a caller that streams. Use 'url', 'rest' or both." in out


def test_a_failing_startup_is_logged_and_the_first_event_tries_again(start: Start):
    runtime = start(REFUSE_TO_START="1", AWS_LAMBDA_LOG_FORMAT="Text")
    assert runtime.request(rest_event()).status == 500
    _, lines = runtime.stop()
    message = "The service failed to start (ConnectionError: no database). The next event tries again."
    assert lines[0].startswith("[WARNING]")
    assert lines[0].endswith(f"\t\t{message}")
    assert any(line.startswith("[ERROR]") and message in line for line in lines[1:])


def test_a_failing_shutdown_is_logged(start: Start):
    runtime = start(REFUSE_TO_STOP="1")
    code, lines = runtime.stop()
    assert code == 0
    assert "The service failed to shut down" in lines[-1]


def test_sigterm_lets_an_event_finish_and_stops_the_lifespan(start: Start):
    runtime = start()
    results: list[bytes] = []

    async def submit() -> None:
        results.append((await runtime.api.api.submit(rest_event(path="/slow")).result()).body)

    pending = asyncio.run_coroutine_threadsafe(submit(), runtime.api.loop)
    assert runtime.process.stdout is not None
    assert [runtime.process.stdout.readline() for _ in range(2)] == ["started\n", "slow\n"]
    runtime.process.send_signal(signal.SIGTERM)
    pending.result(PATIENCE)
    code, out = wait(runtime)
    assert (code, out.splitlines()[-1]) == (0, "stopped")
    assert b'"slow"' in results[0]


def test_a_runtime_api_that_is_gone_ends_the_process_after_the_retries(start: Start):
    runtime = start(AWS_LAMBDA_RUNTIME_API="127.0.0.1:1", AWS_LAMBDA_MAX_CONCURRENCY="2")
    code, out = wait(runtime)
    assert code == 1
    assert "failed 5 times: GET /2018-06-01/runtime/invocation/next (ConnectionRefusedError" in out
    assert "stopped" in out


def test_the_watchdog_logs_code_that_blocks_the_event_loop(start: Start):
    runtime = start(CWS_WATCHDOG="0.05", AWS_LAMBDA_LOG_FORMAT="Text")
    assert runtime.request(rest_event(path="/blocking")).body == b"blocked"
    code, lines = runtime.stop()
    assert code == 0
    assert any("The event loop has been blocked for 0.05 s" in line for line in lines)
    assert any("in get_blocking" in line for line in lines)


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5"])
def test_an_invalid_number_of_pollers_is_an_init_error(start: Start, text: str):
    runtime = start(AWS_LAMBDA_MAX_CONCURRENCY=text)
    code, _ = wait(runtime)
    [error] = runtime.api.api.init_errors
    message = f"AWS_LAMBDA_MAX_CONCURRENCY: {text!r} is not a number of events. Use 1 or more."
    assert (code, error.json()["errorMessage"]) == (1, message)


def test_an_invalid_setting_of_the_watchdog_is_an_init_error(start: Start):
    code, out = wait(start(CWS_WATCHDOG="soon"))
    assert code == 1
    assert "CWS_WATCHDOG: 'soon' is not a number of seconds between 0 and 900." in out


@pytest.mark.parametrize("log_format", ["JSON", "Text"])
def test_half_a_surrogate_pair_is_escaped_in_the_log(start: Start, log_format: str):
    runtime = start(AWS_LAMBDA_LOG_FORMAT=log_format)
    assert runtime.fail({"name": "\ud800"}).body["errorMessage"] == "\ud800"
    assert runtime.request(rest_event()).status == 200
    _, lines = runtime.stop()
    assert sum("order of \\ud800" in line for line in lines) == 1
    assert sum("LookupError" in line and "\\ud800" in line for line in lines) == 1


def test_system_exit_ends_the_process(start: Start):
    runtime = start()
    runtime.api.loop.call_soon_threadsafe(runtime.api.api.submit, {})
    assert wait(runtime)[0] == 3


@pytest.mark.parametrize("end", ["SIGINT", "SystemExit"])
def test_a_process_that_ends_during_an_event_polls_no_more(start: Start, end: str):
    runtime = start(AWS_LAMBDA_MAX_CONCURRENCY="2")
    runtime.api.wait_until_polling(2)
    runtime.api.loop.call_soon_threadsafe(runtime.api.api.submit, rest_event(path="/slow"))
    assert runtime.process.stdout is not None
    assert [runtime.process.stdout.readline() for _ in range(2)] == ["started\n", "slow\n"]
    if end == "SIGINT":
        runtime.process.send_signal(signal.SIGINT)
    else:
        runtime.api.loop.call_soon_threadsafe(runtime.api.api.submit, {})
    assert wait(runtime)[0] == {"SIGINT": -signal.SIGINT, "SystemExit": 3}[end]


def test_system_exit_after_an_event_ends_the_process(start: Start):
    runtime = start(EXIT_AFTER_EVENT="1")
    assert runtime.request(rest_event()).body == b"hello"
    assert wait(runtime)[0] == 4

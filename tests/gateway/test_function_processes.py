"""The execution environments of a function as processes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from coworks_async.gateway.function_processes import (
    MAX_ENVIRONMENTS,
    FunctionProcesses,
    create_variables,
    describe_exit,
)
from coworks_async.gateway.invocation import InvocationResult
from coworks_async.gateway.runtime_api import RuntimeApi
from tests.tools import PATIENCE

SERVICE = """
import asyncio, os, signal, time
from pathlib import Path
from coworks_async import TechMicroService

class Shop(TechMicroService):
    lambda_timeout_margin = None

    async def on_event(self, event, context):
        match event:
            case "pid":
                return os.getpid()
            case "variables":
                return {**os.environ, "cwd": os.getcwd()}
            case "exit":
                os._exit(7)
            case "block":
                time.sleep(60)
            case "meet":
                Path(f"met-{os.getpid()}").touch()
                while len(list(Path().glob("met-*"))) < 2:
                    await asyncio.sleep(0.05)
                return os.getpid()
            case "wait":
                await asyncio.sleep(0.5)
                return os.getpid()

lambda_handler = Shop(name="shop").lambda_handler
"""


@asynccontextmanager
async def running(
    folder: Path, service: str = SERVICE, *, max_concurrency: int = 1, via: str = "http", seconds: float = 30
) -> AsyncIterator[tuple[RuntimeApi, FunctionProcesses]]:
    (folder / "shop.py").write_text(service)
    inherited = {**os.environ, "OWN": "1", "AWS_REGION": "eu-west-3"}
    variables = create_variables("shop", "shop.lambda_handler", folder, via, max_concurrency, inherited)
    variables["PYTHONPATH"] = os.pathsep.join([str(folder), variables["PYTHONPATH"]])
    function = FunctionProcesses(variables, folder, max_concurrency)
    async with RuntimeApi("shop", seconds) as api:
        await function.start(api)
        try:
            yield api, function
        finally:
            await function.stop()


async def call(api: RuntimeApi, event: Any) -> InvocationResult:
    return await asyncio.wait_for(api.submit(event).result(), PATIENCE)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - a process has no event for it
            await asyncio.sleep(0.01)


async def test_the_process_has_the_variables_and_the_folder_of_a_function(tmp_path: Path):
    async with running(tmp_path, via="rest", max_concurrency=3) as (api, _):
        variables = (await call(api, "variables")).json()
    expected = {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python3.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/shop",
        "AWS_LAMBDA_MAX_CONCURRENCY": "3",
        "AWS_REGION": "eu-west-3",
        "CWS_STREAM": "rest",
        "LAMBDA_TASK_ROOT": str(tmp_path),
        "OWN": "1",
        "_HANDLER": "shop.lambda_handler",
        "cwd": str(tmp_path),
    }
    assert {name: variables.get(name) for name in expected} == expected
    assert len(variables["CWS_SIGNING_KEY"]) == 64
    # A service that reads it would call AWS.
    assert "AWS_LAMBDA_FUNCTION_NAME" not in variables


def test_a_gateway_that_does_not_stream_is_not_a_caller(tmp_path: Path):
    assert "CWS_STREAM" not in create_variables("shop", "shop.handler", tmp_path, "http", 1, {})


async def test_another_environment_starts_while_the_others_are_busy(tmp_path: Path):
    async with running(tmp_path) as (api, _):
        first = (await call(api, "pid")).json()
        assert (await call(api, "pid")).json() == first
        together = await asyncio.gather(*(call(api, "meet") for _ in range(2)))
        assert len({result.json() for result in together}) == 2


async def test_one_environment_runs_as_many_events_as_it_may(tmp_path: Path):
    async with running(tmp_path, max_concurrency=8) as (api, _):
        await until(lambda: api.polling == 8)
        together = await asyncio.gather(*(call(api, "wait") for _ in range(8)))
        assert len({result.json() for result in together}) == 1


@pytest.mark.exhaustive
async def test_there_are_at_most_ten_environments(tmp_path: Path):
    async with running(tmp_path) as (api, _):
        together = await asyncio.gather(*(call(api, "wait") for _ in range(60)))
        assert 1 < len({result.json() for result in together}) <= MAX_ENVIRONMENTS


async def test_the_event_of_a_process_that_ends_fails_and_the_next_one_starts_another(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    async with running(tmp_path) as (api, _):
        first = (await call(api, "pid")).json()
        result = await call(api, "exit")
        message = "The function's process ended (exit code 7)."
        assert (result.kind, result.json()) == ("error", {"errorType": "Runtime.ExitError", "errorMessage": message})
        assert (await call(api, "pid")).json() != first
    assert capfd.readouterr().err.count(f"[ERROR] {message} The next event starts another one.\n") == 1


async def test_the_process_of_an_event_that_expires_is_killed(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    async with running(tmp_path, seconds=0.3) as (api, _):
        first = (await call(api, "pid")).json()
        assert (await call(api, "block")).json()["errorType"] == "Sandbox.Timedout"
        await until(lambda: "(signal 9)" in capfd.readouterr().err)
        assert (await call(api, "pid")).json() != first


async def test_the_other_events_of_a_process_go_on_when_one_expires(tmp_path: Path):
    service = SERVICE.replace("time.sleep(60)", "await asyncio.sleep(1)")
    async with running(tmp_path, service, max_concurrency=2) as (api, _):
        other = api.submit("wait")
        api.timeout = 0.2
        blocked = api.submit("block")
        assert (await blocked.result()).kind == "error"
        assert (await other.result()).kind == "response"


async def test_an_event_fails_if_the_function_cannot_be_initialized(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    async with running(tmp_path, "raise LookupError('no table')") as (api, _):
        [error] = api.init_errors
        assert error.json()["errorType"] == "LookupError"
        result = await call(api, "pid")
        assert result.json()["errorMessage"] == "The function's process ended (exit code 1)."
        assert len(api.init_errors) == 2
    output = capfd.readouterr()
    assert "no table" in output.out
    assert output.err.count("(exit code 1)") == 2


async def test_an_event_fails_if_no_process_can_be_started(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    folder = tmp_path / "project"
    folder.mkdir()
    async with running(folder) as (api, _):
        await call(api, "exit")
        folder.rename(tmp_path / "moved")
        result = await call(api, "pid")
        assert (result.kind, result.json()["errorType"]) == ("error", "Runtime.StartError")
        (tmp_path / "moved").rename(folder)
        assert (await call(api, "pid")).kind == "response"
    assert "[ERROR] Cannot start a process of the function: " in capfd.readouterr().err


async def test_a_process_that_does_not_stop_is_killed(tmp_path: Path):
    service = SERVICE + "\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    async with running(tmp_path, service) as (api, function):
        blocked = api.submit("block")
        await until(lambda: api.waiting == 0)
        await asyncio.sleep(0.1)
        [process] = function._processes.values()
    assert process.returncode == -signal.SIGKILL
    assert (await blocked.result()).kind == "error"


def test_a_signal_and_an_exit_code_are_described():
    assert [describe_exit(code) for code in (-9, 3)] == ["signal 9", "exit code 3"]

"""The execution environments of a function as processes of the native runtime, for `cws run --lambda`."""

import asyncio
import os
import secrets
import signal
import sys
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from coworks_async.aws.runtime.stream import STREAM_VARIABLE, STREAMING_CALLERS
from coworks_async.gateway.messages import REGION, SimulatedContext
from coworks_async.gateway.runtime_api import ExecutionEnvironment, RuntimeApi

MAX_ENVIRONMENTS = 10

# Seconds; an event waits about as long before another environment starts for it.
SCALE_INTERVAL = 0.2

# Seconds, as in Lambda: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
INIT_TIMEOUT = 10.0
SHUTDOWN_TIMEOUT = 2.0

START_ERROR = "Runtime.StartError"


class FunctionProcesses:
    """Runs a function in processes, which are its execution environments.

    The first one starts with the server. As in Lambda, another one starts while all others are busy, and a process that
    has ended is replaced at the next event.

    Args:
        variables: the environment of the processes.
        folder: their current folder.
        max_concurrency: the events that each environment runs at once.
    """

    def __init__(self, variables: Mapping[str, str], folder: Path, max_concurrency: int = 1) -> None:
        self.variables = variables
        self.folder = folder
        self.max_concurrency = max_concurrency
        self._processes: dict[ExecutionEnvironment, asyncio.subprocess.Process] = {}
        self._watchers: set[asyncio.Task[None]] = set()
        self._is_stopping = False

    async def start(self, api: RuntimeApi) -> None:
        """Start the first environment, and wait until it is initialized or has failed."""
        self._api = api
        api.on_timeout = self._kill
        await self._add_process()
        self._scaling = asyncio.create_task(self._scale())
        [environment] = self._processes
        polled = asyncio.create_task(environment.has_polled.wait())
        await asyncio.wait({polled, *self._watchers}, timeout=INIT_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        polled.cancel()

    async def stop(self) -> None:
        """Send SIGTERM to the processes, and kill those that do not end."""
        self._is_stopping = True
        self._scaling.cancel()
        await asyncio.wait({self._scaling})
        for process in self._processes.values():
            send_signal(process, signal.SIGTERM)
        watchers = [*self._watchers]
        if watchers:
            await asyncio.wait(watchers, timeout=SHUTDOWN_TIMEOUT)
        for process in self._processes.values():
            send_signal(process, signal.SIGKILL)
        await asyncio.gather(*watchers)

    async def _scale(self) -> None:
        """Start a further environment whenever events wait that no environment will take soon."""
        while True:
            await asyncio.sleep(SCALE_INTERVAL)
            starting = sum(not environment.has_polled.is_set() for environment in self._processes)
            is_full = len(self._processes) >= MAX_ENVIRONMENTS
            if self._api.waiting > starting * self.max_concurrency and not is_full:
                try:
                    await self._add_process()
                except OSError as error:
                    message = f"Cannot start a process of the function: {error}."
                    sys.stderr.write(f"[ERROR] {message}\n")
                    self._api.fail_waiting(START_ERROR, message)

    async def _add_process(self) -> None:
        environment = await self._api.add_environment()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "coworks_async.aws.runtime"),
                cwd=self.folder,
                env={**self.variables, "AWS_LAMBDA_RUNTIME_API": environment.address},
                # Ctrl-C goes to the server, which stops its processes.
                start_new_session=True,
                # It closes when the server ends, also if it is killed.
                stdin=asyncio.subprocess.PIPE,
            )
        except OSError:
            self._api.remove_environment(environment.address, START_ERROR, "The process was not started.")
            raise
        self._processes[environment] = process
        watcher = asyncio.create_task(self._watch(environment, process))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)

    def _kill(self, address: str) -> None:
        """Kill the process of an event that has expired, as Lambda does. It may be blocked."""
        for environment, process in self._processes.items():
            if environment.address == address and self.max_concurrency == 1:
                send_signal(process, signal.SIGKILL)

    async def _watch(self, environment: ExecutionEnvironment, process: asyncio.subprocess.Process) -> None:
        """Let the events of a process fail when it ends."""
        code = await process.wait()
        del self._processes[environment]
        kind, message = "Runtime.ExitError", f"The function's process ended ({describe_exit(code)})."
        self._api.remove_environment(environment.address, kind, message)
        if not environment.has_polled.is_set():
            # It cannot be initialized, and its log has the reason. Another attempt would fail too.
            self._api.fail_waiting(kind, message)
        if not self._is_stopping:
            sys.stderr.write(f"[ERROR] {message} The next event starts another one.\n")


def send_signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it has ended
        process.send_signal(number)


def describe_exit(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def create_variables(
    name: str, handler: str, folder: Path, via: str, max_concurrency: int, inherited: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables of a function's process: those of this process, and those that Lambda sets.

    `AWS_LAMBDA_FUNCTION_NAME` is not set, by which a service knows that it runs in AWS: its asynchronous calls would be
    invocations of a deployed function.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    context = SimulatedContext(name, "")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    defaults = {
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
        "AWS_REGION": REGION,
        "CWS_SIGNING_KEY": secrets.token_hex(32),
    }
    variables = {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{version}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(context.memory_limit_in_mb),
        "AWS_LAMBDA_FUNCTION_VERSION": context.function_version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": context.log_group_name,
        "AWS_LAMBDA_LOG_STREAM_NAME": f"local/{uuid.uuid4().hex}",
        "AWS_LAMBDA_MAX_CONCURRENCY": str(max_concurrency),
        "LAMBDA_TASK_ROOT": str(folder),
        "TZ": ":UTC",
        "_HANDLER": handler,
    }
    if via in STREAMING_CALLERS:
        variables[STREAM_VARIABLE] = via
    return {**defaults, **inherited, **variables, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

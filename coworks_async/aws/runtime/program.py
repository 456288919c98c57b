"""The native runtime: an asyncio program that runs a service's events in Lambda.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
"""

import asyncio
import json
import signal
import sys
from collections.abc import Mapping
from functools import partial

from coworks_async.aws.handler import LambdaHandler
from coworks_async.aws.runtime import logs
from coworks_async.aws.runtime.client import RuntimeApiError, RuntimeClient
from coworks_async.aws.runtime.context import FunctionInfo
from coworks_async.aws.runtime.errors import ERROR_TYPE, RuntimeInitError, describe_error
from coworks_async.aws.runtime.loader import load_handler
from coworks_async.aws.runtime.poller import Poller
from coworks_async.aws.runtime.stream import read_callers
from coworks_async.aws.runtime.watchdog import create_watchdog
from coworks_async.aws.snapshot import SnapshotHooks, is_snap_start
from coworks_async.exceptions import StartupError

CONCURRENCY_VARIABLE = "AWS_LAMBDA_MAX_CONCURRENCY"

INIT_FAILED = 1
API_FAILED = 1
BEFORE_SNAPSHOT_FAILED = 64
AFTER_RESTORE_FAILED = 65


class Program:
    """Runs the events of one execution environment.

    Args:
        variables: the environment variables that Lambda sets.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = variables
        self.handler_name = variables["_HANDLER"]
        self.address = variables["AWS_LAMBDA_RUNTIME_API"]
        self.function = FunctionInfo.read(variables)
        self.is_snap_start = is_snap_start(variables)
        self.log_error = partial(logs.log_error, as_json=logs.is_json(variables))

    def run(self) -> int:
        """Load the handler and run events until SIGTERM; return the exit code."""
        try:
            # Not in the event loop: a module may call `asyncio.run`.
            handler = load_handler(self.handler_name)
            handler.streaming_callers = read_callers(self.variables)
            self.watchdog = create_watchdog(self.variables)
            self.concurrency = read_concurrency(self.variables)
        except Exception as error:
            asyncio.run(self._report_init_error(error))
            return INIT_FAILED
        return asyncio.run(self._serve(handler))

    async def _report_init_error(self, error: Exception) -> None:
        client = RuntimeClient(self.address)
        await self._report(client, "/init/error", error)
        client.close()

    async def _report(self, client: RuntimeClient, path: str, error: Exception, kind: str | None = None) -> None:
        described = describe_error(error)
        self.log_error(described)
        headers = {"Content-Type": "application/json", ERROR_TYPE: kind or described["errorType"]}
        await client.post(path, json.dumps(described).encode(), headers)

    async def _take_snapshot(self, hooks: SnapshotHooks) -> int | None:
        """Run the hooks around the snapshot. After a failure, return the exit code of AWS's Python runtime."""
        client = RuntimeClient(self.address)
        try:
            await hooks.run_before_snapshot()
            await client.restore_next()
        except Exception as error:
            await self._report(client, "/init/error", error, "Runtime.BeforeSnapshotError")
            return BEFORE_SNAPSHOT_FAILED
        try:
            await hooks.run_after_restore()
        except Exception as error:
            await self._report(client, "/restore/error", error, "Runtime.AfterRestoreError")
            return AFTER_RESTORE_FAILED
        finally:
            client.close()
        return None

    async def _serve(self, handler: LambdaHandler) -> int:
        if self.is_snap_start and (code := await self._take_snapshot(handler.service.snapshot_hooks)) is not None:
            return code
        try:
            # In the initialization Lambda gives a function more processor time.
            await handler.lifespan.start()
        except StartupError as error:
            # The first event tries again, and logs the traceback.
            handler.logger.warning("%s", error)
        if self.watchdog is not None:
            self.watchdog.start()
        code = await self._run_pollers(handler)
        try:
            await handler.lifespan.stop()
        except Exception as error:
            handler.logger.error("The service failed to shut down", exc_info=error)
        if self.watchdog is not None:
            self.watchdog.stop()
        return code

    async def _run_pollers(self, handler: LambdaHandler) -> int:
        """Run events until SIGTERM, or until one poller cannot reach the Runtime API any more."""
        pollers = [self._create_poller(handler) for _ in range(self.concurrency)]

        def stop() -> None:
            for poller in pollers:
                poller.stop()

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
        tasks = [asyncio.create_task(poller.run()) for poller in pollers]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        # The other pollers finish their events.
        stop()
        return self._exit_code(handler, await asyncio.gather(*tasks, return_exceptions=True))

    def _create_poller(self, handler: LambdaHandler) -> Poller:
        client = RuntimeClient(self.address)
        return Poller(client, handler, self.function, self.log_error, is_alone=self.concurrency == 1)

    def _exit_code(self, handler: LambdaHandler, results: list[BaseException | None]) -> int:
        errors = [result for result in results if result is not None]
        for error in errors:
            handler.logger.error("%s", error, exc_info=None if isinstance(error, RuntimeApiError) else error)
        return API_FAILED if errors else 0


def read_concurrency(variables: Mapping[str, str]) -> int:
    """Return the number of pollers."""
    text = variables.get(CONCURRENCY_VARIABLE) or "1"
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        message = f"{CONCURRENCY_VARIABLE}: {text!r} is not a number of events. Use 1 or more."
        raise RuntimeInitError("Runtime.InvalidConfiguration", message)
    return int(text)


def run(variables: Mapping[str, str]) -> int:
    """Run the native runtime with the environment variables of Lambda; return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A buffer that is not full would wait for the next event while the environment is frozen. A message may contain
        # what UTF-8 does not, such as half a surrogate pair of a client's JSON.
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    logs.configure_log(variables)
    return Program(variables).run()

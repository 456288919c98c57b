"""Run events on one event loop, with one lifespan, for the lifetime of the execution environment."""

import asyncio
import atexit
import logging
import os
import signal
import threading
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from types import FrameType
from typing import Any, TypeVar

from coworks_async.aws.deadline import Deadline
from coworks_async.exceptions import EventTimeout, StartupError
from coworks_async.pipeline.request import current
from coworks_async.types import ASGIApp, Message

T = TypeVar("T")


class Runtime:
    """Runs coroutines one after the other on one event loop, inside the app's lifespan.

    Both start at the first event, so that a snapshot (SnapStart) contains no open socket. The loop is never set as the
    current event loop of a thread, so `asyncio.run` and other threads cannot interfere with it.
    """

    def __init__(self, app: ASGIApp, logger: logging.Logger, timeout_margin: float | None = None) -> None:
        self.app = app
        self.logger = logger
        self.timeout_margin = timeout_margin
        self.lifespan: LifespanRunner | None = None
        self.is_busy = False
        self._runner: asyncio.Runner | None = None
        self._deadline: Deadline | None = None
        self._lock = threading.Lock()
        self._sigterm: SigtermHandler | None = None

    @property
    def state(self) -> dict[str, Any]:
        return self.lifespan.state if self.lifespan is not None else {}

    def run(self, work: Callable[[], Coroutine[Any, Any, T]], context: Any = None, *, starts: bool = True) -> T:
        """Run the coroutine that `work` creates. With `starts`, the lifespan is started first, unless it is running.

        With the `context` of an event, both are cancelled shortly before Lambda's timeout, with an `EventTimeout`.
        """
        connection = current.get()
        if self.is_busy and connection is not None and connection[0].get("app") is self.app:
            raise RuntimeError("An entry called the handler of its own service, which would wait for that entry.")
        if has_running_loop():
            raise RuntimeError("The handler was called in a running event loop, which it would block.")
        with self._lock:
            self.is_busy = True
            try:
                runner = self._runner or self._create_runner()
                if starts and self.lifespan is None:
                    runner.run(self._start(context), context=copy_context())
                # Not `Runner.run`: replacing the SIGINT handler for each event would take a third of the event's time.
                loop = runner.get_loop()
                task = loop.create_task(work(), context=copy_context())
                if self._deadline is not None:
                    self._deadline.current = task, context
                    if self._deadline.timer is None:
                        self._deadline.set_timer()
                return loop.run_until_complete(task)
            except asyncio.CancelledError as error:
                if self._deadline is None or not self._deadline.has_passed:
                    raise
                reason = f"cancelled {self.timeout_margin:g} s before Lambda's timeout"
                raise EventTimeout(f"{reason}. Shorten the work or raise the timeout.") from error
            finally:
                self.is_busy = False
                if self._deadline is not None:
                    self._deadline.current = None
                if self._sigterm is not None and self._sigterm.is_pending:
                    # Sent again, because signal handlers run in the main thread, and this may be another one.
                    os.kill(os.getpid(), signal.SIGTERM)

    def _create_runner(self) -> asyncio.Runner:
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        if self.timeout_margin is not None:
            self._deadline = Deadline(self._runner.get_loop(), self.timeout_margin)
        atexit.register(self.close)
        return self._runner

    def close(self) -> None:
        """Stop the lifespan and close the loop; log a failure. During an event, do nothing."""
        runner, lifespan = self._runner, self.lifespan
        if runner is None or self.is_busy:
            return
        self._runner = self.lifespan = None
        atexit.unregister(self.close)
        if self._sigterm is not None and threading.current_thread() is threading.main_thread():
            self._sigterm.remove()
            self._sigterm = None
        try:
            if lifespan is not None:
                runner.run(lifespan.stop())
        except Exception as error:
            self.logger.error("The service failed to shut down", exc_info=error)
        finally:
            runner.close()

    async def _start(self, context: Any) -> None:
        if (task := asyncio.current_task()) is not None and self._deadline is not None:
            self._deadline.current = task, context
            self._deadline.set_timer()
        lifespan = LifespanRunner(self.app)
        await lifespan.start()
        self.lifespan = lifespan
        # Python sets signal handlers in the main thread only.
        if self._sigterm is None and threading.current_thread() is threading.main_thread():
            self._sigterm = SigtermHandler(self)


def has_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class SigtermHandler:
    """Closes the runtime at SIGTERM, then does what the signal did before; during an event, at its end.

    Lambda sends SIGTERM only if an extension is registered:
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown
    """

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.is_pending = False
        self.previous = signal.signal(signal.SIGTERM, self) or signal.SIG_DFL

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.is_pending = self.runtime.is_busy
        if self.is_pending:
            return
        self.runtime.close()
        if callable(self.previous):
            self.previous(number, frame)
        else:
            signal.signal(signal.SIGTERM, self.previous)
            signal.raise_signal(signal.SIGTERM)

    def remove(self) -> None:
        """Restore the previous handler, unless another one has been set since."""
        installed: object = signal.getsignal(signal.SIGTERM)
        if installed is self:
            signal.signal(signal.SIGTERM, self.previous)


class LifespanRunner:
    """Holds the app's lifespan open in a task (https://asgi.readthedocs.io/en/latest/specs/lifespan.html)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.state: dict[str, Any] = {}
        self._received: asyncio.Queue[Message] = asyncio.Queue()
        self._sent: asyncio.Queue[Message] = asyncio.Queue()

    async def start(self) -> None:
        """Start the lifespan, or raise a `StartupError` with its exception as the cause."""
        self._task = asyncio.create_task(self._run())
        try:
            answer = await self._exchange("startup")
        except asyncio.CancelledError:
            self._task.cancel()
            raise
        if answer != "lifespan.startup.complete":
            # The task is ending, and its exception is clearer than the `lifespan.startup.failed` message.
            [error] = await asyncio.gather(self._task, return_exceptions=True)
            reason = f"{type(error).__name__}: {error}" if error else "its lifespan ended early"
            raise StartupError(f"The service failed to start ({reason}). The next event tries again.") from error

    async def stop(self) -> None:
        await self._exchange("shutdown")
        await self._task

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self.app(scope, self._received.get, self._sent.put)
        finally:
            self._sent.put_nowait({"type": "lifespan.ended"})

    async def _exchange(self, phase: str) -> str:
        """Send a message to the app, and return the type of the one that it sends back."""
        await self._received.put({"type": f"lifespan.{phase}"})
        return str((await self._sent.get())["type"])

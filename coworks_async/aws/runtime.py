"""Run a service's events on one event loop, with one lifespan, for as long as the execution environment lives."""

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

from coworks_async.exceptions import StartupError
from coworks_async.pipeline.request import current
from coworks_async.types import ASGIApp, Message

T = TypeVar("T")


class Runtime:
    """Runs coroutines one after the other on one event loop, after starting the app's lifespan.

    Nothing starts before the first event, so that a snapshot (SnapStart) holds no open socket. The lifespan's state is
    in `state`. If the lifespan fails to start, the next event tries again. The loop is never set as the current event
    loop of a thread, so `asyncio.run` and other threads cannot interfere with it.
    """

    def __init__(self, app: ASGIApp, logger: logging.Logger) -> None:
        self.app = app
        self.logger = logger
        self.lifespan: LifespanRunner | None = None
        self.is_busy = False
        self._runner: asyncio.Runner | None = None
        self._lock = threading.RLock()
        self._sigterm: SigtermHandler | None = None

    @property
    def state(self) -> dict[str, Any]:
        """The state yielded by the lifespan."""
        return self.lifespan.state if self.lifespan is not None else {}

    def run(self, work: Callable[[], Coroutine[Any, Any, T]], *, starts: bool = True) -> T:
        """Run `work` to completion and return its result.

        Args:
            work: creates the coroutine, once the lifespan has started.
            starts: start the lifespan first if it is not running.

        Raises:
            StartupError: the lifespan failed to start.
            RuntimeError: this thread already runs an event loop, or an entry calls the handler of its own service.
        """
        connection = current.get()
        if self.is_busy and connection is not None and connection[0].get("app") is self.app:
            raise RuntimeError("an entry called the handler of its own service, which would wait for that entry")
        if _has_running_loop():
            raise RuntimeError("the handler was called in a running event loop, which it would block")
        with self._lock:
            was_busy, self.is_busy = self.is_busy, True
            try:
                runner = self._runner or self._open()
                if starts and self.lifespan is None:
                    runner.run(self._start(), context=copy_context())
                return runner.run(work(), context=copy_context())
            finally:
                self.is_busy = was_busy
                if not was_busy and self._sigterm is not None and self._sigterm.waits:
                    # Send it again: signal handlers run in the main thread, which this need not be.
                    os.kill(os.getpid(), signal.SIGTERM)

    def _open(self) -> asyncio.Runner:
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        atexit.register(self.close)
        return self._runner

    async def _start(self) -> None:
        lifespan = LifespanRunner(self.app)
        await lifespan.start()
        self.lifespan = lifespan
        if self._sigterm is None and _is_main_thread():
            self._sigterm = SigtermHandler(self)

    def close(self) -> None:
        """Stop the lifespan and close the loop; a failure is logged. The next event starts both again."""
        runner, lifespan = self._runner, self.lifespan
        if runner is None or self.is_busy:
            return
        self._runner = self.lifespan = None
        atexit.unregister(self.close)
        if self._sigterm is not None and _is_main_thread():
            self._sigterm.remove()
            self._sigterm = None
        try:
            if lifespan is not None:
                runner.run(lifespan.stop())
        except Exception as error:
            self.logger.error("The shutdown of the service failed", exc_info=error)
        finally:
            runner.close()


def _has_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _is_main_thread() -> bool:
    """Tell whether a signal's handler may be set here."""
    return threading.current_thread() is threading.main_thread()


class SigtermHandler:
    """Ends the container when Lambda does, which tells so only where an extension is registered.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown
    Then the signal does what it did before. One that comes in the midst of an event waits for its end.
    """

    def __init__(self, container: Runtime) -> None:
        self.container = container
        self.waits = False
        self.previous = signal.signal(signal.SIGTERM, self) or signal.SIG_DFL

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.waits = self.container.is_busy
        if self.waits:
            return
        self.container.close()
        if callable(self.previous):
            self.previous(number, frame)
        else:
            signal.signal(signal.SIGTERM, self.previous)
            signal.raise_signal(signal.SIGTERM)

    def remove(self) -> None:
        """Let the signal do what it did before, where nobody has taken it since."""
        present: object = signal.getsignal(signal.SIGTERM)
        if present is self:
            signal.signal(signal.SIGTERM, self.previous)


class LifespanRunner:
    """The app's lifespan (https://asgi.readthedocs.io/en/latest/specs/lifespan.html), held open by a task."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.state: dict[str, Any] = {}
        self._received: asyncio.Queue[Message] = asyncio.Queue()
        self._sent: asyncio.Queue[Message] = asyncio.Queue()

    async def start(self) -> None:
        """Start; raises `StartupError`, caused by what the lifespan raised."""
        self._task = asyncio.create_task(self._run())
        if await self._ask("startup") != "lifespan.startup.complete":
            # It is ending, and tells better what failed.
            [error] = await asyncio.gather(self._task, return_exceptions=True)
            told = f"{type(error).__name__}: {error}" if error else "it ended"
            raise StartupError(f"The startup of the service failed ({told}); the next event tries again.") from error

    async def stop(self) -> None:
        """Stop; raises what the lifespan raised."""
        await self._ask("shutdown")
        await self._task

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self.app(scope, self._received.get, self._sent.put)
        finally:
            self._sent.put_nowait({"type": "lifespan.ended"})

    async def _ask(self, what: str) -> str:
        await self._received.put({"type": f"lifespan.{what}"})
        return str((await self._sent.get())["type"])

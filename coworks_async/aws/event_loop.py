"""Run events on one event loop for the lifetime of the execution environment."""

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

from coworks_async.aws.lifespan import Lifespan
from coworks_async.pipeline.request import current

T = TypeVar("T")


class EventLoop:
    """Runs coroutines one after the other on one event loop, which the service's lifespan shares.

    It starts when it is first used. The loop is never set as the current event loop of a thread, so `asyncio.run` and
    other threads cannot interfere with it.
    """

    def __init__(self, lifespan: Lifespan, logger: logging.Logger) -> None:
        self.lifespan = lifespan
        self.logger = logger
        lifespan.on_start.append(self._install_sigterm_handler)
        self.is_busy = False
        self._runner: asyncio.Runner | None = None
        self._lock = threading.Lock()
        self._sigterm: SigtermHandler | None = None

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run the coroutine that `work` creates."""
        connection = current.get()
        if self.is_busy and connection is not None and connection[0].get("app") is self.lifespan.app:
            raise RuntimeError("An entry called the handler of its own service, which would wait for that entry.")
        if has_running_loop():
            raise RuntimeError("The handler was called in a running event loop, which it would block.")
        with self._lock:
            self.is_busy = True
            try:
                if self._runner is None:
                    self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
                    atexit.register(self.close)
                # Not `Runner.run`: replacing the SIGINT handler for each event would take a third of the event's time.
                loop = self._runner.get_loop()
                return loop.run_until_complete(loop.create_task(work(), context=copy_context()))
            finally:
                self.is_busy = False
                if self._sigterm is not None and self._sigterm.is_pending:
                    # Sent again, because signal handlers run in the main thread, and this may be another one.
                    os.kill(os.getpid(), signal.SIGTERM)

    def close(self) -> None:
        """Stop the lifespan and close the loop; log a failure. During an event, do nothing."""
        runner = self._runner
        if runner is None or self.is_busy:
            return
        self._runner = None
        atexit.unregister(self.close)
        if self._sigterm is not None and threading.current_thread() is threading.main_thread():
            self._sigterm.remove()
            self._sigterm = None
        try:
            runner.run(self.lifespan.stop())
        except Exception as error:
            self.logger.error("The service failed to shut down", exc_info=error)
        finally:
            runner.close()

    def _install_sigterm_handler(self) -> None:
        # The native runtime handles it on its own loop. Python sets signal handlers in the main thread only.
        if self.is_busy and self._sigterm is None and threading.current_thread() is threading.main_thread():
            self._sigterm = SigtermHandler(self)


def has_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class SigtermHandler:
    """Closes the event loop at SIGTERM, then does what the signal did before; during an event, at its end.

    Lambda sends SIGTERM only if an extension is registered:
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown
    """

    def __init__(self, event_loop: EventLoop) -> None:
        self.event_loop = event_loop
        self.is_pending = False
        self.previous = signal.signal(signal.SIGTERM, self) or signal.SIG_DFL

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.is_pending = self.event_loop.is_busy
        if self.is_pending:
            return
        self.event_loop.close()
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

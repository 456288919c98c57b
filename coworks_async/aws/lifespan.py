"""The lifespan of a service in an execution environment."""

import asyncio
from collections.abc import Callable
from typing import Any

from coworks_async.exceptions import StartupError
from coworks_async.types import ASGIApp, Message


class Lifespan:
    """Starts and stops the lifespan of a service. A failed start may be tried again.

    Attributes:
        is_running: whether it has started and not stopped.
        state: what the lifespan yielded, if it is running.
        on_start: functions that are called in the event loop after each start.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.is_running = False
        self.state: dict[str, Any] = {}
        self.on_start: list[Callable[[], object]] = []
        self._runner: LifespanRunner | None = None
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Start the lifespan unless it is running, or raise a `StartupError`."""
        # Several events may start it at once.
        async with self._lock:
            if self.is_running:
                return
            runner = LifespanRunner(self.app)
            await runner.start()
            self._runner, self.state, self.is_running = runner, runner.state, True
            for function in self.on_start:
                function()

    async def stop(self) -> None:
        """Stop the lifespan if it is running."""
        runner, self._runner = self._runner, None
        self.state, self.is_running = {}, False
        if runner is not None:
            await runner.stop()


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

"""The event loop of a container: asyncio's own, in which an event that waits for nothing needs no round of it."""

import asyncio
import sys
from asyncio import _get_running_loop, _set_running_loop  # exported for those who write event loops
from collections.abc import Callable, Coroutine
from contextvars import Context
from selectors import DefaultSelector
from typing import Any, TypeVar, TypeVarTuple, Unpack, cast

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class EventLoop(asyncio.SelectorEventLoop):
    """asyncio's loop of selectors, with `run` for one event after the other.

    A task waits for its first step until the loop comes to it, and such rounds are most of what an event costs that
    waits for nothing itself. `run` takes the first step right away, as Python 3.12 takes that of an eager task; what
    waits then goes on as any task does. So it does from `settle` on, while the loop has nothing else to do: as soon as
    anything else is scheduled or watched, each event is a round of the loop, in which the others have their turn.
    """

    _is_idle = _has_timers = _in_step = _keeps_step = False
    _step: tuple[Callable[..., object], Context] | None = None
    _asyncgen_hooks = sys.get_asyncgen_hooks()

    def __init__(self) -> None:
        selector = DefaultSelector()
        super().__init__(selector)
        self._files = selector.get_map()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end, as a task, and return its result.

        Raises:
            RuntimeError: this thread runs a loop already.
        """
        if _get_running_loop() is not None:
            coroutine.close()
            raise RuntimeError("this thread runs an event loop already, in which no event can be handled")
        # One file is the loop's own, by which signals and other threads wake it.
        self._keeps_step = self._is_idle and len(self._files) == 1
        try:
            task = asyncio.Task(coroutine, loop=self, name="event")
        finally:
            self._keeps_step = False
        try:
            if self._step is not None:
                self._take_step(*self._step)
            if not task.done():
                task.add_done_callback(self._stop_at_end)
            # Others may stop the loop too.
            while not task.done():
                self.run_forever()
        except BaseException:
            if task.done() and not task.cancelled():
                task.exception()  # it is the one that is raised here
            task.cancel()
            raise
        return task.result()

    def settle(self, tasks: int) -> None:
        """Take first steps at once from now on, where no more than so many tasks wait, and no timer."""
        self.call_soon(self._keep_hooks)
        self._is_idle = not (self._has_timers or self.get_debug()) and len(asyncio.all_tasks(self)) <= tasks
        self.stop()
        self.run_forever()

    def is_running(self) -> bool:
        return self._in_step or super().is_running()

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if self._keeps_step:
            # A task always tells its context, and does not look at what it gets.
            self._step = callback, cast(Context, context)
            return cast(asyncio.Handle, None)
        self._is_idle = False
        return super().call_soon(callback, *args, context=context)

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        self._is_idle = False
        return super().call_soon_threadsafe(callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self._is_idle, self._has_timers = False, True
        return super().call_at(when, callback, *args, context=context)

    def _take_step(self, step: Callable[..., object], context: Context) -> None:
        """Take a task's first step, as in a round of the loop."""
        self._step = None
        before = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(*self._asyncgen_hooks)
        self._in_step = True
        _set_running_loop(self)
        try:
            context.run(step)
        finally:
            _set_running_loop(None)
            self._in_step = False
            sys.set_asyncgen_hooks(*before)

    def _keep_hooks(self) -> None:
        """Keep what the loop does at the start and the end of asynchronous generators while it runs."""
        self._asyncgen_hooks = sys.get_asyncgen_hooks()

    def _stop_at_end(self, task: asyncio.Task[Any]) -> None:
        self.stop()

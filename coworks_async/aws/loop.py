"""The event loop of a container: asyncio's own, in which an event that awaits nothing needs no iteration."""

import asyncio
import sys
import threading
from asyncio import _get_running_loop, _set_running_loop  # exported for those who write event loops
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from selectors import DefaultSelector
from typing import Any, TypeVar, TypeVarTuple, Unpack, cast

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class EventLoop(asyncio.SelectorEventLoop):
    """asyncio's `SelectorEventLoop`, with `run` for one event after the other.

    A task begins when the loop comes to it, and such iterations are most of what an event costs that awaits nothing. So
    where the loop has nothing else to do, `run` takes the task's first step itself, as Python 3.12 does with an eager
    task; what awaits something goes on in the loop as ever. Where there is anything else, a task that was left behind,
    a timer, a watched file, the loop iterates with each event, so that all have their turn.

    Parameters:
        residents: how many tasks wait as long as the loop lives, and need no turn.
    """

    _is_idle = _is_woken = _has_handlers = _in_step = _in_turn = False
    _calls_soon = 0
    _last_timer = 0.0
    _context: Context | None = None
    _step: Any = None
    _asyncgen_hooks = sys.get_asyncgen_hooks()

    def __init__(self, residents: int = 0) -> None:
        selector = DefaultSelector()
        super().__init__(selector)
        self._residents = residents
        self._files = selector.get_map()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end, as a task, and return its result.

        Raises:
            RuntimeError: this thread runs a loop already.
        """
        if _get_running_loop() is not None:
            coroutine.close()
            raise RuntimeError("this thread runs an event loop already, in which no event can be handled")
        # One file is the loop's own, by which other threads wake it.
        at_once = self._is_idle and not self._is_woken and len(self._files) == 1
        return self._run_at_once(coroutine) if at_once else self._run_in_turn(coroutine)

    def _run_at_once(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Take the first step of a task, and iterate only if it is not the last."""
        context = self._context = copy_context()
        task = asyncio.Task(coroutine, loop=self, name="event", context=context)
        try:
            self._take_step(context)
            if not task.done():
                task.add_done_callback(self._stop_after)
                self._iterate_until(task)
        except BaseException:
            task.remove_done_callback(self._stop_after)
            abandon(task)
            raise
        return task.result()

    def _run_in_turn(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Let a task come to its turn, and find out whether there is anything else."""
        self._is_woken = False
        self._calls_soon = 0
        timers_are_due = self.time() > self._last_timer
        task = asyncio.Task(self._turn(coroutine), loop=self, name="event")
        self._in_turn = True
        try:
            self._iterate_until(task)
        except BaseException:
            abandon(task)
            raise
        finally:
            self._in_turn = False
        if threading.active_count() > 1:
            # The threads of sync entries (anyio's) are told to end by a callback of the task, which needs an iteration
            # of its own; without it they would wait on when the process ends, and it for them.
            self.stop()
            self.run_forever()
        # What had been scheduled before has run, and if only the task was scheduled meanwhile, nothing is left.
        is_quiet = self._calls_soon == 1 and timers_are_due and not (self._has_handlers or self.get_debug())
        self._is_idle = is_quiet and len(asyncio.all_tasks(self)) <= self._residents
        return task.result()

    async def _turn(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Await an event and stop the loop, which takes no iteration more, as a callback of its task would."""
        self._asyncgen_hooks = sys.get_asyncgen_hooks()
        try:
            return await coroutine
        finally:
            if self._in_turn:
                self.stop()

    def _iterate_until(self, task: asyncio.Task[Any]) -> None:
        # Others may stop the loop too.
        while not task.done():
            self.run_forever()

    def _take_step(self, context: Context) -> None:
        """Take a task's first step, as in an iteration of the loop."""
        step, self._step = self._step, None
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(*self._asyncgen_hooks)
        self._in_step = True
        _set_running_loop(self)
        try:
            context.run(step)
        finally:
            _set_running_loop(None)
            self._in_step = False
            sys.set_asyncgen_hooks(*hooks)

    def _stop_after(self, task: asyncio.Task[Any]) -> None:
        self.stop()

    def is_running(self) -> bool:
        return self._in_step or super().is_running()

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        # By its context a task's first step is told from what the garbage collector or a signal schedules meanwhile.
        if context is not None and context is self._context:
            self._context, self._step = None, callback
            return cast(asyncio.Handle, None)  # a task does not look at it
        self._is_idle = False
        self._calls_soon += 1
        return super().call_soon(callback, *args, context=context)

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = super().call_soon_threadsafe(callback, *args, context=context)
        self._is_woken = True
        return handle

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self._is_idle, self._last_timer = False, max(when, self._last_timer)
        return super().call_at(when, callback, *args, context=context)

    def add_signal_handler(self, sig: int, callback: Callable[[Unpack[Ts]], object], *args: *Ts) -> None:
        self._is_idle, self._has_handlers = False, True
        super().add_signal_handler(sig, callback, *args)


def abandon(task: asyncio.Task[Any]) -> None:
    """Cancel a task that something else has ended; what it raised is what is raised here."""
    if task.done() and not task.cancelled():
        task.exception()
    task.cancel()

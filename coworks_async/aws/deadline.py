"""Cancel an event shortly before Lambda's timeout, at which the whole process would end without a response."""

import asyncio
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any

from coworks_async.exceptions import EventTimeout

NO_DEADLINE = nullcontext()


class Deadlines:
    """Cancels each event that still runs `margin` seconds before Lambda's timeout, unless `margin` is None.

    Most events end long before, and a timer for each would take a fifth of the event's time. So one timer is set for
    the first event, and once it is due, for those that run then. It is never late for an event, because all events of a
    function have the same timeout.
    """

    def __init__(self, margin: float | None) -> None:
        self.margin = margin
        self._running: set[Deadline] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def limit(self, context: Any) -> AbstractContextManager[None]:
        """Return a context manager that cancels the code inside in time, and raises `EventTimeout` then.

        A context without a remaining time, as in a test, has no deadline.
        """
        if self.margin is None or not hasattr(context, "get_remaining_time_in_millis"):
            return NO_DEADLINE
        return Deadline(self, context, self.margin)

    def add(self, deadline: "Deadline", loop: asyncio.AbstractEventLoop) -> None:
        self._running.add(deadline)
        if self._timer is None or self._loop is not loop:
            self._loop = loop
            self._set_timer(loop)

    def remove(self, deadline: "Deadline") -> None:
        self._running.discard(deadline)

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        seconds = min(deadline.get_seconds() for deadline in self._running)
        self._timer = loop.call_later(seconds, self._check, loop)

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        for deadline in [each for each in self._running if each.get_seconds() <= 0]:
            self._running.remove(deadline)
            deadline.cancel()
        if self._running:
            self._set_timer(loop)


class Deadline:
    """The deadline of one event, whose task it cancels."""

    _task: asyncio.Task[Any]
    _has_passed = False

    def __init__(self, deadlines: Deadlines, context: Any, margin: float) -> None:
        self._deadlines = deadlines
        self._context = context
        self._margin = margin

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for mypy
        self._task = task
        self._deadlines.add(self, task.get_loop())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadlines.remove(self)
        if self._has_passed:
            self._task.uncancel()
            if kind is asyncio.CancelledError:
                reason = f"cancelled {self._margin:g} s before Lambda's timeout"
                raise EventTimeout(f"{reason}. Shorten the work or raise the timeout.") from error

    def get_seconds(self) -> float:
        """Return the time until the event is cancelled."""
        return float(self._context.get_remaining_time_in_millis() / 1000 - self._margin)

    def cancel(self) -> None:
        self._has_passed = True
        self._task.cancel()

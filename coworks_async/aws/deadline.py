"""Cancel an event shortly before Lambda's timeout, at which the whole process would end without a response."""

import math
from asyncio import AbstractEventLoop, Task, TimerHandle
from typing import Any


class Deadline:
    """Cancels the task of the current event `margin` seconds before Lambda's timeout.

    One timer serves all events of the loop. Most events end long before it is due, so it is not set for each of them:
    once due, it is set again for the event that runs then.
    """

    has_passed = False  # for the current task, which is then cancelled
    _task: Task[Any] | None = None
    _time = 0.0  # of the loop's clock, at which the current task is cancelled
    _timer: TimerHandle | None = None
    _timer_time = math.inf

    def __init__(self, loop: AbstractEventLoop, margin: float) -> None:
        self._loop = loop
        self._margin = margin

    def start(self, task: Task[Any], context: Any) -> None:
        """Watch a task until `stop`. A context without a remaining time, as in a test, has no deadline."""
        get_remaining_time = getattr(context, "get_remaining_time_in_millis", None)
        if get_remaining_time is None:
            return
        self._task = task
        self._time = self._loop.time() + get_remaining_time() / 1000 - self._margin
        if self._time < self._timer_time:
            self._set_timer()

    def stop(self) -> None:
        self._task = None
        self.has_passed = False

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_time = self._time
        self._timer = self._loop.call_at(self._time, self._check)

    def _check(self) -> None:
        self._timer, self._timer_time = None, math.inf
        if self._task is None:
            return
        if self._loop.time() < self._time:
            self._set_timer()
        else:
            self.has_passed = True
            self._task.cancel()

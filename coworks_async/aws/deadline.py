"""Cancel an event shortly before Lambda's timeout, at which the whole process would end without a response."""

import math
from asyncio import AbstractEventLoop, Task, TimerHandle
from typing import Any


class Deadline:
    """Cancels the task of the current event `margin` seconds before Lambda's timeout.

    Most events end long before, so most cost neither a timer nor a look at their remaining time. One timer is set for
    the first event, and once it is due, for the event that runs then. It is never late for an event, because all events
    of a function have the same timeout.

    Attributes:
        current: the task of the current event and the context of Lambda; None between events.
        timer: None until `set_timer` is called, and again once it is due without an event.
    """

    current: tuple[Task[Any], Any] | None = None
    timer: TimerHandle | None = None
    _cancelled: tuple[Task[Any], Any] | None = None

    def __init__(self, loop: AbstractEventLoop, margin: float) -> None:
        self._loop = loop
        self._margin = margin

    @property
    def has_passed(self) -> bool:
        """Whether the current task was cancelled."""
        return self.current is not None and self.current is self._cancelled

    def set_timer(self) -> None:
        """Set the timer for the current event. A context without a remaining time, as in a test, has no deadline."""
        seconds = self._get_seconds()
        self.timer = self._loop.call_later(seconds, self._check) if seconds < math.inf else None

    def _get_seconds(self) -> float:
        """Return the time until the current event is cancelled; infinity without an event."""
        context: Any = self.current[1] if self.current is not None else None
        if not hasattr(context, "get_remaining_time_in_millis"):
            return math.inf
        return float(context.get_remaining_time_in_millis() / 1000 - self._margin)

    def _check(self) -> None:
        if self.current is None or self._get_seconds() > 0:
            self.set_timer()
        else:
            self.timer, self._cancelled = None, self.current
            self.current[0].cancel()

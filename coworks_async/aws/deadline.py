"""Cancel an event shortly before Lambda's timeout, at which the whole process would end without a response."""

import asyncio
from types import TracebackType
from typing import Any

from coworks_async.exceptions import EventTimeout


class Deadline:
    """Cancels the code inside `margin` seconds before Lambda's timeout; raises `EventTimeout` then.

    A context without a remaining time, as in a test, has no deadline.
    """

    def __init__(self, context: Any, margin: float | None) -> None:
        self.margin = margin
        self._timeout: asyncio.Timeout | None = None
        if margin is not None and hasattr(context, "get_remaining_time_in_millis"):
            self._timeout = asyncio.timeout(context.get_remaining_time_in_millis() / 1000 - margin)

    async def __aenter__(self) -> None:
        if self._timeout is not None:
            await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timeout is None:
            return
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as timeout:
            reason = f"cancelled {self.margin:g} s before Lambda's timeout"
            raise EventTimeout(f"{reason}. Shorten the work or raise the timeout.") from timeout

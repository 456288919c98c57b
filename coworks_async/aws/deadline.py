"""Cancel an event shortly before Lambda's timeout, at which the whole process would end without a response."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from coworks_async.exceptions import EventTimeout


@asynccontextmanager
async def deadline(context: Any, margin: float | None) -> AsyncIterator[None]:
    """Cancel the code inside `margin` seconds before Lambda's timeout; raise `EventTimeout` then.

    A context without a remaining time, as in a test, has no deadline.
    """
    if margin is None or not hasattr(context, "get_remaining_time_in_millis"):
        yield
        return
    timeout = asyncio.timeout(context.get_remaining_time_in_millis() / 1000 - margin)
    try:
        async with timeout:
            yield
    except TimeoutError as error:
        if not timeout.expired():
            raise
        reason = f"cancelled {margin:g} s before Lambda's timeout"
        raise EventTimeout(f"{reason}. Shorten the work or raise the timeout.") from error

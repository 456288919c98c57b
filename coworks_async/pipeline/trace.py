"""X-Ray's trace header of the current Lambda event."""

import os
from contextvars import ContextVar

trace_header: ContextVar[str | None] = ContextVar("trace_header", default=None)
"""Set for each event by the native runtime, which may run several at once."""


def get_trace_header() -> str:
    """Return the header of the current event, or an empty string."""
    value = trace_header.get()
    # AWS's runtime client sets the variable for each event.
    return os.environ.get("_X_AMZN_TRACE_ID", "") if value is None else value

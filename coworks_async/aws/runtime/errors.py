"""Error objects for the Runtime API and the log, as AWS's Python runtime writes them."""

import os
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
XRAY_CAUSE = "Lambda-Runtime-Function-XRay-Error-Cause"

# X-Ray's cause is a header, which the Runtime API limits.
MAX_CAUSE_SIZE = 1024 * 1024

_OWN_FOLDER = str(Path(__file__).parent.parent)


class RuntimeInitError(Exception):
    """The handler cannot be loaded. `kind` is the error type by which AWS's runtime reports it."""

    def __init__(self, kind: str, message: str, trace: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.kind = kind
        self.trace = list(trace)


def describe_error(error: BaseException, request_id: str | None = None) -> dict[str, Any]:
    """Return type, message and stack of an exception, without the frames of the runtime that precede the service's."""
    kind, trace = type(error).__name__, traceback.format_list(_list_frames(error))
    if isinstance(error, RuntimeInitError):
        kind, trace = error.kind, error.trace
    return {"errorMessage": read_message(error), "errorType": kind, "requestId": request_id or "", "stackTrace": trace}


def describe_xray_cause(error: BaseException) -> dict[str, Any]:
    """Return the cause of a fault for X-Ray: https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html"""
    frames = _list_frames(error)
    stack = [{"label": frame.name, "path": frame.filename, "line": frame.lineno} for frame in frames]
    return {
        "working_directory": os.getcwd(),
        "exceptions": [{"message": read_message(error), "type": type(error).__name__, "stack": stack}],
        "paths": sorted({frame.filename for frame in frames}),
    }


def read_message(error: BaseException) -> str:
    """Return the message of an exception, or a short description if its `__str__` fails."""
    try:
        return str(error)
    except Exception as failure:
        # As in a traceback. The event fails with the service's exception, not with that of its message.
        return f"<{type(failure).__name__} in __str__>"


def _list_frames(error: BaseException) -> list[traceback.FrameSummary]:
    frames = list(traceback.extract_tb(error.__traceback__))
    for index, frame in enumerate(frames):
        if not frame.filename.startswith(_OWN_FOLDER):
            return frames[index:]
    return frames

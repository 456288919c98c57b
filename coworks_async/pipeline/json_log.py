"""Logs as JSON, one object per line: the setting, the formatter, and its installation."""

import json
import logging
import os
import reprlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from coworks_async.pipeline.access_log import StructuredMessage, find_request_id, find_trace_id
from coworks_async.pipeline.request import current
from coworks_async.types import Scope

# Attributes that do not come from `extra`: of every record, of formatters, of uvicorn, and of Lambda's runtime.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {
    *("message", "asctime", "taskName", "color_message"),
    *("aws_request_id", "tenant_id", "_frame_type"),
}


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON, with the ids of the current request.

    A message that is a mapping, and `extra`, become members of the object. They do not replace the other members.

    Args:
        terminator: the end of a line, for handlers that do not write it.
    """

    def __init__(self, terminator: str = "") -> None:
        super().__init__()
        self.terminator = terminator

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {}
        for name, value in self._list_members(record):
            if value is not None:
                line.setdefault(name, value)
        return encode_line(line) + self.terminator

    def _list_members(self, record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
        """Yield names and values; the first of a name counts."""
        time = datetime.fromtimestamp(record.created, UTC)
        yield "timestamp", time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        yield "level", record.levelname
        yield "logger", record.name
        message = record.msg
        members: Mapping[Any, Any] = message if isinstance(message, Mapping) and not record.args else {}
        if isinstance(message, StructuredMessage):
            yield "message", message.summary
            yield from message.items()
        elif message is not members:
            yield "message", record.getMessage()
        yield from _list_ids(record)
        if record.exc_info and record.exc_info[0] is not None:
            yield "error_type", record.exc_info[0].__qualname__
            yield "exception", self.formatException(record.exc_info)
        yield "stack", record.stack_info
        # The user's own come last, so that they replace no other.
        yield from ((str(name), value) for name, value in members.items())
        yield from ((name, value) for name, value in vars(record).items() if name not in _STANDARD)


def encode_line(line: Mapping[str, Any], *, ensure_ascii: bool = True) -> str:
    """Encode a line. What JSON does not have is written as its text, because a log line must not be lost."""
    try:
        return _dump(line, ensure_ascii)
    except Exception:
        return _dump({str(name): _to_json(value) for name, value in line.items()}, ensure_ascii)


def _to_json(value: Any) -> Any:
    """Return a value, or its text if JSON cannot contain it: with NaN, a circular reference, or keys such as tuples.

    Without a text, because its `__str__` fails or it is nested too deeply, return a short description.
    """
    try:
        _dump(value)
    except Exception:
        try:
            return str(value)
        except Exception:
            return reprlib.repr(value)
    return value


def _dump(value: Any, ensure_ascii: bool = True) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, default=str, allow_nan=False)


def _list_ids(record: logging.LogRecord) -> Iterator[tuple[str, str | None]]:
    """Yield the ids of the current request, or of the event that Lambda's runtime knows."""
    connection = current.get()
    scope: Scope = connection[0] if connection is not None else {}
    yield "request_id", find_request_id(scope)
    yield "request_id", getattr(record, "aws_request_id", None)
    yield "trace_id", find_trace_id(scope.get("headers", ()))


def configure_json_log() -> None:
    """Write the records of all loggers as JSON, from INFO on, unless the root logger has a handler of the service.

    In Lambda, the handler of its runtime gets the format. Under uvicorn, uvicorn's own lines get it too, and its access
    log, which the service's replaces, is off.
    """
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler())
        root.handlers[0].setFormatter(JsonFormatter())
    for handler in root.handlers:
        if _is_lambda_handler(handler):
            handler.setFormatter(JsonFormatter("\n"))
    if not any(isinstance(handler.formatter, JsonFormatter) for handler in root.handlers):
        return
    # Lambda sets the level that the function's configuration names.
    if root.level == logging.WARNING and not os.environ.get("AWS_LAMBDA_LOG_LEVEL"):
        root.setLevel(logging.INFO)
    for handler in logging.getLogger("uvicorn").handlers:
        handler.setFormatter(JsonFormatter())
    logging.getLogger("uvicorn.access").handlers.clear()
    logging.getLogger("uvicorn.access").propagate = False


def _is_lambda_handler(handler: logging.Handler) -> bool:
    return type(handler).__module__.startswith(("awslambdaric.", "coworks_async.aws.runtime."))

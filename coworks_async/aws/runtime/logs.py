"""The log of an execution environment, in the format and at the level of Lambda's advanced logging controls.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html

The lines have the members and the layout of AWS's Python runtime.
"""

import logging
import sys
import time
import traceback
from collections.abc import Mapping
from typing import Any

from coworks_async.aws.runtime.context import current_context
from coworks_async.aws.runtime.errors import read_message
from coworks_async.pipeline.json_log import encode_line

TEXT_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"

# CloudWatch ends an entry at a line feed, and removes the indentation of a line.
_LINE_BREAK, _INDENT = "\r", "\u00a0"

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "aws_request_id", "tenant_id"}


class LambdaLogHandler(logging.StreamHandler[Any]):
    """Writes to the standard output. A formatter may write the end of the line, as AWS's runtime requires."""

    terminator = ""

    def __init__(self) -> None:
        super().__init__(sys.stdout)
        self.addFilter(add_ids)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        # A traceback does not end its line, nor does the format of a service.
        return text if text.endswith("\n") else f"{text}\n"


def add_ids(record: logging.LogRecord) -> bool:
    """Add the ids of the event in whose task a record was created."""
    context = current_context.get()
    record.aws_request_id = context.aws_request_id if context is not None else ""
    record.tenant_id = context.tenant_id if context is not None else None
    return True


class LambdaJsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON. A message that is a mapping, and `extra`, stay objects."""

    def format(self, record: logging.LogRecord) -> str:
        kind, error, trace = record.exc_info or (None, None, None)
        members = {
            "timestamp": _format_time(record.created),
            "level": record.levelname,
            "message": record.msg if isinstance(record.msg, dict) and not record.args else record.getMessage(),
            "logger": record.name,
            "stackTrace": traceback.format_tb(trace) if kind else None,
            "errorType": kind.__name__ if kind else None,
            "errorMessage": read_message(error) if error is not None else None,
            "requestId": getattr(record, "aws_request_id", None),
            "location": f"{record.pathname}:{record.funcName}:{record.lineno}" if kind else None,
            "tenantId": getattr(record, "tenant_id", None),
        }
        members = {name: value for name, value in vars(record).items() if name not in _STANDARD} | members
        return _dump({name: value for name, value in members.items() if value is not None})


def configure_log(variables: Mapping[str, str]) -> None:
    """Add Lambda's handler to the root logger, with the format and the level that the function's settings name."""
    handler = LambdaLogHandler()
    if is_json(variables):
        handler.setFormatter(LambdaJsonFormatter())
    else:
        formatter = logging.Formatter(TEXT_FORMAT, "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
    root = logging.getLogger()
    root.addHandler(handler)
    level = variables.get("AWS_LAMBDA_LOG_LEVEL", "").upper().replace("TRACE", "DEBUG")
    if level in logging.getLevelNamesMapping():
        root.setLevel(level)


def is_json(variables: Mapping[str, str]) -> bool:
    return variables.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"


def log_error(error: Mapping[str, Any], *, as_json: bool) -> None:
    """Write the error object of an event, or of the initialization, as one entry."""
    sys.stdout.write(
        _dump({"timestamp": _format_time(time.time()), "level": "ERROR", **error}) if as_json else _format_error(error)
    )
    sys.stdout.flush()


def _format_error(error: Mapping[str, Any]) -> str:
    lines = [f"[ERROR] {error['errorType']}: {error['errorMessage']}"]
    if error["stackTrace"]:
        lines.append("Traceback (most recent call last):")
    for entry in error["stackTrace"]:
        for line in entry.splitlines():
            text = line.lstrip(" ")
            lines.append(_INDENT * (len(line) - len(text)) + text)
    # A terminal, of `cws run`, would write all lines over the first.
    line_break = "\n" if sys.stdout.isatty() else _LINE_BREAK
    return line_break.join(lines) + "\n"


def _format_time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _dump(members: Mapping[str, Any]) -> str:
    return encode_line(members, ensure_ascii=False) + "\n"

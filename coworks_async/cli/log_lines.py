"""Format events of CloudWatch as lines: for people, with colours on a terminal, or as JSON."""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click

from coworks_async.deploy.aws.logs import LogEvent, parse_members

LEVELS = ("debug", "info", "warning", "error", "critical")

# Of Lambda's text format, and of the lines that Lambda itself writes.
# https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
_LEVEL = re.compile(r"\[(DEBUG|INFO|WARNING|ERROR|CRITICAL)\]\s")
_LAMBDA_ERROR = re.compile(
    r"RequestId: \S+ Error: |REPORT RequestId: .*Status: (timeout|error)|.*Task timed out after \d"
)
_PLATFORM = re.compile(r"(START|END|REPORT) RequestId: |INIT_START |INIT_REPORT |EXTENSION\s|XRAY TraceId: ")
_TRACEBACK = "Traceback (most recent call last):"

# A log line must not control the terminal. Tabs and line breaks are kept.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# Members that a line shows at another place.
_SHOWN = {"timestamp", "level", "logger", "message", "exception", "error_type", "requestTime"}
_ACCESS = {"method", "path", "status", "ms"}

_COLOURS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


@dataclass(frozen=True, slots=True)
class LogLine:
    """An event with its level, and its members if it is JSON."""

    event: LogEvent
    level: str
    members: Mapping[str, Any] | None

    @property
    def time(self) -> str:
        moment = datetime.fromtimestamp(self.event.timestamp / 1000, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def is_at_least(self, level: str) -> bool:
        """Return whether the line has this level, one of `LEVELS`, or a higher one."""
        levels = logging.getLevelNamesMapping()
        return levels[self.level] >= levels[level.upper()]


class LogParser:
    """Finds the levels of events. A line without one is INFO; the lines of a traceback are errors."""

    def __init__(self) -> None:
        # Streams in which a traceback has started: its lines may be separate events.
        self._tracebacks: set[str] = set()

    def parse(self, event: LogEvent) -> LogLine:
        members = parse_members(event.message)
        if members is not None:
            return LogLine(event, _member_level(event, members), members)
        return LogLine(event, self._text_level(event), None)

    def _text_level(self, event: LogEvent) -> str:
        message = event.message
        if message.startswith(_TRACEBACK):
            self._tracebacks.add(event.stream)
            return "ERROR"
        if event.stream in self._tracebacks:
            if not message.startswith(" "):
                # The exception, which ends it.
                self._tracebacks.discard(event.stream)
            return "ERROR"
        if _LAMBDA_ERROR.match(message):
            return "ERROR"
        if _PLATFORM.match(message):
            return "DEBUG"
        match = _LEVEL.match(message)
        return match[1] if match else "INFO"


def _member_level(event: LogEvent, members: Mapping[str, Any]) -> str:
    if event.source == "gateway":
        status = str(members.get("status", ""))
        return "ERROR" if status.startswith("5") else "WARNING" if status.startswith("4") else "INFO"
    if str(members.get("type", "")).startswith("platform."):
        record = members.get("record")
        failed = isinstance(record, dict) and record.get("status", "success") != "success"
        return "ERROR" if failed else "DEBUG"
    # By its number, because a level may have two names (WARN, FATAL).
    number = logging.getLevelNamesMapping().get(str(members.get("level", "")).upper(), logging.INFO)
    return logging.getLevelName(number)


def format_json(line: LogLine) -> str:
    """Return a line as one JSON object: time, level, source and stream, and the members or the text of the event."""
    event = line.event
    members = line.members if line.members is not None else {"message": event.message}
    origin = {"source": event.source, "stream": event.stream}
    # Members do not replace the origin, so that a filter by source finds every line.
    start = {"timestamp": line.time, "level": line.level, **origin}
    try:
        return json.dumps({**start, **members, **origin}, allow_nan=False)
    except ValueError:
        # Python also reads and writes NaN and infinity, which other programs reject.
        return json.dumps({**start, "message": event.message})


def format_text(line: LogLine, label: str | None = None) -> str:
    """Return a line for people, styled for a terminal. Further lines of its text are indented."""
    text = _describe_gateway(line.members) if line.event.source == "gateway" and line.members else _describe(line)
    # JSON can contain text that is not Unicode, which an output rejects or writes as other bytes.
    text = text.replace("\r\n", "\n").encode(errors="backslashreplace").decode()
    text = _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text).replace("\n", "\n    ")
    source = click.style(f"{label or line.event.source:8}", fg="cyan")
    if line.level == "DEBUG":
        rest = click.style(f"{line.level:8} {text}", dim=True)
    else:
        rest = f"{click.style(f'{line.level:8}', fg=_COLOURS.get(line.level))} {text}"
    return f"{click.style(line.time, dim=True)} {source} {rest}"


def _describe(line: LogLine) -> str:
    members = line.members
    if members is None:
        return line.event.message
    hidden = _SHOWN | ({"method", "path", "status"} if members.keys() >= _ACCESS else set())
    words = [f"{members['logger']}:"] if "logger" in members else []
    words += [_format_value(members["message"])] if "message" in members else []
    words += [f"{name}={_format_value(value, quoted=True)}" for name, value in members.items() if name not in hidden]
    return "\n".join([" ".join(words), *([str(members["exception"])] if "exception" in members else [])])


def _describe_gateway(members: Mapping[str, Any]) -> str:
    first = [str(members[name]) for name in ("method", "route", "status") if name in members]
    # The route of an HTTP API contains the method.
    words = first[1:] if len(first) > 1 and first[1].startswith(f"{first[0]} ") else first
    for name, value in members.items():
        # API Gateway writes `-` for a missing value.
        if name not in _SHOWN and name not in ("method", "route", "status") and value != "-":
            words.append(f"{name}={_format_value(value, quoted=True)}")
    return " ".join(words)


def _format_value(value: Any, *, quoted: bool = False) -> str:
    if isinstance(value, str) and not (quoted and (not value or any(each.isspace() for each in value))):
        return value
    return json.dumps(value, ensure_ascii=False)

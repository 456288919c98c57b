"""Read the logs of a stage from CloudWatch: those of its function, and the access logs of its API."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from operator import attrgetter
from typing import Any, Literal, get_args

from botocore.exceptions import ConnectionError, HTTPClientError

from coworks_async.deploy.aws.account import aws_errors
from coworks_async.deploy.stack import access_log_group, function_log_group
from coworks_async.exceptions import DeployError
from coworks_async.gateway.routes import GatewayKind

LogSource = Literal["function", "gateway"]

LATE_MILLISECONDS = 10_000
"""Milliseconds by which an event may arrive after newer ones and still be shown: streams arrive independently."""

# Members of a line of JSON that are ids of invocations. Those of a function are ours, and of Lambda's own JSON format.
_INVOCATION_IDS: Mapping[LogSource, Sequence[str]] = {
    "function": ("request_id", "requestId"),
    "gateway": ("integrationRequestId", "authorizerRequestId"),
}
_PLATFORM_ID = re.compile(r"(?:START|END|REPORT) RequestId: (\S+)")


@dataclass(frozen=True, slots=True)
class LogGroup:
    """A log group, and what writes to it."""

    name: str
    source: LogSource
    optional: bool = False


@dataclass(frozen=True, slots=True)
class LogEvent:
    """An event in a log group. CloudWatch calls an event what others call a line or a record."""

    source: LogSource
    group: str
    stream: str
    timestamp: int  # milliseconds since the epoch
    message: str


def stage_log_groups(function: str) -> tuple[LogGroup, ...]:
    """Return the log groups of a function's stage: its own, and one for each kind of API.

    The latter are optional: a stage has one kind of API, perhaps without access logs.
    """
    names = [access_log_group(kind, function) for kind in get_args(GatewayKind)]
    access_logs = (LogGroup(name, "gateway", optional=True) for name in names)
    return LogGroup(function_log_group(function), "function"), *access_logs


class LogReader:
    """Reads the events of log groups, ordered by time.

    An optional group that does not exist is ignored.

    Args:
        client: boto3's client of CloudWatch Logs; it needs `logs:FilterLogEvents` on the groups.
        groups: the groups to read; more can be added to the attribute.

    Raises:
        DeployError: from each method, if a group that is not optional is missing, or if CloudWatch returns an error.
    """

    def __init__(self, client: Any, groups: Iterable[LogGroup]) -> None:
        self.groups = list(groups)
        self._client = client

    def read(self, start: int, *, pattern: str = "") -> Iterator[LogEvent]:
        """Yield the events from a time on; with a pattern, those that match it."""
        query = {"startTime": start} | ({"filterPattern": pattern} if pattern else {})
        return merge(*(self._read_group(group, **query) for group in list(self.groups)), key=attrgetter("timestamp"))

    def find_request(self, request_id: str, start: int) -> list[LogEvent]:
        """Return the events of a request since a time, given an id that its lines contain.

        The gateway's line names the invocations of the function and of the authorizer. Of these, all events are
        returned: an execution environment handles one event at a time, so they are neighbours in their stream.
        """
        found = self._match(request_id, start)
        events: list[LogEvent] = []
        for invocation in _list_invocations(found):
            known = found if invocation == request_id else self._match(invocation, start)
            streams: dict[tuple[str, str], list[LogEvent]] = {}
            for event in known:
                if event.source == "function":
                    streams.setdefault((event.group, event.stream), []).append(event)
            for (group, stream), its_events in streams.items():
                events += self._read_invocation(invocation, LogGroup(group, "function"), stream, its_events)
        complete = set(events)
        events += [event for event in found if event not in complete]
        return sorted(events, key=attrgetter("timestamp"))

    def _match(self, request_id: str, start: int) -> list[LogEvent]:
        # A quoted term, because an id contains hyphens.
        return [event for event in self.read(start, pattern=f'"{request_id}"') if request_id in event.message]

    def _read_invocation(
        self, invocation: str, group: LogGroup, stream: str, known: Sequence[LogEvent]
    ) -> list[LogEvent]:
        """Return the events between the first and the last one that contain the id."""
        start, end = (choose(event.timestamp for event in known) for choose in (min, max))
        events = list(self._read_group(group, startTime=start, endTime=end, logStreamNames=[stream]))
        positions = [index for index, event in enumerate(events) if invocation in event.message]
        return events[positions[0] : positions[-1] + 1]

    def _read_group(self, group: LogGroup, **query: Any) -> Iterator[LogEvent]:
        paginator = self._client.get_paginator("filter_log_events")
        with aws_errors(f"Cannot read {group.name}"):
            try:
                for page in paginator.paginate(logGroupName=group.name, **query):
                    for event in page["events"]:
                        stream, message = event["logStreamName"], event["message"].rstrip("\n")
                        yield LogEvent(group.source, group.name, stream, event["timestamp"], message)
            except self._client.exceptions.ResourceNotFoundException as error:
                if not group.optional:
                    raise DeployError(
                        f"The log group {group.name} does not exist in {self._client.meta.region_name}. Deploy the "
                        "stage first, or choose another one with -s, --profile-name, --region or --local."
                    ) from error
                # Later reads skip this group.
                self.groups.remove(group)


def is_network_error(error: DeployError) -> bool:
    """Return whether a reader's error is one of the connection to CloudWatch, which may end."""
    return isinstance(error.__cause__, (ConnectionError, HTTPClientError))


class LogFollower:
    """Reads the events of a reader's groups from a time on, and new ones as they arrive."""

    def __init__(self, reader: LogReader, start: int) -> None:
        self.reader = reader
        self._start = start
        # Counted, because equal lines of one millisecond are equal events.
        self._seen: Counter[LogEvent] = Counter()

    def poll(self) -> Iterator[LogEvent]:
        """Yield the events that have arrived since the last call."""
        found: Counter[LogEvent] = Counter()
        try:
            for event in self.reader.read(self._start):
                found[event] += 1
                if found[event] > self._seen[event]:
                    yield event
        finally:
            # After an error, the next call must not return the same events again.
            self._seen |= found
        latest = max((event.timestamp for event in found), default=self._start)
        self._start = max(self._start, latest - LATE_MILLISECONDS)
        kept = {event: count for event, count in self._seen.items() if event.timestamp >= self._start}
        self._seen = Counter(kept)


def _list_invocations(events: Sequence[LogEvent]) -> list[str]:
    """Return the ids of the invocations that events name."""
    found: dict[str, None] = {}
    for event in events:
        if match := _PLATFORM_ID.match(event.message):
            found[match[1]] = None
        line = parse_members(event.message) or {}
        # Lambda's own lines of JSON have their members in `record`.
        for members in (line, line.get("record")):
            ids = [members.get(name) for name in _INVOCATION_IDS[event.source]] if isinstance(members, dict) else []
            # API Gateway writes `-` for a missing value.
            found |= {each: None for each in ids if isinstance(each, str) and each != "-"}
    return list(found)


def parse_members(message: str) -> dict[str, Any] | None:
    """Return the members of a line that is a JSON object, or None for any other line."""
    if not message.startswith("{"):
        return None
    try:
        members = json.loads(message)
    except (ValueError, RecursionError):
        # Not JSON, or nested too deeply.
        return None
    return members if isinstance(members, dict) else None

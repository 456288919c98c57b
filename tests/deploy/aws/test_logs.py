"""Reading the logs of a stage from CloudWatch, in an emulator."""

import json
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from coworks_async.deploy.aws.logs import LogEvent, LogFollower, LogGroup, LogReader, is_network_error, stage_log_groups
from coworks_async.exceptions import DeployError
from tests.deploy.accounts import reject_operation

FUNCTION, REST, HTTP = "/aws/lambda/shop-dev", "/aws/apigateway/shop-dev", "/aws/vendedlogs/apigateway/shop-dev"
NOW = int(time.time() * 1000)

GATEWAY_ID, INVOCATION, AUTHORIZATION = "gateway-0000", "invocation-0", "authorization-0"


class Logs:
    """The logs of a stage in an account."""

    def __init__(self, session: Any) -> None:
        self.client = session.client("logs")
        self.reader = LogReader(self.client, stage_log_groups("shop-dev"))

    def create(self, *names: str) -> None:
        for name in names:
            self.client.create_log_group(logGroupName=name)

    def write(self, group: str, *lines: str, at: int = 0, stream: str = "one") -> None:
        """Write lines with a time in milliseconds from `NOW`."""
        streams = self.client.describe_log_streams(logGroupName=group)["logStreams"]
        if all(each["logStreamName"] != stream for each in streams):
            self.client.create_log_stream(logGroupName=group, logStreamName=stream)
        events = [{"timestamp": NOW + at, "message": line} for line in lines]
        self.client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


@pytest.fixture
def logs(session: Any) -> Logs:
    return Logs(session)


def messages(events: Iterator[LogEvent] | list[LogEvent]) -> list[str]:
    return [event.message for event in events]


@pytest.mark.parametrize("access_log", [REST, HTTP])
def test_the_lines_of_function_and_gateway_are_ordered_by_time(logs: Logs, access_log: str):
    logs.create(FUNCTION, access_log)
    logs.write(FUNCTION, "first", at=1)
    logs.write(access_log, "second", at=2)
    logs.write(FUNCTION, "third\n", at=3)
    logs.write(FUNCTION, "fourth", at=4, stream="two")
    found = list(logs.reader.read(NOW))
    assert messages(found) == ["first", "second", "third", "fourth"]
    assert found[1] == LogEvent("gateway", access_log, "one", NOW + 2, "second")
    assert [event.source for event in found] == ["function", "gateway", "function", "function"]
    assert messages(logs.reader.read(NOW + 3)) == ["third", "fourth"]


def test_all_pages_are_read(logs: Logs, session: Any):
    def respond(params: dict[str, Any], **_: object) -> Any:
        query = json.loads(params["body"])
        assert query["startTime"] == NOW
        if query["logGroupName"] != FUNCTION:
            return SimpleNamespace(status_code=200), {"events": []}
        number = int(query.get("nextToken", 0))
        event = {"timestamp": NOW + number, "message": f"line {number}", "logStreamName": "one", "eventId": str(number)}
        more = {"nextToken": str(number + 1)} if number < 2 else {}
        return SimpleNamespace(status_code=200), {"events": [event], **more}

    session.events.register("before-call.cloudwatch-logs.FilterLogEvents", respond)
    reader = LogReader(session.client("logs"), stage_log_groups("shop-dev"))
    assert messages(reader.read(NOW)) == ["line 0", "line 1", "line 2"]


def test_a_stage_without_access_logs_has_those_of_its_function(logs: Logs):
    logs.create(FUNCTION)
    logs.write(FUNCTION, "first")
    assert messages(logs.reader.read(NOW)) == ["first"]
    assert [group.name for group in logs.reader.groups] == [FUNCTION]


def test_a_missing_log_group_of_a_function_is_one_line_with_the_remedy(logs: Logs):
    with pytest.raises(DeployError) as caught:
        list(logs.reader.read(NOW))
    assert str(caught.value) == (
        f"The log group {FUNCTION} does not exist in eu-west-1. Deploy the stage first, or choose another one with "
        "-s, --profile-name, --region or --local."
    )


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ExpiredTokenException", "the credentials have expired: get new ones."),
        ("AccessDeniedException", "User: ann is not authorized to perform: logs:FilterLogEvents."),
    ],
)
def test_an_error_of_aws_is_one_line(session: Any, code: str, message: str):
    reject_operation(session, "cloudwatch-logs.FilterLogEvents", 400, code, message)
    with pytest.raises(DeployError) as caught:
        list(LogReader(session.client("logs"), stage_log_groups("shop-dev")).read(NOW))
    assert str(caught.value) == f"Cannot read {FUNCTION}: {message}"


def test_each_poll_returns_new_lines_once(logs: Logs):
    logs.create(FUNCTION, REST)
    follower = LogFollower(logs.reader, NOW)
    logs.write(FUNCTION, "first", "first", at=0)
    assert messages(follower.poll()) == ["first", "first"]
    assert messages(follower.poll()) == []
    # Equal lines of one millisecond, a later line, and a line that arrives late.
    logs.write(FUNCTION, "first", at=0)
    logs.write(FUNCTION, "third", at=20_000)
    assert messages(follower.poll()) == ["first", "third"]
    logs.write(REST, "second", at=10_001)
    assert messages(follower.poll()) == ["second"]
    assert messages(follower.poll()) == []


def test_lines_before_an_error_are_not_returned_again(session: Any):
    def respond(params: dict[str, Any], **_: object) -> Any:
        number = int(json.loads(params["body"]).get("nextToken", 0))
        if number == 1 and errors:
            raise errors.pop()
        event = {"timestamp": NOW, "message": f"line {number}", "logStreamName": "one", "eventId": str(number)}
        return SimpleNamespace(status_code=200), {"events": [event], **({"nextToken": "1"} if number == 0 else {})}

    errors = [EndpointConnectionError(endpoint_url="http://logs")]
    session.events.register("before-call.cloudwatch-logs.FilterLogEvents", respond)
    follower = LogFollower(LogReader(session.client("logs"), [LogGroup(FUNCTION, "function")]), NOW)
    events = follower.poll()
    assert next(events).message == "line 0"
    with pytest.raises(DeployError) as caught:
        next(events)
    assert is_network_error(caught.value)
    assert not is_network_error(DeployError("another"))
    assert messages(follower.poll()) == ["line 1"]


def test_a_line_that_arrives_too_late_is_not_returned(logs: Logs):
    logs.create(FUNCTION)
    follower = LogFollower(logs.reader, NOW)
    logs.write(FUNCTION, "second", at=20_000)
    assert messages(follower.poll()) == ["second"]
    logs.write(FUNCTION, "first", at=9_999, stream="two")
    assert messages(follower.poll()) == []


def write_request(logs: Logs) -> list[str]:
    """Write the lines of one request among those of others, and return them ordered by time."""
    logs.create(FUNCTION, REST)
    access = {"requestId": GATEWAY_ID, "integrationRequestId": INVOCATION, "authorizerRequestId": AUTHORIZATION}
    other = {"requestId": "gateway-0001", "integrationRequestId": "-", "authorizerRequestId": AUTHORIZATION}
    authorization = [f"START RequestId: {AUTHORIZATION} Version: $LATEST", f"END RequestId: {AUTHORIZATION}"]
    invocation = [
        f"START RequestId: {INVOCATION} Version: $LATEST",
        "printed",
        "printed",
        json.dumps({"message": "read", "request_id": INVOCATION, "trace_id": "trace-0000"}),
        f"REPORT RequestId: {INVOCATION}\tDuration: 2 ms",
    ]
    logs.write(FUNCTION, *authorization, at=1)
    logs.write(FUNCTION, "of the event before", at=2)
    logs.write(FUNCTION, *invocation, at=3)
    logs.write(FUNCTION, "of the event after", at=4)
    logs.write(FUNCTION, "of another environment", at=3, stream="two")
    logs.write(REST, json.dumps(access), at=5)
    logs.write(REST, json.dumps(other), at=6)
    return [*authorization, *invocation, json.dumps(access)]


def test_the_gateways_id_finds_all_lines_of_the_request(logs: Logs):
    expected = write_request(logs)
    assert messages(logs.reader.find_request(GATEWAY_ID, NOW)) == expected


def test_the_functions_id_finds_all_lines_of_the_request(logs: Logs):
    expected = write_request(logs)
    assert messages(logs.reader.find_request(INVOCATION, NOW)) == expected


def test_any_other_id_finds_the_invocations_whose_lines_contain_it(logs: Logs):
    expected = write_request(logs)
    assert messages(logs.reader.find_request("trace-0000", NOW)) == expected[2:-1]
    logs.write(FUNCTION, "of trace-0000, by print", at=7)
    assert messages(logs.reader.find_request("trace-0000", NOW)) == [*expected[2:-1], "of trace-0000, by print"]
    assert logs.reader.find_request("trace-0001", NOW) == []


def test_lines_of_lambda_in_json_name_the_invocation(logs: Logs):
    logs.create(FUNCTION)
    lines = [
        json.dumps({"type": "platform.start", "record": {"requestId": INVOCATION}}),
        "printed",
        json.dumps({"type": "platform.report", "record": {"requestId": INVOCATION}}),
    ]
    logs.write(FUNCTION, *lines)
    assert messages(logs.reader.find_request(INVOCATION, NOW)) == lines


@pytest.mark.parametrize("line", ["[1]", '{"requestId": ', '{"requestId": 1, "record": "x"}', "{} and more"])
def test_lines_that_only_look_like_json_are_returned(logs: Logs, line: str):
    logs.create(FUNCTION)
    logs.write(FUNCTION, f"{line} trace-0000")
    logs.write(FUNCTION, json.dumps({"note": "trace-0000", "requestId": 1, "record": "x"}), at=1)
    assert len(logs.reader.find_request("trace-0000", NOW)) == 2

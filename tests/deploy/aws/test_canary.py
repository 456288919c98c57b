"""A canary of a function: its smoke entries, the shares of the alias, and its end."""

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from coworks_async.deploy.aws.canary import check_alarms, check_streams, read_traffic, release_canary
from coworks_async.deploy.aws.versions import Release, read_versions, release_version, roll_back
from coworks_async.deploy.canary import Canary, Traffic
from coworks_async.exceptions import CanaryError, CommandError, DeployError, DeployInterrupted
from tests.deploy.accounts import create_tags, reject_operation
from tests.deploy.stacks import stack

NAME = "shop-dev"
ALIAS = {"FunctionName": NAME, "Name": "live"}
SMOKE = {"/health": {"path": "/health"}}

GOOD = "def handler(event, context):\n    return {'statusCode': 200}\n"
BAD = "def handler(event, context):\n    return {'statusCode': 500}\n"
BROKEN = "def handler(event, context):\n    raise KeyError('s3cr3t')\n"


def pack(source: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("app.py", source)
    return archive.getvalue()


@pytest.fixture
def function(session: Any) -> Any:
    """A client of Lambda, and a function as Terraform creates it, with an alias for `$LATEST`."""
    client = session.client("lambda")
    client.create_function(
        FunctionName=NAME,
        Runtime="python3.13",
        Role=f"arn:aws:iam::000000000000:role/{NAME}",
        Handler="app.handler",
        Code={"ZipFile": pack(GOOD)},
        Tags=create_tags(stack()),
    )
    client.create_alias(**ALIAS, FunctionVersion="$LATEST")
    return client


@pytest.fixture
def live(session: Any, function: Any) -> Any:
    """A client of Lambda, a live version 1, and a change that is not published."""
    release_version(session, NAME, "", 5)
    change(function, GOOD, 256)
    return function


def change(client: Any, source: str, memory: int) -> None:
    """Change code and configuration as Terraform does, which waits until the change is complete."""
    waiter = client.get_waiter("function_updated_v2")
    client.update_function_code(FunctionName=NAME, ZipFile=pack(source))
    waiter.wait(FunctionName=NAME, WaiterConfig={"Delay": 0.1})
    client.update_function_configuration(FunctionName=NAME, MemorySize=memory)
    waiter.wait(FunctionName=NAME, WaiterConfig={"Delay": 0.1})


def put_metrics(session: Any, version: int, requests: int, errors: int = 0, failures: int = 0, ms: float = 20) -> None:
    """Publish metrics of a version as Lambda does, of requests in the next seconds."""
    client, moment = session.client("cloudwatch"), datetime.now(UTC) + timedelta(seconds=10)
    lambdas = {"FunctionName": NAME, "Resource": f"{NAME}:live", "ExecutedVersion": str(version)}
    own = {"FunctionName": NAME, "Version": str(version)}
    for namespace, name, dimensions, values in (
        ("AWS/Lambda", "Invocations", lambdas, {"Values": [1.0], "Counts": [requests]}),
        ("AWS/Lambda", "Errors", lambdas, {"Value": float(failures)}),
        ("AWS/Lambda", "Duration", lambdas, {"Values": [ms], "Counts": [requests]}),
        ("CoWorks", "ServerErrors", own, {"Value": float(errors)}),
    ):
        listed = [{"Name": key, "Value": value} for key, value in dimensions.items()]
        data = {"MetricName": name, "Dimensions": listed, "Timestamp": moment} | values
        client.put_metric_data(Namespace=namespace, MetricData=[data])


@pytest.fixture
def messages() -> list[str]:
    return []


Deploy = Callable[..., Release]


@pytest.fixture
def deploy(session: Any, messages: list[str]) -> Deploy:
    """Release a version by a canary of 10 % for a second."""

    def deploy(smoke: Any = None, alarms: tuple[str, ...] = (), bake: int = 1, keep: int = 5) -> Release:
        canary = Canary(10, bake, alarms)
        return release_canary(session, NAME, "", keep, canary, SMOKE if smoke is None else smoke, messages.append)

    return deploy


def read_alias(client: Any) -> tuple[str, str, dict[str, float]]:
    alias = client.get_alias(**ALIAS)
    weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    return alias["FunctionVersion"], alias.get("Description", ""), weights


TAKEN_BACK: tuple[str, str, dict[str, float]] = ("1", "Rolled back from version 2.", {})


def is_pending(session: Any) -> bool:
    found = read_versions(session, NAME)
    assert found is not None
    return found.is_release_pending


def on_metrics(session: Any, action: Callable[[], None]) -> None:
    """Run an action once, when the canary reads metrics."""
    # Emptied, because the clients of a session copy its events.
    actions = [action]

    def run(**details: object) -> None:
        if actions:
            actions.pop()()

    session.events.register("before-parameter-build.cloudwatch.GetMetricData", run)


def test_a_good_version_is_live_at_the_end(session: Any, live: Any, deploy: Deploy, messages: list[str]):
    put_metrics(session, 1, 90)
    put_metrics(session, 2, 10)
    during: list[Any] = []
    on_metrics(session, lambda: during.append(read_alias(live)))
    assert deploy().describe() == "Version 2 is live instead of 1."
    assert during == [("1", "", {"2": 0.1})]
    assert read_alias(live) == ("2", "", {})
    assert not is_pending(session)
    assert messages == [
        "Version 2: GET /health succeeded.",
        "Version 2 gets 10 % of the requests for 1 s.",
        "Version 2: 10 requests, 0 errors (0 %), p95 20 ms.",
        "Version 1: 90 requests, 0 errors (0 %), p95 20 ms.",
    ]


def test_a_version_with_more_errors_is_taken_back(session: Any, live: Any, deploy: Deploy):
    put_metrics(session, 1, 900)
    put_metrics(session, 2, 100, errors=3, failures=2)
    with pytest.raises(CanaryError) as caught:
        deploy(bake=600)
    assert str(caught.value) == (
        "Version 2 was taken back. Version 1 gets all requests. Reason: 5 % errors instead of 0 %."
    )
    assert read_alias(live) == TAKEN_BACK
    assert not is_pending(session)


def test_a_version_that_was_taken_back_stays_so(session: Any, live: Any, deploy: Deploy):
    with pytest.raises(CanaryError, match="no requests that could be compared"):
        deploy()
    with pytest.raises(CanaryError, match=r"^Version 1 stays live, because version 2 was taken back\. 'cws rollback"):
        deploy()
    assert not release_version(session, NAME, "", 5).has_moved
    assert read_alias(live) == TAKEN_BACK


def test_an_alarm_takes_a_version_back(session: Any, live: Any, deploy: Deploy):
    create_alarm(session, "errors", "ALARM")
    with pytest.raises(CanaryError, match=r"Reason: alarm errors\.$"):
        deploy(alarms=("errors",), bake=600)
    assert read_alias(live) == TAKEN_BACK


@pytest.mark.parametrize(
    ("source", "fault"),
    [(BAD, "returned 500"), (BROKEN, "failed with Runtime.HandlerError")],
    ids=["status", "exception"],
)
def test_a_version_whose_smoke_entry_fails_gets_no_requests(live: Any, deploy: Deploy, source: str, fault: str):
    change(live, source, 512)
    with pytest.raises(CanaryError) as caught:
        deploy()
    assert str(caught.value) == f"Version 2 did not get any requests: GET /health {fault}."
    assert read_alias(live) == TAKEN_BACK


def test_the_response_of_a_smoke_entry_may_be_in_the_streaming_format(session: Any, function: Any, deploy: Deploy):
    def respond(status: int) -> Any:
        payload = b'{"statusCode":%d,"headers":{},"cookies":[]}' % status + bytes(8) + b"<h1>Welcome</h1>"
        return SimpleNamespace(status_code=200), {"Payload": io.BytesIO(payload)}

    responses = [respond(200), respond(500)]
    session.events.register("before-call.lambda.Invoke", lambda **details: responses.pop())
    with pytest.raises(CanaryError, match="GET /health returned 500"):
        deploy()
    assert deploy().describe() == "Version 1 is live."


STREAMING: dict[str, Any] = {"runtime": "native", "stream": True}


def test_a_canary_cannot_switch_streaming_on_or_off(session: Any, function: Any):
    streaming, url = stack(**STREAMING), stack(**STREAMING, function_url="none")
    # Nothing is live yet.
    check_streams(session, streaming)
    release_version(session, NAME, "", 5)
    check_streams(session, stack())
    with pytest.raises(CommandError, match=r"^--canary: .* version 1 cannot respond .* without --canary\.$"):
        check_streams(session, streaming)
    function.update_function_configuration(FunctionName=NAME, Environment={"Variables": streaming.built_in_variables})
    release_version(session, NAME, "", 5)
    check_streams(session, streaming)
    for other in (stack(), url):
        with pytest.raises(CommandError, match="--canary: this deploy changes --stream or --function-url"):
            check_streams(session, other)


def test_a_function_that_does_not_exist_streams_to_no_caller(session: Any):
    check_streams(session, stack(**STREAMING))


def test_nothing_happens_if_nothing_changed(session: Any, function: Any, deploy: Deploy, messages: list[str]):
    release_version(session, NAME, "", 5)
    unchanged = deploy()
    assert (unchanged.has_moved, unchanged.describe(), messages) == (False, None, [])


def test_old_versions_are_deleted_also_if_nothing_changed(session: Any, live: Any, deploy: Deploy):
    release_version(session, NAME, "", 5)
    deploy(keep=1)
    found = read_versions(session, NAME)
    assert found is not None
    assert [version.number for version in found.versions] == [2]


def test_the_first_version_is_live_after_its_smoke_entries(function: Any, deploy: Deploy, messages: list[str]):
    assert deploy().describe() == "Version 1 is live."
    assert messages[1:] == ["There is no live version to compare with, so there is no canary."]
    assert read_alias(function) == ("1", "", {})


def test_a_first_version_whose_smoke_entry_fails_is_not_live(function: Any, deploy: Deploy):
    change(function, BAD, 256)
    with pytest.raises(CanaryError) as caught:
        deploy()
    assert str(caught.value) == (
        "Version 1 is not live: GET /health returned 500. There is no version before it, so requests get $LATEST, "
        "which is the same code. Correct the code and deploy again."
    )
    assert read_alias(function)[0] == "$LATEST"


def test_an_interruption_takes_a_version_back(session: Any, live: Any, deploy: Deploy):
    def interrupt() -> None:
        raise KeyboardInterrupt

    on_metrics(session, interrupt)
    with pytest.raises(DeployInterrupted) as caught:
        deploy(bake=600)
    assert str(caught.value) == "Interrupted. Version 2 was taken back. Version 1 gets all requests."
    assert read_alias(live) == TAKEN_BACK


def interrupt_calls(session: Any, operation: str, interrupted: list[bool]) -> None:
    """Interrupt some calls of an operation: one item for each call. The list is empty after these calls."""

    def run(**details: object) -> None:
        if interrupted and interrupted.pop(0):
            raise KeyboardInterrupt

    session.events.register(f"before-call.lambda.{operation}", run)


# The first call of each operation precedes the bake.
@pytest.mark.parametrize("operation", ["GetAlias", "UpdateAlias"])
def test_an_interruption_while_a_version_is_taken_back_does_not_keep_it(
    session: Any, live: Any, deploy: Deploy, operation: str
):
    calls = [False, True]
    interrupt_calls(session, operation, calls)
    with pytest.raises(CanaryError, match=r"^Version 2 was taken back\. Version 1 gets all requests\. Reason: "):
        deploy()
    assert calls == []
    assert read_alias(live) == TAKEN_BACK


def test_a_second_interruption_while_a_version_is_taken_back_is_reported_with_the_remedy(
    session: Any, live: Any, deploy: Deploy
):
    calls = [False, True, True]
    interrupt_calls(session, "UpdateAlias", calls)
    with pytest.raises(DeployInterrupted) as caught:
        deploy()
    assert str(caught.value) == ("Interrupted. Version 2 may still get requests. End its canary with 'cws rollback'.")
    assert calls == []
    assert read_alias(live) == ("1", "", {"2": 0.1})
    assert roll_back(session, NAME).describe() == "Version 1 is live. The canary of version 2 has ended."
    assert read_alias(live) == TAKEN_BACK


def test_an_error_of_aws_takes_a_version_back(session: Any, live: Any, deploy: Deploy, messages: list[str]):
    reject_operation(session, "cloudwatch.GetMetricData", 403, "AccessDenied", "Not allowed.")
    with pytest.raises(DeployError, match=r"^Cannot read the metrics of shop-dev: Not allowed\.$"):
        deploy(bake=600)
    assert messages[-1] == "Version 2 was taken back. Version 1 gets all requests."
    assert read_alias(live) == TAKEN_BACK


def test_a_version_that_cannot_be_taken_back_is_reported(session: Any, live: Any, deploy: Deploy):
    expired = SimpleNamespace(status_code=403), {"Error": {"Code": "ExpiredTokenException"}}
    # The first call reads the alias before the canary.
    responses = [expired, None]
    session.events.register("before-call.lambda.GetAlias", lambda **details: responses.pop())
    reject_operation(session, "cloudwatch.GetMetricData", 403, "ExpiredTokenException")
    with pytest.raises(DeployError) as caught:
        deploy(bake=600)
    assert str(caught.value) == (
        "Version 2 may still get requests. End its canary with 'cws rollback'. Cannot read the alias of shop-dev: the "
        "credentials have expired: get new ones."
    )
    assert responses == []
    assert read_alias(live) == ("1", "", {"2": 0.1})


def test_a_rollback_by_another_command_ends_the_canary(session: Any, live: Any, deploy: Deploy, messages: list[str]):
    put_metrics(session, 1, 90)
    put_metrics(session, 2, 10)
    taken: list[Release] = []
    on_metrics(session, lambda: taken.append(roll_back(session, NAME)))
    with pytest.raises(DeployError, match="another command changed the alias meanwhile"):
        deploy()
    assert messages[-1] == "The canary of version 2 has ended already. Version 1 gets all requests."
    assert taken[0].describe() == "Version 1 is live. The canary of version 2 has ended."
    assert read_alias(live) == TAKEN_BACK


@pytest.fixture
def killed(live: Any) -> Any:
    """A client of Lambda, and a canary of version 2 whose process was killed."""
    live.publish_version(FunctionName=NAME)
    weights = {"AdditionalVersionWeights": {"2": 0.1}}
    live.update_alias(**ALIAS, FunctionVersion="1", Description="", RoutingConfig=weights)
    return live


def test_after_a_kill_a_plan_is_pending_and_a_deploy_makes_the_version_live(session: Any, killed: Any):
    assert is_pending(session)
    released = release_version(session, NAME, "", 5)
    assert released.describe() == "Version 2 is live instead of 1. The canary of version 2 has ended."
    assert read_alias(killed) == ("2", "", {})


def test_after_a_kill_a_canary_starts_again(session: Any, killed: Any, deploy: Deploy, messages: list[str]):
    put_metrics(session, 2, 10)
    assert deploy(keep=1).describe() == "Version 2 is live instead of 1."
    assert messages[0] == "The canary of version 2 was interrupted."
    found = read_versions(session, NAME)
    assert found is not None
    assert [version.number for version in found.versions] == [2]


def test_after_a_kill_a_rollback_takes_the_version_back(session: Any, killed: Any):
    assert roll_back(session, NAME).describe() == "Version 1 is live. The canary of version 2 has ended."
    assert read_alias(killed) == TAKEN_BACK


def create_alarm(session: Any, name: str, state: str) -> None:
    client = session.client("cloudwatch")
    client.put_metric_alarm(
        AlarmName=name,
        Namespace="Shop",
        MetricName="Orders",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="LessThanThreshold",
    )
    client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")


def test_alarms_must_exist_and_be_ok(session: Any):
    check_alarms(session, ())
    create_alarm(session, "errors", "OK")
    check_alarms(session, ("errors",))
    with pytest.raises(CommandError, match=r"^--alarm: 'unknown' does not exist in eu-west-1\. Create the alarm first"):
        check_alarms(session, ("errors", "unknown"))
    create_alarm(session, "slow", "ALARM")
    with pytest.raises(DeployError, match=r"^The alarm slow is in the state ALARM already\. Wait until it is OK\.$"):
        check_alarms(session, ("errors", "slow"))


def test_traffic_is_that_of_one_version_since_the_start(session: Any):
    put_metrics(session, 1, 90, errors=1, failures=2, ms=12)
    client, now = session.client("cloudwatch"), datetime.now(UTC)
    assert read_traffic(client, NAME, 1, now) == Traffic(90, 3, 12.0)
    assert read_traffic(client, NAME, 2, now) == Traffic(0, 0, None)
    assert read_traffic(client, NAME, 1, now + timedelta(seconds=30)) == Traffic(0, 0, None)

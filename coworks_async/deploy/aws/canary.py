"""Release a version by a canary: invoke its smoke entries, shift requests to it, and watch it for a while.

The alias has the weights, and its main version is the live one until the end. A process that is killed leaves both, so
that the next deploy or rollback can end the canary.

https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from coworks_async.aws.metrics import NAMESPACE, SERVER_ERRORS
from coworks_async.aws.runtime.stream import PRELUDE_END, STREAM_VARIABLE
from coworks_async.deploy.aws.account import aws_errors
from coworks_async.deploy.aws.versions import (
    LATEST,
    LiveAlias,
    Release,
    delete_old_versions,
    describe_held_version,
    get_alias,
    publish_version,
    read_versions,
    update_alias,
    wait_until_active,
)
from coworks_async.deploy.canary import Canary, Decision, Traffic, combine_percentiles, decide
from coworks_async.deploy.stack import ALIAS, Stack
from coworks_async.exceptions import CanaryError, CommandError, DeployError, DeployInterrupted
from coworks_async.types import Event

# Seconds between two decisions.
INTERVAL = 5.0

# Lambda's metrics are those of minutes.
_PERIOD = 60

Messages = Callable[[str], None]


def check_alarms(session: Any, names: Sequence[str]) -> None:
    """Check that alarms exist and that none is in the state ALARM, which would end the canary at once."""
    states = _read_alarms(session.client("cloudwatch"), names)
    for name in names:
        if name not in states:
            raise CommandError(f"--alarm: {name!r} does not exist in {session.region_name}. Create the alarm first.")
    if active := _list_active(states):
        raise DeployError(f"The alarm {active[0]} is in the state ALARM already. Wait until it is OK.")


def check_streams(session: Any, stack: Stack) -> None:
    """Check that the live version streams to the same callers as the stack, whose gateway it is behind in a canary."""
    found = read_versions(session, stack.function_name)
    live = found.live if found is not None else None
    if live is not None and live.streams != stack.built_in_variables.get(STREAM_VARIABLE, ""):
        raise CommandError(
            f"--canary: this deploy changes --stream or --function-url, and version {live.number} cannot respond to "
            "the changed gateway. Deploy once without --canary."
        )


def release_canary(
    session: Any,
    function: str,
    description: str,
    keep: int,
    canary: Canary,
    smoke_events: Mapping[str, Event],
    on_message: Messages,
) -> Release:
    """Publish a version if something has changed, and make it live if it is as good as the live one.

    Raises:
        CanaryError: the version was taken back.
    """
    client = session.client("lambda")
    newest, alias = publish_version(client, function, description)
    if newest == alias.version and not alias.weights:
        delete_old_versions(client, function, keep)
        return Release(newest, newest, newest, False)
    if newest in alias.rolled_back:
        raise CanaryError(describe_held_version(alias.version, newest))
    if alias.canary is not None:
        on_message(f"The canary of version {alias.canary} was interrupted.")
    wait_until_active(client, function, newest)
    _check_smoke(client, function, newest, alias, smoke_events, on_message)
    if alias.version in (None, newest):
        on_message("There is no live version to compare with, so there is no canary.")
        update_alias(client, function, alias, newest)
    else:
        _run(session, function, alias, alias.version, newest, canary, on_message)
    delete_old_versions(client, function, keep)
    return Release(newest, alias.version, newest, True)


def _check_smoke(
    client: Any, function: str, version: int, alias: LiveAlias, events: Mapping[str, Event], on_message: Messages
) -> None:
    """Invoke the smoke entries on the version itself, before it gets any request of a client."""
    for path, event in events.items():
        fault = _find_smoke_fault(client, function, version, event)
        if fault is not None:
            if alias.version is None:
                raise CanaryError(
                    f"Version {version} is not live: GET {path} {fault}. There is no version before it, so requests "
                    f"get {LATEST}, which is the same code. Correct the code and deploy again."
                )
            update_alias(client, function, alias, alias.version, {version})
            raise CanaryError(f"Version {version} did not get any requests: GET {path} {fault}.")
        on_message(f"Version {version}: GET {path} succeeded.")


def _find_smoke_fault(client: Any, function: str, version: int, event: Event) -> str | None:
    """Invoke a version with the event of a gateway, and return what is wrong with the result."""
    with aws_errors(f"Cannot invoke version {version} of {function}"):
        response = client.invoke(FunctionName=function, Qualifier=str(version), Payload=json.dumps(event).encode())
        # With --stream, the body follows the status and the headers.
        result = json.loads(response["Payload"].read().partition(PRELUDE_END)[0])
    if "FunctionError" in response:
        # The message of an error may contain a secret.
        return f"failed with {result.get('errorType', response['FunctionError'])}"
    status = result["statusCode"]
    return f"returned {status}" if status >= 400 else None


def _run(
    session: Any, function: str, alias: LiveAlias, live: int, new: int, canary: Canary, on_message: Messages
) -> None:
    """Shift requests to a version, and make it live if it is good. Any other end takes it back."""
    client = session.client("lambda")
    try:
        alias = update_alias(client, function, alias, live, weights={new: canary.percent / 100})
        on_message(f"Version {new} gets {canary.percent} % of the requests for {canary.bake} s.")
        decision = _bake(session, function, live, new, canary, on_message)
        if decision.is_promoted:
            update_alias(client, function, alias, new)
    except BaseException as error:
        outcome = _take_back(client, function, new)
        if isinstance(error, KeyboardInterrupt):
            raise DeployInterrupted(f"Interrupted. {outcome}") from error
        on_message(outcome)
        raise
    if not decision.is_promoted:
        raise CanaryError(f"{_take_back(client, function, new)} Reason: {decision.reason}.")


def _take_back(client: Any, function: str, new: int) -> str:
    """Send all requests to the live version, unless another command has ended the canary.

    An interruption starts this again: the next deploy without a canary would make the version live.
    """
    remedy = f"Version {new} may still get requests. End its canary with 'cws rollback'."
    try:
        with suppress(KeyboardInterrupt):
            return _end_canary(client, function, new)
        return _end_canary(client, function, new)
    except KeyboardInterrupt as error:
        raise DeployInterrupted(f"Interrupted. {remedy}") from error
    except DeployError as error:
        raise DeployError(f"{remedy} {error}") from error


def _end_canary(client: Any, function: str, new: int) -> str:
    alias = get_alias(client, function)
    if alias.version is None or new not in alias.weights:
        return f"The canary of version {new} has ended already. Version {alias.version} gets all requests."
    update_alias(client, function, alias, alias.version, {new})
    return f"Version {new} was taken back. Version {alias.version} gets all requests."


def _bake(session: Any, function: str, live: int, new: int, canary: Canary, on_message: Messages) -> Decision:
    """Watch both versions until there is a decision."""
    metrics, start, end = session.client("cloudwatch"), datetime.now(UTC), time.monotonic() + canary.bake
    while True:
        is_over = time.monotonic() >= end
        traffic = {version: read_traffic(metrics, function, version, start) for version in (new, live)}
        alarms = _list_active(_read_alarms(metrics, canary.alarms))
        decision = decide(traffic[new], traffic[live], alarms, is_over=is_over)
        if decision is not None:
            for version, observed in traffic.items():
                on_message(f"Version {version}: {observed}.")
            return decision
        time.sleep(max(0.0, min(INTERVAL, end - time.monotonic())))


def read_traffic(client: Any, function: str, version: int, start: datetime) -> Traffic:
    """Return the requests of a version since a time, from the metrics of the minutes since then."""
    by_version = {"FunctionName": function, "Resource": f"{function}:{ALIAS}", "ExecutedVersion": str(version)}
    own = {"FunctionName": function, "Version": str(version)}
    queries = [
        _create_query("requests", "AWS/Lambda", "Invocations", by_version, "Sum"),
        _create_query("errors", "AWS/Lambda", "Errors", by_version, "Sum"),
        # A response with such a status is no error for Lambda.
        _create_query("responses", NAMESPACE, SERVER_ERRORS, own, "Sum"),
        _create_query("durations", "AWS/Lambda", "Duration", by_version, "SampleCount"),
        _create_query("p95", "AWS/Lambda", "Duration", by_version, "p95"),
    ]
    found: dict[str, dict[datetime, float]] = {query["Id"]: {} for query in queries}
    with aws_errors(f"Cannot read the metrics of {function}"):
        pages = client.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=start, EndTime=datetime.now(UTC) + timedelta(seconds=_PERIOD)
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                found[result["Id"]] |= dict(zip(result["Timestamps"], result["Values"], strict=True))
    sums = {name: round(sum(values.values())) for name, values in found.items()}
    minutes = [(value, found["durations"].get(minute, 0.0)) for minute, value in found["p95"].items()]
    return Traffic(sums["requests"], sums["errors"] + sums["responses"], combine_percentiles(minutes))


def _create_query(name: str, namespace: str, metric: str, dimensions: Mapping[str, str], statistic: str) -> Any:
    listed = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    described = {"Namespace": namespace, "MetricName": metric, "Dimensions": listed}
    return {"Id": name, "MetricStat": {"Metric": described, "Period": _PERIOD, "Stat": statistic}}


def _read_alarms(client: Any, names: Sequence[str]) -> dict[str, str]:
    """Return the states of alarms by their names. Without names, CloudWatch would return all alarms."""
    if not names:
        return {}
    types = ["MetricAlarm", "CompositeAlarm"]
    with aws_errors("Cannot read the alarms"):
        pages = list(client.get_paginator("describe_alarms").paginate(AlarmNames=list(names), AlarmTypes=types))
    alarms = [alarm for page in pages for kind in ("MetricAlarms", "CompositeAlarms") for alarm in page.get(kind, ())]
    return {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}


def _list_active(states: Mapping[str, str]) -> list[str]:
    return sorted(name for name, state in states.items() if state == "ALARM")

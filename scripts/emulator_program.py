"""Run the AWS emulator `ministack` with two features of Lambda that canaries use: alias weights, and their metrics.

`install_emulator` copies this file beside the emulator, which is pinned, because the program replaces two of its
private functions. `ministack` itself sends all requests of an alias to one version, and has no metrics by version.

https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import random
import time
from typing import Any

from ministack.app import main
from ministack.services import cloudwatch, lambda_svc

find_version = lambda_svc._effective_func_record_for_qualifier
execute = lambda_svc._execute_function_dispatch

# The key of a version's configuration, under which the alias is passed from the choice to the execution.
ALIAS = "coworks-alias"


def choose_version(function: Any, qualifier: str | None) -> Any:
    """Return the record and configuration of a qualifier; of an alias, those of a version drawn by the weights."""
    alias = (function or {}).get("aliases", {}).get(qualifier)
    if alias is None:
        return find_version(function, qualifier)
    weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    versions = [alias["FunctionVersion"], *weights]
    shares = [1 - sum(weights.values()), *weights.values()]
    record, config = find_version(function, random.choices(versions, shares)[0])
    return record, config if config is None else config | {ALIAS: qualifier}


def execute_measured(function: Any, config: Any, event: Any, request_id: str, started: float) -> Any:
    """Run an invocation, and record its metrics and those in its log lines."""
    result = execute(function, config, event, request_id, started)
    if config.get(ALIAS):
        record_invocation(config, is_error=bool(result.get("error")), milliseconds=(time.time() - started) * 1000)
    for line in (result.get("log") or "").splitlines():
        if line.startswith("{") and '"_aws"' in line:
            record_embedded(json.loads(line))
    return result


def record_invocation(config: Any, *, is_error: bool, milliseconds: float) -> None:
    name, version = config["FunctionName"], config["Version"]
    resource = {"FunctionName": name, "Resource": f"{name}:{config[ALIAS]}"}
    for dimensions in (resource, resource | {"ExecutedVersion": version}):
        cloudwatch.record_metric("AWS/Lambda", "Invocations", 1, "Count", dimensions)
        cloudwatch.record_metric("AWS/Lambda", "Errors", int(is_error), "Count", dimensions)
        cloudwatch.record_metric("AWS/Lambda", "Duration", milliseconds, "Milliseconds", dimensions)


def record_embedded(line: Any) -> None:
    """Record the metrics of a line in CloudWatch's embedded metric format."""
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = {name: line[name] for name in names}
            for metric in directive["Metrics"]:
                name = metric["Name"]
                cloudwatch.record_metric(directive["Namespace"], name, line[name], metric["Unit"], dimensions)


if __name__ == "__main__":
    lambda_svc._effective_func_record_for_qualifier = choose_version
    lambda_svc._execute_function_dispatch = execute_measured
    main()

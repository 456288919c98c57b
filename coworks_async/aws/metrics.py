"""The metric `ServerErrors`: 5xx responses of a published version, which Lambda itself does not count as errors.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import time
from typing import Any

NAMESPACE = "CoWorks"
SERVER_ERRORS = "ServerErrors"

_DIRECTIVE = {
    "Namespace": NAMESPACE,
    "Dimensions": [["FunctionName", "Version"]],
    "Metrics": [{"Name": SERVER_ERRORS, "Unit": "Count"}],
}


def write_server_error(context: Any) -> None:
    """Write a 5xx response as a line of the log, from which CloudWatch makes a metric.

    Only published versions have one: `$LATEST` serves no gateway.
    """
    version = getattr(context, "function_version", "")
    if not str(version).isdecimal():
        return
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [_DIRECTIVE]}
    line = {
        "_aws": metadata,
        "level": "DEBUG",  # For `cws logs`.
        "FunctionName": context.function_name,
        "Version": version,
        SERVER_ERRORS: 1,
    }
    # Not a log record, because the format requires a line that is nothing but JSON.
    print(json.dumps(line), flush=True)  # noqa: T201

"""Checks of a stack before anything is built: API Gateway's quotas, and Lambda's rules for environment variables.

The gateway description already guarantees the rest of a path: one parameter name at each position, nothing below a
greedy segment, and only valid path segments. See `coworks_async.gateway.routes`.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from coworks_async.aws.references import list_reference_variables
from coworks_async.aws.runtime.stream import STREAM_VARIABLE
from coworks_async.aws.signing import KEY_VARIABLE, check_signing_key
from coworks_async.deploy.aws.signing_key import create_signing_key
from coworks_async.deploy.stack import WRAPPER_VARIABLE, Stack
from coworks_async.entries.entry import Entry
from coworks_async.exceptions import CommandError, SigningKeyError
from coworks_async.gateway.routes import GatewayRoute, covers, parse_entry, parse_shape

# Resources of a REST API, or routes of an HTTP API. AWS raises both quotas on request:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
DEFAULT_QUOTA = 300

# The module of a REST API has one resource block per path segment.
_MAX_DEPTH = 8

# An authorizer accepts method ARNs of at most 1600 bytes; the part before the path is as long as in the longest region.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
_MAX_ARN = 1600
_ARN_START = len("arn:aws-us-gov:execute-api:ap-southeast-99:123456789012:abcdefghij//OPTIONS")

_REDUCE = "Use greedy paths or a mount, split the service, or request a higher quota from AWS."

_MAX_VARIABLES_SIZE = 4096

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
_DEFAULT_TIMEOUT = 3

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
# Other variables listed there may be set: `PATH`, `TZ`, `AWS_XRAY_CONTEXT_MISSING`…
RESERVED_NAMES = frozenset(
    {
        *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV"),
        *("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION"),
        *("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_RUNTIME_API"),
        *("AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"),
        *("LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "_HANDLER", "_X_AMZN_TRACE_ID"),
    }
)

# https://docs.aws.amazon.com/lambda/latest/api/API_Environment.html
_VARIABLE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]+")


def check_quotas(stack: Stack, entries: Sequence[Entry]) -> None:
    """Check that API Gateway can hold the stack's routes. An error names the entries and a remedy."""
    routes = stack.gateway.routes
    if not routes:
        raise CommandError(f"The service {stack.service!r} has no entry: a REST API needs at least one method.")
    max_path = _MAX_ARN - _ARN_START - len(stack.stage)
    too_long = [route.path for route in routes if route.authorized and len(route.path) > max_path]
    if too_long:
        raise CommandError(
            f"The path is too long: {_name_entries(too_long, entries)}. API Gateway's authorizer accepts method ARNs "
            f"of at most {_MAX_ARN} bytes. Shorten the path."
        )
    if stack.gateway.kind == "rest":
        _check_resources(routes, entries)
    elif len(routes) > DEFAULT_QUOTA:
        raise CommandError(
            f"{len(routes)} routes exceed the quota of {DEFAULT_QUOTA} for an HTTP API. Most are below "
            f"{_largest(routes)}. {_REDUCE}"
        )


def _check_resources(routes: Sequence[GatewayRoute], entries: Sequence[Entry]) -> None:
    shapes = {route.path: parse_shape(route.path) for route in routes}
    too_deep = [path for path, shape in shapes.items() if len(shape) > _MAX_DEPTH]
    if too_deep:
        raise CommandError(
            f"The path has more than {_MAX_DEPTH} segments: {_name_entries(too_deep, entries)}. Shorten it, use a "
            "*path parameter, or deploy with --gateway http."
        )
    resources = {shape[:depth] for shape in shapes.values() for depth in range(len(shape) + 1)}
    if len(resources) > DEFAULT_QUOTA:
        raise CommandError(
            f"{len(resources)} resources (one per path prefix) exceed the quota of {DEFAULT_QUOTA} for a REST API. "
            f"Most are below {_largest(routes)}. {_REDUCE}"
        )


def _name_entries(paths: Iterable[str], entries: Sequence[Entry]) -> str:
    """Name the entries behind the paths; a path without an entry (a plain route) is listed as it is."""
    names: dict[str, None] = {}
    for path in dict.fromkeys(paths):
        matching = [
            f"{entry.endpoint} ({entry.path})"
            for entry in entries
            if any(covers(template.shape, parse_shape(path)) for template in parse_entry(entry))
        ]
        names |= dict.fromkeys(matching or [path])
    return ", ".join(names)


def _largest(routes: Iterable[GatewayRoute]) -> str:
    """List the first path segments with the most paths."""
    paths = {route.path for route in routes if route.path.startswith("/")}
    counts = Counter(path.split("/")[1] for path in sorted(paths))
    return ", ".join(f"/{segment} ({count})" for segment, count in counts.most_common(3))


def check_timeout_margin(margin: float | None, stack: Stack) -> None:
    """Check that the function's timeout is longer than `lambda_timeout_margin`, so that events have time."""
    timeout = stack.options.timeout or _DEFAULT_TIMEOUT
    if margin is not None and margin >= timeout:
        raise CommandError(
            f"lambda_timeout_margin is {margin:g} seconds, but the function's timeout is {timeout}, so every event "
            "would be cancelled at once. Use a longer --timeout or a shorter margin."
        )


def check_variables(variables: Mapping[str, str], stack: Stack) -> None:
    """Check that Lambda accepts the variables of the environment files. Errors contain names, never values."""
    reserved = sorted(RESERVED_NAMES & variables.keys())
    if reserved:
        raise CommandError(f"Lambda reserves {', '.join(reserved)}. Remove them from the environment files.")
    if STREAM_VARIABLE in variables:
        raise CommandError(
            f"{STREAM_VARIABLE} is in the environment files, but the gateway must match it. Remove it, and deploy with "
            "--stream instead."
        )
    if WRAPPER_VARIABLE in variables and stack.options.runtime == "native":
        raise CommandError(
            f"{WRAPPER_VARIABLE} is in the environment files, but --runtime native sets it. Remove it, or deploy with "
            "--runtime buffered."
        )
    invalid = sorted(name for name in variables if not _VARIABLE_NAME.fullmatch(name))
    if invalid:
        raise CommandError(
            f"Lambda does not accept the variable name {', '.join(map(repr, invalid))}. Use a letter followed by "
            "letters, digits and '_', at least two characters."
        )
    key = variables.get(KEY_VARIABLE) or create_signing_key()
    _check_signing_key(key)
    size = _json_size({**variables, KEY_VARIABLE: key, **stack.built_in_variables})
    if size > _MAX_VARIABLES_SIZE:
        largest = sorted(variables, key=lambda name: _json_size({name: variables[name]}), reverse=True)[:3]
        raise CommandError(
            f"The environment variables of stage {stack.stage!r} take {size} bytes; Lambda's maximum is "
            f"{_MAX_VARIABLES_SIZE}. The largest are {', '.join(largest)}. Store long values in the archive, SSM or "
            "Secrets Manager."
        )


def _check_signing_key(key: str) -> None:
    # The value of a reference is checked when the function starts.
    if list_reference_variables({KEY_VARIABLE: key}):
        return
    try:
        check_signing_key(key)
    except SigningKeyError as error:
        raise CommandError(str(error)) from None


def _json_size(variables: Mapping[str, str]) -> int:
    # Lambda measures this JSON; its error message quotes it.
    return len(json.dumps(dict(variables), ensure_ascii=False, separators=(",", ":")).encode())

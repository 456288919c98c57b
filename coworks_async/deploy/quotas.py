"""Checks of a stack against API Gateway's quotas and the limits of the Terraform modules.

The gateway description already guarantees the rest: one parameter name at each position, nothing below a greedy
segment, and only valid path segments. See `coworks_async.gateway.routes`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from coworks_async.deploy.stack import Stack
from coworks_async.entries.entry import Entry
from coworks_async.exceptions import CommandError
from coworks_async.gateway.routes import GatewayRoute, covers, parse_entry, parse_shape

# AWS raises both quotas on request:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
DEFAULT_QUOTA = 300

MAX_DEPTH = 8
"""Maximum number of path segments in a REST API: its module has one resource block per level."""

# An authorizer accepts method ARNs of at most 1600 bytes; the part before the path is as long as in the longest region.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
_MAX_ARN = 1600
_ARN_START = len("arn:aws-us-gov:execute-api:ap-southeast-99:123456789012:abcdefghij//OPTIONS")

_REDUCE = "Use greedy paths or a mount, split the service, or request a higher quota from AWS."


def check_quotas(stack: Stack, entries: Sequence[Entry], quota: int = DEFAULT_QUOTA) -> None:
    """Check that API Gateway can hold the stack's routes.

    Args:
        entries: named in the error.
        quota: resources of a REST API, or routes of an HTTP API, that the account allows.

    Raises:
        CommandError: it cannot; the message names entries and remedy.
    """
    routes = stack.gateway.routes
    if not routes:
        raise CommandError(f"The service {stack.service!r} has no entry: a REST API needs at least one method.")
    too_long = [route.path for route in routes if route.authorized and _arn_size(stack.stage, route) > _MAX_ARN]
    if too_long:
        raise CommandError(
            f"The path is too long: {_name_entries(too_long, entries)}. API Gateway's authorizer accepts method ARNs "
            f"of at most {_MAX_ARN} bytes. Shorten the path."
        )
    if stack.gateway.kind == "rest":
        _check_resources(routes, entries, quota)
    elif len(routes) > quota:
        raise CommandError(
            f"{len(routes)} routes exceed the quota of {quota} for an HTTP API. Most are below {_largest(routes)}. "
            f"{_REDUCE}"
        )


def _check_resources(routes: Sequence[GatewayRoute], entries: Sequence[Entry], quota: int) -> None:
    too_deep = [route.path for route in routes if len(parse_shape(route.path)) > MAX_DEPTH]
    if too_deep:
        raise CommandError(
            f"The path has more than {MAX_DEPTH} segments: {_name_entries(too_deep, entries)}. Shorten it, use a "
            "*path parameter, or deploy with --gateway http."
        )
    shapes = [parse_shape(route.path) for route in routes]
    resources = {shape[:depth] for shape in shapes for depth in range(len(shape) + 1)}
    if len(resources) > quota:
        raise CommandError(
            f"{len(resources)} resources (one per path prefix) exceed the quota of {quota} for a REST API. Most are "
            f"below {_largest(routes)}. {_REDUCE}"
        )


def _arn_size(stage: str, route: GatewayRoute) -> int:
    return _ARN_START + len(stage) + len(route.path)


def _name_entries(paths: Iterable[str], entries: Sequence[Entry]) -> str:
    """Name the entries behind the paths; a path without an entry (a plain route) stands for itself."""
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

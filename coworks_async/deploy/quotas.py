"""What API Gateway or its Terraform module cannot hold of a service, found before Terraform runs.

By construction a gateway's plan has one name for a parameter at one place, nothing below a greedy one, and no part
that a resource cannot be called: see `coworks_async.gateway.routes`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from coworks_async.deploy.stack import Stack
from coworks_async.entries.entry import Entry
from coworks_async.exceptions import CommandError
from coworks_async.gateway.routes import GatewayRoute, PathTemplate, covers, parse_entry, parse_shape

# Quotas that AWS raises for one API:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
QUOTA = 300

MAX_DEPTH = 8
"""The parts that a path may have in the module of REST APIs, which has a block of Terraform's for each level."""

# The ARN of a method that has an authorizer is at most 1600 bytes; what goes before the path, at its longest region:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
_MAX_ARN = 1600
_ARN_START = len("arn:aws-us-gov:execute-api:ap-southeast-99:123456789012:abcdefghij//OPTIONS")


def check(stack: Stack, entries: Sequence[Entry], quota: int = QUOTA) -> None:
    """Check that a stack's gateway can be made.

    Parameters:
        entries: the service's, which are named by their endpoints.
        quota: the resources of a REST API, or the routes of an HTTP API, that the account may have in one.

    Raises:
        CommandError: it cannot; it tells which entries are in the way, and the remedy.
    """
    routes = stack.gateway.routes
    if not routes:
        raise CommandError(
            f"The service {stack.service!r} has no entry: a REST API without a method cannot be deployed."
        )
    long = [each.path for each in routes if each.authorized and _arn_size(stack.stage, each) > _MAX_ARN]
    if long:
        raise CommandError(
            f"A path is longer than API Gateway's authorizer takes, {_MAX_ARN} bytes with the ARN's start: "
            f"{_named(long, entries)}. Shorten it."
        )
    if stack.gateway.kind == "rest":
        _check_resources(routes, entries, quota)
    elif len(routes) > quota:
        raise CommandError(
            f"{len(routes)} routes are over the quota of {quota} of an HTTP API; the most are {_crowds(routes)}. Put "
            "them behind greedy paths or a mount, split the service, or ask AWS for a higher quota."
        )


def _check_resources(routes: Sequence[GatewayRoute], entries: Sequence[Entry], quota: int) -> None:
    deep = [each.path for each in routes if len(parse_shape(each.path)) > MAX_DEPTH]
    if deep:
        raise CommandError(
            f"Paths of more than {MAX_DEPTH} parts are no routes of a REST API as cws makes it: "
            f"{_named(deep, entries)}. Shorten them, take the rest of the path by *names, or use --gateway http."
        )
    resources = {
        shape[:depth] for shape in map(parse_shape, (each.path for each in routes)) for depth in range(len(shape) + 1)
    }
    if len(resources) > quota:
        raise CommandError(
            f"{len(resources)} resources, one for each start of a path, are over the quota of {quota} of a REST API; "
            f"the most are {_crowds(routes)}. Put them behind greedy paths or a mount, split the service, or ask AWS "
            "for a higher quota."
        )


def _arn_size(stage: str, route: GatewayRoute) -> int:
    return _ARN_START + len(stage) + len(route.path)


def _named(paths: Iterable[str], entries: Sequence[Entry]) -> str:
    """Return the entries that paths are for, each with its own; a route of the author's own is its path alone."""
    found: dict[str, None] = {}
    for path in dict.fromkeys(paths):
        matching = [entry for entry in entries if any(_is_for(each, path) for each in parse_entry(entry))]
        found |= dict.fromkeys(f"{entry.endpoint} ({entry.path})" for entry in matching) or {path: None}
    return ", ".join(found)


def _is_for(template: PathTemplate, path: str) -> bool:
    return covers(template.shape, parse_shape(path))


def _crowds(routes: Iterable[GatewayRoute]) -> str:
    """Return where most of the paths are, by their first part."""
    paths = sorted({each.path for each in routes if each.path.startswith("/")})
    firsts = Counter(path.split("/")[1] for path in paths)
    return ", ".join(f"/{first} ({count})" for first, count in firsts.most_common(3))

"""Description of the gateway in front of a service: its routes and its own responses, as data.

A deploy turns it into Terraform data, and the simulator routes by it.

- https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-settings-method-request.html
- https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
- https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html

API Gateway arranges paths in a tree of resources. A segment is static, `{name}` for one segment, or `{proxy+}` at the
end for one or more. A resource may have one `{name}` or one `{proxy+}` child, not both:
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Literal

import msgspec
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from coworks_async.entries.cors import CORS
from coworks_async.entries.entry import Entry
from coworks_async.entries.paths import PARAMETER, PARAMETER_SEGMENT, REST, PathShape, split_path
from coworks_async.pipeline.authorizer import TOKEN_REJECTED, TOKEN_REQUIRED, format_challenge
from coworks_async.pipeline.cors import allow_headers
from coworks_async.pipeline.errors import MEDIA_TYPE, problem_members
from coworks_async.pipeline.routing import BlueprintMount, EntryRoute
from coworks_async.service import TechMicroService

ANY = "ANY"
DEFAULT = "$default"
AUTHORIZER_TTL = 300

GatewayKind = Literal["rest", "http"]

# Characters of a resource's path part in a REST API.
_DEPLOYABLE_SEGMENT = re.compile(r"[A-Za-z0-9._:-]+")
_PARAMETER_NAME = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True, slots=True)
class GatewayRoute:
    """One method on one path of a gateway."""

    method: str  # `ANY` for every method without its own route on this path
    path: str  # in API Gateway's notation, `/content/{bucket}/{proxy+}`; `$default` for unmatched requests
    authorized: bool = False  # by the gateway's authorizer; if not, the service checks the token itself

    @property
    def key(self) -> str:
        """The route key of an HTTP API."""
        return self.path if self.path == DEFAULT else f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class GatewayResponse:
    """A response that a REST API produces without calling the service."""

    type: str  # API Gateway's name for the cause
    status: int | None  # None for the default of the cause
    headers: tuple[tuple[str, str], ...]
    body: str  # a template; `$context.error.messageString` is the gateway's message as JSON


@dataclass(frozen=True, slots=True)
class GatewayDescription:
    """A gateway in front of one service."""

    kind: GatewayKind
    routes: tuple[GatewayRoute, ...]
    token_key: str
    authorizer_ttl: int = AUTHORIZER_TTL  # seconds for which results of the authorizer are cached
    binary_media_types: tuple[str, ...] = ()  # of a REST API: those that it sends in base64
    responses: tuple[GatewayResponse, ...] = ()  # of a REST API; an HTTP API's cannot be configured


def describe_gateway(app: TechMicroService, kind: GatewayKind) -> GatewayDescription:
    if kind == "http":
        # Its own responses cannot have CORS headers.
        return GatewayDescription("http", (*create_routes(app), GatewayRoute(ANY, DEFAULT)), app.token_key)
    cors = _find_response_policy(app)
    unmatched: list[ServicePath] = []
    if app.cors:
        # So that a page can read the 404: the service handles its preflight, and responds if the gateway cannot.
        unmatched = _parse_path("/{proxy:path}", frozenset({"OPTIONS" if cors else ANY}), None)
    return GatewayDescription(
        "rest",
        _add_rest_routes(create_routes(app, cors, unmatched)),
        app.token_key,
        binary_media_types=("*/*",),  # so that no body is corrupted
        responses=_create_responses(app, cors),
    )


def _find_response_policy(app: TechMicroService) -> CORS | None:
    """Return the policy of a REST API's own responses: that of the service, or the only one of its entries.

    Their headers are constant, so they can have one origin or `*`. None if the policy has several origins.
    """
    policies = {app.cors} if app.cors else {entry.cors for entry in app.entries if entry.cors is not None}
    policy = policies.pop() if len(policies) == 1 else None
    return policy if policy is not None and len(policy.origins) == 1 else None


def create_routes(
    app: TechMicroService, cors: CORS | None = None, additional: Sequence["ServicePath"] = ()
) -> tuple[GatewayRoute, ...]:
    """Return the routes of a service's entries, plain routes and mounts, and additional ones.

    Plain routes and mounts need no token. An entry with another CORS policy than `cors`, that of the gateway's own 401
    and 403, is not authorized by the gateway: the service rejects its requests, with the right headers.

    A path has a route for every method that the service handles there, so it does not matter how a gateway falls back.
    """
    templates = [template for entry in app.entries for template in parse_entry(entry)]
    for route in app.routes:
        templates += _parse_route(route)
    templates += additional
    return tuple(
        GatewayRoute(method, path, _is_authorized(method, parse_shape(path), matching, cors))
        for path, matching in _find_resources(templates)
        for method in sorted({method for template in matching for method in template.methods})
    )


def _is_authorized(method: str, shape: PathShape, matching: Sequence["ServicePath"], cors: CORS | None) -> bool:
    """Return whether the entry that the service would select requires a token, which the gateway can check."""
    templates = [template for template in matching if method in template.methods]
    best = max((each for each in templates if each.entry), key=lambda template: template.priority, default=None)
    if best is None or best.is_approximate:
        return False
    # For some of the requests, the service may select an entry whose path the gateway has only approximately.
    others = [each.entry for each in templates if each.entry and each.is_approximate and each.may_match(shape)]
    for entry in (best.entry, *others):
        if entry is None or entry.no_auth or entry.cors not in (None, cors):
            return False
    # A plain route precedes an entry with a shorter static prefix, unless the entry's path is static.
    rivals = (template for template in matching if template.entry is None and template.methods & {method, ANY})
    is_static = best.static_length == len(best.shape)
    return is_static or all(rival.static_length <= best.static_length for rival in rivals)


def _add_rest_routes(routes: Sequence[GatewayRoute]) -> tuple[GatewayRoute, ...]:
    """Add a HEAD to each GET, and an OPTIONS without authorizer to each path."""
    by_path: dict[str, dict[str, GatewayRoute]] = {}
    for route in routes:
        methods = by_path.setdefault(route.path, {})
        methods[route.method] = route
        if route.method == "GET":
            methods.setdefault("HEAD", GatewayRoute("HEAD", route.path, route.authorized))
    for path, methods in by_path.items():
        # This replaces an entry's OPTIONS too: a browser sends no token with a preflight.
        methods["OPTIONS"] = GatewayRoute("OPTIONS", path)
    return tuple(methods[method] for methods in by_path.values() for method in sorted(methods))


def _create_responses(app: TechMicroService, cors: CORS | None) -> tuple[GatewayResponse, ...]:
    """Return the responses of a REST API, equal to those of the service."""
    common = [("Content-Type", MEDIA_TYPE)]
    if cors is not None:
        common += allow_headers(cors, cors.origins[0]).items()
    problems = (
        ("UNAUTHORIZED", 401, TOKEN_REQUIRED),
        ("ACCESS_DENIED", 403, TOKEN_REJECTED),
        ("AUTHORIZER_FAILURE", 500, None),
        # The type for a path or method without a route.
        ("MISSING_AUTHENTICATION_TOKEN", 404, None),
        ("REQUEST_TOO_LARGE", 413, None),
    )
    responses = []
    for type_, status, detail in problems:
        challenge = [("WWW-Authenticate", format_challenge(app.name, app.auth_scheme))] if status == 401 else []
        body = msgspec.json.encode(problem_members(status, detail)).decode()
        responses.append(GatewayResponse(type_, status, (*common, *challenge), body))
    # Their statuses vary, so the title, the phrase of a status, is omitted (RFC 9457, section 3.1).
    default = '{"type":"about:blank","detail":$context.error.messageString}'
    responses += [GatewayResponse(type_, None, tuple(common), default) for type_ in ("DEFAULT_4XX", "DEFAULT_5XX")]
    return tuple(responses)


@dataclass(frozen=True, slots=True)
class ServicePath:
    """A path of an entry or a plain route, and the methods handled on it."""

    shape: PathShape
    names: tuple[str, ...]  # of the parameters, in order
    methods: frozenset[str]
    static_length: int  # segments before the first parameter
    entry: Entry | None = None
    is_approximate: bool = False  # a parameter replaces a segment that API Gateway does not accept

    @property
    def priority(self) -> tuple[bool, tuple[int, ...]]:
        """Sort key of the service's route table: by segment, static before parameters before the rest of the path."""
        return not self.is_approximate, (*({PARAMETER: 1, REST: 0}.get(part, 2) for part in self._service_shape), 3)

    @property
    def _service_shape(self) -> PathShape:
        return self.shape if self.entry is None else self.entry.template.shape

    def may_match(self, shape: PathShape) -> bool:
        """Return whether the service's path matches some request of this shape."""
        # The path without the rest is shorter than that of the entry.
        return _overlap(self._service_shape[: len(self.shape)], shape) is not None


def parse_entry(entry: Entry) -> list[ServicePath]:
    """Return the paths of an entry: two if it has a `*path`, which may be empty."""
    return _parse_path(entry.path, frozenset({entry.method}), entry)


def _parse_route(route: BaseRoute) -> list[ServicePath]:
    if isinstance(route, EntryRoute | BlueprintMount | WebSocketRoute):
        return []  # parsed as entries, or not deployed
    if isinstance(route, Route):
        return _parse_path(route.path, frozenset(route.methods or {ANY}), None)
    # A mount handles everything below its path; any other route, such as a Host, may match every path.
    prefix = route.path if isinstance(route, Mount) else ""
    return _parse_path(f"{prefix}/{{proxy:path}}", frozenset({ANY}), None)


def _parse_path(path: str, methods: frozenset[str], entry: Entry | None) -> list[ServicePath]:
    segments: list[str] = []
    names: list[str] = []
    static_length: int | None = None
    is_approximate = False
    for segment in split_path(path):
        found = PARAMETER_SEGMENT.search(segment)
        if found is None and _DEPLOYABLE_SEGMENT.fullmatch(segment):
            segments.append(segment)
            continue
        if found is None:
            is_approximate = True
        elif static_length is None:
            static_length = len(segments)
        names.append(found[1] if found else "")
        segments.append(REST if found and found[2] == ":path" else PARAMETER)
        if segments[-1] == REST:
            break
    shape = tuple(segments)
    static_length = len(shape) if static_length is None else static_length
    template = ServicePath(shape, tuple(names), methods, static_length, entry, is_approximate)
    if shape[-1:] != (REST,):
        return [template]
    return [replace(template, shape=shape[:-1], names=template.names[:-1]), template]


def parse_shape(path: str) -> PathShape:
    """Return the shape of a path in API Gateway's notation."""
    return tuple(
        REST if segment.endswith("+}") else PARAMETER if segment.startswith("{") else segment
        for segment in split_path(path)
    )


def _find_resources(templates: Sequence[ServicePath]) -> Iterator[tuple[str, list[ServicePath]]]:
    """Yield the path of each resource with methods, and the templates that match every request to it."""
    names = _find_parameter_names(templates)
    # By first segment: comparing all pairs would take seconds for thousands of entries.
    by_first: dict[str, list[ServicePath]] = {}
    for template in templates:
        by_first.setdefault(template.shape[0] if template.shape else "", []).append(template)
    resolved = _resolve_conflicts(_add_overlaps({template.shape for template in templates}))
    for shape in sorted({leaf[:length] for leaf in resolved for length in range(len(leaf) + 1)}):
        candidates = [by_first.get(first, []) for first in {shape[0] if shape else "", PARAMETER, REST}]
        matching = [template for listed in candidates for template in listed if covers(template.shape, shape)]
        if matching:
            yield _format_path(shape, names), matching


def covers(template: PathShape, shape: PathShape) -> bool:
    """Return whether a template matches every path of a shape."""
    for index, part in enumerate(template):
        if index == len(shape):
            return False
        if part == REST:
            return True
        if shape[index] == REST or part not in (PARAMETER, shape[index]):
            return False
    return len(template) == len(shape)


def _add_overlaps(shapes: set[PathShape]) -> set[PathShape]:
    """Add the paths that two shapes share if neither covers the other, such as `/a/b/c` for `/a/{}/c` and `/a/b/{}`.

    A gateway chooses `/a/b/{}` for it, also for a method that only `/a/{}/c` has.
    """
    all_shapes = set(shapes)
    new = {shape for shape in shapes if _has_static_after_parameter(shape)}
    while new:
        found = {shared for one in new for other in all_shapes if (shared := _overlap(one, other)) is not None}
        new = found - all_shapes
        all_shapes |= new
    return all_shapes


def _has_static_after_parameter(shape: PathShape) -> bool:
    is_static = [part not in (PARAMETER, REST) for part in shape]
    return is_static != sorted(is_static, reverse=True)


def _overlap(one: PathShape, other: PathShape) -> PathShape | None:
    """Return the shape of all paths that two shapes match, or None if there are none."""
    shared: list[str] = []
    for index, (part, other_part) in enumerate(zip_longest(one, other)):
        if part is None or other_part is None:
            return None
        if REST in (part, other_part):
            return (*shared, *(other if part == REST else one)[index:])
        if part != other_part and PARAMETER not in (part, other_part):
            return None
        shared.append(other_part if part == PARAMETER else part)
    return tuple(shared)


def _resolve_conflicts(shapes: set[PathShape]) -> set[PathShape]:
    """Move each `{proxy+}` below its sibling `{name}`, because a resource may not have both as children."""
    with_parameter = {shape[: index + 1] for shape in shapes for index, part in enumerate(shape) if part == PARAMETER}
    resolved = {shape for shape in shapes if shape[-1:] != (REST,)}
    for shape in shapes - resolved:
        while (*shape[:-1], PARAMETER) in with_parameter:
            shape = (*shape[:-1], PARAMETER, REST)
            resolved.add(shape[:-1])
        resolved.add(shape)
    return resolved


def _find_parameter_names(templates: Iterable[ServicePath]) -> dict[PathShape, str]:
    """Return the first declared name of each parameter, by the shape that ends with it."""
    names: dict[PathShape, str] = {}
    for template in templates:
        indexes = [index for index, part in enumerate(template.shape) if part in (PARAMETER, REST)]
        for index, name in zip(indexes, template.names, strict=True):
            names.setdefault(template.shape[: index + 1], name)
    return names


def _format_path(shape: PathShape, names: Mapping[PathShape, str]) -> str:
    """Return a path in API Gateway's notation. Names are unique within it."""
    segments: list[str] = []
    for index, part in enumerate(shape):
        if part == PARAMETER:
            name = names.get(shape[: index + 1], "")
            is_usable = _PARAMETER_NAME.fullmatch(name) and name != "proxy" and f"{{{name}}}" not in segments
            part = f"{{{name}}}" if is_usable else f"{{p{index + 1}}}"
        segments.append("{proxy+}" if part == REST else part)
    return "/" + "/".join(segments)

"""What a gateway in front of a service is told: its routes as data, and what it answers alone.

A deploy sends this, and the stand-in gateway of the tests routes by it, never by asking the app.

- https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-settings-method-request.html
- https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
- https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec
from starlette.routing import BaseRoute

from coworks_async.entries.entry import Entry
from coworks_async.gateway.resources import PathTemplate, deployed, entry_templates, route_templates
from coworks_async.pipeline.authorizer import MISSING_TOKEN, TOKEN_REJECTED, auth_challenge
from coworks_async.pipeline.errors import MEDIA_TYPE, problem_members

ANY = "ANY"
DEFAULT = "$default"
TTL = 300

GatewayKind = Literal["rest", "http"]


class DescribableService(Protocol):
    """What is read of a service."""

    name: str

    @property
    def token_key(self) -> str: ...

    @property
    def entries(self) -> Sequence[Entry]: ...

    @property
    def routes(self) -> Sequence[BaseRoute]: ...


@dataclass(frozen=True, slots=True)
class GatewayRoute:
    """One method on one path of a gateway.

    Attributes:
        method: `GET`, `POST`…, or `ANY` for those that have no route of their own on this path.
        path: as API Gateway writes it, `/content/{bucket}/{proxy+}`; `$default` for what no other route takes.
        authorized: whether the gateway asks its authorizer first. An open route's entry is checked by the service.
    """

    method: str
    path: str
    authorized: bool = False

    @property
    def key(self) -> str:
        """The route key of an HTTP API: `GET /items/{id}`, `$default`."""
        return self.path if self.path == DEFAULT else f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class GatewayResponse:
    """What a REST API answers alone.

    Attributes:
        type: the name that API Gateway has for the occasion.
        status: the status, None for the one that the occasion has by itself.
        headers: names and values.
        body: the template of the body; `$context.error.messageString` is the gateway's own message, as JSON.
    """

    type: str
    status: int | None
    headers: tuple[tuple[str, str], ...]
    body: str


@dataclass(frozen=True, slots=True)
class GatewayDescription:
    """A gateway in front of one service.

    Attributes:
        token_key: the header that the authorizer is asked about.
        authorizer_ttl: the seconds that the authorizer's answer is kept, by token.
        binary_media_types: the bodies that a REST API encodes in base64: all, so that none is spoilt.
        responses: what a REST API answers alone; an HTTP API has no say in that.
    """

    kind: GatewayKind
    routes: tuple[GatewayRoute, ...]
    token_key: str
    authorizer_ttl: int = TTL
    binary_media_types: tuple[str, ...] = ()
    responses: tuple[GatewayResponse, ...] = ()


def describe_gateway(app: DescribableService, kind: GatewayKind) -> GatewayDescription:
    """Return what a gateway of a kind is told about a service.

    Example:
        >>> for route in gateway_plan(app, "rest").routes:
        ...     print(route.method, route.path, route.authorized)
    """
    routes = gateway_routes(app)
    if kind == "http":
        return GatewayDescription("http", (*routes, GatewayRoute(ANY, DEFAULT)), app.token_key)
    return GatewayDescription(
        "rest", rest_routes(routes), app.token_key, binary_media_types=("*/*",), responses=gateway_responses(app)
    )


def gateway_routes(app: DescribableService) -> tuple[GatewayRoute, ...]:
    """Return a service's routes as a gateway has them: its entries, the author's own routes, and mounts.

    Each path holds every method that the service answers there, by whatever entry, so that it matters little how a
    gateway falls back from a static path to a parameter. The author's own routes and mounts are open.
    """
    templates = [template for entry in app.entries for template in entry_templates(entry)]
    for route in app.routes:
        templates += route_templates(route)
    return tuple(
        GatewayRoute(method, path, _is_authorized(method, matching))
        for path, matching in deployed(templates)
        for method in sorted({method for template in matching for method in template.methods})
    )


def _is_authorized(method: str, matching: Sequence[PathTemplate]) -> bool:
    """Tell whether the entry that the service would take asks for a token."""
    entries = [template for template in matching if template.entry is not None and method in template.methods]
    best = max(entries, key=lambda template: template.rank, default=None)
    if best is None or best.entry is None or best.entry.no_auth or best.loose:
        return False
    # An author's own route goes before an entry whose static start is shorter, unless that is the whole path.
    rivals = (template for template in matching if template.entry is None and template.methods & {method, ANY})
    return best.is_static or all(rival.depth <= best.depth for rival in rivals)


def rest_routes(routes: Sequence[GatewayRoute]) -> tuple[GatewayRoute, ...]:
    """Return the methods of a REST API: a HEAD beside each GET, and on each path an open OPTIONS."""
    by_path: dict[str, dict[str, GatewayRoute]] = {}
    for route in routes:
        methods = by_path.setdefault(route.path, {})
        methods[route.method] = route
        if route.method == "GET":
            methods.setdefault("HEAD", GatewayRoute("HEAD", route.path, route.authorized))
    for path, methods in by_path.items():
        # An entry's too: the service answers a browser's preflight before it asks for a token.
        methods["OPTIONS"] = GatewayRoute("OPTIONS", path)
    return tuple(methods[method] for methods in by_path.values() for method in sorted(methods))


def gateway_responses(app: DescribableService) -> tuple[GatewayResponse, ...]:
    """Return what a REST API answers alone, in the words of the service."""
    common = [("Content-Type", MEDIA_TYPE)]
    if any(not entry.no_cors for entry in app.entries):
        common.append(("Access-Control-Allow-Origin", "*"))
    told: tuple[tuple[str, int, str | None, list[tuple[str, str]]], ...] = (
        ("UNAUTHORIZED", 401, MISSING_TOKEN, [("WWW-Authenticate", auth_challenge(app.name))]),
        ("ACCESS_DENIED", 403, TOKEN_REJECTED, []),
        ("AUTHORIZER_FAILURE", 500, None, []),
        # What a REST API says of a path or a method that it does not have.
        ("MISSING_AUTHENTICATION_TOKEN", 404, None, []),
    )
    # Their statuses differ, so the title, which is a status's phrase, is left out (RFC 9457, section 3.1).
    default = '{"type":"about:blank","detail":$context.error.messageString}'
    return (
        *(
            GatewayResponse(
                kind, status, (*common, *headers), msgspec.json.encode(problem_members(status, detail)).decode()
            )
            for kind, status, detail, headers in told
        ),
        *(GatewayResponse(kind, None, tuple(common), default) for kind in ("DEFAULT_4XX", "DEFAULT_5XX")),
    )

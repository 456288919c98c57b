"""A stand-in for the gateways of AWS, in front of a Lambda handler in this process.

It knows of a service what a deploy would tell a gateway, no more, and does with it what AWS does:
routing, https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html#http-api-develop-routes.evaluation
(REST APIs fall back alike, from the most specific path that has the method), the authorizer and its cache, and the
answers that a gateway gives alone.
"""

import json
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from coworks_async.exceptions import CoWorksError
from coworks_async.gateway.authorizer import AuthorizerClient, GatewayRejection
from coworks_async.gateway.events import alb_event, http_event, rest_event, url_event
from coworks_async.gateway.messages import VIAS, HttpRequest, HttpResponse, LambdaContext, RouteMatch, Via
from coworks_async.gateway.responses import gateway_response, integration_failure, message_response, to_http_response
from coworks_async.gateway.routes import DEFAULT, DescribableService, GatewayDescription, GatewayRoute, describe_gateway
from coworks_async.pipeline.body import ALB_PAYLOAD_LIMIT, LAMBDA_PAYLOAD_LIMIT
from coworks_async.pipeline.request import current_stage
from coworks_async.types import Event

API_LIMIT = 10 * 1024 * 1024
"""What a REST or an HTTP API takes of a body, whatever becomes of it:
https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"""

CONTENT_TOO_LARGE = message_response(413, "Request Too Long")


class Deployable(DescribableService, Protocol):
    """A service with a Lambda handler."""

    @property
    def lambda_handler(self) -> Callable[[Event, Any], Any]: ...


class Gateway:
    """Hands requests to a service's handler as events of one kind, and its answers back.

    Parameters:
        via: a REST API, an HTTP API with the stage `$default` or a named one, a load balancer, a function URL.
        base_path: of a custom domain's mapping, `/shop`; on the API's own host (`….execute-api.…`) the path starts
            with the stage instead.
        clock: tells the seconds, for the authorizer's cache.
    """

    def __init__(
        self, app: Deployable, via: Via = "rest", *, base_path: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        if via not in VIAS:
            raise ValueError(f"via must be one of {', '.join(VIAS)}, not {via!r}")
        self.app = app
        self.via = via
        self.base_path = base_path.rstrip("/")
        self.body_limit = {"alb": ALB_PAYLOAD_LIMIT, "url": LAMBDA_PAYLOAD_LIMIT}.get(via, API_LIMIT)
        self.plan: GatewayDescription | None = None
        if via in ("rest", "http", "http-stage"):
            self.plan = describe_gateway(app, "rest" if via == "rest" else "http")
            self.asking = AuthorizerClient(self.plan, self.invoke, clock)

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Return the answer to a request; whatever fails is what a gateway makes of it."""
        if self.plan is not None:
            return self._through_api(self.plan, request)
        if self.via == "alb":
            return self._call(request, alb_event(request))
        return self._call(request, url_event(request))

    def invoke(self, event: Event, request_id: str) -> Any:
        """Call the handler as Lambda does, event and answer going through JSON; raises what it raises."""
        context = LambdaContext(self.app.name, request_id)
        return json.loads(json.dumps(self.app.lambda_handler(json.loads(json.dumps(event)), context)))

    def _through_api(self, plan: GatewayDescription, request: HttpRequest) -> HttpResponse:
        placed = self._place(request)
        if placed is None:
            return message_response(403, "Forbidden") if self.via == "rest" else message_response(404, "Not Found")
        found = find_route(plan.routes, request.method, placed.own_path)
        if found is None:
            return gateway_response(plan, "MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token", 403)
        route, parameters = found
        matched = RouteMatch(placed.own_path, placed.stage, placed.own_host, route.path, route.method, parameters)
        if route.authorized:
            try:
                matched = self.asking.authorize(request, matched)
            except GatewayRejection as refusal:
                return gateway_response(plan, refusal.type, refusal.message, refusal.status)
            except Exception as error:
                print_error(error)
                return gateway_response(plan, "AUTHORIZER_FAILURE", None, 500)
        event = rest_event(request, matched) if plan.kind == "rest" else http_event(request, matched)
        return self._call(request, event)

    def _place(self, request: HttpRequest) -> RouteMatch | None:
        """Return the service's own part of a path, None where the stage or the base path is not there."""
        own_host = ".execute-api." in request.domain
        stage = "$default" if self.via == "http" else current_stage()
        start = self.base_path if not own_host else "" if stage == "$default" else f"/{stage}"
        if request.path != start and not request.path.startswith(f"{start}/"):
            return None
        return RouteMatch(request.path[len(start) :] or "/", stage, own_host)

    def _call(self, request: HttpRequest, event: Event) -> HttpResponse:
        size = len(request.body) if self.via == "alb" else len(json.dumps(event))
        if size > (ALB_PAYLOAD_LIMIT if self.via == "alb" else LAMBDA_PAYLOAD_LIMIT):
            return CONTENT_TOO_LARGE
        raw = None
        try:
            raw = self.invoke(event, request.id)
            return to_http_response(self.via, request.method, raw)
        except Exception as error:
            print_error(error)
        return integration_failure(self.plan, 502, raw)


def print_error(error: Exception) -> None:
    """Tell on stderr that an event failed: Lambda's runtime does, the service's own log has told what it knows."""
    sys.stderr.write(f"[ERROR] {type(error).__name__}: {error}\n")
    if not isinstance(error, CoWorksError | ValueError):
        traceback.print_exception(error)


def find_route(
    routes: tuple[GatewayRoute, ...], method: str, path: str
) -> tuple[GatewayRoute, Mapping[str, str]] | None:
    """Return the most specific route of a request, and the values of its parameters.

    Path and method count together: a more specific path without the method is passed over. A trailing slash is none.
    """
    segments = path.strip("/").split("/") if path.strip("/") else []
    best: tuple[tuple[Any, ...], GatewayRoute, dict[str, str]] | None = None
    for route in routes:
        if route.method not in (method, "ANY"):
            continue
        parameters = _match(route.path, segments)
        if parameters is None:
            continue
        rank = (_specificity(route.path), route.method != "ANY")
        if best is None or rank > best[0]:
            best = rank, route, parameters
    return best[1:] if best is not None else None


def _match(template: str, segments: list[str]) -> dict[str, str] | None:
    if template == DEFAULT:
        return {}
    parts = template.strip("/").split("/") if template != "/" else []
    values: dict[str, str] = {}
    for number, part in enumerate(parts):
        rest = segments[number:]
        if not rest or not rest[0]:
            return None
        if part.endswith("+}"):
            return {**values, part.strip("{+}"): "/".join(rest)}
        if part.startswith("{"):
            values[part.strip("{}")] = rest[0]
        elif part != rest[0]:
            return None
    return values if len(parts) == len(segments) else None


def _specificity(template: str) -> tuple[bool, bool, tuple[int, ...]]:
    """Rank paths: a whole match before a greedy one, `$default` last; then static parts before parameters."""
    parts = template.split("/")[1:]
    return template != DEFAULT, not template.endswith("+}"), tuple(_weight(part) for part in parts)


def _weight(part: str) -> int:
    return 0 if part.endswith("+}") else 1 if part.startswith("{") else 2

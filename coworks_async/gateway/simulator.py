"""Simulate an AWS gateway in front of a Lambda handler in this process.

It uses only the description that a deploy would send to AWS, and does with it what AWS does: routing, calls of the
authorizer and their cache, and the gateway's own responses.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html#http-api-develop-routes.evaluation
(REST APIs also fall back from the most specific path that has the method.)
"""

import json
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

from anyio import to_thread
from starlette.requests import ClientDisconnect

from coworks_async.entries.paths import split_path
from coworks_async.exceptions import ContentTooLarge, CoWorksError
from coworks_async.gateway.authorizer import AuthorizerClient, GatewayRejection
from coworks_async.gateway.events import alb_event, http_event, rest_event, url_event
from coworks_async.gateway.messages import (
    FUNCTION_TIMEOUT,
    VIAS,
    HttpRequest,
    HttpResponse,
    RouteMatch,
    SimulatedContext,
    Via,
)
from coworks_async.gateway.responses import MalformedResult, gateway_response, message_response, to_http_response
from coworks_async.gateway.routes import ANY, DEFAULT, GatewayDescription, GatewayRoute, describe_gateway
from coworks_async.pipeline.body import ALB_PAYLOAD_LIMIT, LAMBDA_PAYLOAD_LIMIT, Limits, read_body
from coworks_async.pipeline.request import current_stage
from coworks_async.service import TechMicroService
from coworks_async.types import Event, Message, Receive, Scope, Send

T = TypeVar("T")

# Bytes of a request body: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
API_PAYLOAD_LIMIT = 10 * 1024 * 1024


class Gateway:
    """A simulated gateway: passes requests to a service's Lambda handler as events."""

    def __init__(
        self,
        app: TechMicroService,
        via: Via = "rest",
        *,
        base_path: str = "",  # of a custom domain, `/shop`; on the API's default host, paths start with the stage
        clock: Callable[[], float] = time.monotonic,  # for the authorizer's cache
        lambda_timeout: float = FUNCTION_TIMEOUT,
    ) -> None:
        if via not in VIAS:
            raise ValueError(f"via must be one of {', '.join(VIAS)}, not {via!r}")
        self.app = app
        self.via = via
        self.base_path = base_path.rstrip("/")
        self.lambda_timeout = lambda_timeout
        self.body_limit = {"alb": ALB_PAYLOAD_LIMIT, "url": LAMBDA_PAYLOAD_LIMIT}.get(via, API_PAYLOAD_LIMIT)
        self.description: GatewayDescription | None = None
        if via in ("rest", "http", "http-stage"):
            self.description = describe_gateway(app, "rest" if via == "rest" else "http")
            self.authorizer = AuthorizerClient(self.description, self.invoke, clock)

    def respond(self, request: HttpRequest) -> HttpResponse:
        prepared = self.prepare(request)
        return prepared if isinstance(prepared, HttpResponse) else self._call(request, prepared)

    def prepare(self, request: HttpRequest) -> Event | HttpResponse:
        """Return the event of a request, or the response of the gateway itself. It may call the authorizer."""
        if self.description is not None:
            prepared = self._prepare_by_route(self.description, request)
        else:
            prepared = alb_event(request) if self.via == "alb" else url_event(request)
        if isinstance(prepared, HttpResponse):
            return prepared
        is_alb = self.via == "alb"
        size = len(request.body) if is_alb else len(json.dumps(prepared))
        if size > (ALB_PAYLOAD_LIMIT if is_alb else LAMBDA_PAYLOAD_LIMIT):
            return gateway_response(self.description, "REQUEST_TOO_LARGE")
        return prepared

    def invoke(self, event: Event, request_id: str) -> Any:
        """Call the handler as Lambda does: event and result are converted to JSON and back."""
        context = SimulatedContext(self.app.name, request_id, deadline=time.monotonic() + self.lambda_timeout)
        return json.loads(json.dumps(self.app.lambda_handler(json.loads(json.dumps(event)), context)))

    def report(self, error: Exception) -> None:
        """Report why an event has failed."""
        print_error(error)

    def _prepare_by_route(self, description: GatewayDescription, request: HttpRequest) -> Event | HttpResponse:
        is_default_host = ".execute-api." in request.domain
        stage = DEFAULT if self.via == "http" else current_stage()
        prefix = self.base_path
        if is_default_host:
            prefix = "" if stage == DEFAULT else f"/{stage}"
        if request.path != prefix and not request.path.startswith(f"{prefix}/"):
            return message_response(403, "Forbidden") if self.via == "rest" else message_response(404, "Not Found")
        service_path = request.path[len(prefix) :] or "/"
        found = find_route(description.routes, request.method, service_path)
        if found is None:
            return gateway_response(description, "MISSING_AUTHENTICATION_TOKEN")
        route, parameters = found
        match = RouteMatch(service_path, stage, is_default_host, route.path, route.method, parameters)
        if route.authorized:
            try:
                match = self.authorizer.authorize(request, match)
            except GatewayRejection as rejection:
                return gateway_response(description, str(rejection))
            except Exception as error:
                self.report(error)
                return gateway_response(description, "AUTHORIZER_FAILURE")
        create_event = rest_event if description.kind == "rest" else http_event
        return create_event(request, match)

    def _call(self, request: HttpRequest, event: Event) -> HttpResponse:
        raw = None
        try:
            raw = self.invoke(event, request.id)
            return to_http_response(self.via, request.method, raw)
        except Exception as error:
            self.report(error)
            return replace(gateway_response(self.description, "INTEGRATION_FAILURE"), raw=raw)


def print_error(error: Exception) -> None:
    """Print an event's error to stderr, as Lambda's runtime does. Only errors of the user's code have a traceback."""
    sys.stderr.write(f"[ERROR] {type(error).__name__}: {error}\n")
    if not isinstance(error, CoWorksError | MalformedResult):
        traceback.print_exception(error)


def find_route(
    routes: tuple[GatewayRoute, ...], method: str, path: str
) -> tuple[GatewayRoute, Mapping[str, str]] | None:
    """Return the most specific route that has the method, and the values of its parameters."""
    segments = split_path(path)  # without a trailing slash
    matches = (
        (route, parameters)
        for route in routes
        if route.method in (method, ANY) and (parameters := _match(route.path, segments)) is not None
    )
    return max(matches, key=lambda match: (_specificity(match[0].path), match[0].method != ANY), default=None)


def _match(template: str, segments: list[str]) -> dict[str, str] | None:
    if template == DEFAULT:
        return {}
    parts = split_path(template)
    values: dict[str, str] = {}
    for index, part in enumerate(parts):
        rest = segments[index:]
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
    """Return a sort key: `$default` is lowest, then greedy paths; a static segment is above a parameter."""
    parts = template.split("/")[1:]
    weights = (0 if part.endswith("+}") else 1 if part.startswith("{") else 2 for part in parts)
    return template != DEFAULT, not template.endswith("+}"), tuple(weights)


class GatewayApp:
    """An ASGI app that runs a service behind a simulated gateway.

    One thread is the execution environment: the event loop and the lifespan start there at the first event, and events
    run one at a time. It closes with the server's lifespan.
    """

    def __init__(
        self,
        app: TechMicroService,
        via: Via = "rest",
        *,
        base_path: str = "",
        lambda_timeout: float = FUNCTION_TIMEOUT,
    ) -> None:
        self.app = app
        self.gateway = Gateway(app, via, base_path=base_path, lambda_timeout=lambda_timeout)
        self._executor = ThreadPoolExecutor(1, "lambda")
        self._is_closing = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await run_lifespan(receive, send, start=self._start, stop=self._stop)
        request = await receive_request(self.gateway, scope, receive, send)
        if request is not None:
            await send_response(await self._run(partial(self._respond, request)), send)

    def _respond(self, request: HttpRequest) -> HttpResponse:
        """Respond to a request. Those that still wait when the server stops do not delay it."""
        if self._is_closing:
            return gateway_response(self.gateway.description, "INTEGRATION_FAILURE")
        return self.gateway.respond(request)

    async def _start(self) -> None:
        self._is_closing = False

    async def _stop(self) -> None:
        self._is_closing = True
        await self._run(self.app.lambda_handler.close)
        self._executor.shutdown()
        # A test client may be opened again.
        self._executor = ThreadPoolExecutor(1, "lambda")

    async def _run(self, work: Callable[[], T]) -> T:
        # A worker thread waits for the result, which works on asyncio and on trio.
        return await to_thread.run_sync(self._executor.submit(work).result)


async def run_lifespan(
    receive: Receive,
    send: Send,
    *,
    start: Callable[[], Awaitable[None]] | None = None,
    stop: Callable[[], Awaitable[None]],
) -> None:
    """Run the ASGI lifespan of a simulated gateway: `start` before the startup is complete, `stop` at the shutdown."""
    await receive()
    if start is not None:
        await start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await stop()
    await send({"type": "lifespan.shutdown.complete"})


async def receive_request(gateway: Gateway, scope: Scope, receive: Receive, send: Send) -> HttpRequest | None:
    """Return a request with its body; None for one that the gateway has answered itself or whose client has left."""
    if scope["type"] != "http":
        # These gateways do not support WebSockets.
        await send({"type": "websocket.close", "code": 1000})
        return None
    limits = Limits(gateway.body_limit)
    try:
        limits.check_length(scope)
        return _parse_scope(scope, await read_body(scope, receive, limits))
    except ContentTooLarge:
        await send_response(gateway_response(gateway.description, "REQUEST_TOO_LARGE"), send)
    except ClientDisconnect:
        pass  # No response can be sent.
    return None


async def send_response(response: HttpResponse, send: Send) -> None:
    await send(start_message(response))
    await send({"type": "http.response.body", "body": response.body})


def start_message(response: HttpResponse) -> Message:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    return {"type": "http.response.start", "status": response.status, "headers": headers}


def _parse_scope(scope: Scope, body: bytes) -> HttpRequest:
    raw_path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    client = scope.get("client") or ("127.0.0.1", 0)
    return HttpRequest(
        method=scope["method"],
        path=raw_path.decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]),
        body=body,
        source_ip=client[0],
        scheme=scope.get("scheme", "http"),
    )

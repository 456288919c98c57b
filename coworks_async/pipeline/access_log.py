"""Access log: one structured line per request, without token, query, body or event."""

import json
import logging
import os
import re
from collections.abc import Iterable
from time import perf_counter
from typing import Any
from uuid import uuid4

from starlette.routing import Mount

from coworks_async.exceptions import DeclarationError
from coworks_async.pipeline.routing import EntryRoute
from coworks_async.pipeline.trace import get_trace_header
from coworks_async.types import ASGIApp, Message, Receive, Scope, Send

LOG_FORMAT_VARIABLE = "CWS_LOG_FORMAT"

LOG_FORMATS = ("json", "text")

REQUEST_ID = "coworks.request_id"
"""Scope key: the id of a request outside of Lambda."""

CALL_REQUEST_ID = "coworks.call_request_id"
"""Scope key of an asynchronous call outside of Lambda: the id of the request that started it."""

# A client chooses the header, so only what an id needs is accepted.
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:=+/-]{1,128}")

# https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")

# https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
_XRAY_ROOT = re.compile(rb"(?:^|;)\s*Root=(1-[0-9a-f]{8}-[0-9a-f]{24})")


def is_json_log(class_name: str, log_format: object) -> bool:
    """Return whether logs are JSON: by `CWS_LOG_FORMAT`, else by the attribute of the service's class."""
    variable = os.environ.get(LOG_FORMAT_VARIABLE)
    for name, value in ((f"{class_name}.log_format", log_format), (LOG_FORMAT_VARIABLE, variable or "text")):
        if value not in LOG_FORMATS:
            raise DeclarationError(f"{name}: {value!r} is not a log format. Use 'json' or 'text'.")
    return (variable or log_format) == "json"


class StructuredMessage(dict[str, Any]):
    """A log message that is a mapping. A text formatter writes it as JSON; Lambda's JSON format keeps its members."""

    def __str__(self) -> str:
        return json.dumps(self)

    @property
    def summary(self) -> str:
        """Method, path and status, for formats that write the members apart from the message."""
        return " ".join(str(self[name]) for name in ("method", "path", "status") if name in self)


def log_request(
    logger: logging.Logger,
    scope: Scope,
    status: int | None,
    *,
    start: float,
    context: Any = None,
    cold: bool | None = None,
    root_path: str | None = None,
    route: str | None = None,
    error: BaseException | None = None,
) -> None:
    """Log a request at INFO. A member without a value is omitted.

    `start` is the time by `perf_counter` at which the request arrived, and `root_path` that of the service, which may
    be mounted. `context` and `cold` come from Lambda. `route` replaces the one in the scope.
    `error` has cut the response off; its type is logged.
    """
    if not logger.isEnabledFor(logging.INFO):
        return
    event = scope.get("aws.event") or {}
    members = {
        "method": scope.get("method"),
        "path": scope.get("path"),
        "route": route or find_route(scope, root_path),
        "status": status,
        "error": None if error is None else type(error).__name__,
        "ms": round((perf_counter() - start) * 1000, 3),
        "request_id": find_request_id(scope, context),
        "gateway_request_id": event.get("requestContext", {}).get("requestId"),
        "cold_start": cold,
        "trace_id": find_trace_id(scope.get("headers", ())),
    }
    logger.info(StructuredMessage({name: value for name, value in members.items() if value is not None}))


def find_request_id(scope: Scope, context: Any = None) -> str | None:
    """Return the id of the invocation in Lambda, else the one that `AccessLogMiddleware` has set, or None.

    `context` is Lambda's, if the scope may not contain it.
    """
    found: str | None = getattr(context or scope.get("aws.context"), "aws_request_id", None)
    return found or scope.get(REQUEST_ID)


def find_trace_id(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the trace id of the caller's `traceparent`, else that of X-Ray, or None."""
    found = {name: value for name, value in headers if name in (b"traceparent", b"x-amzn-trace-id")}
    if match := _TRACEPARENT.fullmatch(found.get(b"traceparent", b"")):
        return match[1].decode()
    # Lambda passes one with each event, with its own segment of the header's trace.
    xray = get_trace_header().encode() or found.get(b"x-amzn-trace-id", b"")
    match = _XRAY_ROOT.search(xray)
    return match[1].decode() if match else None


class AccessLogMiddleware:
    """Logs each HTTP request outside of Lambda, whose handler logs requests itself. Sets the request's id.

    The id is the one in the header `X-Request-Id`, or a new one; that of an asynchronous call is in its 202.
    """

    def __init__(self, app: ASGIApp, logger: logging.Logger) -> None:
        self.app = app
        self.logger = logger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A service that this one is mounted on logs the request.
        if scope["type"] != "http" or "aws.event" in scope or REQUEST_ID in scope:
            return await self.app(scope, receive, send)
        start, status, is_logged = perf_counter(), None, False
        # A mount extends it.
        root_path = scope.get("root_path", "")
        scope[REQUEST_ID] = scope.get(CALL_REQUEST_ID) or _create_request_id(scope)

        async def send_observed(message: Message) -> None:
            nonlocal status, is_logged
            await send(message)
            if message["type"] == "http.response.start":
                # A second one, for an exception after the first, is dropped if the client has left.
                status = status or message["status"]
            elif message["type"] == "http.response.body" and not message.get("more_body") and not is_logged:
                # Not after the work that follows the response: the process may end during it.
                is_logged = True
                log_request(self.logger, scope, status, start=start, root_path=root_path)

        try:
            await self.app(scope, receive, send_observed)
        finally:
            if not is_logged:
                log_request(self.logger, scope, status, start=start, root_path=root_path)


def _create_request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return str(uuid4())


def find_route(scope: Scope, root_path: str | None) -> str | None:
    """Return the path template of the route that handled a request, with the mounts of the service above it."""
    route = scope.get("route")
    path = route.entry.path if isinstance(route, EntryRoute) else getattr(route, "path", None)
    if not isinstance(path, str):
        return None
    if isinstance(route, Mount):
        return path
    # A mount extends the root path, and keeps the first one.
    current: str = scope.get("root_path", "")
    return current.removeprefix(scope.get("app_root_path", current) if root_path is None else root_path) + path

"""Convert exceptions to responses: by error handlers, or as problem+json (RFC 9457)."""

import logging
from asyncio import CancelledError, current_task, sleep
from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from http import client
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from coworks_async.entries.blueprints import ErrorKey
from coworks_async.exceptions import ContentTooLarge, FieldError, Problem, ReturnError
from coworks_async.pipeline.concurrency import AsyncFunction, ensure_async
from coworks_async.pipeline.cors import CorsHeaders
from coworks_async.pipeline.request import AFTER_RESPONSE, current, current_request
from coworks_async.pipeline.responses import (
    BODILESS_STATUSES,
    GeneratorResponse,
    check_response,
    encode_json,
    to_response,
    without_body,
)
from coworks_async.types import ASGIApp, Function, Message, Receive, Scope, Send

HandlerT = TypeVar("HandlerT")

MEDIA_TYPE = "application/problem+json"

RESPONSE_ABORTED = "coworks.response_aborted"
"""Scope key: a list, to which the exception is appended that aborts a started response. It is logged already."""

# The phrases of RFC 9110, which Python uses since 3.13.
_TITLES = {413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}


def status_title(status: int) -> str:
    unknown = "Error" if status >= 400 else "Response"
    return _TITLES.get(status) or client.responses.get(status, unknown)


def problem_members(status: int, detail: str | None = None, errors: Sequence[FieldError] = ()) -> dict[str, Any]:
    title = status_title(status)
    members: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    if detail and detail not in (title, client.responses.get(status)):
        members["detail"] = detail
    if errors:
        members["errors"] = errors
    return members


def exception_members(error: HTTPException) -> dict[str, Any]:
    """Return the members of the response to an exception."""
    if not isinstance(error, Problem):
        return problem_members(error.status_code, error.detail)
    members = problem_members(error.status_code, error.detail, error.errors)
    return {**members, "type": error.type, "title": error.title or members["title"], **error.extensions}


def problem_response(
    status: int,
    detail: str | None = None,
    *,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    return _create_response(status, problem_members(status, detail, errors), headers)


def exception_response(error: HTTPException) -> Response:
    """Return the response to an exception that no handler takes. A `ReturnError` is for the developer."""
    try:
        response = _create_response(error.status_code, exception_members(error), error.headers)
    except (UnicodeEncodeError, AttributeError):
        raise ReturnError(
            f"returned a {type(error).__name__} whose headers do not map names to values, both latin-1 strings"
        ) from None
    return check_response(response)


def _create_response(status: int, members: Mapping[str, Any], headers: Mapping[str, str] | None) -> Response:
    if status in BODILESS_STATUSES:
        return Response(status_code=status, headers=headers)
    return Response(encode_json(members), status, headers, media_type=MEDIA_TYPE)


def to_exception(error: Exception | CancelledError) -> Exception:
    """Convert the cancellation of something that was awaited; raise it if the request itself is cancelled."""
    if isinstance(error, Exception):
        return error
    task = current_task()
    if task is None or task.cancelling():
        raise error
    failure = RuntimeError("An awaited task was cancelled, but not the request")
    failure.__cause__ = error
    return failure


def find_handler(error: Exception, handlers: Mapping[Any, HandlerT]) -> HandlerT | None:
    """Return the handler of an exception: by its status, else by its class or the nearest base class."""
    # As in Starlette, handlers of `Exception` and 500 do not get an `HTTPException` by its class.
    if isinstance(error, HTTPException):
        if error.status_code in handlers:
            return handlers[error.status_code]
        classes = [cls for cls in type(error).__mro__ if cls is not Exception]
        return next((handlers[cls] for cls in classes if cls in handlers), None)
    return next((handlers[key] for key in (*type(error).__mro__, 500) if key in handlers), None)


def is_expected(error: Exception, handlers: Mapping[Any, object]) -> bool:
    """Return whether an exception is an HTTP response or has a handler of its class, and so is not logged as a bug."""
    if isinstance(error, HTTPException):
        return True
    return any(cls in handlers for cls in type(error).__mro__ if issubclass(cls, Exception) and cls is not Exception)


class ErrorResponder:
    """Responds to exceptions, by the handler nearest to the entry or with a problem. Bugs are logged once."""

    def __init__(
        self,
        handlers: Sequence[Mapping[ErrorKey, Function]],  # the nearest to the entry first
        starlette_handlers: Mapping[Any, ExceptionHandler],
        *,
        logger: logging.Logger,
        debug: bool,
    ) -> None:
        self.handlers = [{key: ensure_async(handler) for key, handler in each.items()} for each in handlers]
        self.starlette_handlers = {key: ensure_async(handler) for key, handler in starlette_handlers.items()}
        self.logger = logger
        self.debug = debug

    async def run(
        self, app: ASGIApp, label: str, scope: Scope, receive: Receive, send: Send, *, root_path: str | None = None
    ) -> Exception | None:
        """Run an app and return its exception, if any. The client gets an error response, unless one has started.

        `root_path` is the one for error handlers, if the app may change it.
        """
        started = is_broken = False

        async def send_tracked(message: Message) -> None:
            nonlocal started, is_broken
            try:
                await send(message)
            except OSError:
                is_broken = True
                raise
            started = True
            if message.get("more_body"):
                # A stream that never waits would block the event loop, which notices that the client is gone.
                await sleep(0)

        try:
            await app(scope, receive, send_tracked)
        except (Exception, CancelledError) as error:
            failure = to_exception(error)
            if isinstance(failure, ClientDisconnect):
                # Since ASGI 2.4, Starlette takes any `OSError` of a stream, even of its generator, for a disconnect.
                if is_broken or not started or not isinstance(failure.__context__, OSError):
                    return None
                failure = failure.__context__
            if started:
                self.log(failure, label, " after the response had started")
                mark_aborted(scope, failure)
            else:
                if root_path is not None:
                    # A mount has extended it. A copy, because the access log needs the path of the mount.
                    scope = {**scope, "root_path": root_path}
                await self.send(failure, label, scope, receive, send)
            return failure
        return None

    async def send(self, error: Exception, label: str, scope: Scope, receive: Receive, send: Send) -> None:
        reset = current.set((scope, receive, send))
        try:
            response = await self.without_body(await self.respond(error, label), label, scope["method"])
            await response(scope, receive, send)
            if AFTER_RESPONSE in scope:
                await self.run_after_response(scope, label)
        finally:
            self.close_after_response(scope, label)
            current.reset(reset)

    async def respond(self, error: Exception, label: str) -> Response:
        """Return the response to an exception during the current request; a plain 500 if its handler fails."""
        if not any(is_expected(error, handlers) for handlers in (*self.handlers, self.starlette_handlers)):
            self.log(error, label)
        try:
            response = await self._handle(error) or self._default_response(error)
        except (Exception, CancelledError) as failure:
            self.log(to_exception(failure), f"Error handler for {label}")
            return problem_response(500)
        if isinstance(error, ContentTooLarge) and current_request().scope.get("http_version", "1.1") < "2":
            # The rest of the body stays unread, so the connection cannot be used again.
            response.headers["connection"] = "close"
        return response

    async def _handle(self, error: Exception) -> Response | None:
        for handlers in self.handlers:
            if (handler := find_handler(error, handlers)) is not None:
                return await _run_handler(handler, error)
        if (handler := find_handler(error, self.starlette_handlers)) is not None:
            return await _run_handler(partial(handler, current_request()), error)
        return None

    def _default_response(self, error: Exception) -> Response:
        if isinstance(error, HTTPException):
            return exception_response(error)
        return _traceback_response(error, current_request()) if self.debug else problem_response(500)

    async def without_body(self, response: Response, label: str, method: str) -> Response:
        """Return a response as it is sent: without a body if it must have none. A generator is closed then."""
        result = without_body(response, method)
        if result is not response and isinstance(response, GeneratorResponse):
            await self.attempt(response.close(), f"Closing the generator of {label}")
        return result

    async def attempt(self, step: Awaitable[Any], label: str) -> None:
        """Await a step after which others follow. A failure is logged."""
        try:
            await step
        except (Exception, CancelledError) as error:
            self.log(to_exception(error), label)

    async def run_after_response(self, scope: Scope, label: str) -> None:
        """Run the coroutines that were passed to `request.after`, in order. A failure is logged."""
        waiting = scope[AFTER_RESPONSE]
        while waiting:
            try:
                await waiting[0]
            except (Exception, CancelledError) as error:
                self.log(to_exception(error), f"{waiting[0].__qualname__} after the response of {label}")
            # One that is cancelled with the request stays, and is reported as unfinished.
            waiting.popleft()

    def close_after_response(self, scope: Scope, label: str) -> None:
        """Close the coroutines that were passed to `request.after` and have not run to their end; log their names."""
        unfinished = scope.pop(AFTER_RESPONSE, ())
        for work in unfinished:
            work.close()  # prevents the "never awaited" warning
        if unfinished:
            names = ", ".join(work.__qualname__ for work in unfinished)
            self.logger.error("%s: request.after did not finish: %s", label, names)

    def log(self, error: Exception, label: str, when: str = "") -> None:
        if isinstance(error, ReturnError):
            self.logger.error("%s%s: %s", label, when, error, exc_info=error)
        else:
            self.logger.error("%s failed%s", label, when, exc_info=error)


async def _run_handler(handler: AsyncFunction, error: Exception) -> Response:
    """Return the response of an error handler. A `Problem` that it raises or returns is not handled again."""
    try:
        returned = await handler(error)
    except HTTPException as problem:
        # Without its traceback: a module's constant that is raised again would collect frames.
        returned = problem if problem is error else problem.with_traceback(None)
    return exception_response(returned) if isinstance(returned, HTTPException) else await to_response(returned)


def mark_aborted(scope: Scope, failure: Exception) -> None:
    """Inform the Lambda handler that the response is incomplete and that the cause is logged."""
    if RESPONSE_ABORTED in scope:
        scope[RESPONSE_ABORTED].append(failure)


def _traceback_response(error: Exception, request: Request) -> Response:
    from starlette.middleware.errors import ServerErrorMiddleware  # Lambda cold start: only `debug` needs it

    async def unused_app(scope: Scope, receive: Receive, send: Send) -> None:
        """Required by the middleware's constructor."""

    return ServerErrorMiddleware(unused_app, debug=True).debug_response(request, error)


class ErrorMiddleware:
    """Responds to exceptions of the user's middleware and `authorizer_middleware`."""

    def __init__(self, app: ASGIApp, errors: ErrorResponder, cors: CorsHeaders | None) -> None:
        self.app = app
        self.errors = errors
        self.cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except ClientDisconnect:
            return
        except (Exception, CancelledError) as error:
            if scope["type"] != "http":
                raise
            failure, label = to_exception(error), f"Middleware at {request_line(scope)}"
            send = send if self.cors is None else self.cors.wrap(scope, send)
            try:
                await self.errors.send(failure, label, scope, receive, send)
            except Exception as rejection:
                # The server rejects a second start. Tracking the first one would cost every request.
                mark_aborted(scope, failure)
                self.errors.logger.warning("%s: no error response was sent, as one had started: %s", label, rejection)


def request_line(scope: Scope) -> str:
    """Return method and path for a log message. The path may contain line breaks, so it is quoted."""
    return f"{scope['method']} {scope['path']!r}"

"""The one place where what was raised becomes an answer."""

import logging
from asyncio import CancelledError, current_task
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from coworks_async.entries.blueprints import ErrorKey
from coworks_async.exceptions import ContentTooLarge, ReturnError
from coworks_async.pipeline import problems
from coworks_async.pipeline.concurrency import AsyncFunction, ensure_async
from coworks_async.pipeline.request import current, get_request
from coworks_async.pipeline.responses import check_response, to_response
from coworks_async.types import ASGIApp, Message, Receive, Scope, Send

HandlerT = TypeVar("HandlerT")

RESPONSE_ABORTED = "coworks.broken_off"
"""The key of a scope for a list of the adapter, which is told there that an answer broke off, and that it is logged."""


def find_handler(error: Exception, handlers: Mapping[Any, HandlerT]) -> HandlerT | None:
    """Return the handler of an exception: by its status, then by its class or the nearest above.

    As in Starlette, `Exception` and 500 are for what nothing else expects, so they take no `HTTPException`.
    """
    if isinstance(error, HTTPException):
        if error.status_code in handlers:
            return handlers[error.status_code]
        classes = [cls for cls in type(error).__mro__ if cls is not Exception]
        return next((handlers[cls] for cls in classes if cls in handlers), None)
    return next((handlers[key] for key in (*type(error).__mro__, 500) if key in handlers), None)


def is_expected(error: Exception, handlers: Mapping[Any, object]) -> bool:
    """Tell whether an exception is an answer, or has a handler of its own class, rather than a bug to be logged."""
    if isinstance(error, HTTPException):
        return True
    return any(cls in handlers for cls in type(error).__mro__ if issubclass(cls, Exception) and cls is not Exception)


def to_exception(error: Exception | CancelledError) -> Exception:
    """Return what failed: the exception itself, or that something was awaited which others had cancelled.

    Raises:
        CancelledError: it is the request that is cancelled, which nobody answers.
    """
    if isinstance(error, Exception):
        return error
    task = current_task()
    if task is None or task.cancelling():
        raise error
    failure = RuntimeError("What was awaited is cancelled, the request is not")
    failure.__cause__ = error
    return failure


class ErrorResponder:
    """Answers exceptions: by the author's handlers, else by a problem; a bug is logged once, with its traceback.

    Parameters:
        handlers: those of `errorhandler`, the nearest to the entry first; they get the exception.
        starlette_handlers: those of the constructor and of `add_exception_handler`; they get the request as well.
        debug: a bug is answered with its traceback.
    """

    def __init__(
        self,
        handlers: Sequence[Mapping[ErrorKey, AsyncFunction]],
        starlette_handlers: Mapping[Any, ExceptionHandler],
        *,
        logger: logging.Logger,
        debug: bool,
    ) -> None:
        self.handlers = handlers
        self.starlette_handlers = {key: ensure_async(handler) for key, handler in starlette_handlers.items()}
        self.logger = logger
        self.debug = debug

    async def answer(self, error: Exception, what: str, scope: Scope, receive: Receive, send: Send) -> Response:
        """Return the answer to an exception raised by `what`; a handler that fails makes it a plain 500."""
        if not any(is_expected(error, handlers) for handlers in (*self.handlers, self.starlette_handlers)):
            self.log(error, what)
        try:
            response = await self._handled(error, scope, receive, send)
            if response is None:
                response = check_response(self._default(error, scope, receive, send))
        except (Exception, CancelledError) as failure:
            self.log(to_exception(failure), f"the error handler for {what}")
            return problems.problem_response(500)
        if isinstance(error, ContentTooLarge) and scope.get("http_version", "1.1") < "2":
            # The rest of the body is left unread, so the connection cannot serve another request.
            response.headers["connection"] = "close"
        return response

    def _default(self, error: Exception, scope: Scope, receive: Receive, send: Send) -> Response:
        if isinstance(error, HTTPException):
            return problems.problem_from_exception(error)
        if self.debug:
            return _traceback_page(error, get_request(scope, receive, send))
        return problems.problem_response(500)

    async def _handled(self, error: Exception, scope: Scope, receive: Receive, send: Send) -> Response | None:
        for handlers in self.handlers:
            handler = find_handler(error, handlers)
            if handler is not None:
                return await to_response(await handler(error))
        handler = find_handler(error, self.starlette_handlers)
        if handler is not None:
            return await to_response(await handler(get_request(scope, receive, send), error))
        return None

    def log(self, error: Exception, what: str) -> None:
        """Log a bug, with its traceback."""
        if isinstance(error, ReturnError):
            self.logger.error("%s: %s", what, error, exc_info=error)
        else:
            self.logger.error("%s failed", what, exc_info=error)

    def log_begun(self, error: Exception, what: str, scope: Scope) -> None:
        """Log what failed behind the start of an answer, which breaks off."""
        self.log(error, f"{what}, its answer begun,")
        mark_aborted(scope)


def mark_aborted(scope: Scope) -> None:
    """Tell the adapter, if it asks, that there is nothing left to log of an answer that ends before it is whole."""
    told = scope.get(RESPONSE_ABORTED)
    if told is not None:
        told.append(True)


def _traceback_page(error: Exception, request: Request) -> Response:
    from starlette.middleware.errors import ServerErrorMiddleware

    async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
        """The page needs a middleware, the middleware an app."""

    return ServerErrorMiddleware(nothing, debug=True).debug_response(request, error)


class ErrorMiddleware:
    """Answers what the author's middleware raises.

    It does not watch what is sent, which would cost every request: it stands next to the server, which refuses the
    start of a second answer.
    """

    def __init__(self, app: ASGIApp, errors: ErrorResponder, what: str) -> None:
        self.app = app
        self.errors = errors
        self.what = what

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except ClientDisconnect:
            return
        except (Exception, CancelledError) as error:
            if scope["type"] != "http":
                raise
            failure, what = to_exception(error), self.named(scope)
            try:
                await self.answer(failure, what, scope, receive, send)
            except Exception as refusal:
                mark_aborted(scope)
                self.errors.logger.warning("%s, its answer begun, gets no other: %s", what, refusal)

    def named(self, scope: Scope) -> str:
        """Return how the log names what failed; the path is the client's, and may hold line breaks."""
        return f"{self.what} at {scope['method']} {scope['path']!r}"

    async def answer(self, error: Exception, what: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in place of what failed; the author's handlers may use `request`."""
        reset = current.set((scope, receive, send))
        try:
            response = await self.errors.answer(error, what, scope, receive, send)
            await response(scope, receive, send)
        finally:
            current.reset(reset)


class RouteErrorMiddleware(ErrorMiddleware):
    """Answers what the author's own routes and mounts raise, while nothing has been sent; logs it afterwards.

    What stands around them, a compression say, would take a second answer for more of the first.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def tell(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, tell)
        except ClientDisconnect:
            return
        except (Exception, CancelledError) as error:
            failure = to_exception(error)
            if started:
                return self.errors.log_begun(failure, self.named(scope), scope)
            await self.answer(failure, self.named(scope), scope, receive, send)

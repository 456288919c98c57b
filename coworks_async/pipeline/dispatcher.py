"""Dispatch requests: the ASGI app of a service, inside the user's middleware."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote_to_bytes

from msgspec import Struct
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.responses import Response
from starlette.routing import Router
from starlette.types import ExceptionHandler

from coworks_async._compat import get_route_path
from coworks_async.entries.blueprints import HookRegistry
from coworks_async.entries.cors import CORS
from coworks_async.entries.entry import Entry
from coworks_async.entries.route_table import RouteTable
from coworks_async.exceptions import AsyncCallError, BadRequest, DeclarationError
from coworks_async.pipeline.binding.fast import Binder, create_binder
from coworks_async.pipeline.body import Limits
from coworks_async.pipeline.concurrency import AsyncFunction, ensure_async
from coworks_async.pipeline.cors import CorsMiddleware
from coworks_async.pipeline.endpoint import Endpoint
from coworks_async.pipeline.errors import ErrorMiddleware, ErrorResponder, request_line
from coworks_async.pipeline.fallback import Fallback, raise_unmatched
from coworks_async.pipeline.invocation import RUNNING_ENTRY, StoreIn
from coworks_async.pipeline.responses import response_with_headers
from coworks_async.pipeline.routing import EntryRoute
from coworks_async.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from coworks_async.pipeline.async_calls import AsyncCallTasks


class DispatcherSettings(Struct, frozen=True):
    """Configuration of a service."""

    authorize: Callable[[ASGIApp], ASGIApp]
    authorizer_may_raise: bool  # true for a subclass of AuthorizerMiddleware
    require_scopes: Callable[[ASGIApp, frozenset[str]], ASGIApp]
    cors: CORS | None  # for requests that no entry takes
    token_key: str
    limits: Limits
    store_in: StoreIn
    max_async_calls: int | None
    async_shutdown_timeout: float | None
    logger: logging.Logger
    debug: bool
    in_lambda: bool
    hooks: tuple[HookRegistry, ...]  # for all entries: the service's own, and the `app_hooks` of its blueprints
    blueprint_hooks: Mapping[str, HookRegistry]
    exception_handlers: Mapping[Any, ExceptionHandler]


class Dispatcher:
    """Passes each request to an entry, behind its authorizer, or to the fallback."""

    def __init__(self, table: RouteTable[EntryRoute], router: Router, settings: DispatcherSettings) -> None:
        self.table = table
        self.settings = settings
        # Frozen, because endpoints copy the hooks.
        for registry in (*settings.hooks, *settings.blueprint_hooks.values()):
            registry.frozen = True
        self.errors = self._create_responder(settings.hooks)
        unmatched = _add_cors(self._create_rejection("an unmatched request", raise_unmatched), settings.cors)
        self.invalid_path = self._create_rejection("an invalid path", _raise_invalid_path)
        self.fallback = Fallback(
            table, router, unmatched, settings.limits, settings.cors, settings.token_key, settings.in_lambda
        )
        self.non_http = ExceptionMiddleware(router, handlers=settings.exception_handlers)
        self.async_call_tasks: AsyncCallTasks | None = None
        self.lifespan_state: dict[str, Any] = {}  # that the lifespan yielded, once it has started

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                receive = self._delay_shutdown(receive)
                self.lifespan_state = scope.get("state", {})
            return await self.non_http(scope, receive, send)
        method = scope["method"]
        path = get_route_path(scope) if scope.get("root_path") else scope["path"]
        if method == "OPTIONS" and (preflight := self.fallback.preflight_response(scope, path)) is not None:
            return await preflight(scope, receive, send)
        found = self.table.match(method, path)
        if found is not None and found[1] and self.fallback.user_routes:
            # An entry without path parameters has the longest static path.
            found = None if self.fallback.takes_precedence(scope, found[0].entry) else found
        if RUNNING_ENTRY in scope and (found is None or found[0].entry is not scope[RUNNING_ENTRY]):
            raise _wrong_entry_error(scope, "no entry" if found is None else str(found[0].entry))
        if found is None:
            label, root_path = f"Route at {request_line(scope)}", scope.get("root_path", "")
            await self.errors.run(self.fallback, label, scope, receive, send, root_path=root_path)
            return
        route, values = found
        if values and "\ufffd" in path and _is_invalid_utf8(scope):
            return await _add_cors(self.invalid_path, route.entry.cors)(scope, receive, send)
        outer = scope.get("path_params")
        scope["path_params"] = {**outer, **values} if outer else values
        scope["route"] = route
        scope["endpoint"] = route.endpoint
        await route.app(scope, receive, send)

    def _delay_shutdown(self, receive: Receive) -> Receive:
        """Wrap a lifespan's receive so that the shutdown waits for asynchronous calls, up to a deadline."""

        async def receive_delayed() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown" and self.async_call_tasks is not None:
                await self.async_call_tasks.end(self.settings.async_shutdown_timeout)
            return message

        return receive_delayed

    def build_app(self, entry: Entry) -> ASGIApp:
        """Create the ASGI app of an entry: its endpoint inside asynchronous calls, scopes, authorizer, CORS headers."""
        settings = self.settings
        hooks = settings.hooks
        if entry.blueprint is not None:
            hooks = (*hooks, settings.blueprint_hooks[entry.blueprint])
        errors = self._create_responder(hooks)
        app: ASGIApp = Endpoint(str(entry), _create_binder(entry, settings.limits), _get_function(entry), hooks, errors)
        if entry.background:
            from coworks_async.pipeline.async_calls import AsyncCallMiddleware, AsyncCallTasks  # Lambda cold start

            self.async_call_tasks = self.async_call_tasks or AsyncCallTasks(settings.max_async_calls)
            app = AsyncCallMiddleware(
                app,
                entry,
                errors,
                token_key=settings.token_key,
                limits=settings.limits,
                store_in=settings.store_in,
                tasks=self.async_call_tasks,
            )
        if entry.scopes:
            app = settings.require_scopes(app, entry.scopes)
        if not entry.no_auth:
            app = settings.authorize(app)
            if settings.authorizer_may_raise:
                app = ErrorMiddleware(app, self.errors, None)  # the entry's CORS headers are added below
        return _add_cors(app, entry.cors)

    def _create_responder(self, hooks: Sequence[HookRegistry]) -> ErrorResponder:
        settings = self.settings
        handlers = [registry.errors for registry in reversed(hooks)]
        return ErrorResponder(handlers, settings.exception_handlers, logger=settings.logger, debug=settings.debug)

    def _create_rejection(self, label: str, reject: AsyncFunction) -> ASGIApp:
        """Create an endpoint that runs the service's hooks and rejects each request while binding it."""
        return Endpoint(label, Binder(None, reject), reject, self.settings.hooks, self.errors)


def _add_cors(app: ASGIApp, cors: CORS | None) -> ASGIApp:
    return app if cors is None else CorsMiddleware(app, cors)


async def _raise_invalid_path(scope: Scope, receive: Receive, send: Send) -> NoReturn:
    raise BadRequest("The path is not UTF-8.")


def _is_invalid_utf8(scope: Scope) -> bool:
    """Return whether the raw path is invalid UTF-8, which the server has replaced."""
    try:
        unquote_to_bytes(scope.get("raw_path") or b"").decode()
    except UnicodeDecodeError:
        return True
    return False


def _wrong_entry_error(scope: Scope, reached: str) -> AsyncCallError:
    return AsyncCallError(
        f"{scope[RUNNING_ENTRY]} accepted the asynchronous call, but {scope['path']!r} now reaches {reached}, which "
        "is not run. Middleware that rewrites paths must not change a rewritten path."
    )


def _create_binder(entry: Entry, limits: Limits) -> Binder:
    """Create the binder of an entry. In Lambda a declaration error is found only here, and fails each request."""
    try:
        return create_binder(entry.plan, entry.method, limits)
    except DeclarationError as error:
        declaration_error = error

    async def bind(scope: Scope, receive: Receive, send: Send) -> NoReturn:
        raise declaration_error

    return Binder(None, bind)


def _get_function(entry: Entry) -> AsyncFunction:
    """Return the entry's function, which adds its `binary_headers`."""
    function = ensure_async(entry.function)
    headers = entry.options.binary_headers
    if not headers:
        return function

    async def call_with_headers(*args: Any, **kwargs: Any) -> Response:
        return await response_with_headers(headers, await function(*args, **kwargs))

    return call_with_headers

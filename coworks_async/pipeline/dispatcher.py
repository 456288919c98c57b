"""The pipeline: where every request comes in, whatever brings it."""

import functools
import logging
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote_to_bytes

from msgspec import Struct
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.responses import Response
from starlette.routing import Router
from starlette.types import ExceptionHandler

from coworks_async._compat import get_route_path
from coworks_async.entries.blueprints import HookRegistry
from coworks_async.entries.entry import Entry
from coworks_async.entries.route_table import RouteTable
from coworks_async.exceptions import AsyncCallError, BadRequest, DeclarationError
from coworks_async.pipeline.authorizer import AuthorizerMiddleware
from coworks_async.pipeline.binding.fast import Arguments, Binder, binder
from coworks_async.pipeline.concurrency import AsyncFunction, ensure_async
from coworks_async.pipeline.cors import CorsMiddleware
from coworks_async.pipeline.endpoint import Endpoint
from coworks_async.pipeline.errors import ErrorResponder, RouteErrorMiddleware
from coworks_async.pipeline.fallback import Fallback, bind_allowed_methods, raise_unmatched
from coworks_async.pipeline.hooks import HookChain, build_hook_chain
from coworks_async.pipeline.invocation import OUTERMOST, RUNNING_ENTRY, StoreIn
from coworks_async.pipeline.limits import Limits
from coworks_async.pipeline.responses import response_with_headers
from coworks_async.pipeline.routing import EntryRoute
from coworks_async.types import ASGIApp, AuthorizerRule, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from coworks_async.pipeline.async_calls import AsyncCallTasks


class DispatcherSettings(Struct, frozen=True):
    """What a service tells its pipeline, once it is built.

    `hooks` are the service's own and those that blueprints set on all of it; `blueprint_hooks` are by blueprint.
    """

    name: str
    rule: AuthorizerRule
    token_key: str
    authorizer: type[AuthorizerMiddleware]
    limits: Limits
    store_in: StoreIn
    logger: logging.Logger
    debug: bool
    hooks: tuple[HookRegistry, ...]
    blueprint_hooks: Mapping[str, HookRegistry]
    exception_handlers: Mapping[Any, ExceptionHandler]


class Dispatcher:
    """Finds what answers a request and hands it over: an entry behind its authorizer, or the fallback.

    Parameters:
        table: the entries.
        router: Starlette's, for the lifespan, WebSockets and the author's own routes.
        settings: the rest.
    """

    def __init__(self, table: RouteTable[EntryRoute], router: Router, settings: DispatcherSettings) -> None:
        self.table = table
        self.settings = settings
        hooks, errors = self._around(settings.hooks)
        miss = Endpoint(
            "the answer to an unknown route", Binder(None, bind_allowed_methods), raise_unmatched, hooks, errors
        )
        self.garbled = Endpoint(
            "the answer to a garbled path", Binder(None, bind_no_arguments), reject_path, hooks, errors
        )
        self.fallback = Fallback(table, router, miss, settings.limits, settings.token_key)
        self.guarded = RouteErrorMiddleware(self.fallback, errors, "a route")
        self.errors = errors
        # What has no entries is Starlette's: WebSockets and the lifespan.
        self.others = ExceptionMiddleware(router, handlers=settings.exception_handlers)
        for blueprint in settings.blueprint_hooks.values():
            blueprint.frozen = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                receive = self.before_shutdown(receive)
            return await self.others(scope, receive, send)
        method = scope["method"]
        path = get_route_path(scope) if scope.get("root_path") else scope["path"]
        if method == "HEAD":
            send = functools.partial(send_bodiless, send)
        elif method == "OPTIONS" and (answer := self.fallback.preflight(scope, path)) is not None:
            return await answer(scope, receive, send)
        found = self.table.match(method, path)
        if found is None or (found[1] and self.fallback.own and self.fallback.goes_first(scope, found[0].entry)):
            if RUNNING_ENTRY in scope:
                raise wrong_entry_error(scope, "no entry")
            scope.setdefault(OUTERMOST, self)
            return await self.guarded(scope, receive, send)
        route, values = found
        if RUNNING_ENTRY in scope and scope[RUNNING_ENTRY] is not route.entry:
            raise wrong_entry_error(scope, str(route.entry))
        if values and "\ufffd" in path and is_invalid_utf8(scope):
            return await self.garbled(scope, receive, send)
        outer = scope.get("path_params")
        scope["path_params"] = {**outer, **values} if outer else values
        scope["route"] = route
        scope["endpoint"] = route.endpoint
        await route.app(scope, receive, send)

    @cached_property
    def running(self) -> "AsyncCallTasks":
        """The asynchronous calls of this process; what they need is loaded where an entry takes them."""
        from coworks_async.pipeline.async_calls import AsyncCallTasks

        return AsyncCallTasks()

    def before_shutdown(self, receive: Receive) -> Receive:
        """Return a lifespan's receive that tells the shutdown when all asynchronous calls have ended."""

        async def receive_late() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown" and "running" in vars(self):
                await self.running.end()
            return message

        return receive_late

    def build(self, entry: Entry) -> ASGIApp:
        """Return the ASGI app of an entry: its endpoint, behind its authorizer, open to browsers if it says so."""
        settings = self.settings
        of_blueprint = settings.blueprint_hooks.get(entry.blueprint or "")
        hooks, errors = self._around((*settings.hooks, of_blueprint) if of_blueprint else settings.hooks)
        app: ASGIApp = Endpoint(str(entry), _binder(entry, settings.limits), _function(entry), hooks, errors)
        if entry.background:
            from coworks_async.pipeline.async_calls import AsyncCallMiddleware

            app = AsyncCallMiddleware(
                app,
                entry,
                errors,
                token_key=settings.token_key,
                limits=settings.limits,
                store_in=settings.store_in,
                pipeline=self,
            )
        if not entry.no_auth:
            app = settings.authorizer(
                app, settings.rule, token_key=settings.token_key, realm=settings.name, logger=settings.logger
            )
        return app if entry.no_cors else CorsMiddleware(app)

    def _around(self, places: tuple[HookRegistry, ...]) -> tuple[HookChain, ErrorResponder]:
        hooks = build_hook_chain(places)
        settings = self.settings
        errors = ErrorResponder(hooks.errors, settings.exception_handlers, logger=settings.logger, debug=settings.debug)
        return hooks, errors


def wrong_entry_error(scope: Scope, reached: str) -> AsyncCallError:
    """Return the error of an asynchronous call whose path leads elsewhere than it did when the call was accepted."""
    return AsyncCallError(
        f"{scope[RUNNING_ENTRY]} accepted the call, but at {scope['path']!r} it reaches {reached}, which is not run: "
        "a middleware that changes paths must leave a changed one as it is"
    )


def _binder(entry: Entry, limits: Limits) -> Binder:
    """Return what binds the entry; a mistake that only its first request finds, in Lambda, is an error of each."""
    try:
        return binder(entry.plan, entry.method, limits)
    except DeclarationError as error:
        mistake = error

    async def bind(scope: Scope, receive: Receive, send: Send) -> NoReturn:
        raise mistake

    return Binder(None, bind)


def is_invalid_utf8(scope: Scope) -> bool:
    """Tell whether a path, whose decoding a server forgave, was no UTF-8 as it was sent."""
    try:
        unquote_to_bytes(scope.get("raw_path") or b"").decode()
    except UnicodeDecodeError:
        return True
    return False


async def bind_no_arguments(scope: Scope, receive: Receive, send: Send) -> Arguments:
    """Bind what refuses without looking at anything."""
    return (), {}


async def reject_path() -> NoReturn:
    """Raise the 400 of a path that is no UTF-8."""
    raise BadRequest("The path is not UTF-8.")


def _function(entry: Entry) -> AsyncFunction:
    """Return what calls the entry; headers of its own are set on what it returns."""
    call = ensure_async(entry.function)
    headers = entry.options.binary_headers
    if not headers:
        return call

    async def call_with_headers(*args: Any, **kwargs: Any) -> Response:
        return await response_with_headers(headers, await call(*args, **kwargs))

    return call_with_headers


async def send_bodiless(send: Send, message: Message) -> None:
    """Send the answer to a HEAD: its headers, and no body (RFC 9110, section 9.3.2)."""
    if message["type"] != "http.response.body":
        await send(message)
    elif not message.get("more_body", False):
        await send({"type": "http.response.body", "body": b""})

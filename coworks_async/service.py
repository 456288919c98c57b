"""The service: one class of entries, served by any ASGI server."""

import logging
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ExceptionHandler, Lifespan

from coworks_async.entries.blueprints import Blueprint, HookRegistry, HooksMixin
from coworks_async.entries.decorators import is_header_name
from coworks_async.entries.discovery import normalize_prefix
from coworks_async.entries.entry import Entry, build_entries
from coworks_async.entries.route_table import RouteTable
from coworks_async.exceptions import DeclarationError, unknown_event_error
from coworks_async.pipeline.authorizer import AuthorizerMiddleware, matches_environment_token
from coworks_async.pipeline.dispatcher import Dispatcher, DispatcherSettings
from coworks_async.pipeline.errors import ErrorMiddleware
from coworks_async.pipeline.invocation import StoreIn, check_store_in
from coworks_async.pipeline.limits import LAMBDA_PAYLOAD_LIMIT, Limits
from coworks_async.pipeline.request import current_stage
from coworks_async.pipeline.routing import BlueprintMount, EntryRoute
from coworks_async.types import ASGIApp, AuthorizerResult

if TYPE_CHECKING:
    from coworks_async.aws.handler import LambdaHandler


class TechMicroService(HooksMixin, Starlette):
    """A microservice: a subclass's methods are its entries, and its instance is an ASGI app.

    Parameters:
        name: the service's name; the class's in lower case by default.
        debug, routes, middleware, exception_handlers, lifespan: as in Starlette; `debug` is refused in Lambda.
        max_body_size: the bytes that a request's body may have, None for no limit; over it is a 413.

    Attributes:
        token_key: the header that holds the token.
        max_fields, max_files: how many a form may have; over it is a 413.
        authorizer_middleware: what guards each entry.
        store_in: where answers of asynchronous calls may be stored, key prefixes by bucket; nowhere by default.
        extensions: those that were made for it, by name: each puts itself there.

    Raises:
        DeclarationError: the class declares what cannot be served.

    Example:
        >>> class Hello(TechMicroService):
        ...     @entry(no_auth=True)
        ...     async def get(self, name: str = "world"):
        ...         return f"Hello {name}."
        >>> app = Hello()
    """

    token_key: ClassVar[str] = "Authorization"
    max_fields: ClassVar[int] = 1000
    max_files: ClassVar[int] = 100
    authorizer_middleware: ClassVar[type[AuthorizerMiddleware]] = AuthorizerMiddleware
    store_in: ClassVar[StoreIn] = {}

    instance_attributes: ClassVar[frozenset[str]] = frozenset(
        {"debug", "exception_handlers", "extensions", "hooks", "limits", "logger", "max_body_size", "middleware_stack"}
        | {"name", "router", "state", "user_middleware"}
    )

    def __init__(
        self,
        name: str | None = None,
        *,
        debug: bool = False,
        routes: Sequence[BaseRoute] | None = None,
        middleware: Sequence[Middleware] | None = None,
        exception_handlers: Mapping[Any, ExceptionHandler] | None = None,
        lifespan: Lifespan[Any] | None = None,
        max_body_size: int | None = LAMBDA_PAYLOAD_LIMIT,
    ) -> None:
        super().__init__(debug, routes, middleware, exception_handlers, lifespan, max_body_size=max_body_size)
        self.name = name or type(self).__name__.lower()
        self.logger = logging.getLogger(self.name)
        self.extensions: dict[str, Any] = {}
        self.hooks = HookRegistry()
        self.limits = Limits(max_body_size, self.max_fields, self.max_files)
        self._in_lambda = "AWS_LAMBDA_FUNCTION_NAME" in os.environ
        if debug and self._in_lambda:
            raise DeclarationError(f"{self.name}: debug=True shows tracebacks to everybody; it is refused in Lambda.")
        if not is_header_name(self.token_key):
            raise DeclarationError(f"{type(self).__name__}.token_key is {self.token_key!r}, which is no header's name.")
        check_store_in(type(self).__name__, self.store_in)
        self._table: RouteTable[EntryRoute] = RouteTable()
        self._blueprints: dict[str, Blueprint] = {}
        self._pipeline: Dispatcher | None = None
        self.router.routes[:0] = self._add(build_entries(self, TechMicroService, stage=current_stage()))

    async def token_authorizer(self, token: str) -> AuthorizerResult:
        """Tell whether a token lets in; by default it must be the environment's `TOKEN`.

        Override it, sync or async. `True` lets in everywhere, a string on the stage of this name alone, a mapping
        lets in whom it tells of (found in `request.auth`); anything else lets nobody in. It sees the token alone.
        """
        return matches_environment_token(token)

    async def on_event(self, event: Any, context: Any) -> Any:
        """Handle a Lambda event that is no request, a schedule's or a queue's say; what it returns is the result.

        Override it, sync or async.

        Raises:
            UnknownEvent: always, where it is not overridden; it names the event's keys, nothing of its values.
        """
        raise unknown_event_error(event)

    async def store_response(self, response: Response, headers: Headers) -> None:
        """Keep the answer of an asynchronous call: in S3, where its request's headers say so and `store_in` allows it.

        Override it, sync or async; it gets the whole answer, an error's too, and the request's headers without the
        token. What it raises is logged, and in Lambda makes the event fail, so that it is tried again.
        """
        from coworks_async.aws.background import store_in_s3

        await store_in_s3(response, headers, self.store_in)

    @cached_property
    def lambda_handler(self) -> "LambdaHandler":
        """The handler to give to Lambda: `lambda_handler(event, context)` answers any event."""
        from coworks_async.aws.handler import LambdaHandler

        return LambdaHandler(self)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries that the service answers, the blueprints' too."""
        return tuple(self._table.entries)

    def entry_at(self, method: str, path: str) -> Entry | None:
        """Return the entry that answers a method on a path below the service's root, None where none does."""
        found = self._table.match(method, path)
        return found[0].entry if found is not None else None

    def register_blueprint(self, blueprint: Blueprint, url_prefix: str = "", hide_routes: bool = False) -> None:
        """Mount a blueprint's entries under a prefix.

        Parameters:
            url_prefix: a static path; with or without its leading slash.
            hide_routes: none of its entries exist, its hooks do.

        Raises:
            DeclarationError: a blueprint of this name is there, the prefix is no static path, an entry cannot be
                served, or the service answers requests already.
        """
        where = f"{type(self).__name__}.register_blueprint"
        if not isinstance(blueprint, Blueprint) or not hasattr(blueprint, "name"):
            raise DeclarationError(
                f"{where} takes a Blueprint's instance, made by its own __init__ or one that calls super().__init__(), "
                f"not {blueprint!r}."
            )
        where = f"{where}({blueprint.name!r})"
        if self._pipeline is not None:
            raise DeclarationError(f"{where} comes after the first request; register blueprints where the app is made.")
        if blueprint.name in self._blueprints:
            raise DeclarationError(f"{where}: there is a blueprint of this name; give one of them another, by name=...")
        try:
            prefix = normalize_prefix(url_prefix)
        except ValueError as error:
            raise DeclarationError(f"{where}: {error}") from None
        if not hide_routes:
            stage = current_stage()
            entries = build_entries(blueprint, Blueprint, stage=stage, prefix=prefix, blueprint=blueprint.name)
            self.router.routes.append(BlueprintMount(prefix, self._add(entries, prefix), blueprint.name))
        self._blueprints[blueprint.name] = blueprint

    def url_for(self, endpoint: str, /, _external: bool = False, **params: Any) -> str:
        """Return the URL of an entry; parameters that its path does not take become the query.

        Parameters:
            endpoint: the method's name, after its blueprint's and a dot.
            _external: with scheme and host, which a request must be there to tell.

        Raises:
            UnknownEndpoint: there is no such entry, or a parameter of its path lacks.
            RequestContextError: `_external` outside of a request.
        """
        from coworks_async.pipeline.urls import url_for

        return url_for(self.entries, endpoint, params, external=_external)

    def build_middleware_stack(self) -> ASGIApp:
        """Return what answers requests: the pipeline, within the author's middleware if there is any."""
        pipeline = self._build_pipeline()
        if not self.user_middleware:
            return pipeline
        app: ASGIApp = pipeline
        for cls, args, kwargs in reversed(self.user_middleware):
            app = cls(app, *args, **kwargs)
        return ErrorMiddleware(app, pipeline.errors, "a middleware")

    def _build_pipeline(self) -> Dispatcher:
        self._pipeline = Dispatcher(self._table, self.router, self._settings())
        return self._pipeline

    def _settings(self) -> DispatcherSettings:
        blueprints = self._blueprints.values()
        return DispatcherSettings(
            name=self.name,
            rule=self.token_authorizer,
            token_key=self.token_key,
            authorizer=self.authorizer_middleware,
            limits=self.limits,
            store_in=self.store_in,
            logger=self.logger,
            debug=self.debug and not self._in_lambda,
            hooks=(self.hooks, *(blueprint.app_hooks for blueprint in blueprints)),
            blueprint_hooks={blueprint.name: blueprint.hooks for blueprint in blueprints},
            exception_handlers=self.exception_handlers,
        )

    def _add(self, entries: Any, prefix: str = "") -> list[EntryRoute]:
        """Put entries into the table. Plans are compiled now, so that mistakes show, but in Lambda when needed."""
        routes = [EntryRoute(entry, entry.path.removeprefix(prefix) or "/", self._build) for entry in entries]
        for route in routes:
            if not self._in_lambda:
                _ = route.entry.plan
            self._table.add(route)
        return routes

    def _build(self, entry: Entry) -> ASGIApp:
        pipeline = self._pipeline or self._build_pipeline()
        return pipeline.build(entry)

"""`TechMicroService`: an ASGI service whose methods are its entries."""

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ExceptionHandler, Lifespan

from coworks_async.entries.blueprints import Blueprint, HookRegistry, HooksMixin
from coworks_async.entries.decorators import is_header_name
from coworks_async.entries.entry import Entry, build_entries, check_headers
from coworks_async.entries.paths import normalize_prefix
from coworks_async.entries.route_table import RouteTable
from coworks_async.exceptions import DeclarationError, unknown_event_error
from coworks_async.pipeline.authorizer import AuthorizerMiddleware, matches_environment_token
from coworks_async.pipeline.body import LAMBDA_PAYLOAD_LIMIT, Limits
from coworks_async.pipeline.dispatcher import Dispatcher, DispatcherSettings
from coworks_async.pipeline.errors import ErrorMiddleware
from coworks_async.pipeline.invocation import StoreIn, check_store_in
from coworks_async.pipeline.request import current_stage
from coworks_async.pipeline.routing import BlueprintMount, EntryRoute, url_for
from coworks_async.types import ASGIApp, AuthorizerResult

if TYPE_CHECKING:
    from coworks_async.aws.handler import LambdaHandler


class TechMicroService(HooksMixin, Starlette):
    """A microservice. The methods of a subclass are its entries; an instance is an ASGI app and has a Lambda handler.

    Args:
        name: the service's name; by default the class name in lower case.
        debug: show tracebacks to clients; rejected in Lambda.
        routes, middleware, exception_handlers, lifespan: as in Starlette.
        max_body_size: bytes of a request body, None for no limit; a larger body is a 413.

    Attributes:
        token_key: the name of the token's header.
        max_fields, max_files: fields and files of a form; a larger form is a 413.
        authorizer_middleware: the class that authorizes requests for each entry.
        store_in: where responses of asynchronous calls may be stored, as key prefixes by bucket; nowhere by default.
        extensions: the extensions of this service, by name.

    Raises:
        DeclarationError: the class declares something invalid.

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
        class_name = type(self).__name__
        self.name = name or class_name.lower()
        self.logger = logging.getLogger(self.name)
        self.extensions: dict[str, Any] = {}
        self.hooks = HookRegistry()
        self.limits = Limits(max_body_size, self.max_fields, self.max_files)
        self._in_lambda = "AWS_LAMBDA_FUNCTION_NAME" in os.environ
        if debug and self._in_lambda:
            raise DeclarationError(f"{self.name}: debug=True shows tracebacks to clients. It is not allowed in Lambda.")
        if not is_header_name(self.token_key):
            raise DeclarationError(f"{class_name}.token_key: {self.token_key!r} is not a valid header name.")
        check_store_in(class_name, self.store_in)
        self._table: RouteTable[EntryRoute] = RouteTable()
        self._blueprints: dict[str, Blueprint] = {}
        self._dispatcher: Dispatcher | None = None
        self.router.routes[:0] = self._add_routes(build_entries(self, TechMicroService, stage=current_stage()))

    async def token_authorizer(self, token: str) -> AuthorizerResult:
        """Decide about a token. By default it must equal the environment variable `TOKEN`, which must not be empty.

        Override it, sync or async. It receives only the token; `request` raises inside it. Results:

        - `True` allows.
        - A mapping allows and becomes `request.auth`.
        - A string allows only on the stage of that name.
        - `False` or `None` denies. Any other value denies, too, and logs an error.
        """
        return matches_environment_token(token)

    async def on_event(self, event: Any, context: Any) -> Any:
        """Handle a Lambda event that is not a request, such as a schedule; the returned value is its result.

        Override it, sync or async.

        Raises:
            UnknownEvent: it is not overridden. The message names the event's keys and source.
        """
        raise unknown_event_error(event)

    async def store_response(self, response: Response, headers: Headers) -> None:
        """Store the response of an asynchronous call: by default in S3, if its request names an allowed location.

        Override it, sync or async. An exception is logged; in Lambda it fails the event, which is then tried again.

        Args:
            response: the complete response, which may be an error.
            headers: the headers of the request, without the token.
        """
        # Lambda cold start: only asynchronous calls need it.
        from coworks_async.aws.async_invoke import store_in_s3

        await store_in_s3(response, headers, self.store_in)

    @cached_property
    def lambda_handler(self) -> "LambdaHandler":
        """The Lambda handler: `lambda_handler(event, context)` handles any event."""
        from coworks_async.aws.handler import LambdaHandler  # not needed under an ASGI server

        return LambdaHandler(self)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries of the service and its blueprints."""
        return tuple(self._table.entries)

    def entry_at(self, method: str, path: str) -> Entry | None:
        """Return the entry for a method and a path below the service's root, or None."""
        found = self._table.match(method, path)
        return found[0].entry if found is not None else None

    def register_blueprint(self, blueprint: Blueprint, url_prefix: str = "", hide_routes: bool = False) -> None:
        """Mount the entries of a blueprint at a prefix.

        Args:
            blueprint: an instance of a `Blueprint` subclass.
            url_prefix: a static path; its outer slashes are optional.
            hide_routes: register only the hooks of the blueprint, not its entries.

        Raises:
            DeclarationError: the name of the blueprint is already registered, the prefix is not a static path, an
                entry is invalid, or the service has started.
        """
        where = f"{type(self).__name__}.register_blueprint"
        if not isinstance(blueprint, Blueprint) or not hasattr(blueprint, "name"):
            raise DeclarationError(
                f"{where}: {blueprint!r} is not an initialized Blueprint instance. If the class overrides __init__, "
                "call super().__init__()."
            )
        where = f"{where}({blueprint.name!r})"
        if self._dispatcher is not None:
            raise DeclarationError(f"{where}: called after the service has started. Call it where the app is created.")
        if blueprint.name in self._blueprints:
            raise DeclarationError(f"{where}: a blueprint of this name is already registered. Pass another name=...")
        try:
            prefix = normalize_prefix(url_prefix)
        except ValueError as error:
            raise DeclarationError(f"{where}: {error}") from None
        if not hide_routes:
            stage = current_stage()
            entries = build_entries(blueprint, Blueprint, stage=stage, prefix=prefix, blueprint=blueprint.name)
            routes = self._add_routes(entries, prefix)
            self.router.routes.append(BlueprintMount(prefix, routes=routes, name=blueprint.name))
        self._blueprints[blueprint.name] = blueprint

    def url_for(self, endpoint: str, /, _external: bool = False, **params: Any) -> str:
        """Return the URL of an entry. Parameters that are not in its path become the query.

        Args:
            endpoint: the name of the method, or `blueprint.method`.
            _external: include scheme and host of the current request.

        Raises:
            UnknownEndpoint: there is no such entry, or a path parameter is missing.
            RequestContextError: `_external` without a current request.
        """
        return url_for(self.entries, endpoint, params, external=_external)

    def build_middleware_stack(self) -> ASGIApp:
        """Return the ASGI app of the service: the dispatcher inside the user's middleware."""
        dispatcher = self._build_dispatcher()
        if not self.user_middleware:
            return dispatcher
        app: ASGIApp = dispatcher
        for cls, args, kwargs in reversed(self.user_middleware):
            app = cls(app, *args, **kwargs)
        return ErrorMiddleware(app, dispatcher.errors)

    def _build_dispatcher(self) -> Dispatcher:
        blueprints = self._blueprints.values()
        settings = DispatcherSettings(
            authorize=partial(
                self.authorizer_middleware,
                rule=self.token_authorizer,
                token_key=self.token_key,
                realm=self.name,
                logger=self.logger,
            ),
            token_key=self.token_key,
            limits=self.limits,
            store_in=self.store_in,
            logger=self.logger,
            debug=self.debug and not self._in_lambda,
            in_lambda=self._in_lambda,
            hooks=(self.hooks, *(blueprint.app_hooks for blueprint in blueprints)),
            blueprint_hooks={blueprint.name: blueprint.hooks for blueprint in blueprints},
            exception_handlers=self.exception_handlers,
        )
        self._dispatcher = Dispatcher(self._table, self.router, settings)
        return self._dispatcher

    def _add_routes(self, entries: Iterable[Entry], prefix: str = "") -> list[EntryRoute]:
        """Add entries to the route table and return their routes."""
        routes = [EntryRoute(entry, entry.path.removeprefix(prefix) or "/", self._build_app) for entry in entries]
        for route in routes:
            check_headers(route.entry, self.token_key)
            if not self._in_lambda:
                _ = route.entry.plan  # compiled now, so that invalid annotations are errors at once
            self._table.add(route)
        return routes

    def _build_app(self, entry: Entry) -> ASGIApp:
        # A route may be used before the service, as in tests.
        dispatcher = self._dispatcher or self._build_dispatcher()
        return dispatcher.build_app(entry)

"""`TechMicroService`: an ASGI service whose methods are its entries."""

import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial, wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from starlette.applications import Starlette
from starlette.datastructures import Headers, State
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ExceptionHandler, Lifespan

from coworks_async.aws.snapshot import SnapshotHooks, SnapshotMixin
from coworks_async.entries.blueprints import Blueprint, HookRegistry, HooksMixin
from coworks_async.entries.cors import CorsOption, check_cors, resolve_cors
from coworks_async.entries.decorators import read_responses
from coworks_async.entries.entry import Entry, build_entries, reject_token_header
from coworks_async.entries.header_syntax import HEADER_NAME_RULE, is_header_name
from coworks_async.entries.paths import normalize_prefix
from coworks_async.entries.route_table import RouteTable
from coworks_async.exceptions import DeclarationError, unknown_event_error
from coworks_async.pipeline.access_log import AccessLogMiddleware, is_json_log
from coworks_async.pipeline.authorizer import (
    MISSING_ENVIRONMENT_TOKEN,
    AuthorizerMiddleware,
    check_rule,
    has_environment_token,
    matches_environment_token,
)
from coworks_async.pipeline.body import LAMBDA_PAYLOAD_LIMIT, Limits
from coworks_async.pipeline.cors import CorsHeaders, UserMiddlewareCors, mark_service_reached
from coworks_async.pipeline.dispatcher import Dispatcher, DispatcherSettings
from coworks_async.pipeline.errors import ErrorMiddleware
from coworks_async.pipeline.invocation import StoreIn, check_async_limits, check_store_in, check_timeout_margin
from coworks_async.pipeline.request import current_stage
from coworks_async.pipeline.routing import BlueprintMount, EntryRoute, url_for
from coworks_async.pipeline.scopes import RequiredScopesMiddleware
from coworks_async.types import ASGIApp, AuthorizerResult

if TYPE_CHECKING:
    from coworks_async.aws.handler import LambdaHandler


class TechMicroService(HooksMixin, SnapshotMixin, Starlette):
    """A microservice. The methods of a subclass are its entries; an instance is an ASGI app and has a Lambda handler.

    Args:
        name: the service's name; by default the class name in lower case.
        debug: show tracebacks to clients; rejected in Lambda.
        routes, middleware, exception_handlers, lifespan: as in Starlette.
        max_body_size: bytes of a request body, None for no limit; a larger body is a 413.

    Attributes:
        cors: the policy for web pages of other origins, of all entries without another one; None for no policy.
        token_key: the name of the token's header.
        auth_scheme: the scheme before the token in that header, such as `Bearer`; by default the header is the token.
        max_fields, max_files: fields and files of a form; a larger form is a 413.
        max_items: objects in a JSON body, and arrays in it; more of either are a 413.
        max_hashed_items: values for sets, and for dict keys that are not strings, in a request; more are a 413.
        authorizer_middleware: the class that authorizes requests for each entry.
        allowed_hosts: hosts in the `Host` header, such as `shop.example.com` or `*.example.com`; a request for another
            one is a 400. By default any host is allowed.
        log_format: `"json"` writes all logs as JSON and logs each request; `"text"` leaves `logging` as it is. The
            environment variable `CWS_LOG_FORMAT` overrides it.
        store_in: where responses of asynchronous calls may be stored, as key prefixes by bucket; nowhere by default.
        max_async_calls: asynchronous calls that run at a time on an ASGI server, None for no limit; a further one is a
            503. Lambda has limits of its own.
        async_shutdown_timeout: seconds for which the shutdown of an ASGI server waits for asynchronous calls, None for
            no limit; then they are cancelled.
        lambda_timeout_margin: seconds before Lambda's timeout at which an event is cancelled and a request gets a 504;
            None to disable it.
        openapi_responses: responses in the OpenAPI document of every entry, as in `@entry(responses=...)`.
        has_json_log: whether logs are JSON, by `log_format` or the variable.
        extensions: the extensions of this service, by name.

    Raises:
        DeclarationError: the class declares something invalid.

    Examples:
        >>> from coworks_async import TechMicroService, entry
        >>> class Hello(TechMicroService):
        ...     @entry(no_auth=True)
        ...     async def get(self, name: str = "world"):
        ...         return f"Hello {name}."
        >>> app = Hello()
        >>> from coworks_async.testing import TestClient
        >>> TestClient(app).get("/?name=ann").text
        'Hello ann.'
    """

    cors: CorsOption = None
    token_key: ClassVar[str] = "Authorization"
    # Not a ClassVar: the extension JWT sets it.
    auth_scheme: str | None = None
    max_fields: ClassVar[int] = 1000
    max_files: ClassVar[int] = 100
    max_items: ClassVar[int] = 50_000
    max_hashed_items: ClassVar[int] = 1000
    authorizer_middleware: ClassVar[type[AuthorizerMiddleware]] = AuthorizerMiddleware
    allowed_hosts: ClassVar[Sequence[str]] = ()
    log_format: ClassVar[Literal["json", "text"]] = "text"
    store_in: ClassVar[StoreIn] = {}
    max_async_calls: ClassVar[int | None] = 100
    async_shutdown_timeout: ClassVar[float | None] = 5
    lambda_timeout_margin: ClassVar[float | None] = 0.5
    openapi_responses: ClassVar[Mapping[int, Any]] = {}

    instance_attributes: ClassVar[frozenset[str]] = frozenset(
        {"debug", "exception_handlers", "extensions", "has_json_log", "hooks", "limits", "logger", "max_body_size"}
        | {"middleware_stack", "name", "router", "snapshot_hooks", "state", "user_middleware"}
    )

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            cls.__init__ = _require_super_init(cls.__init__)  # type: ignore[method-assign]

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
        self.snapshot_hooks = SnapshotHooks()
        self.limits = Limits(max_body_size, self.max_fields, self.max_files, self.max_items, self.max_hashed_items)
        self._in_lambda = "AWS_LAMBDA_FUNCTION_NAME" in os.environ
        if debug and self._in_lambda:
            raise DeclarationError(f"{self.name}: debug=True shows tracebacks to clients. It is not allowed in Lambda.")
        if not is_header_name(self.token_key):
            raise DeclarationError(
                f"{class_name}.token_key: {self.token_key!r} is not a valid header name. {HEADER_NAME_RULE}"
            )
        if self.auth_scheme is not None and not is_header_name(self.auth_scheme):
            raise DeclarationError(
                f'{class_name}.auth_scheme: {self.auth_scheme!r} is not a valid scheme, such as "Bearer". '
                f"{HEADER_NAME_RULE}"
            )
        check_cors(f"{class_name}.cors", self.cors)
        check_store_in(class_name, self.store_in)
        check_async_limits(class_name, self.max_async_calls, self.async_shutdown_timeout)
        check_timeout_margin(class_name, self.lambda_timeout_margin)
        if self.allowed_hosts:
            # Lambda cold start: only services with this setting need it.
            from coworks_async.pipeline.hosts import check_allowed_hosts

            check_allowed_hosts(class_name, self.allowed_hosts)
        read_responses(f"{class_name}.openapi_responses", self.openapi_responses)
        self._has_logged_missing_token = False
        self.has_json_log = is_json_log(class_name, self.log_format)
        self._table: RouteTable[EntryRoute] = RouteTable()
        self._blueprints: dict[str, Blueprint] = {}
        self._dispatcher: Dispatcher | None = None
        self._cors = self.cors
        entries = build_entries(self, TechMicroService, stage=current_stage(), cors=self.cors or None)
        self.router.routes[:0] = self._add_routes(entries)
        check_rule(class_name, self.token_authorizer)

    async def token_authorizer(self, token: str) -> AuthorizerResult:
        """Decide about a token. By default it must equal the environment variable `TOKEN`, which must not be empty.

        Override it, sync or async. It receives only the token; `request` raises inside it. Results:

        - `True` allows.
        - A mapping allows and becomes `request.auth`. Its `exp`, in seconds since the epoch, ends the access.
        - A string allows only on the stage of that name.
        - `False` or `None` denies with a 403. Any other value denies, too, and logs an error.
        - `Problem(401, reason)` or `Problem(403, reason)`, returned or raised, denies with this status and reason.
        """
        if matches_environment_token(token):
            return True
        if not self._has_logged_missing_token and not has_environment_token():
            self._has_logged_missing_token = True
            self.logger.warning(MISSING_ENVIRONMENT_TOKEN)
        return False

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
    def lifespan_state(self) -> State:
        """State that the lifespan yielded, as in `request.state`; for `token_authorizer`, which has no request.

        It is empty before the lifespan has started, and in a service mounted on another app.
        """
        return State(self._dispatcher.lifespan_state if self._dispatcher is not None else None)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries of the service and its blueprints."""
        return tuple(self._table.entries)

    @property
    def blueprints(self) -> Mapping[str, Blueprint]:
        """The registered blueprints, by name."""
        return MappingProxyType(self._blueprints)

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
        if hasattr(blueprint, "token_authorizer"):
            raise DeclarationError(
                f"{type(blueprint).__qualname__}.token_authorizer: a blueprint has no authorizer. Its entries use that "
                f"of the service. Move the method to {type(self).__name__}."
            )
        read_responses(f"{type(blueprint).__qualname__}.openapi_responses", blueprint.openapi_responses)
        if self._dispatcher is not None:
            raise DeclarationError(f"{where}: called after the service has started. Call it where the app is created.")
        if blueprint.name in self._blueprints:
            raise DeclarationError(f"{where}: a blueprint of this name is already registered. Pass another name=...")
        try:
            prefix = normalize_prefix(url_prefix)
        except ValueError as error:
            raise DeclarationError(f"{where}: {error}") from None
        if not hide_routes:
            check_cors(f"{type(blueprint).__name__}.cors", blueprint.cors)
            entries = build_entries(
                blueprint,
                Blueprint,
                stage=current_stage(),
                cors=resolve_cors(blueprint.cors, self.cors or None),
                prefix=prefix,
                blueprint=blueprint.name,
            )
            routes = self._add_routes(entries, prefix)
            self.router.routes.append(BlueprintMount(prefix, routes=routes, name=blueprint.name))
        self._blueprints[blueprint.name] = blueprint

    def url_for(self, endpoint: str, /, _external: bool = False, **params: Any) -> str:
        """Return the URL of an entry. Parameters that are not in its path become the query.

        Args:
            endpoint: the name of the method, or `blueprint.method`.
            _external: include scheme and host of the current request. The host is what the client sent, unless
                `allowed_hosts` limits it.
            **params: the path parameters, and names of the query.

        Raises:
            UnknownEndpoint: there is no such entry, or a path parameter is missing.
            RequestContextError: `_external` without a current request.
        """
        return url_for(self.entries, endpoint, params, external=_external)

    def build_middleware_stack(self) -> ASGIApp:
        """Return the ASGI app of the service: the dispatcher inside the user's middleware."""
        dispatcher = self._build_dispatcher()
        app: ASGIApp = dispatcher
        if self.user_middleware:
            headers = CorsHeaders(self.cors) if self.cors else None
            app = dispatcher if headers is None else mark_service_reached(dispatcher)
            for cls, args, kwargs in reversed(self.user_middleware):
                app = cls(app, *args, **kwargs)
            if headers is not None:
                app = UserMiddlewareCors(app, headers)
            app = ErrorMiddleware(app, dispatcher.errors, headers)
        if self.allowed_hosts:
            # Lambda cold start: only services with this setting need it.
            from coworks_async.pipeline.hosts import AllowedHostsMiddleware

            app = AllowedHostsMiddleware(app, self.allowed_hosts)
        self._configure_log()
        # The Lambda handler logs requests itself.
        return AccessLogMiddleware(app, self.logger) if self.has_json_log and not self._in_lambda else app

    def _configure_log(self) -> None:
        """Write logs as JSON, with the setting. Called when the service starts to serve, not by tools that load it."""
        if self.has_json_log:
            # Lambda cold start: only services with this setting need it.
            from coworks_async.pipeline.json_log import configure_json_log

            configure_json_log()

    def _build_dispatcher(self) -> Dispatcher:
        if self.cors != self._cors:
            raise DeclarationError(
                f"{type(self).__name__}.cors was set after the entries were created. Set it in the class, or before "
                "super().__init__()."
            )
        blueprints = self._blueprints.values()
        settings = DispatcherSettings(
            authorize=partial(
                self.authorizer_middleware,
                rule=self.token_authorizer,
                token_key=self.token_key,
                scheme=self.auth_scheme,
                realm=self.name,
                logger=self.logger,
            ),
            authorizer_may_raise=self.authorizer_middleware is not AuthorizerMiddleware,
            require_scopes=partial(RequiredScopesMiddleware, scheme=self.auth_scheme, realm=self.name),
            cors=self.cors or None,
            token_key=self.token_key,
            limits=self.limits,
            store_in=self.store_in,
            max_async_calls=self.max_async_calls,
            async_shutdown_timeout=self.async_shutdown_timeout,
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
            reject_token_header(route.entry, self.token_key)
            if not self._in_lambda:
                _ = route.entry.plan  # compiled now, so that invalid annotations are errors at once
            self._table.add(route)
        return routes

    def _build_app(self, entry: Entry) -> ASGIApp:
        # A route may be used before the service, as in tests.
        dispatcher = self._dispatcher or self._build_dispatcher()
        return dispatcher.build_app(entry)


def _require_super_init(initialize: Callable[..., None]) -> Callable[..., None]:
    """Wrap the `__init__` of a subclass: without that of `TechMicroService`, each use would fail in another way."""

    @wraps(initialize)
    def checked(self: TechMicroService, *args: Any, **kwargs: Any) -> None:
        initialize(self, *args, **kwargs)
        if "_table" not in vars(self):
            raise DeclarationError(
                f"{initialize.__qualname__}: super().__init__() is not called. Call it first: "
                "super().__init__(**kwargs)."
            )

    return checked

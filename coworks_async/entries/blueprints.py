"""Blueprints, and the hooks of services and blueprints."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, TypeVar

from msgspec import Struct, field

from coworks_async.entries.cors import CorsOption
from coworks_async.exceptions import DeclarationError
from coworks_async.types import Function

F = TypeVar("F", bound=Function)

ErrorKey = int | type[Exception]


class HookRegistry(Struct):
    """Hooks in their order of registration, and error handlers. Frozen when the service starts."""

    before: list[Function] = field(default_factory=list)
    after: list[Function] = field(default_factory=list)
    teardown: list[Function] = field(default_factory=list)
    errors: dict[ErrorKey, Function] = field(default_factory=dict)
    frozen: bool = False

    def add(self, when: Literal["before", "after", "teardown"], hook: F) -> F:
        self._check(hook, 0 if when == "before" else 1, f"{when}_request")
        getattr(self, when).append(hook)
        return hook

    def error_handler(self, key: ErrorKey) -> Callable[[F], F]:
        is_status = isinstance(key, int) and 400 <= key <= 599
        if not is_status and not (isinstance(key, type) and issubclass(key, Exception)):
            raise DeclarationError(f"errorhandler({key!r}): must be a status from 400 to 599 or an exception class.")

        def add(handler: F) -> F:
            self._check(handler, 1, "errorhandler")
            self.errors[key] = handler
            return handler

        return add

    def _check(self, hook: Function, argument_count: int, kind: str) -> None:
        name = getattr(hook, "__qualname__", repr(hook))
        if self.frozen:
            raise DeclarationError(
                f"{kind} {name}: registered after the service has started. Register hooks where the app is created."
            )
        try:
            inspect.signature(hook).bind(*range(argument_count))
        except (TypeError, ValueError):
            arguments = "one argument" if argument_count else "no arguments"
            raise DeclarationError(
                f"{kind} {name}: the hook is called with {arguments}. Change its parameters."
            ) from None


class HooksMixin:
    """Decorators that register hooks: on a service for all its entries, on a blueprint for its own."""

    hooks: HookRegistry

    def before_request(self, hook: F) -> F:
        """Register a hook that runs before each entry, after authorization. A value it returns is the response."""
        return self.hooks.add("before", hook)

    def after_request(self, hook: F) -> F:
        """Register a hook that receives each response and returns it or another. The last registered runs first."""
        return self.hooks.add("after", hook)

    def teardown_request(self, hook: F) -> F:
        """Register a hook that runs once a response is sent; it receives the exception that aborted it, or None."""
        return self.hooks.add("teardown", hook)

    def errorhandler(self, key: ErrorKey) -> Callable[[F], F]:
        """Register a handler for a status or an exception class; it returns a response as an entry does."""
        return self.hooks.error_handler(key)


class Blueprint(HooksMixin):
    """A class of entries that a service mounts under a prefix.

    Args:
        name: the start of its endpoints' names; by default the class name in lower case.

    Attributes:
        name: as given.
        hooks: hooks of its own entries.
        app_hooks: hooks of the whole service.
        cors: the policy of its entries for web pages of other origins, False for none; by default the service's.
        instance_attributes: names that instances set, which entries cannot have; subclasses extend it.
        openapi_responses: responses in the OpenAPI document of each entry, as in `@entry(responses=...)`.

    Examples:
        >>> from coworks_async import Blueprint, TechMicroService
        >>> class Items(Blueprint):
        ...     async def get(self):
        ...         return ["pen"]
        >>> app = TechMicroService(name="shop")
        >>> app.register_blueprint(Items(), url_prefix="/items")
        >>> app.url_for("items.get")
        '/items'
    """

    cors: CorsOption = None

    instance_attributes: ClassVar[frozenset[str]] = frozenset({"name", "hooks", "app_hooks"})
    openapi_responses: ClassVar[Mapping[int, Any]] = {}

    def __init__(self, name: str | None = None) -> None:
        self.name = name or type(self).__name__.lower()
        self.hooks = HookRegistry()
        self.app_hooks = HookRegistry()

    def before_app_request(self, hook: F) -> F:
        """Register a hook that runs before each entry of the service."""
        return self.app_hooks.add("before", hook)

    def after_app_request(self, hook: F) -> F:
        """Register a hook that receives and returns each response of the service."""
        return self.app_hooks.add("after", hook)

    def teardown_app_request(self, hook: F) -> F:
        """Register a hook that runs once any response of the service is sent."""
        return self.app_hooks.add("teardown", hook)

    def app_errorhandler(self, key: ErrorKey) -> Callable[[F], F]:
        """Register a handler for a status or an exception class anywhere in the service."""
        return self.app_hooks.error_handler(key)

"""Blueprints: classes of entries, mounted on a service under a prefix."""

from collections.abc import Callable
from typing import ClassVar, TypeVar

from coworks_async.entries.hooks import ErrorKey, HookRegistry, HooksMixin
from coworks_async.types import Function

F = TypeVar("F", bound=Function)


class Blueprint(HooksMixin):
    """A class of entries to mount on a service, under whatever prefix the service likes.

    Parameters:
        name: what its endpoints start with; the class's name in lower case by default.

    Example:
        >>> class Items(Blueprint):
        ...     async def get(self):
        ...         return ["pen"]
        >>> app.register_blueprint(Items(), url_prefix="/items")
    """

    instance_attributes: ClassVar[frozenset[str]] = frozenset({"name", "hooks", "app_hooks"})

    def __init__(self, name: str | None = None) -> None:
        self.name = name or type(self).__name__.lower()
        self.hooks = HookRegistry()
        self.app_hooks = HookRegistry()

    def before_app_request(self, hook: F) -> F:
        """Register what runs before each entry of the whole service."""
        return self.app_hooks.add_before(hook)

    def after_app_request(self, hook: F) -> F:
        """Register what gets each response of the whole service."""
        return self.app_hooks.add_after(hook)

    def teardown_app_request(self, hook: F) -> F:
        """Register what runs when any answer of the service is sent."""
        return self.app_hooks.add_teardown(hook)

    def app_errorhandler(self, key: ErrorKey) -> Callable[[F], F]:
        """Register what answers a status or an exception anywhere in the service."""
        return self.app_hooks.error_adder(key)

"""The hooks that an author registers, on a service or on a blueprint, before the first request."""

import inspect
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct, field

from coworks_async.exceptions import DeclarationError
from coworks_async.types import Function

F = TypeVar("F", bound=Function)

ErrorKey = int | type[Exception]


class HookRegistry(Struct):
    """What is registered in one place; `frozen` once requests are answered."""

    before: list[Function] = field(default_factory=list)
    after: list[Function] = field(default_factory=list)
    teardown: list[Function] = field(default_factory=list)
    errors: dict[ErrorKey, Function] = field(default_factory=dict)
    frozen: bool = False

    def add_before(self, hook: F) -> F:
        self.before.append(self._checked(hook, 0, "before_request"))
        return hook

    def add_after(self, hook: F) -> F:
        self.after.append(self._checked(hook, 1, "after_request"))
        return hook

    def add_teardown(self, hook: F) -> F:
        self.teardown.append(self._checked(hook, 1, "teardown_request"))
        return hook

    def error_adder(self, key: ErrorKey) -> Callable[[F], F]:
        is_status = isinstance(key, int) and 400 <= key <= 599
        if not is_status and not (isinstance(key, type) and issubclass(key, Exception)):
            raise DeclarationError(f"errorhandler({key!r}) takes a status from 400 to 599 or a class of exceptions.")

        def add(hook: F) -> F:
            self.errors[key] = self._checked(hook, 1, "errorhandler")
            return hook

        return add

    def _checked(self, hook: F, count: int, what: str) -> F:
        name = getattr(hook, "__qualname__", repr(hook))
        if self.frozen:
            raise DeclarationError(
                f"{what} {name} comes after the first request; register hooks where the app is made."
            )
        try:
            inspect.signature(hook).bind(*range(count))
        except (TypeError, ValueError):
            takes = "no argument" if count == 0 else "one argument"
            raise DeclarationError(f"{what} {name} is called with {takes}; change its parameters.") from None
        return hook


class HooksMixin:
    """What hooks are registered on: a service, for all its entries, or a blueprint, for its own."""

    hooks: HookRegistry

    def before_request(self, hook: F) -> F:
        """Register what runs before each entry, once authorized; what it returns, if anything, is the answer."""
        return self.hooks.add_before(hook)

    def after_request(self, hook: F) -> F:
        """Register what gets each response and returns it, or another; the last registered runs first."""
        return self.hooks.add_after(hook)

    def teardown_request(self, hook: F) -> F:
        """Register what runs when an answer is sent, with the exception that broke it or None."""
        return self.hooks.add_teardown(hook)

    def errorhandler(self, key: ErrorKey) -> Callable[[F], F]:
        """Register what answers a status or an exception: it gets the exception and returns what an entry may."""
        return self.hooks.error_adder(key)

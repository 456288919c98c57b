"""`@entry`: marks a method as an entry and keeps what the author says of it."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar, overload

from msgspec import Struct

from coworks_async.exceptions import DeclarationError
from coworks_async.types import Function

F = TypeVar("F", bound=Function)

ENTRY_ATTRIBUTE = "__coworks_entry__"

# RFC 9110, sections 5.1 and 5.5.
_HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_HEADER_VALUE = r"[\t\x20-\x7e\x80-\xff]*"


class EntryOptions(Struct, frozen=True):
    """The options of one `@entry`, as given."""

    no_auth: bool = False
    no_cors: bool = True
    stages: frozenset[str] | None = None
    binary_headers: tuple[tuple[str, str], ...] = ()
    background: bool = False


@overload
def entry(function: F, /) -> F: ...


@overload
def entry(
    *,
    no_auth: bool = False,
    no_cors: bool = True,
    stage: str | Iterable[str] | None = None,
    binary_headers: Mapping[str, str] | None = None,
    background: bool = False,
) -> Callable[[F], F]: ...


def entry(
    function: F | None = None,
    /,
    *,
    no_auth: bool = False,
    no_cors: bool = True,
    stage: str | Iterable[str] | None = None,
    binary_headers: Mapping[str, str] | None = None,
    background: bool = False,
) -> F | Callable[[F], F]:
    """Declare a method of a service or of a blueprint as an entry; its name is its route.

    Parameters:
        function: the method, sync or async; given by Python where the decorator is used bare.
        no_auth: lets anyone in, without a token.
        no_cors: `False` opens the entry to browsers of other origins.
        stage: the stage, or the stages, where the entry exists; everywhere by default.
        binary_headers: headers set on each answer, where the entry did not set them itself.
        background: allows asynchronous calls of the entry.

    Returns:
        The method itself, marked.

    Raises:
        DeclarationError: what is decorated is not a plain method, or has other options already, or an option is of a
            wrong type.

    Example:
        >>> class Shop(TechMicroService):
        ...     @entry(no_auth=True)
        ...     async def get_items(self, item_id: int, lang: str = "en"):
        ...         return {"item": item_id, "lang": lang}
    """
    options = EntryOptions(
        no_auth=_check_flag("no_auth", no_auth),
        no_cors=_check_flag("no_cors", no_cors),
        stages=_check_stages(stage),
        binary_headers=_check_headers(binary_headers),
        background=_check_flag("background", background),
    )

    def mark(method: F) -> F:
        if not inspect.isfunction(method):
            raise DeclarationError(
                f"@entry stands on {_describe(method)}; it takes a plain method: "
                "put it above nothing but functions, and give its options by name, as in @entry(no_auth=True)."
            )
        copied = get_entry_options(getattr(method, "__wrapped__", None))  # by functools.wraps, from what it stands for
        if get_entry_options(method) not in (None, copied, options):
            raise DeclarationError(f"{method.__qualname__} is an entry with other options already; write a second one.")
        setattr(method, ENTRY_ATTRIBUTE, options)
        return method

    return mark if function is None else mark(function)


def get_entry_options(attribute: object) -> EntryOptions | None:
    """Return what `@entry` kept on a class attribute, or on what it hides; None where it does not stand on it."""
    for name in ("__func__", "fget", "func"):  # of a staticmethod or classmethod, a property, a cached_property
        attribute = getattr(attribute, name, attribute)
    options = getattr(attribute, ENTRY_ATTRIBUTE, None)
    return options if isinstance(options, EntryOptions) else None


def _describe(method: object) -> str:
    if isinstance(method, staticmethod | classmethod | property):
        return f"a {type(method).__name__}"
    return f"{method!r}, which is no method"


def _check_flag(name: str, value: bool) -> bool:
    if not isinstance(value, bool):
        raise DeclarationError(f"@entry({name}=...) takes True or False, not {value!r}.")
    return value


def _check_stages(stage: str | Iterable[str] | None) -> frozenset[str] | None:
    if stage is None:
        return None
    names = [stage] if isinstance(stage, str) else stage
    stages = frozenset(names) if isinstance(names, Iterable) else frozenset()
    if not stages or not all(isinstance(name, str) and name for name in stages):
        raise DeclarationError(f"@entry(stage=...) takes the name of a stage or several, not {stage!r}.")
    return stages


def _check_headers(headers: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    if headers is None:
        return ()
    if not isinstance(headers, Mapping):
        raise DeclarationError(f"@entry(binary_headers=...) maps names to values; it is no mapping, but {headers!r}.")
    for name, value in headers.items():
        if not (isinstance(name, str) and re.fullmatch(_HEADER_NAME, name)):
            raise DeclarationError(f"@entry(binary_headers=...): {name!r} is no name of a header.")
        if not (isinstance(value, str) and re.fullmatch(_HEADER_VALUE, value)):
            raise DeclarationError(f"@entry(binary_headers=...): {name} has {value!r}, which is no line of latin-1.")
    return tuple(headers.items())

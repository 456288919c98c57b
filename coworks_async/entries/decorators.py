"""The `@entry` decorator and its options."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar, overload

from msgspec import Struct

from coworks_async.entries.cors import CorsOption, check_policy
from coworks_async.entries.header_syntax import is_header_name, is_header_value
from coworks_async.entries.paths import normalize_template
from coworks_async.exceptions import DeclarationError
from coworks_async.types import Function

F = TypeVar("F", bound=Function)

VERBS = ("get", "post", "put", "patch", "delete", "options")

_OPTIONS_ATTRIBUTE = "__coworks_entry__"


class EntryOptions(Struct, frozen=True):
    """The options of `@entry`.

    `no_cors` and `cors` are None for the policy of the class, `stages` for all stages, `path` and `method` for those of
    the method's name.
    """

    no_auth: bool = False
    no_cors: bool | None = None
    cors: CorsOption = None
    stages: frozenset[str] | None = None
    binary_headers: tuple[tuple[str, str], ...] = ()
    background: bool = False
    path: str | None = None
    method: str | None = None


@overload
def entry(function: F, /) -> F: ...


@overload
def entry(
    path: str | None = None,
    /,
    *,
    method: str | None = None,
    no_auth: bool = False,
    cors: CorsOption = None,
    no_cors: bool | None = None,
    stage: str | Iterable[str] | None = None,
    binary_headers: Mapping[str, str] | None = None,
    background: bool = False,
) -> Callable[[F], F]: ...


def entry(
    function: F | str | None = None,
    /,
    *,
    method: str | None = None,
    no_auth: bool = False,
    cors: CorsOption = None,
    no_cors: bool | None = None,
    stage: str | Iterable[str] | None = None,
    binary_headers: Mapping[str, str] | None = None,
    background: bool = False,
) -> F | Callable[[F], F]:
    """Declare a method of a service or a blueprint as an entry. Its route is its name, unless a path is given.

    Args:
        function: the path, such as `/links/{code}/stats`. Used without parentheses, the decorator gets the method.
        method: the HTTP method of an entry with a path; by default the verb of the method's name.
        no_auth: require no token.
        cors: the policy for web pages of other origins, False for none; by default that of the class.
        no_cors: `False` allows pages of all origins, or of those that the class's policy allows. `True`: `cors=False`.
        stage: the stage or stages on which the entry exists; all by default.
        binary_headers: headers of each response, unless the entry sets them itself.
        background: accept asynchronous calls.

    Returns:
        The method itself.

    Raises:
        DeclarationError: the decorated object is not a plain method, it already has other options, or an option is
            invalid.

    Example:
        >>> class Shop(TechMicroService):
        ...     @entry(no_auth=True)
        ...     async def get_items(self, item_id: int, lang: str = "en"):
        ...         return {"item": item_id, "lang": lang}
        ...
        ...     @entry("/items/{item_id}/reviews")
        ...     async def get_reviews(self, item_id: int, page: int = 1):
        ...         return {"item": item_id, "page": page}
    """
    for name, value in (("no_auth", no_auth), ("no_cors", no_cors), ("background", background)):
        if not isinstance(value, bool) and (name, value) != ("no_cors", None):
            raise DeclarationError(f"@entry({name}=...) must be True or False, not {value!r}.")
    check_policy("@entry(cors=...)", cors)
    if cors is not None and no_cors is not None:
        raise DeclarationError("@entry(cors=..., no_cors=...): both set the policy for other origins. Remove no_cors.")
    path, function = (function, None) if isinstance(function, str) else (None, function)
    options = EntryOptions(
        no_auth,
        no_cors,
        cors,
        _read_stages(stage),
        _read_headers(binary_headers),
        background,
        _read_path(path, method),
        _read_method(method),
    )

    def decorate(method: F) -> F:
        if not inspect.isfunction(method):
            is_descriptor = isinstance(method, staticmethod | classmethod | property)
            found = f"a {type(method).__name__}" if is_descriptor else repr(method)
            raise DeclarationError(
                f"@entry must decorate a plain method, not {found}. Pass options by name: @entry(no_auth=True)."
            )
        # functools.wraps copies the options of the wrapped method.
        copied = get_entry_options(getattr(method, "__wrapped__", None))
        if get_entry_options(method) not in (None, copied, options):
            raise DeclarationError(
                f"{method.__qualname__} is already an entry with other options. Write a second method instead."
            )
        setattr(method, _OPTIONS_ATTRIBUTE, options)
        return method

    return decorate if function is None else decorate(function)


def get_entry_options(attribute: object) -> EntryOptions | None:
    """Return the options of a decorated class attribute, or of the function inside it; None if undecorated."""
    for name in ("__func__", "fget", "func"):  # of a staticmethod or classmethod, a property, a cached_property
        attribute = getattr(attribute, name, attribute)
    options = getattr(attribute, _OPTIONS_ATTRIBUTE, None)
    return options if isinstance(options, EntryOptions) else None


def _read_path(path: str | None, method: str | None) -> str | None:
    if path is None:
        if method is not None:
            raise DeclarationError('@entry(method=...) requires a path: @entry("/items", method="GET").')
        return None
    try:
        return normalize_template(path)
    except ValueError as error:
        raise DeclarationError(f"@entry: {error}") from None


def _read_method(method: str | None) -> str | None:
    if method is None:
        return None
    if not isinstance(method, str) or method.lower() not in VERBS:
        raise DeclarationError(
            f"@entry(method=...) must be one of {', '.join(VERBS).upper()}, not {method!r}. GET entries handle HEAD."
        )
    return method.upper()


def _read_stages(stage: str | Iterable[str] | None) -> frozenset[str] | None:
    if stage is None:
        return None
    names = [stage] if isinstance(stage, str) else stage
    stages = frozenset(names) if isinstance(names, Iterable) else frozenset()
    if not stages or not all(isinstance(name, str) and name for name in stages):
        raise DeclarationError(f"@entry(stage=...) must be a stage name or several, not {stage!r}.")
    return stages


def _read_headers(headers: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    if headers is None:
        return ()
    if not isinstance(headers, Mapping):
        raise DeclarationError(f"@entry(binary_headers=...) must map header names to values, not {headers!r}.")
    for name, value in headers.items():
        if not is_header_name(name):
            raise DeclarationError(
                f"@entry(binary_headers=...): invalid header name {name!r}. "
                "Allowed characters: letters, digits and !#$%&'*+-.^_`|~."
            )
        if not is_header_value(value):
            raise DeclarationError(
                f"@entry(binary_headers=...): invalid value of {name}: {value!r}. "
                "A value is one line of Latin-1 text without leading or trailing blanks."
            )
    return tuple(headers.items())

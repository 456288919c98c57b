"""The `@entry` decorator and its options."""

import inspect
import re
import string
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar, overload

from msgspec import Struct

from coworks_async.entries.paths import normalize_template
from coworks_async.exceptions import DeclarationError
from coworks_async.types import Function

F = TypeVar("F", bound=Function)

VERBS = ("get", "post", "put", "patch", "delete", "options")

_OPTIONS_ATTRIBUTE = "__coworks_entry__"

# RFC 9110, sections 5.1 and 5.5.
_NAME_OCTETS = (string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~").encode()
_VALUE_OCTETS = bytes([*b"\t", *range(0x20, 0x7F), *range(0x80, 0x100)])

# RFC 6749, section 3.3.
_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")


class EntryOptions(Struct, frozen=True):
    """The options of `@entry`.

    `stages` is None for all stages, `path` and `method` are None for those of the method's name.
    """

    no_auth: bool = False
    no_cors: bool = True
    stages: frozenset[str] | None = None
    binary_headers: tuple[tuple[str, str], ...] = ()
    background: bool = False
    path: str | None = None
    method: str | None = None
    scopes: frozenset[str] = frozenset()


@overload
def entry(function: F, /) -> F: ...


@overload
def entry(
    path: str | None = None,
    /,
    *,
    method: str | None = None,
    no_auth: bool = False,
    no_cors: bool = True,
    stage: str | Iterable[str] | None = None,
    binary_headers: Mapping[str, str] | None = None,
    background: bool = False,
    scopes: str | Iterable[str] | None = None,
) -> Callable[[F], F]: ...


def entry(
    function: F | str | None = None,
    /,
    *,
    method: str | None = None,
    no_auth: bool = False,
    no_cors: bool = True,
    stage: str | Iterable[str] | None = None,
    binary_headers: Mapping[str, str] | None = None,
    background: bool = False,
    scopes: str | Iterable[str] | None = None,
) -> F | Callable[[F], F]:
    """Declare a method of a service or a blueprint as an entry. Its route is its name, unless a path is given.

    Args:
        function: the path, such as `/links/{code}/stats`. Used without parentheses, the decorator gets the method.
        method: the HTTP method of an entry with a path; by default the verb of the method's name.
        no_auth: require no token.
        no_cors: `False` allows browsers of other origins.
        stage: the stage or stages on which the entry exists; all by default.
        binary_headers: headers of each response, unless the entry sets them itself.
        background: accept asynchronous calls.
        scopes: the scope or scopes that the principal must have; otherwise the response is a 403.

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
        if not isinstance(value, bool):
            raise DeclarationError(f"@entry({name}=...) must be True or False, not {value!r}.")
    path, function = (function, None) if isinstance(function, str) else (None, function)
    options = EntryOptions(
        no_auth,
        no_cors,
        _read_stages(stage),
        _read_headers(binary_headers),
        background,
        _read_path(path, method),
        _read_method(method),
        _read_scopes(scopes),
    )
    if no_auth and options.scopes:
        raise DeclarationError("@entry(scopes=...) requires a token. Remove no_auth=True.")

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


def is_header_name(name: object) -> bool:
    return isinstance(name, str) and name.isascii() and is_raw_header_name(name.encode())


def is_header_value(value: object) -> bool:
    try:
        return isinstance(value, str) and is_raw_header_value(value.encode("latin-1"))
    except UnicodeEncodeError:
        return False


def is_raw_header_name(name: bytes) -> bool:
    return name != b"" and not name.translate(None, _NAME_OCTETS)


def is_raw_header_value(value: bytes) -> bool:
    """Return whether a server can send a value: one line, without leading or trailing blanks."""
    return value == value.strip(b"\t ") and not value.translate(None, _VALUE_OCTETS)


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


def _read_scopes(scopes: str | Iterable[str] | None) -> frozenset[str]:
    if scopes is None:
        return frozenset()
    names = [scopes] if isinstance(scopes, str) else scopes
    found = frozenset(names) if isinstance(names, Iterable) else frozenset()
    if not found or not all(isinstance(name, str) and _SCOPE.fullmatch(name) for name in found):
        raise DeclarationError(
            f"@entry(scopes=...) must be a scope or several, not {scopes!r}. "
            "A scope is printable ASCII without spaces, quotes and backslashes."
        )
    return found


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

"""`Header` and `Cookie`, which mark the parameters that are read from them."""

import inspect
from typing import Annotated, Any, get_args, get_origin

from msgspec import Struct

from coworks_async.entries.header_syntax import HEADER_NAME_RULE, is_header_name
from coworks_async.exceptions import DeclarationError

_RESERVED = {
    "cookie": "Use Cookie() for each cookie.",
    "invocationtype": "It selects asynchronous calls; entries do not receive it.",
}


class Header(Struct, frozen=True):
    """Mark a parameter that is read from a request header: `Annotated[str | None, Header()] = None`.

    Args:
        name: the name of the header, in any case. The default is the parameter's name with dashes for underscores.

    Raises:
        DeclarationError: the name is not a valid header name, or it is reserved.

    Examples:
        >>> from typing import Annotated
        >>> from coworks_async import Header, TechMicroService, entry
        >>> class Shop(TechMicroService):
        ...     @entry
        ...     async def get(self, request_id: Annotated[str | None, Header("X-Request-Id")] = None):
        ...         return {"request": request_id}
    """

    name: str | None = None

    def __post_init__(self) -> None:
        _check_name("Header", self.name)
        remedy = _RESERVED.get((self.name or "").lower())
        if remedy is not None:
            raise DeclarationError(f"Header({self.name!r}) is not allowed. {remedy}")


class Cookie(Struct, frozen=True):
    """Mark a parameter that is read from a cookie: `Annotated[str | None, Cookie()] = None`.

    Args:
        name: the name of the cookie. The default is the parameter's name.

    Raises:
        DeclarationError: the name is not a valid cookie name.

    Examples:
        >>> from typing import Annotated
        >>> from coworks_async import Cookie, TechMicroService, entry
        >>> class Shop(TechMicroService):
        ...     @entry(no_auth=True)
        ...     async def get(self, session: Annotated[str | None, Cookie("__Host-session")] = None):
        ...         return {"signed_in": session is not None}
    """

    name: str | None = None

    def __post_init__(self) -> None:
        _check_name("Cookie", self.name)


Marker = Header | Cookie


def _check_name(kind: str, name: object) -> None:
    # The name of a cookie is a token like that of a header (RFC 6265, section 4.1.1).
    if name is not None and not is_header_name(name):
        raise DeclarationError(f"{kind}({name!r}): invalid name. {HEADER_NAME_RULE}")


def is_marker(value: object) -> bool:
    """Return whether a value is a marker, or its class, written without parentheses."""
    return isinstance(value, Marker) or value is Header or value is Cookie


def split_marker(annotation: Any, parameter: inspect.Parameter, label: str) -> tuple[Any, Marker | None]:
    """Return the annotation of a parameter without its marker, and the marker; `label` names it in errors."""
    if is_marker(parameter.default):
        name = _format_marker(parameter.default)
        raise DeclarationError(
            f"{label} has the default {name}. Write {name} in the annotation: Annotated[str, {name}]."
        )
    annotated = getattr(annotation, "__value__", annotation)  # of `type Name = ...`
    if get_origin(annotated) is not Annotated:
        return annotation, None
    base, *extras = get_args(annotated)
    markers = [extra for extra in extras if is_marker(extra)]
    if not markers:
        return annotation, None
    if len(markers) > 1:
        names = " and ".join(map(_format_marker, markers))
        raise DeclarationError(f"{label} is marked {names}. Use one parameter for each.")
    [marker] = markers
    if not isinstance(marker, Marker):
        raise DeclarationError(f"{label} is annotated with {marker.__name__}. Write {marker.__name__}().")
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise DeclarationError(f"{label} takes several values, so it cannot be marked {_format_marker(marker)}.")
    rest = tuple(extra for extra in extras if extra is not marker)
    with_extras: Any = Annotated
    return (with_extras[(base, *rest)] if rest else base), marker


def _format_marker(marker: Any) -> str:
    """Format a marker as in Python source."""
    if isinstance(marker, type):
        return f"{marker.__name__}()"
    return f"{type(marker).__name__}({'' if marker.name is None else repr(marker.name)})"


def create_alias(name: str, marker: Marker, label: str) -> str:
    """Return the name of the header or cookie that a parameter is read from."""
    if marker.name is not None:
        return marker.name
    is_header = isinstance(marker, Header)
    alias = name.replace("_", "-") if is_header else name
    if not is_header_name(alias) or (is_header and alias in _RESERVED):
        kind = type(marker).__name__
        raise DeclarationError(f'{label} is marked {kind}(), but {alias!r} is not allowed. Give a name: {kind}("...").')
    return alias

"""Policies for requests from web pages of other origins (CORS).

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

import re
from collections.abc import Iterable
from typing import Literal

from coworks_async.entries.header_syntax import HEADER_NAME_RULE, is_header_name
from coworks_async.entries.strings import read_strings
from coworks_async.exceptions import DeclarationError

WILDCARD = "*"

# As browsers send it: https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin
_ORIGIN = r"([a-z][a-z0-9+.-]*)://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?"
_DEFAULT_PORTS = (("http", ":80"), ("https", ":443"))


class CORS:
    """A policy for requests from web pages of other origins, as the attribute `cors` of a service or a blueprint.

    `@entry(cors=...)` overrides it. All responses of the entries carry its headers, errors included, and so do the
    responses of a gateway in front of the service. The service handles preflight requests.

    Args:
        origins: the origin or origins whose pages may read responses, such as `https://shop.example`, or `"*"` for all.
        credentials: allow requests with cookies.
        headers: request headers that pages may send, besides `Content-Type` and the token's header; `"*"` for all.
        expose: response headers that pages may read, besides the simple ones of the specification; `"*"` for all.
        max_age: seconds for which a browser may cache the response to a preflight request.

    Raises:
        DeclarationError: a value is invalid, or `"*"` is used together with `credentials`.

    Examples:
        >>> from coworks_async import CORS, TechMicroService
        >>> class Shop(TechMicroService):
        ...     cors = CORS(origins="https://shop.example", credentials=True, expose="X-Total")
    """

    __slots__ = ("credentials", "expose", "headers", "max_age", "origins")

    def __init__(
        self,
        *,
        origins: str | Iterable[str],
        credentials: bool = False,
        headers: str | Iterable[str] = (),
        expose: str | Iterable[str] = (),
        max_age: int = 600,
    ) -> None:
        self.origins = _read_origins(origins)
        self.credentials = credentials
        self.headers = _read_names("headers", headers)
        self.expose = _read_names("expose", expose)
        self.max_age = max_age
        if not isinstance(credentials, bool):
            raise DeclarationError(f"CORS(credentials=...) must be True or False, not {credentials!r}.")
        if not isinstance(max_age, int) or isinstance(max_age, bool) or max_age < 0:
            raise DeclarationError(f"CORS(max_age=...) must be a number of seconds, not {max_age!r}.")
        for name in ("origins", "headers", "expose") if credentials else ():
            if WILDCARD in getattr(self, name):
                raise DeclarationError(
                    f"CORS({name}=..., credentials=True): browsers reject '*' together with credentials. "
                    f"List the {'origins' if name == 'origins' else 'names'}."
                )

    def _values(self) -> tuple[object, ...]:
        return self.origins, self.credentials, self.headers, self.expose, self.max_age

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CORS) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        return f"CORS({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"


CorsOption = CORS | Literal[False] | None
"""A policy, False for no policy, or None for that of the class or the service."""


def check_cors(where: str, policy: object) -> None:
    if not (policy is None or policy is False or isinstance(policy, CORS)):
        raise DeclarationError(f"{where} must be a CORS policy such as CORS(origins=...), or False, not {policy!r}.")


def resolve_cors(option: CorsOption, inherited: CORS | None) -> CORS | None:
    return inherited if option is None else option or None


def _read_values(option: str, value: str | Iterable[str]) -> tuple[str, ...]:
    values = read_strings(value)
    if values is None:
        raise DeclarationError(f"CORS({option}=...) must be a string or several, not {value!r}.")
    return values


def _read_origins(value: str | Iterable[str]) -> tuple[str, ...]:
    origins = _read_values("origins", value)
    if not origins:
        raise DeclarationError("CORS(origins=...) is empty. List the allowed origins, or use '*' for all.")
    if WILDCARD in origins and len(origins) > 1:
        raise DeclarationError("CORS(origins=...): '*' allows all origins. Remove it, or the others.")
    for origin in origins if WILDCARD not in origins else ():
        found = re.fullmatch(_ORIGIN, origin)
        if found is None or found.groups() in _DEFAULT_PORTS:
            raise DeclarationError(
                f"CORS(origins=...): {origin!r} is not an origin as browsers send it. Write scheme and host in lower "
                "case, a port only if it is not the default, and no path: 'https://shop.example'."
            )
    return origins


def _read_names(option: str, value: str | Iterable[str]) -> tuple[str, ...]:
    names = _read_values(option, value)
    for name in names:
        if not is_header_name(name):
            raise DeclarationError(f"CORS({option}=...): {name!r} is not a valid header name. {HEADER_NAME_RULE}")
    return names


ANY_ORIGIN = CORS(origins=WILDCARD, headers=WILDCARD)
"""The policy of `@entry(no_cors=False)` in a class without a policy."""

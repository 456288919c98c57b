"""The `@entry` decorator and its options."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, overload

from msgspec import Struct

from coworks_async.entries.cors import CorsOption, check_cors
from coworks_async.entries.header_syntax import HEADER_NAME_RULE, is_header_name, is_header_value
from coworks_async.entries.paths import normalize_template
from coworks_async.entries.strings import read_strings
from coworks_async.exceptions import DeclarationError, Problem
from coworks_async.types import Function

F = TypeVar("F", bound=Function)

VERBS = ("get", "post", "put", "patch", "delete", "options")

# They depend on the body.
_FRAMING_HEADERS = ("content-length", "transfer-encoding")

_OPTIONS_ATTRIBUTE = "__coworks_entry__"

# RFC 6749, section 3.3.
_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")


class EntryOptions(Struct, frozen=True):
    """The options of `@entry`.

    `no_cors` and `cors` are None for the policy of the class, `stages` for all stages, `path` and `method` for those of
    the method's name, `tags` for the name of the blueprint.
    """

    path: str | None = None
    method: str | None = None
    no_auth: bool = False
    cors: CorsOption = None
    no_cors: bool | None = None
    stages: frozenset[str] | None = None
    binary_headers: tuple[tuple[str, str], ...] = ()
    background: bool = False
    smoke: bool = False
    scopes: frozenset[str] = frozenset()
    include_in_schema: bool = True
    tags: tuple[str, ...] | None = None
    deprecated: bool = False
    responses: tuple[tuple[int, Any], ...] = ()


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
    smoke: bool = False,
    scopes: str | Iterable[str] | None = None,
    include_in_schema: bool = True,
    tags: str | Iterable[str] | None = None,
    deprecated: bool = False,
    responses: Mapping[int, Any] | None = None,
) -> Callable[[F], F]: ...


def entry(
    path_or_method: F | str | None = None,
    /,
    *,
    method: str | None = None,
    no_auth: bool = False,
    cors: CorsOption = None,
    no_cors: bool | None = None,
    stage: str | Iterable[str] | None = None,
    binary_headers: Mapping[str, str] | None = None,
    background: bool = False,
    smoke: bool = False,
    scopes: str | Iterable[str] | None = None,
    include_in_schema: bool = True,
    tags: str | Iterable[str] | None = None,
    deprecated: bool = False,
    responses: Mapping[int, Any] | None = None,
    **unknown: Any,
) -> F | Callable[[F], F]:
    """Declare a method of a service or a blueprint as an entry. Its route is its name, unless a path is given.

    Args:
        path_or_method: the path, such as `/links/{code}/stats`. Without parentheses, the decorator gets the method.
        method: the HTTP method of an entry with a path; by default the verb of the method's name.
        no_auth: require no token.
        cors: the policy for web pages of other origins, False for none; by default that of the class.
        no_cors: `False` allows pages of all origins, or of those that the class's policy allows. `True`: `cors=False`.
        stage: the stage or stages on which the entry exists; all by default.
        binary_headers: headers of each response, unless the entry sets them itself.
        background: accept asynchronous calls.
        smoke: `cws deploy --canary` invokes the entry before the new version gets requests.
        scopes: the scope or scopes that the principal must have; otherwise the response is a 403.
        include_in_schema: `False` leaves the entry out of the OpenAPI document.
        tags: tags in the OpenAPI document; by default the name of the blueprint.
        deprecated: mark the entry as deprecated in the OpenAPI document.
        responses: more responses in the OpenAPI document, by status: a description, the type of the body, a `Problem`
            or several.
        **unknown: a misspelt option, which is an error.

    Returns:
        The method itself.

    Raises:
        DeclarationError: the decorated object is not a plain method, it already has other options, or an option is
            invalid.

    Examples:
        >>> from coworks_async import TechMicroService, entry
        >>> class Shop(TechMicroService):
        ...     @entry(no_auth=True)
        ...     async def get_items(self, item_id: int, lang: str = "en"):
        ...         return {"item": item_id, "lang": lang}
        ...
        ...     @entry("/items/{item_id}/reviews")
        ...     async def get_reviews(self, item_id: int, page: int = 1):
        ...         return {"item": item_id, "page": page}
        >>> for each in Shop().entries:
        ...     print(each.method, each.path)
        GET /items/{item_id}
        GET /items/{item_id}/reviews
    """
    if unknown:
        raise _unknown_option_error(next(iter(unknown)))
    _check_flags(
        no_auth=no_auth,
        no_cors=no_cors,
        background=background,
        smoke=smoke,
        include_in_schema=include_in_schema,
        deprecated=deprecated,
    )
    check_cors("@entry(cors=...)", cors)
    if cors is not None and no_cors is not None:
        raise DeclarationError("@entry(cors=..., no_cors=...): both set the policy for other origins. Remove no_cors.")
    path = path_or_method if isinstance(path_or_method, str) else None
    options = EntryOptions(
        path=_read_path(path, method),
        method=_read_method(method),
        no_auth=no_auth,
        cors=cors,
        no_cors=no_cors,
        stages=_read_stages(stage),
        binary_headers=_read_headers(binary_headers),
        background=background,
        smoke=smoke,
        scopes=_read_scopes(scopes),
        include_in_schema=include_in_schema,
        tags=_read_tags(tags),
        deprecated=deprecated,
        responses=read_responses("@entry(responses=...)", responses),
    )
    if no_auth and options.scopes:
        raise DeclarationError("@entry(scopes=...) requires a token. Remove no_auth=True.")
    if smoke and not no_auth:
        raise DeclarationError("@entry(smoke=True): a deploy has no token. Add no_auth=True.")

    def decorate(method: F) -> F:
        _set_entry_options(method, options)
        return method

    return decorate if path_or_method is None or isinstance(path_or_method, str) else decorate(path_or_method)


def _check_flags(**flags: object) -> None:
    for name, value in flags.items():
        if not isinstance(value, bool) and (name, value) != ("no_cors", None):
            raise DeclarationError(f"@entry({name}=...) must be True or False, not {value!r}.")


def _set_entry_options(method: Function, options: EntryOptions) -> None:
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


def get_entry_options(attribute: object) -> EntryOptions | None:
    """Return the options of a decorated class attribute, or of the function inside it; None if undecorated."""
    for name in ("__func__", "fget", "func"):  # of a staticmethod or classmethod, a property, a cached_property
        attribute = getattr(attribute, name, attribute)
    options = getattr(attribute, _OPTIONS_ATTRIBUTE, None)
    return options if isinstance(options, EntryOptions) else None


def _unknown_option_error(name: str) -> DeclarationError:
    # Slow to import, and needed only after a typing mistake.
    from difflib import get_close_matches

    parameters = inspect.signature(entry).parameters.values()
    known = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    near = get_close_matches(name, known, n=1)
    remedy = f"Did you mean {near[0]}?" if near else f"Choose from: {', '.join(sorted(known))}."
    return DeclarationError(f"@entry({name}=...): there is no such option. {remedy}")


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
    stages = read_strings(stage)
    if not stages or "" in stages:
        raise DeclarationError(f"@entry(stage=...) must be a stage name or several, not {stage!r}.")
    return frozenset(stages)


def _read_scopes(scopes: str | Iterable[str] | None) -> frozenset[str]:
    if scopes is None:
        return frozenset()
    found = read_strings(scopes)
    if not found or not all(map(_SCOPE.fullmatch, found)):
        raise DeclarationError(
            f"@entry(scopes=...) must be a scope or several, not {scopes!r}. "
            "A scope is printable ASCII without spaces, quotes and backslashes."
        )
    return frozenset(found)


def _read_headers(headers: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    if headers is None:
        return ()
    if not isinstance(headers, Mapping):
        raise DeclarationError(f"@entry(binary_headers=...) must map header names to values, not {headers!r}.")
    for name, value in headers.items():
        if not is_header_name(name):
            raise DeclarationError(f"@entry(binary_headers=...): invalid header name {name!r}. {HEADER_NAME_RULE}")
        if name.lower() in _FRAMING_HEADERS:
            raise DeclarationError(f"@entry(binary_headers=...): {name} is set automatically. Remove it.")
        if not is_header_value(value):
            raise DeclarationError(
                f"@entry(binary_headers=...): invalid value of {name}: {value!r}. "
                "A value is one line of Latin-1 text without leading or trailing blanks."
            )
    return tuple(headers.items())


def _read_tags(tags: str | Iterable[str] | None) -> tuple[str, ...] | None:
    if tags is None:
        return None
    names = read_strings(tags)
    if not names or "" in names:
        raise DeclarationError(f"@entry(tags=...) must be a tag or several, not {tags!r}.")
    return names


# Neither a description nor a type; a list is one of problems.
_NOT_RESPONSES = (Mapping, int, float, bytes, list, tuple)


def read_responses(where: str, responses: Mapping[int, Any] | None) -> tuple[tuple[int, Any], ...]:
    """Return the documented responses of an entry or a class, by status."""
    if responses is None:
        return ()
    if not isinstance(responses, Mapping):
        raise DeclarationError(f"{where} must map statuses to responses, not {responses!r}.")
    for status, response in responses.items():
        if not isinstance(status, int) or not 200 <= status <= 599:
            raise DeclarationError(f"{where}: the status must be between 200 and 599, not {status!r}.")
        problems = list_problems(response)
        if isinstance(response, _NOT_RESPONSES) and not problems:
            raise DeclarationError(
                f"{where}: {response!r} under {status} must be a description, a type, a Problem or a list of problems."
            )
        for problem in problems:
            if problem.status_code != status:
                raise DeclarationError(
                    f"{where}: {problem!r} is listed under {status}. List it under {problem.status_code}."
                )
    return tuple(responses.items())


def list_problems(response: Any) -> list[Problem]:
    """Return the problems of a documented response: itself, or those of a list or tuple."""
    found = response if isinstance(response, list | tuple) else [response]
    return [problem for problem in found if isinstance(problem, Problem)]

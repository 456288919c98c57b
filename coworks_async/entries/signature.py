"""From a method's signature to its parameters: which come from the path, which by name, which take the whole body."""

import inspect
import typing
from contextlib import suppress
from enum import Enum
from types import SimpleNamespace
from typing import Any

from msgspec import Struct
from starlette.requests import Request

from coworks_async.entries.annotations import (
    is_scalar,
    is_structured,
    members,
    show,
    substitute,
    type_variables,
    unknowns,
)
from coworks_async.entries.discovery import Declaration
from coworks_async.exceptions import DeclarationError
from coworks_async.types import Function

REQUIRED: Any = inspect.Parameter.empty


class Kind(Enum):
    """Where a parameter's value comes from."""

    PATH = "a segment of the path"
    TAIL = "the rest of the path"
    NAMED = "a name of the query or of the body"
    GATHER = "the names name[...] of the query or of the body"
    WHOLE = "the whole body, or on GET the whole query"
    REQUEST = "the request itself"
    REST = "the names that are left"


class Parameter(Struct, frozen=True):
    """One parameter of an entry.

    `alias` is its name as a client writes it, `annotation` is `Any` where there is none, and `default` is `REQUIRED`
    where there is none. `keyword` tells that it is passed by name
    alone, `positional` by position alone.
    """

    name: str
    alias: str
    kind: Kind
    annotation: Any
    default: Any
    keyword: bool
    positional: bool

    @property
    def required(self) -> bool:
        return self.default is REQUIRED


class Signature(Struct, frozen=True):
    """The parameters of an entry in the order of its signature, and what it says that it returns."""

    parameters: tuple[Parameter, ...]
    returns: Any
    receiver: str

    def of(self, kind: Kind) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.parameters if parameter.kind is kind)

    @property
    def path(self) -> str:
        """The dynamic end of the entry's path: `/{bucket}/{rest:path}`."""
        segments = "".join(f"/{{{parameter.name}}}" for parameter in self.of(Kind.PATH))
        return segments + "".join(f"/{{{parameter.name}:path}}" for parameter in self.of(Kind.TAIL))


def read_signature(declaration: Declaration) -> Signature:
    """Read the parameters of a declared entry.

    Raises:
        DeclarationError: an annotation cannot be resolved, or the parameters cannot be told apart.
    """
    hints = _hints(declaration)
    bindings = type_variables(declaration.cls, declaration.owner)
    receiver, *parameters = _all_parameters(declaration)
    read = tuple(
        _parameter(parameter, _annotation(parameter, hints, bindings, declaration), declaration)
        for parameter in parameters
    )
    _check(read, declaration)
    return Signature(read, substitute(hints.get("return", Any), bindings), receiver.name)


def _all_parameters(declaration: Declaration) -> list[inspect.Parameter]:
    parameters = list(inspect.signature(declaration.function).parameters.values())
    if not parameters or parameters[0].kind not in (parameters[0].POSITIONAL_ONLY, parameters[0].POSITIONAL_OR_KEYWORD):
        raise DeclarationError(
            f"{declaration.where} takes no self; make self its first parameter, or put functools.wraps "
            "into the decorator that hides it."
        )
    return parameters


def _annotation(
    parameter: inspect.Parameter, hints: dict[str, Any], bindings: dict[Any, Any], declaration: Declaration
) -> Any:
    annotation = hints.get(parameter.name, parameter.annotation)
    if annotation is inspect.Parameter.empty:
        return Any
    if unknown := unknowns(annotation, bindings):
        raise DeclarationError(
            f"{declaration.where}: nothing says what {unknown[0]} stands for in the parameter {parameter.name!r}; "
            f"derive a class that gives it a type, as in class Mine({declaration.owner.__name__}[int])."
        )
    return substitute(annotation, bindings)


def _hints(declaration: Declaration) -> dict[str, Any]:
    function = inspect.unwrap(declaration.function)
    if not inspect.isfunction(function):
        return {}
    # The variables of `class Base[T]` are no globals of its module.
    names = {variable.__name__: variable for variable in getattr(declaration.owner, "__type_params__", ())}
    try:
        return typing.get_type_hints(function, localns=names, include_extras=True)
    except Exception as error:  # any code can stand in an annotation
        raise DeclarationError(
            f"{declaration.where}: the annotation of {_unresolved(function, names)} cannot be resolved ({error}); "
            "define or import its names at the level of the module."
        ) from error


def _unresolved(function: Function, names: dict[str, Any]) -> str:
    broken: list[str] = []
    with suppress(NameError):  # from Python 3.14 on one that is missing hides the others; the error itself says which
        annotations = function.__annotations__.items()
        broken = [repr(name) for name, annotation in annotations if not _resolves(annotation, function, names)]
    return " and ".join(broken) or "a parameter"


def _resolves(annotation: Any, function: Function, names: dict[str, Any]) -> bool:
    try:
        typing.get_type_hints(SimpleNamespace(__annotations__={"it": annotation}), function.__globals__, names)
    except Exception:
        return False
    return True


def _parameter(parameter: inspect.Parameter, annotation: Any, declaration: Declaration) -> Parameter:
    kind = _kind(parameter, annotation)
    keyword = parameter.kind is inspect.Parameter.KEYWORD_ONLY
    positional = parameter.kind is inspect.Parameter.POSITIONAL_ONLY
    if kind is not Kind.REQUEST and any(map(_is_request, members(annotation))):
        raise DeclarationError(
            f"{declaration.where}: the parameter {parameter.name!r} is the request, which is always there; "
            "annotate it with plain Request."
        )
    of_path = kind in (Kind.PATH, Kind.TAIL)
    if of_path and (not is_scalar(annotation) or (kind is Kind.TAIL and is_structured(annotation))):
        raise DeclarationError(
            f"{declaration.where}: the parameter {parameter.name!r} is {kind.value}, which cannot hold "
            f"{show(annotation)}; give it a default, or put it after a * to take it from the body or the query."
        )
    if of_path and not parameter.name.isascii():
        raise DeclarationError(
            f"{declaration.where}: the parameter {parameter.name!r} stands in the path, where only ASCII names can; "
            "rename it."
        )
    alias = parameter.name if of_path else alias_of(parameter.name)
    return Parameter(parameter.name, alias, kind, annotation, parameter.default, keyword, positional)


def _is_request(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Request)


def _kind(parameter: inspect.Parameter, annotation: Any) -> Kind:
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return Kind.TAIL
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        return Kind.REST
    if _is_request(annotation):
        return Kind.REQUEST
    if is_structured(annotation):
        return Kind.WHOLE
    if parameter.default is REQUIRED and parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
        return Kind.PATH
    head = parameter.name.removesuffix("__")
    is_gather = head not in ("", parameter.name) and head == head.strip("_") and "__" not in head
    return Kind.GATHER if is_gather else Kind.NAMED


def _check(parameters: tuple[Parameter, ...], declaration: Declaration) -> None:
    whole = [parameter.name for parameter in parameters if parameter.kind is Kind.WHOLE]
    if len(whole) > 1:
        raise DeclarationError(
            f"{declaration.where}: {' and '.join(whole)} would each take the whole body; put them in one type."
        )
    requests = [parameter.name for parameter in parameters if parameter.kind is Kind.REQUEST]
    if len(requests) > 1:
        raise DeclarationError(f"{declaration.where}: {' and '.join(requests)} would each be the request; keep one.")
    seen: dict[str, str] = {}
    for parameter in parameters:
        other = seen.setdefault(parameter.alias, parameter.name)
        if other != parameter.name:
            raise DeclarationError(
                f"{declaration.where}: {other} and {parameter.name} are both {parameter.alias!r} "
                "to a client; rename one."
            )


def alias_of(name: str) -> str:
    """Return a parameter's name as a client writes it.

    Example:
        >>> alias_of("page__number__")
        'page[number]'
        >>> alias_of("filter__")
        'filter'
        >>> alias_of("limit")
        'limit'
    """
    if not name.endswith("__") or name.startswith("_"):
        return name
    head, *inner = name.removesuffix("__").split("__")
    return head + "".join(f"[{part}]" for part in inner)

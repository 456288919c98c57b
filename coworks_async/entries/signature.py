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
    format_type,
    is_scalar,
    is_structured,
    substitute_type_variables,
    type_variable_bindings,
    unbound_type_variables,
    union_members,
)
from coworks_async.entries.discovery import Declaration
from coworks_async.exceptions import DeclarationError
from coworks_async.types import Function

REQUIRED: Any = inspect.Parameter.empty


class ParameterKind(Enum):
    """Where a parameter's value comes from."""

    PATH = "a segment of the path"
    PATH_REST = "the rest of the path"
    NAMED = "a name of the query or of the body"
    DEEP_OBJECT = "the names name[...] of the query or of the body"
    STRUCTURED = "the whole body, or on GET the whole query"
    REQUEST = "the request itself"
    EXTRA = "the names that are left"


class Parameter(Struct, frozen=True):
    """One parameter of an entry.

    `alias` is its name as a client writes it, `annotation` is `Any` where there is none, and `default` is `REQUIRED`
    where there is none. `keyword` tells that it is passed by name
    alone, `positional` by position alone.
    """

    name: str
    alias: str
    kind: ParameterKind
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

    def of(self, kind: ParameterKind) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.parameters if parameter.kind is kind)

    @property
    def path(self) -> str:
        """The dynamic end of the entry's path: `/{bucket}/{rest:path}`."""
        segments = "".join(f"/{{{parameter.name}}}" for parameter in self.of(ParameterKind.PATH))
        return segments + "".join(f"/{{{parameter.name}:path}}" for parameter in self.of(ParameterKind.PATH_REST))


def read_signature(declaration: Declaration) -> Signature:
    """Read the parameters of a declared entry.

    Raises:
        DeclarationError: an annotation cannot be resolved, or the parameters cannot be told apart.
    """
    hints = _type_hints(declaration)
    bindings = type_variable_bindings(declaration.cls, declaration.owner)
    receiver, *parameters = _all_parameters(declaration)
    read = tuple(
        _parameter(parameter, _annotation(parameter, hints, bindings, declaration), declaration)
        for parameter in parameters
    )
    _check_parameters(read, declaration)
    return Signature(read, substitute_type_variables(hints.get("return", Any), bindings), receiver.name)


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
    if unknown := unbound_type_variables(annotation, bindings):
        raise DeclarationError(
            f"{declaration.where}: nothing says what {unknown[0]} stands for in the parameter {parameter.name!r}; "
            f"derive a class that gives it a type, as in class Mine({declaration.owner.__name__}[int])."
        )
    return substitute_type_variables(annotation, bindings)


def _type_hints(declaration: Declaration) -> dict[str, Any]:
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
    if kind is not ParameterKind.REQUEST and any(map(_is_request, union_members(annotation))):
        raise DeclarationError(
            f"{declaration.where}: the parameter {parameter.name!r} is the request, which is always there; "
            "annotate it with plain Request."
        )
    of_path = kind in (ParameterKind.PATH, ParameterKind.PATH_REST)
    if of_path and (not is_scalar(annotation) or (kind is ParameterKind.PATH_REST and is_structured(annotation))):
        raise DeclarationError(
            f"{declaration.where}: the parameter {parameter.name!r} is {kind.value}, which cannot hold "
            f"{format_type(annotation)}; give it a default, or put it after a * to take it from the body or the query."
        )
    if of_path and not parameter.name.isascii():
        raise DeclarationError(
            f"{declaration.where}: the parameter {parameter.name!r} stands in the path, where only ASCII names can; "
            "rename it."
        )
    alias = parameter.name if of_path else alias_from_name(parameter.name)
    return Parameter(parameter.name, alias, kind, annotation, parameter.default, keyword, positional)


def _is_request(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Request)


def _kind(parameter: inspect.Parameter, annotation: Any) -> ParameterKind:
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return ParameterKind.PATH_REST
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        return ParameterKind.EXTRA
    if _is_request(annotation):
        return ParameterKind.REQUEST
    if is_structured(annotation):
        return ParameterKind.STRUCTURED
    if parameter.default is REQUIRED and parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
        return ParameterKind.PATH
    head = parameter.name.removesuffix("__")
    is_gather = head not in ("", parameter.name) and head == head.strip("_") and "__" not in head
    return ParameterKind.DEEP_OBJECT if is_gather else ParameterKind.NAMED


def _check_parameters(parameters: tuple[Parameter, ...], declaration: Declaration) -> None:
    whole = [parameter.name for parameter in parameters if parameter.kind is ParameterKind.STRUCTURED]
    if len(whole) > 1:
        raise DeclarationError(
            f"{declaration.where}: {' and '.join(whole)} would each take the whole body; put them in one type."
        )
    requests = [parameter.name for parameter in parameters if parameter.kind is ParameterKind.REQUEST]
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


def alias_from_name(name: str) -> str:
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

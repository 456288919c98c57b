"""Read the parameters of an entry from its method's signature."""

import inspect
import typing
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
from coworks_async.entries.paths import PathTemplate, parse_template
from coworks_async.entries.sources import Header, Marker, create_alias, split_marker
from coworks_async.exceptions import DeclarationError

REQUIRED: Any = inspect.Parameter.empty


class ParameterKind(Enum):
    """The source of a parameter's value."""

    PATH = "a path segment"
    PATH_REST = "the rest of the path"
    NAMED = "a name in the query or the body"
    DEEP_OBJECT = "the names name[...] in the query or the body"
    STRUCTURED = "the whole body; on GET the whole query"
    HEADER = "a header"
    COOKIE = "a cookie"
    REQUEST = "the request itself"
    EXTRA = "the remaining names"


class Parameter(Struct, frozen=True):
    name: str
    alias: str  # the name that clients use
    kind: ParameterKind
    annotation: Any
    default: Any  # or REQUIRED
    keyword_only: bool
    positional_only: bool

    @property
    def required(self) -> bool:
        return self.default is REQUIRED


HEADER_AND_COOKIE_KINDS = (ParameterKind.HEADER, ParameterKind.COOKIE)


class Signature(Struct, frozen=True):
    parameters: tuple[Parameter, ...]
    returns: Any
    receiver: str  # the name of the first parameter, usually `self`

    def of_kind(self, kind: ParameterKind) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.parameters if parameter.kind is kind)

    @property
    def path(self) -> str:
        """The dynamic end of the path of an entry without a given path: `/{bucket}/{rest:path}`."""
        segments = "".join(f"/{{{parameter.name}}}" for parameter in self.of_kind(ParameterKind.PATH))
        return segments + "".join(f"/{{{parameter.name}:path}}" for parameter in self.of_kind(ParameterKind.PATH_REST))


def read_signature(declaration: Declaration) -> Signature:
    hints = _resolve_annotations(declaration)
    bindings = type_variable_bindings(declaration.cls, declaration.owner)
    signature = list(inspect.signature(declaration.function).parameters.values())
    if not signature or signature[0].kind not in (signature[0].POSITIONAL_ONLY, signature[0].POSITIONAL_OR_KEYWORD):
        raise DeclarationError(
            f"{declaration.qualname}: the first parameter must be self. "
            "If a decorator hides it, use functools.wraps in that decorator."
        )
    template = parse_template(declaration.path) if declaration.has_template else None
    parameters = []
    for parameter in signature[1:]:
        annotation = hints.get(parameter.name, Any if parameter.annotation is REQUIRED else parameter.annotation)
        if unbound := unbound_type_variables(annotation, bindings):
            raise DeclarationError(
                f"{declaration.qualname}: the type variable {unbound[0]} of parameter {parameter.name!r} has no type. "
                f"Derive a class that sets it: class Mine({declaration.owner.__name__}[int])."
            )
        annotation = substitute_type_variables(annotation, bindings)
        parameters.append(_read_parameter(parameter, annotation, template, declaration))
    _check_parameters(parameters, declaration)
    if template is not None:
        _check_template(template, parameters, declaration)
    returns = substitute_type_variables(hints.get("return", Any), bindings)
    return Signature(tuple(parameters), returns, signature[0].name)


def _resolve_annotations(declaration: Declaration) -> dict[str, Any]:
    function = inspect.unwrap(declaration.function)
    if not inspect.isfunction(function):
        return {}
    # The type parameters of `class Base[T]` are not globals of its module.
    scopes = (declaration.owner, function)
    names = {variable.__name__: variable for scope in scopes for variable in getattr(scope, "__type_params__", ())}
    hints: dict[str, Any] = {}
    name = ""
    try:
        for name, annotation in function.__annotations__.items():
            annotated = SimpleNamespace(__annotations__={name: annotation})
            hints |= typing.get_type_hints(annotated, function.__globals__, names, include_extras=True)
    except Exception as error:  # evaluating an annotation may raise anything
        # From Python 3.14 on, a missing name fails before the first annotation; then the error names it.
        where = f"annotation of {name!r}" if name else "annotations"
        raise DeclarationError(
            f"{declaration.qualname}: cannot resolve the {where}: {error}. "
            "Define or import the names it uses at module level."
        ) from error
    return hints


def _read_parameter(
    parameter: inspect.Parameter, annotation: Any, template: PathTemplate | None, declaration: Declaration
) -> Parameter:
    label = f"{declaration.qualname}: parameter {parameter.name!r}"
    annotation, marker = split_marker(annotation, parameter, label)
    kind = _find_kind(parameter, annotation, marker, template)
    if marker is not None and template is not None and parameter.name in template.names:
        raise DeclarationError(
            f"{label} is {kind.value}, but the path {declaration.path!r} contains it. Remove it from one of them."
        )
    if kind is not ParameterKind.REQUEST and any(map(_is_request, union_members(annotation))):
        raise DeclarationError(f"{label} is the request, which is always present. Annotate it with plain Request.")
    is_path = kind in (ParameterKind.PATH, ParameterKind.PATH_REST)
    if is_path and (not is_scalar(annotation) or is_structured(annotation)):
        remedy = "Give it a default, or put it after a * to read it from the query or the body."
        if kind is ParameterKind.PATH_REST or template is not None:
            remedy = "Annotate it with the type of one segment."
        raise DeclarationError(f"{label} is {kind.value}, which cannot hold {format_type(annotation)}. {remedy}")
    if is_path and not parameter.name.isascii():
        raise DeclarationError(f"{label} is {kind.value}, whose name must be ASCII. Rename it.")
    alias = parameter.name if is_path else alias_from_name(parameter.name)
    return Parameter(
        name=parameter.name,
        alias=alias if marker is None else create_alias(parameter.name, marker, label),
        kind=kind,
        annotation=annotation,
        default=parameter.default,
        keyword_only=parameter.kind is inspect.Parameter.KEYWORD_ONLY,
        positional_only=parameter.kind is inspect.Parameter.POSITIONAL_ONLY,
    )


def _is_request(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Request)


def _find_kind(
    parameter: inspect.Parameter, annotation: Any, marker: Marker | None, template: PathTemplate | None
) -> ParameterKind:
    if marker is not None:
        return ParameterKind.HEADER if isinstance(marker, Header) else ParameterKind.COOKIE
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return ParameterKind.PATH_REST
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        return ParameterKind.EXTRA
    if _is_request(annotation):
        return ParameterKind.REQUEST
    if template is not None and parameter.name in template.names:
        return ParameterKind.PATH
    if is_structured(annotation):
        return ParameterKind.STRUCTURED
    is_required = parameter.default is REQUIRED and parameter.kind is not inspect.Parameter.KEYWORD_ONLY
    if template is None and is_required:
        return ParameterKind.PATH
    head = parameter.name.removesuffix("__")
    is_deep_object = head not in ("", parameter.name) and head == head.strip("_") and "__" not in head
    return ParameterKind.DEEP_OBJECT if is_deep_object else ParameterKind.NAMED


def _check_parameters(parameters: list[Parameter], declaration: Declaration) -> None:
    for kind, problem, remedy in (
        (ParameterKind.STRUCTURED, "each take the whole body", "Combine them in one type"),
        (ParameterKind.REQUEST, "are each the request", "Keep one"),
    ):
        names = [parameter.name for parameter in parameters if parameter.kind is kind]
        if len(names) > 1:
            raise DeclarationError(f"{declaration.qualname}: {' and '.join(names)} {problem}. {remedy}.")
    seen: dict[tuple[ParameterKind | None, str], str] = {}
    for parameter in parameters:
        other = seen.setdefault(_client_name(parameter), parameter.name)
        if other != parameter.name:
            raise DeclarationError(
                f"{declaration.qualname}: clients know both {other} and {parameter.name} as {parameter.alias!r}. "
                "Rename one."
            )


def _client_name(parameter: Parameter) -> tuple[ParameterKind | None, str]:
    """Return the name that clients use, with its kind if it is that of a header or a cookie."""
    if parameter.kind is ParameterKind.HEADER:
        return parameter.kind, parameter.alias.lower()
    return (parameter.kind if parameter.kind is ParameterKind.COOKIE else None), parameter.alias


def _check_template(template: PathTemplate, parameters: list[Parameter], declaration: Declaration) -> None:
    """Check that the parameters of a given path are those of the method, and that `*args` is its rest."""
    known = {parameter.name: parameter.kind for parameter in parameters}
    for name in template.names:
        if known.get(name) not in (ParameterKind.PATH, ParameterKind.PATH_REST):
            raise DeclarationError(
                f"{declaration.qualname}: the path {declaration.path!r} contains {{{name}}}, but the method has no "
                f"parameter {name!r}. Add it to the method, or remove it from the path."
            )
    for name, kind in known.items():
        if kind is ParameterKind.PATH_REST and name != template.rest_name:
            raise DeclarationError(
                f"{declaration.qualname}: *{name} takes the rest of the path. Add /{{{name}:path}} at the end of the "
                f"path {declaration.path!r}."
            )


def alias_from_name(name: str) -> str:
    """Return the name that clients use: `page[number]` for `page__number__`, `filter` for `filter__`."""
    if not name.endswith("__") or name.startswith("_"):
        return name
    head, *inner = name.removesuffix("__").split("__")
    return head + "".join(f"[{part}]" for part in inner)

"""Inspect and format type annotations."""

import dataclasses
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Annotated, Any, NotRequired, Required, TypeVar, Union, get_args, get_origin

import msgspec
from starlette.datastructures import UploadFile

from coworks_async.entries.sources import is_marker


def union_members(annotation: Any) -> Iterator[Any]:
    """Yield the types that a value may have, unwrapping Annotated, Optional, Union, NewType and aliases."""
    annotation = getattr(annotation, "__value__", annotation)  # of `type Name = ...`
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from union_members(get_args(annotation)[0])
    elif origin is Union or origin is types.UnionType:
        for argument in get_args(annotation):
            yield from union_members(argument)
    elif isinstance(annotation, typing.NewType):
        yield from union_members(annotation.__supertype__)
    else:
        yield annotation


def is_pydantic_model(annotation: Any) -> bool:
    """Return whether a type is a pydantic model. pydantic is not imported for this."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel)


def is_structured(annotation: Any) -> bool:
    """Return whether a parameter of this annotation takes the whole body: whether any of its types has fields."""
    return any(_has_fields(get_origin(member) or member) for member in union_members(annotation))


def _has_fields(kind: Any) -> bool:
    if not isinstance(kind, type):
        return False
    # `typing` and `typing_extensions` have different TypedDicts before Python 3.13.
    is_typed_dict = issubclass(kind, dict) and hasattr(kind, "__required_keys__")
    return (
        issubclass(kind, msgspec.Struct) or dataclasses.is_dataclass(kind) or is_typed_dict or is_pydantic_model(kind)
    )


# msgspec ignores the constraints of these packages in an Annotated.
_FOREIGN_PACKAGES = ("annotated_types", "pydantic", "pydantic_core")


def find_foreign_constraint(annotation: Any, seen: tuple[Any, ...] = ()) -> Any:
    """Return a constraint or a marker inside an annotation that would have no effect, or None."""
    if is_pydantic_model(annotation) or annotation in seen:
        return None
    if get_origin(annotation) is Annotated:
        for extra in get_args(annotation)[1:]:
            if is_marker(extra) or type(extra).__module__.partition(".")[0] in _FOREIGN_PACKAGES:
                return extra
    inner: list[Any] = list(get_args(annotation))
    kind = get_origin(annotation) or annotation
    if _has_fields(kind):
        inner += typing.get_type_hints(kind, include_extras=True).values()
    found = (find_foreign_constraint(part, (*seen, annotation)) for part in inner if not isinstance(part, str | int))
    return next((constraint for constraint in found if constraint is not None), None)


_NON_STRING_TYPES = (list, tuple, set, frozenset, dict, UploadFile)


def is_scalar(annotation: Any) -> bool:
    """Return whether a single string can represent any value of this annotation."""
    for member in union_members(annotation):
        kind = get_origin(member) or member
        if isinstance(kind, type) and (
            issubclass(kind, _NON_STRING_TYPES) or getattr(kind, "__abstractmethods__", None)
        ):
            return False
    return True


def format_type(annotation: Any) -> str:
    """Format a type for error messages, without module names."""
    if annotation is Any:
        return "any value"
    if annotation is None or annotation is type(None):
        return "None"
    if get_origin(annotation) is Annotated:
        base, *extras = get_args(annotation)
        constraints = [_format_constraints(extra) for extra in extras if isinstance(extra, msgspec.Meta)]
        return " ".join([format_type(base), *constraints]).strip()
    if get_origin(annotation) in (Union, types.UnionType):
        members = [argument for argument in get_args(annotation) if argument is not msgspec.UnsetType]
        return " | ".join(map(format_type, members))
    if isinstance(annotation, type) and not get_args(annotation):
        if issubclass(annotation, Enum):
            return "one of " + ", ".join(repr(member.value) for member in annotation)
        return annotation.__name__
    if get_origin(annotation) is typing.Literal:
        return "one of " + ", ".join(repr(argument) for argument in get_args(annotation))
    arguments = ", ".join("..." if argument is ... else format_type(argument) for argument in get_args(annotation))
    name = getattr(get_origin(annotation) or annotation, "__name__", str(annotation))
    return f"{name}[{arguments}]" if arguments else name


def _format_constraints(meta: msgspec.Meta) -> str:
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "multiple_of": "multiple of", "pattern": "matching"}
    signs |= {"min_length": "of length >=", "max_length": "of length <="}
    return " ".join(f"{sign} {getattr(meta, name)}" for name, sign in signs.items() if getattr(meta, name) is not None)


def type_variable_bindings(cls: type, owner: type) -> dict[Any, Any]:
    """Return the types that `cls` binds to the type variables of `owner`, one of its generic bases."""
    bindings: dict[Any, dict[Any, Any]] = {}
    for child in cls.__mro__:
        outer = bindings.get(child, {})
        for base in vars(child).get("__orig_bases__", ()):
            variables = getattr(get_origin(base), "__parameters__", ())
            pairs = zip(variables, get_args(base), strict=False)
            bindings.setdefault(get_origin(base), {}).update(
                (variable, substitute_type_variables(argument, outer))
                for variable, argument in pairs
                if not unbound_type_variables(argument, outer)
            )
    return bindings.get(owner, {})


def unbound_type_variables(annotation: Any, bindings: Mapping[Any, Any]) -> list[Any]:
    """Return the type variables of an annotation without a binding or a bound."""
    return [
        variable
        for variable in _type_variables(annotation)
        if variable not in bindings and getattr(variable, "__bound__", None) is None
    ]


def substitute_type_variables(annotation: Any, bindings: Mapping[Any, Any]) -> Any:
    """Replace type variables by their binding, else their bound, else `Any`."""
    variables = _type_variables(annotation)
    arguments = tuple(bindings.get(variable, getattr(variable, "__bound__", None) or Any) for variable in variables)
    if isinstance(annotation, TypeVar):
        return arguments[0]
    return annotation[arguments] if variables else annotation


def _type_variables(annotation: Any) -> tuple[Any, ...]:
    if isinstance(annotation, TypeVar):
        return (annotation,)
    return () if isinstance(annotation, type) else getattr(annotation, "__parameters__", ())


def field_annotations(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Return the annotations of a Struct, dataclass or TypedDict by the names that clients use; True if required."""
    origin = get_origin(kind) or kind
    if issubclass(origin, msgspec.Struct):
        return {field.encode_name: (field.type, field.required) for field in msgspec.structs.fields(kind)}
    bindings = dict(zip(getattr(origin, "__parameters__", ()), get_args(kind), strict=False))
    hints = typing.get_type_hints(origin, include_extras=True)
    for name, hint in hints.items():
        if get_origin(hint) in (Required, NotRequired):
            hints[name] = get_args(hint)[0]
    if dataclasses.is_dataclass(origin):
        required = {
            field.name: field.default is field.default_factory is dataclasses.MISSING
            for field in dataclasses.fields(origin)
            if field.init
        }
    else:
        required = {name: name in origin.__required_keys__ for name in hints}
    return {
        name: (substitute_type_variables(hints[name], bindings), is_required) for name, is_required in required.items()
    }

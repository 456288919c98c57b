"""What an annotation says, read at the door: its members, whether it has fields, how a person writes it."""

import sys
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from enum import Enum
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec
from starlette.datastructures import UploadFile


def union_members(annotation: Any) -> Iterator[Any]:
    """Yield the types that a value of this annotation may have, seen through Annotated, Optional, Union and aliases."""
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
    """Tell whether a type is a pydantic model; pydantic itself is never imported here."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel)


def is_structured(annotation: Any) -> bool:
    """Tell whether an annotation is a type with fields, which takes a whole body."""
    return any(_has_fields(get_origin(member) or member) for member in union_members(annotation))


def _has_fields(member: Any) -> bool:
    if not isinstance(member, type):
        return False
    return (
        issubclass(member, msgspec.Struct) or is_dataclass(member) or is_typed_dict(member) or is_pydantic_model(member)
    )


def is_typed_dict(kind: Any) -> bool:
    """Tell whether a type is a TypedDict, of `typing` or of `typing_extensions`, which before 3.13 are not the same."""
    return isinstance(kind, type) and issubclass(kind, dict) and hasattr(kind, "__required_keys__")


# Whose constraints, put into an Annotated, msgspec does not see.
_FOREIGN_PACKAGES = ("annotated_types", "pydantic", "pydantic_core")


def find_foreign_constraint(annotation: Any, seen: tuple[Any, ...] = ()) -> Any:
    """Return a constraint inside of an annotation that would never be looked at, None where there is none."""
    if is_pydantic_model(annotation) or annotation in seen:
        return None
    if get_origin(annotation) is Annotated:
        for extra in get_args(annotation)[1:]:
            if type(extra).__module__.partition(".")[0] in _FOREIGN_PACKAGES:
                return extra
    inner: list[Any] = list(get_args(annotation))
    kind = get_origin(annotation) or annotation
    if _has_fields(kind):
        inner += typing.get_type_hints(kind, include_extras=True).values()
    found = (find_foreign_constraint(part, (*seen, annotation)) for part in inner if not isinstance(part, str | int))
    return next((constraint for constraint in found if constraint is not None), None)


_NON_STRING_TYPES = (list, tuple, set, frozenset, dict, UploadFile)


def is_scalar(annotation: Any) -> bool:
    """Tell whether one string can hold a value of this annotation."""
    for member in union_members(annotation):
        kind = get_origin(member) or member
        if isinstance(kind, type) and (
            issubclass(kind, _NON_STRING_TYPES) or getattr(kind, "__abstractmethods__", None)
        ):
            return False
    return True


def format_type(annotation: Any) -> str:
    """Return a type as Python writes it, without its modules and its constraints' noise."""
    if annotation is Any:
        return "any value"
    if annotation is None or annotation is type(None):
        return "None"
    if get_origin(annotation) is Annotated:
        base, *extras = get_args(annotation)
        return " ".join(
            [format_type(base), *(_format_meta(extra) for extra in extras if isinstance(extra, msgspec.Meta))]
        ).strip()
    if get_origin(annotation) in (Union, types.UnionType):
        return " | ".join(format_type(argument) for argument in get_args(annotation))
    if isinstance(annotation, type) and not get_args(annotation):
        if issubclass(annotation, Enum):
            return "one of " + ", ".join(repr(member.value) for member in annotation)
        return annotation.__name__
    if get_origin(annotation) is typing.Literal:
        return "one of " + ", ".join(repr(argument) for argument in get_args(annotation))
    arguments = ", ".join("..." if argument is ... else format_type(argument) for argument in get_args(annotation))
    name = getattr(get_origin(annotation) or annotation, "__name__", str(annotation))
    return f"{name}[{arguments}]" if arguments else name


def _format_meta(meta: msgspec.Meta) -> str:
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "multiple_of": "multiple of", "pattern": "like"}
    signs |= {"min_length": "of length >=", "max_length": "of length <="}
    return " ".join(f"{sign} {getattr(meta, name)}" for name, sign in signs.items() if getattr(meta, name) is not None)


def type_variable_bindings(cls: type, owner: type) -> dict[Any, Any]:
    """The types that `cls` gives to the type variables of `owner`, a generic class that it derives from."""
    given: dict[Any, dict[Any, Any]] = {}
    for child in cls.__mro__:
        own = given.get(child, {})
        for base in vars(child).get("__orig_bases__", ()):
            variables = getattr(get_origin(base), "__parameters__", ())
            pairs = zip(variables, get_args(base), strict=False)
            given.setdefault(get_origin(base), {}).update(
                (variable, substitute_type_variables(argument, own))
                for variable, argument in pairs
                if not unbound_type_variables(argument, own)
            )
    return given.get(owner, {})


def unbound_type_variables(annotation: Any, bindings: Mapping[Any, Any]) -> list[Any]:
    """Return the type variables of an annotation that stand for no type: neither given one nor bound to one."""
    return [
        variable
        for variable in _variables(annotation)
        if variable not in bindings and getattr(variable, "__bound__", None) is None
    ]


def substitute_type_variables(annotation: Any, bindings: Mapping[Any, Any]) -> Any:
    """Put types in the place of type variables; one that is given none is its bound, or anything."""
    variables = _variables(annotation)
    types_given = tuple(bindings.get(variable, getattr(variable, "__bound__", None) or Any) for variable in variables)
    if isinstance(annotation, TypeVar):
        return types_given[0]
    return annotation[types_given] if variables else annotation


def _variables(annotation: Any) -> tuple[Any, ...]:
    if isinstance(annotation, TypeVar):
        return (annotation,)
    return () if isinstance(annotation, type) else getattr(annotation, "__parameters__", ())

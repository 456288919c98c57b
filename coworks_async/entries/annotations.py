"""What an annotation says, read at the door: its members, whether it has fields, how a person writes it."""

import sys
import types
import typing
from collections.abc import Iterator
from dataclasses import is_dataclass
from enum import Enum
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec


def members(annotation: Any) -> Iterator[Any]:
    """Yield the types that a value of this annotation may have, seen through Annotated, Optional and Union."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from members(get_args(annotation)[0])
    elif origin is Union or origin is types.UnionType:
        for argument in get_args(annotation):
            yield from members(argument)
    elif isinstance(annotation, typing.NewType):
        yield from members(annotation.__supertype__)
    else:
        yield annotation


def is_model(annotation: Any) -> bool:
    """Tell whether a type is a pydantic model; pydantic itself is never imported here."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel)


def is_structured(annotation: Any) -> bool:
    """Tell whether an annotation is a type with fields, which takes a whole body."""
    return any(_has_fields(get_origin(member) or member) for member in members(annotation))


def _has_fields(member: Any) -> bool:
    if not isinstance(member, type):
        return False
    return issubclass(member, msgspec.Struct) or is_dataclass(member) or typing.is_typeddict(member) or is_model(member)


_CONTAINERS = (list, tuple, set, frozenset, dict)


def is_scalar(annotation: Any) -> bool:
    """Tell whether one string can hold a value of this annotation."""
    for member in members(annotation):
        kind = get_origin(member) or member
        if isinstance(kind, type) and (issubclass(kind, _CONTAINERS) or getattr(kind, "__abstractmethods__", None)):
            return False
    return True


def show(annotation: Any) -> str:
    """Return a type as Python writes it, without its modules and its constraints' noise."""
    if annotation is Any:
        return "any value"
    if annotation is None or annotation is type(None):
        return "None"
    if get_origin(annotation) is Annotated:
        base, *extras = get_args(annotation)
        return " ".join(
            [show(base), *(_show_meta(extra) for extra in extras if isinstance(extra, msgspec.Meta))]
        ).strip()
    if get_origin(annotation) in (Union, types.UnionType):
        return " | ".join(show(argument) for argument in get_args(annotation))
    if isinstance(annotation, type) and not get_args(annotation):
        if issubclass(annotation, Enum):
            return "one of " + ", ".join(repr(member.value) for member in annotation)
        return annotation.__name__
    if get_origin(annotation) is typing.Literal:
        return "one of " + ", ".join(repr(argument) for argument in get_args(annotation))
    arguments = ", ".join("..." if argument is ... else show(argument) for argument in get_args(annotation))
    name = getattr(get_origin(annotation) or annotation, "__name__", str(annotation))
    return f"{name}[{arguments}]" if arguments else name


def _show_meta(meta: msgspec.Meta) -> str:
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "multiple_of": "multiple of", "pattern": "like"}
    signs |= {"min_length": "of length >=", "max_length": "of length <="}
    return " ".join(f"{sign} {getattr(meta, name)}" for name, sign in signs.items() if getattr(meta, name) is not None)


def type_variables(cls: type) -> dict[Any, Any]:
    """The types that a subclass gives to the type variables of its generic bases."""
    bindings: dict[Any, Any] = {}
    for owner in cls.__mro__:
        for base in vars(owner).get("__orig_bases__", ()):
            variables = getattr(get_origin(base), "__parameters__", ())
            for variable, argument in zip(variables, get_args(base), strict=False):
                bindings.setdefault(variable, bindings.get(argument, argument))
    return bindings


def substitute(annotation: Any, bindings: dict[Any, Any]) -> Any:
    if isinstance(annotation, TypeVar):
        return bindings.get(annotation, Any)
    variables = getattr(annotation, "__parameters__", ())
    if not variables or isinstance(annotation, type):
        return annotation
    return annotation[tuple(bindings.get(variable, Any) for variable in variables)]

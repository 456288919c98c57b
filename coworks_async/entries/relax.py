"""The strings of a request: one rule for what they convert to, wherever they stand.

msgspec converts and validates, strictly. Before it does, a *relaxer*, compiled from the type, turns the strings that
stand where a number or a boolean is expected into one, and refuses the keys that no field takes. A string that does
not fit is left as it is, so that msgspec says what was expected, and where.
"""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import zip_longest
from math import isinf
from typing import Any

from msgspec import ValidationError
from msgspec import inspect as types

Relax = Callable[[Any], Any]

_INT = re.compile(r"-?[0-9]{1,4300}")
_FLOAT = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BOOLS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}

OBJECTS = (types.StructType, types.DataclassType, types.TypedDictType)
ARRAYS = (
    types.ListType,
    types.SetType,
    types.FrozenSetType,
    types.VarTupleType,
    types.TupleType,
    types.NamedTupleType,
)


def relax_int(value: Any) -> Any:
    if isinstance(value, str) and _INT.fullmatch(value):
        return int(value)
    return value


def relax_float(value: Any) -> Any:
    if isinstance(value, str) and not _FLOAT.fullmatch(value):
        return value
    if isinstance(value, str | Decimal):
        number = float(value)
        if isinf(number):
            raise ValidationError("Number out of range")
        return number
    return value


def relax_bool(value: Any) -> Any:
    return _BOOLS.get(value.lower(), value) if isinstance(value, str) else value


def relax_decimal(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not _FLOAT.fullmatch(value):
        raise ValidationError("Expected `decimal`, got `str`")  # msgspec alone takes "NaN" and "1_000"
    return Decimal(value)


def same(value: Any) -> Any:
    return value


def floats(value: Any) -> Any:
    """Undo the exact reading of numbers where no type asked for it."""
    if isinstance(value, Decimal):
        return relax_float(value)
    if isinstance(value, list):
        return [floats(item) for item in value]
    if isinstance(value, dict):
        return {key: floats(item) for key, item in value.items()}
    return value


def relaxer(info: types.Type) -> Relax:
    """Compile the relaxer of a type, as `msgspec.inspect.type_info` describes it."""
    return _compile(info, {})


def _compile(info: types.Type, known: dict[int, Relax]) -> Relax:
    if isinstance(info, types.Metadata):
        return _compile(info.type, known)
    if isinstance(info, OBJECTS):
        if id(info) not in known:
            known[id(info)] = lambda value: compiled(value)  # a type may hold itself
            compiled = known[id(info)] = _object(info, known)
        return known[id(info)]
    if isinstance(info, ARRAYS):
        return _array(info, known)
    if isinstance(info, types.DictType):
        return _mapping(_compile(info.key_type, known), _compile(info.value_type, known))
    if isinstance(info, types.UnionType):
        return _union(info, known)
    return _scalar(info)


_SCALARS: dict[type[types.Type], Relax] = {
    types.IntType: relax_int,
    types.FloatType: relax_float,
    types.BoolType: relax_bool,
    types.DecimalType: relax_decimal,
    types.AnyType: floats,
}


def _scalar(info: types.Type) -> Relax:
    if isinstance(info, types.LiteralType):
        return _one_of(info.values)
    if isinstance(info, types.EnumType):
        return _one_of([member.value for member in info.cls])
    return _SCALARS.get(type(info), same)


def _one_of(values: Sequence[Any]) -> Relax:
    strings = {value for value in values if isinstance(value, str)}
    numbers = any(isinstance(value, int) for value in values)
    return (lambda value: value if value in strings else relax_int(value)) if numbers else same


def _array(info: Any, known: dict[int, Relax]) -> Relax:
    if isinstance(info, types.TupleType):
        return _fixed([_compile(item, known) for item in info.item_types])
    if isinstance(info, types.NamedTupleType):
        return _fixed([_compile(field.type, known) for field in info.fields])
    relax = _compile(info.item_type, known)
    return lambda value: [relax(item) for item in value] if isinstance(value, list) else value


def _fixed(items: list[Relax]) -> Relax:
    def relax(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [item(part) for item, part in zip_longest(items[: len(value)], value, fillvalue=same)]

    return relax


def _mapping(key: Relax, item: Relax) -> Relax:
    return lambda value: {key(k): item(v) for k, v in value.items()} if isinstance(value, dict) else value


def _object(info: Any, known: dict[int, Relax]) -> Relax:
    if getattr(info, "array_like", False):
        return same
    fields = {field.encode_name: _compile(field.type, known) for field in info.fields}
    if getattr(info, "tag_field", None):
        fields[info.tag_field] = same

    def relax(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        for name in value:
            if name not in fields:
                raise ValidationError(f"Object contains unknown field `{name}`")
        return {name: fields[name](item) for name, item in value.items()}

    return relax


def _union(info: types.UnionType, known: dict[int, Relax]) -> Relax:
    order = (types.IntType, types.FloatType, types.DecimalType, types.BoolType)
    scalars = sorted(
        (member for member in info.types if not isinstance(member, (*OBJECTS, *ARRAYS, types.DictType))),
        key=lambda member: order.index(type(member)) if type(member) in order else len(order),
    )
    strings = [_quiet(_scalar(member)) for member in scalars]
    arrays = [_compile(member, known) for member in info.types if isinstance(member, ARRAYS)]
    objects = {_tag(member): _compile(member, known) for member in info.types if not _is_plain(member)}
    decimal = any(isinstance(member, types.DecimalType) for member in info.types)
    tag_fields = [getattr(member, "tag_field", None) for member in info.types]
    tag_field = next((name for name in tag_fields if name is not None), None)

    def relax(value: Any) -> Any:
        if isinstance(value, list):
            return arrays[0](value) if arrays else value
        if isinstance(value, dict):
            chosen = objects.get(value.get(tag_field)) if tag_field else None
            return (chosen or objects.get(None, same))(value)
        for convert in strings:
            converted = convert(value)
            if converted is not value:
                return converted
        return relax_decimal(value) if decimal else value

    return relax


def _tag(info: types.Type) -> Any:
    return getattr(info, "tag", None)


def _is_plain(info: types.Type) -> bool:
    return not isinstance(info, (*OBJECTS, types.DictType))


def _quiet(relax: Relax) -> Relax:
    """In a union, what one member refuses another may take."""

    def attempt(value: Any) -> Any:
        try:
            return relax(value)
        except ValidationError:
            return value

    return attempt

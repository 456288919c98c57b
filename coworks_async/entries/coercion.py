"""The strings of a request: one rule for what they convert to, wherever they stand.

msgspec converts and validates, strictly. Before it does, a *relaxer*, compiled from the type, turns the strings that
stand where a number or a boolean is expected into one, and refuses the keys that no field takes. A string that does
not fit is left as it is, so that msgspec says what was expected, and where.
"""

import dataclasses
import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from itertools import zip_longest
from math import isinf
from typing import Any, Literal, get_origin

from msgspec import ValidationError, convert
from msgspec import inspect as types

Coerce = Callable[[Any], Any]

_INT = re.compile(r"-?[0-9]+")
_FLOAT = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BOOLS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}

OBJECTS = (types.StructType, types.DataclassType, types.TypedDictType)
TUPLES = (types.VarTupleType, types.TupleType, types.NamedTupleType)
ARRAYS = (types.ListType, types.SetType, types.FrozenSetType, *TUPLES)


def coerce_int(value: Any) -> Any:
    if not isinstance(value, str) or not _INT.fullmatch(value):
        return value
    try:
        return int(value)
    except ValueError:
        raise ValidationError("Number out of range") from None  # more digits than Python reads


def coerce_float(value: Any) -> Any:
    if isinstance(value, str) and not _FLOAT.fullmatch(value):
        return value
    if isinstance(value, str | Decimal):
        number = float(value)
        if isinf(number):
            raise ValidationError("Number out of range")
        return number
    return value


def coerce_bool(value: Any) -> Any:
    return _BOOLS.get(value.lower(), value) if isinstance(value, str) else value


def coerce_decimal(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not _FLOAT.fullmatch(value):
        raise ValidationError("Expected `decimal`, got `str`")  # msgspec alone takes "NaN" and "1_000"
    return parse_decimal(value)


def parse_decimal(number: str) -> Decimal:
    """Read a number as it is written; raises `msgspec.ValidationError`."""
    try:
        return Decimal(number)
    except InvalidOperation:
        raise ValidationError("Number out of range") from None  # an exponent that Python does not hold


def identity(value: Any) -> Any:
    return value


def decimals_to_floats(value: Any) -> Any:
    """Undo the exact reading of numbers where no type asked for it."""
    if isinstance(value, Decimal):
        return coerce_float(value)
    if isinstance(value, list):
        return [decimals_to_floats(item) for item in value]
    if isinstance(value, dict):
        return {key: decimals_to_floats(item) for key, item in value.items()}
    return value


def alternatives(info: types.Type) -> list[types.Type]:
    """Return the types that a value may have, without what only describes them."""
    if isinstance(info, types.Metadata):
        return alternatives(info.type)
    if isinstance(info, types.UnionType):
        return [member for inner in info.types for member in alternatives(inner)]
    return [info]


def compile_coercion(info: types.Type) -> Coerce:
    """Compile the relaxer of a type, as `msgspec.inspect.type_info` describes it."""
    return _compile(info, {})


def _compile(info: types.Type, known: dict[int, Coerce]) -> Coerce:
    if isinstance(info, types.Metadata):
        return _compile(info.type, known)
    if isinstance(info, OBJECTS):
        if id(info) not in known:
            known[id(info)] = lambda value: compiled(value)  # a type may hold itself
            compiled = known[id(info)] = _coerce_object(info, known)
        return known[id(info)]
    if isinstance(info, ARRAYS):
        return _coerce_array(info, known)
    if isinstance(info, types.DictType):
        return _coerce_mapping(_compile(info.key_type, known), _compile(info.value_type, known))
    if isinstance(info, types.UnionType):
        return _coerce_union(info, known)
    return _coerce_scalar(info)


_SCALARS: dict[type[types.Type], Coerce] = {
    types.IntType: coerce_int,
    types.FloatType: coerce_float,
    types.BoolType: coerce_bool,
    types.DecimalType: coerce_decimal,
    types.AnyType: decimals_to_floats,
    types.CustomType: decimals_to_floats,
}


def _coerce_scalar(info: types.Type) -> Coerce:
    if isinstance(info, types.LiteralType):
        return _coerce_choice(info.values)
    if isinstance(info, types.EnumType):
        return _coerce_choice([member.value for member in info.cls])
    return _SCALARS.get(type(info), identity)


def _coerce_choice(values: Sequence[Any]) -> Coerce:
    strings = [value for value in values if isinstance(value, str)]
    numbers = [value for value in values if type(value) is int]
    if any(isinstance(value, bool) for value in values):
        return lambda value: value if value in strings else _coerce_number_or_bool(value, numbers)
    if not numbers:
        return identity
    return lambda value: value if value in strings else coerce_int(value)


def _coerce_number_or_bool(value: Any, numbers: Sequence[int]) -> Any:
    """To Python `1 == True`, so a string is a number only where it is one of those that are asked for."""
    number = coerce_int(value) if numbers else value
    return number if type(number) is int and number in numbers else coerce_bool(value)


def _coerce_array(info: Any, known: dict[int, Coerce]) -> Coerce:
    if isinstance(info, types.TupleType):
        return _coerce_items([_compile(item, known) for item in info.item_types])
    if isinstance(info, types.NamedTupleType):
        return _coerce_items([_compile(field.type, known) for field in info.fields])
    relax = _compile(info.item_type, known)
    return lambda value: [relax(item) for item in value] if isinstance(value, list) else value


def _coerce_items(items: list[Coerce]) -> Coerce:
    def relax(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [item(part) for item, part in zip_longest(items[: len(value)], value, fillvalue=identity)]

    return relax


def _coerce_mapping(key: Coerce, item: Coerce) -> Coerce:
    def relax(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        relaxed = {key(name): item(inner) for name, inner in value.items()}
        if len(relaxed) != len(value):
            raise ValidationError("Object contains one key twice, written differently")
        return relaxed

    return relax


def _coerce_object(info: Any, known: dict[int, Coerce]) -> Coerce:
    if getattr(info, "array_like", False):
        return _coerce_array_like(info, known)
    kept = _non_init_fields(info)
    fields = {field.encode_name: _compile(field.type, known) for field in info.fields if field.name not in kept}
    if getattr(info, "tag_field", None):
        fields[info.tag_field] = _coerce_choice([info.tag])

    def relax(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        for name in value:
            if name not in fields:
                raise ValidationError(f"Object contains unknown field `{name}`")
        return {name: fields[name](item) for name, item in value.items()}

    return relax


def _non_init_fields(info: Any) -> list[str]:
    """The fields of a dataclass that it sets itself, which msgspec would let a client set."""
    if not isinstance(info, types.DataclassType):
        return []
    return [field.name for field in dataclasses.fields(get_origin(info.cls) or info.cls) if not field.init]


def _coerce_array_like(info: types.StructType, known: dict[int, Coerce]) -> Coerce:
    """A struct that is written as an array, after its tag if it has one; msgspec drops what is too much."""
    tag = [] if info.tag_field is None else [_coerce_choice([info.tag])]
    items = [*tag, *(_compile(field.type, known) for field in info.fields)]
    fixed = _coerce_items(items)

    def relax(value: Any) -> Any:
        if isinstance(value, list) and len(value) > len(items):
            raise ValidationError(f"Expected `array` of at most length {len(items)}, got {len(value)}")
        return fixed(value)

    return relax


def _coerce_union(info: types.UnionType, known: dict[int, Coerce]) -> Coerce:
    each = alternatives(info)
    arrays = _by_tag([member for member in each if _is_array(member)], known)
    objects = _by_tag([member for member in each if isinstance(member, _KEYED) and not _is_array(member)], known)
    tag_field = next(filter(None, (getattr(member, "tag_field", None) for member in each)), None)
    scalars = [member for member in each if not isinstance(member, (*_KEYED, *ARRAYS))]
    scalars.sort(key=lambda member: _ORDER.index(type(member)) if type(member) in _ORDER else len(_ORDER))
    several = sum(not isinstance(member, types.NoneType) for member in scalars) > 1
    relaxers = [_without_errors(_coerce_exactly(member) if several else _coerce_scalar(member)) for member in scalars]
    decimal = any(isinstance(member, types.DecimalType) for member in scalars)

    def relax(value: Any) -> Any:
        if isinstance(value, list):
            return arrays(value[0] if value else None)(value)
        if isinstance(value, dict):
            return objects(value.get(tag_field))(value)
        if isinstance(value, Decimal):
            return value if decimal else coerce_float(value)
        for relax_one in relaxers:
            converted = relax_one(value)
            if converted is not value:
                return converted
        return coerce_decimal(value) if decimal else value

    return relax


_KEYED = (*OBJECTS, types.DictType)
_ORDER = (types.LiteralType, types.EnumType, types.IntType, types.FloatType, types.DecimalType, types.BoolType)


def _coerce_exactly(info: types.Type) -> Coerce:
    """The relaxer of a type that leaves what is none of its values to the other members of a union."""
    relax = _coerce_scalar(info)
    if not isinstance(info, types.LiteralType | types.EnumType):
        return relax
    literal: Any = Literal
    kind = info.cls if isinstance(info, types.EnumType) else literal[info.values]
    return lambda value: found if _is_value(found := relax(value), kind) else value


def _is_value(value: Any, kind: Any) -> bool:
    try:
        convert(value, kind)  # which asks `_missing_` as well
    except ValidationError:
        return False
    return True


def _is_array(info: types.Type) -> bool:
    return isinstance(info, ARRAYS) or getattr(info, "array_like", False)


def _by_tag(each: Sequence[types.Type], known: dict[int, Coerce]) -> Callable[[Any], Coerce]:
    """Return what finds the relaxer of the type that has a tag, or of the only type there is."""
    relaxers = {getattr(member, "tag", None): _compile(member, known) for member in each}
    otherwise = next(iter(relaxers.values())) if len(relaxers) == 1 else decimals_to_floats
    read = _coerce_choice([tag for tag in relaxers if tag is not None])

    def find(tag: Any) -> Coerce:
        tag = read(tag)
        return relaxers.get(tag, otherwise) if isinstance(tag, str | int) else otherwise

    return find


def _without_errors(relax: Coerce) -> Coerce:
    """In a union, what one member refuses another may take."""

    def attempt(value: Any) -> Any:
        try:
            return relax(value)
        except ValidationError:
            return value

    return attempt

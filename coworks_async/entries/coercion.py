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

Relax = Callable[[Any], Any]

_INT = re.compile(r"-?[0-9]+")
_FLOAT = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BOOLS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}

OBJECTS = (types.StructType, types.DataclassType, types.TypedDictType)
TUPLES = (types.VarTupleType, types.TupleType, types.NamedTupleType)
ARRAYS = (types.ListType, types.SetType, types.FrozenSetType, *TUPLES)


def relax_int(value: Any) -> Any:
    if not isinstance(value, str) or not _INT.fullmatch(value):
        return value
    try:
        return int(value)
    except ValueError:
        raise ValidationError("Number out of range") from None  # more digits than Python reads


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
    return exact(value)


def exact(number: str) -> Decimal:
    """Read a number as it is written; raises `msgspec.ValidationError`."""
    try:
        return Decimal(number)
    except InvalidOperation:
        raise ValidationError("Number out of range") from None  # an exponent that Python does not hold


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


def alternatives(info: types.Type) -> list[types.Type]:
    """Return the types that a value may have, without what only describes them."""
    if isinstance(info, types.Metadata):
        return alternatives(info.type)
    if isinstance(info, types.UnionType):
        return [member for inner in info.types for member in alternatives(inner)]
    return [info]


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
    types.CustomType: floats,
}


def _scalar(info: types.Type) -> Relax:
    if isinstance(info, types.LiteralType):
        return _one_of(info.values)
    if isinstance(info, types.EnumType):
        return _one_of([member.value for member in info.cls])
    return _SCALARS.get(type(info), same)


def _one_of(values: Sequence[Any]) -> Relax:
    strings = [value for value in values if isinstance(value, str)]
    numbers = [value for value in values if type(value) is int]
    if any(isinstance(value, bool) for value in values):
        return lambda value: value if value in strings else _number_or_bool(value, numbers)
    if not numbers:
        return same
    return lambda value: value if value in strings else relax_int(value)


def _number_or_bool(value: Any, numbers: Sequence[int]) -> Any:
    """To Python `1 == True`, so a string is a number only where it is one of those that are asked for."""
    number = relax_int(value) if numbers else value
    return number if type(number) is int and number in numbers else relax_bool(value)


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
    def relax(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        relaxed = {key(name): item(inner) for name, inner in value.items()}
        if len(relaxed) != len(value):
            raise ValidationError("Object contains one key twice, written differently")
        return relaxed

    return relax


def _object(info: Any, known: dict[int, Relax]) -> Relax:
    if getattr(info, "array_like", False):
        return _array_like(info, known)
    kept = _kept_back(info)
    fields = {field.encode_name: _compile(field.type, known) for field in info.fields if field.name not in kept}
    if getattr(info, "tag_field", None):
        fields[info.tag_field] = _one_of([info.tag])

    def relax(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        for name in value:
            if name not in fields:
                raise ValidationError(f"Object contains unknown field `{name}`")
        return {name: fields[name](item) for name, item in value.items()}

    return relax


def _kept_back(info: Any) -> list[str]:
    """The fields of a dataclass that it sets itself, which msgspec would let a client set."""
    if not isinstance(info, types.DataclassType):
        return []
    return [field.name for field in dataclasses.fields(get_origin(info.cls) or info.cls) if not field.init]


def _array_like(info: types.StructType, known: dict[int, Relax]) -> Relax:
    """A struct that is written as an array, after its tag if it has one; msgspec drops what is too much."""
    tag = [] if info.tag_field is None else [_one_of([info.tag])]
    items = [*tag, *(_compile(field.type, known) for field in info.fields)]
    fixed = _fixed(items)

    def relax(value: Any) -> Any:
        if isinstance(value, list) and len(value) > len(items):
            raise ValidationError(f"Expected `array` of at most length {len(items)}, got {len(value)}")
        return fixed(value)

    return relax


def _union(info: types.UnionType, known: dict[int, Relax]) -> Relax:
    each = alternatives(info)
    arrays = _by_tag([member for member in each if _is_array(member)], known)
    objects = _by_tag([member for member in each if isinstance(member, _KEYED) and not _is_array(member)], known)
    tag_field = next(filter(None, (getattr(member, "tag_field", None) for member in each)), None)
    scalars = [member for member in each if not isinstance(member, (*_KEYED, *ARRAYS))]
    scalars.sort(key=lambda member: _ORDER.index(type(member)) if type(member) in _ORDER else len(_ORDER))
    several = sum(not isinstance(member, types.NoneType) for member in scalars) > 1
    relaxers = [_quiet(_strictly(member) if several else _scalar(member)) for member in scalars]
    decimal = any(isinstance(member, types.DecimalType) for member in scalars)

    def relax(value: Any) -> Any:
        if isinstance(value, list):
            return arrays(value[0] if value else None)(value)
        if isinstance(value, dict):
            return objects(value.get(tag_field))(value)
        if isinstance(value, Decimal):
            return value if decimal else relax_float(value)
        for relax_one in relaxers:
            converted = relax_one(value)
            if converted is not value:
                return converted
        return relax_decimal(value) if decimal else value

    return relax


_KEYED = (*OBJECTS, types.DictType)
_ORDER = (types.LiteralType, types.EnumType, types.IntType, types.FloatType, types.DecimalType, types.BoolType)


def _strictly(info: types.Type) -> Relax:
    """The relaxer of a type that leaves what is none of its values to the other members of a union."""
    relax = _scalar(info)
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


def _by_tag(each: Sequence[types.Type], known: dict[int, Relax]) -> Callable[[Any], Relax]:
    """Return what finds the relaxer of the type that has a tag, or of the only type there is."""
    relaxers = {getattr(member, "tag", None): _compile(member, known) for member in each}
    otherwise = next(iter(relaxers.values())) if len(relaxers) == 1 else floats
    read = _one_of([tag for tag in relaxers if tag is not None])

    def find(tag: Any) -> Relax:
        tag = read(tag)
        return relaxers.get(tag, otherwise) if isinstance(tag, str | int) else otherwise

    return find


def _quiet(relax: Relax) -> Relax:
    """In a union, what one member refuses another may take."""

    def attempt(value: Any) -> Any:
        try:
            return relax(value)
        except ValidationError:
            return value

    return attempt

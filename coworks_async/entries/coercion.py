"""Coerce the strings of a request to numbers and booleans before msgspec validates them.

msgspec's strict mode never reads a number from a string; its lax mode reads too many (`"null"`, `"nan"`, epoch
seconds). So a coercer, compiled from the type, first converts the strings found where a number or a boolean is
expected, and rejects unknown keys. It leaves a string that does not fit unchanged: msgspec then reports what was
expected, and where.
"""

import dataclasses
import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from itertools import zip_longest
from math import isinf
from typing import Any, Literal, get_origin

from msgspec import ValidationError, convert
from msgspec import inspect as mi

Coercer = Callable[[Any], Any]

OBJECT_TYPES = (mi.StructType, mi.DataclassType, mi.TypedDictType)
TUPLE_TYPES = (mi.VarTupleType, mi.TupleType, mi.NamedTupleType)
ARRAY_TYPES = (mi.ListType, mi.SetType, mi.FrozenSetType, *TUPLE_TYPES)


def alternatives(info: mi.Type) -> list[mi.Type]:
    """Return the members of a union, or the type itself, without metadata."""
    if isinstance(info, mi.Metadata):
        return alternatives(info.type)
    if isinstance(info, mi.UnionType):
        return [member for inner in info.types for member in alternatives(inner)]
    return [info]


def walk_types(info: mi.Type, seen: set[int] | None = None) -> list[mi.Type]:
    """Return a type and all types nested in it, each once."""
    seen = set() if seen is None else seen
    if id(info) in seen:
        return []
    seen.add(id(info))
    return [info, *(found for inner in inner_types(info) for found in walk_types(inner, seen))]


_NOT_TEXT_TYPES = (*OBJECT_TYPES, mi.DictType, mi.CustomType, mi.BytesType, mi.ByteArrayType, mi.MemoryViewType)


def is_text_type(info: mi.Type, *, several: bool) -> bool:
    """Return whether unencoded text, or with `several` also a list of texts, can represent every value of a type."""
    for member in alternatives(info):
        if isinstance(member, ARRAY_TYPES):
            if not several or not all(is_text_type(item, several=False) for item in inner_types(member)):
                return False
        elif isinstance(member, _NOT_TEXT_TYPES):
            return False
    return True


def read_only_fields(cls: Any) -> list[str]:
    """Return the fields of a dataclass that the class sets itself (`init=False`)."""
    origin = get_origin(cls) or cls
    fields = dataclasses.fields(origin) if dataclasses.is_dataclass(origin) else ()
    return [field.name for field in fields if not field.init]


def inner_types(info: Any) -> list[mi.Type]:
    """Return the types nested directly in a type."""
    inner = [getattr(info, name) for name in ("type", "item_type", "key_type", "value_type") if hasattr(info, name)]
    inner += getattr(info, "types", ()) or getattr(info, "item_types", ())
    return [*inner, *(field.type for field in getattr(info, "fields", ()))]


_INT = re.compile(r"-?[0-9]+")
_FLOAT = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BOOLS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def coerce_int(value: Any) -> Any:
    if not isinstance(value, str) or not _INT.fullmatch(value):
        return value
    try:
        return int(value)
    except ValueError:  # more digits than `sys.get_int_max_str_digits()`
        raise ValidationError("Number out of range") from None


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
        raise ValidationError("Expected `decimal`, got `str`")  # msgspec alone accepts "NaN" and "1_000"
    return parse_decimal(value)


def parse_decimal(number: str) -> Decimal:
    """Parse a number without rounding; raises `msgspec.ValidationError`."""
    try:
        return Decimal(number)
    except InvalidOperation:  # an exponent that Decimal does not support
        raise ValidationError("Number out of range") from None


def identity(value: Any) -> Any:
    return value


def decimals_to_floats(value: Any) -> Any:
    """Convert numbers that were parsed as Decimal, where the type does not require that."""
    if isinstance(value, Decimal):
        return coerce_float(value)
    if isinstance(value, list):
        return [decimals_to_floats(item) for item in value]
    if isinstance(value, dict):
        return {key: decimals_to_floats(item) for key, item in value.items()}
    return value


def find_string_parser(members: Sequence[mi.Type]) -> Callable[[str], Any] | None:
    """Return the function that converts a single string, if the type is a plain one without constraints."""
    required = [member for member in members if not isinstance(member, mi.NoneType)]
    return next((parse for plain, parse in _STRING_PARSERS if [plain] == required), None)


def _parse_int(value: str) -> Any:
    if value.isascii() and value.isdecimal():
        return int(value)
    return _parse(coerce_int, value, int)


def _parse(coerce: Callable[[str], Any], value: str, kind: type) -> Any:
    coerced = coerce(value)
    if isinstance(coerced, kind):
        return coerced
    raise ValidationError(f"Expected `{kind.__name__}`, got `str`")


_STRING_PARSERS: tuple[tuple[mi.Type, Callable[[str], Any]], ...] = (
    (mi.IntType(), _parse_int),
    (mi.FloatType(), lambda value: _parse(coerce_float, value, float)),
    (mi.BoolType(), lambda value: _parse(coerce_bool, value, bool)),
    (mi.StrType(), identity),
    (mi.AnyType(), identity),
)


def compile_coercer(info: mi.Type, cache: dict[int, Coercer] | None = None) -> Coercer:
    """Compile the coercer of a type, given as `msgspec.inspect.type_info` describes it."""
    cache = {} if cache is None else cache
    if isinstance(info, mi.Metadata):
        return compile_coercer(info.type, cache)
    if isinstance(info, OBJECT_TYPES):
        if id(info) not in cache:
            cache[id(info)] = lambda value: compiled(value)  # a recursive type refers to itself
            compiled = cache[id(info)] = _object_coercer(info, cache)
        return cache[id(info)]
    if isinstance(info, ARRAY_TYPES):
        return _array_coercer(info, cache)
    if isinstance(info, mi.DictType):
        return _dict_coercer(compile_coercer(info.key_type, cache), compile_coercer(info.value_type, cache))
    if isinstance(info, mi.UnionType):
        return _union_coercer(info, cache)
    return _scalar_coercer(info)


_SCALARS: dict[type[mi.Type], Coercer] = {
    mi.IntType: coerce_int,
    mi.FloatType: coerce_float,
    mi.BoolType: coerce_bool,
    mi.DecimalType: coerce_decimal,
    mi.AnyType: decimals_to_floats,
    mi.CustomType: decimals_to_floats,
}


def _scalar_coercer(info: mi.Type) -> Coercer:
    if isinstance(info, mi.LiteralType):
        return _choice_coercer(info.values)
    if isinstance(info, mi.EnumType):
        return _choice_coercer([member.value for member in info.cls])
    return _SCALARS.get(type(info), identity)


def _choice_coercer(values: Sequence[Any]) -> Coercer:
    """Return the coercer of a Literal, an Enum or a tag."""
    strings = [value for value in values if isinstance(value, str)]
    numbers = [value for value in values if type(value) is int]
    if any(isinstance(value, bool) for value in values):
        return lambda value: value if value in strings else _coerce_number_or_bool(value, numbers)
    if not numbers:
        return identity
    return lambda value: value if value in strings else coerce_int(value)


def _coerce_number_or_bool(value: Any, numbers: Sequence[int]) -> Any:
    # `1 == True` in Python, so "1" is a number only if that number is listed.
    number = coerce_int(value) if numbers else value
    return number if type(number) is int and number in numbers else coerce_bool(value)


def _array_coercer(info: Any, cache: dict[int, Coercer]) -> Coercer:
    if isinstance(info, mi.TupleType):
        return _items_coercer([compile_coercer(item, cache) for item in info.item_types])
    if isinstance(info, mi.NamedTupleType):
        return _items_coercer([compile_coercer(field.type, cache) for field in info.fields])
    coerce_item = compile_coercer(info.item_type, cache)
    return lambda value: [coerce_item(item) for item in value] if isinstance(value, list) else value


def _items_coercer(coercers: list[Coercer], *, check_length: bool = False) -> Coercer:
    """Return the coercer of an array with a type for each position."""

    def coerce(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        if check_length and len(value) > len(coercers):
            raise ValidationError(f"Expected `array` of at most length {len(coercers)}, got {len(value)}")
        pairs = zip_longest(coercers[: len(value)], value, fillvalue=identity)
        return [coerce_item(item) for coerce_item, item in pairs]

    return coerce


def _dict_coercer(coerce_key: Coercer, coerce_value: Coercer) -> Coercer:
    def coerce(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        coerced = {coerce_key(key): coerce_value(item) for key, item in value.items()}
        if len(coerced) != len(value):
            raise ValidationError("Object contains two keys that convert to the same value")
        return coerced

    return coerce


def _object_coercer(info: Any, cache: dict[int, Coercer]) -> Coercer:
    tag = {info.tag_field: _choice_coercer([info.tag])} if getattr(info, "tag_field", None) else {}
    read_only = read_only_fields(info.cls)  # msgspec would accept them
    fields = [field for field in info.fields if field.name not in read_only]
    coercers = {**tag, **{field.encode_name: compile_coercer(field.type, cache) for field in fields}}
    if getattr(info, "array_like", False):
        return _items_coercer(list(coercers.values()), check_length=True)  # msgspec ignores surplus items

    def coerce(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        for name in value:
            if name not in coercers:
                raise ValidationError(f"Object contains unknown field `{name}`")
        return {name: coercers[name](item) for name, item in value.items()}

    return coerce


_KEYED_TYPES = (*OBJECT_TYPES, mi.DictType)
_UNION_ORDER = [mi.LiteralType, mi.EnumType, mi.IntType, mi.FloatType, mi.DecimalType, mi.BoolType]


def _union_coercer(info: mi.UnionType, cache: dict[int, Coercer]) -> Coercer:
    members = alternatives(info)
    arrays = _tagged_coercers([member for member in members if _is_array(member)], cache)
    objects = _tagged_coercers([m for m in members if isinstance(m, _KEYED_TYPES) and not _is_array(m)], cache)
    tag_field = next(filter(None, (getattr(member, "tag_field", None) for member in members)), None)
    scalars = [member for member in members if not isinstance(member, (*_KEYED_TYPES, *ARRAY_TYPES))]
    scalars.sort(key=lambda member: [*_UNION_ORDER, type(member)].index(type(member)))
    several = sum(not isinstance(member, mi.NoneType) for member in scalars) > 1
    coercers = [_member_coercer(member, exact=several) for member in scalars]
    has_decimal = any(isinstance(member, mi.DecimalType) for member in scalars)

    def coerce(value: Any) -> Any:
        if isinstance(value, list):
            return arrays(value[0] if value else None)(value)
        if isinstance(value, dict):
            return objects(value.get(tag_field))(value)
        if isinstance(value, Decimal):
            return value if has_decimal else coerce_float(value)
        for coerce_member in coercers:
            coerced = coerce_member(value)
            if coerced is not value:
                return coerced
        return coerce_decimal(value) if has_decimal else value

    return coerce


def _is_array(info: mi.Type) -> bool:
    return isinstance(info, ARRAY_TYPES) or getattr(info, "array_like", False)


def _tagged_coercers(members: Sequence[mi.Type], cache: dict[int, Coercer]) -> Callable[[Any], Coercer]:
    """Return a function from a tag to the coercer of its type. A single type needs no tag."""
    coercers = {getattr(member, "tag", None): compile_coercer(member, cache) for member in members}
    default = next(iter(coercers.values())) if len(coercers) == 1 else decimals_to_floats
    coerce_tag = _choice_coercer([tag for tag in coercers if tag is not None])

    def find(tag: Any) -> Coercer:
        tag = coerce_tag(tag)
        return coercers.get(tag, default) if isinstance(tag, str | int) else default

    return find


def _member_coercer(info: mi.Type, *, exact: bool) -> Coercer:
    """Return the coercer of a scalar in a union. It leaves a value unchanged if it cannot convert it."""
    coerce = _scalar_coercer(info)
    literal: Any = Literal
    kind: Any = None
    if exact and isinstance(info, mi.EnumType | mi.LiteralType):
        kind = info.cls if isinstance(info, mi.EnumType) else literal[info.values]

    def attempt(value: Any) -> Any:
        try:
            coerced = coerce(value)
            if kind is not None:
                convert(coerced, kind)  # respects an Enum's `_missing_`
        except ValidationError:
            return value
        return coerced

    return attempt

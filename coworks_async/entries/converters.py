"""Converters: from what a client sent to what an annotation asks for, compiled once per parameter."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import ValidationError
from msgspec import inspect as types
from starlette.datastructures import UploadFile

from coworks_async.entries.annotations import format_type, is_pydantic_model, union_members
from coworks_async.entries.coercion import (
    ARRAYS,
    TUPLES,
    alternatives,
    coerce_bool,
    coerce_float,
    coerce_int,
    compile_coercion,
    identity,
)
from coworks_async.entries.pydantic_models import convert_model
from coworks_async.exceptions import MAX_UNKNOWN_NAMES, ErrorLocation, FieldError, omitted_errors

T = TypeVar("T")

RawFields = Mapping[str, Any]
"""A query, a form or a JSON object: names to values. In a query or a form each value is the list of those sent."""


class Converter:
    """Converts to one annotation.

    Attributes:
        expected: the annotation as a person writes it.
        allows_strict_json: msgspec's strict JSON decoding follows our rules, so one decoder is enough.
        needs_exact_numbers: numbers are to be read as written, not through a float.
        parse_string: the function for one string, where that is all there is to do.
        accepts_text, accepts_bytes: it takes a body of text, or of bytes, as it came.
        accepts_file: it takes files, which a form alone can hold.

    Raises:
        TypeError: the annotation is not one that a request can be converted to.
    """

    def __init__(self, annotation: Any) -> None:
        info = types.type_info(annotation)
        msgspec.json.Decoder(annotation)  # refuses the unions that cannot be told apart
        each = alternatives(info)
        _reject_unsupported(info)
        _reject_unhashable(info)
        self.annotation = annotation
        self.expected = format_type(annotation)
        self.allows_strict_json = allows_strict_json(info)
        self.needs_exact_numbers = contains_type(info, types.DecimalType)
        self.parse_string = _string_parser(each)
        self.accepts_text = any(isinstance(member, types.StrType) for member in each)
        self.accepts_bytes = any(isinstance(member, types.BytesType) for member in each)
        self.accepts_file = contains_type(info, types.CustomType) and any(
            _is_file(member) for member in walk_types(info)
        )
        self._any = any(isinstance(member, types.AnyType) for member in each)
        self._many = any(isinstance(member, ARRAYS) for member in each)
        self._only_many = self._many and all(isinstance(member, (*ARRAYS, types.NoneType)) for member in each)
        self._hashes = contains_type(info, types.SetType) or contains_type(info, types.FrozenSetType)
        self._dataclasses = contains_type(info, types.DataclassType)
        self._relax = compile_coercion(info)

    def from_json(self, value: Any) -> Any:
        """Convert a value out of a JSON body; raises `msgspec.ValidationError`."""
        try:
            converted = msgspec.convert(self._relax(value), self.annotation, dec_hook=decode_hook)
        except TypeError:
            if not self._hashes:
                raise
            raise ValidationError("A set cannot hold an array or an object") from None
        if self._dataclasses:
            fill_defaults(converted)
        return converted

    def from_text(self, values: Sequence[Any]) -> Any:
        """Convert what one name has in a query or a form (strings, or files); raises `msgspec.ValidationError`."""
        return self.from_json(self.flatten(values))

    @cached_property
    def value_converter(self) -> "Converter":
        """What converts to a value of the dict that it makes."""
        dicts = (get_args(member) for member in union_members(self.annotation) if get_origin(member) is dict)
        return Converter(next(dicts, (str, Any))[1])

    def from_raw(self, value: str | bytes) -> Any:
        """Take a body of text or of bytes as it came, within the constraints; raises `msgspec.ValidationError`."""
        return msgspec.convert(value, self.annotation)

    def flatten(self, values: Sequence[Any]) -> Any:
        """Return one value where one was sent and one is wanted, a list otherwise; raises `ValidationError`."""
        if len(values) == 1 and not self._only_many:
            return list(values) if self._many and not self._takes(values[0]) else values[0]
        if not self._many and not self._any:
            raise ValidationError("Given more than once")
        return list(values)

    def _takes(self, value: Any) -> bool:
        try:
            self.from_json(value)
        except ValidationError:
            return False
        return True


def fill_defaults(value: Any) -> None:
    """Give each dataclass the defaults that msgspec leaves to its class, where neither `vars` nor its encoder look."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, dict):
            left.extend(item.values())
        elif isinstance(item, list | tuple | set | frozenset):
            left.extend(item)
        elif isinstance(item, msgspec.Struct):
            left.extend(getattr(item, name) for name in item.__struct_fields__)
        elif is_dataclass(item) and hasattr(item, "__dict__"):
            for field in fields(item):
                if field.name not in vars(item) and field.default is not MISSING:
                    object.__setattr__(item, field.name, field.default)
            left.extend(vars(item).values())


def decode_hook(kind: Any, value: Any) -> Any:
    """Convert to the types that msgspec leaves to us: files, and pydantic models inside of other types."""
    if is_pydantic_model(kind):
        return convert_model(kind, value)
    if isinstance(value, kind):
        return value
    raise ValueError(f"Expected a file, got `{type(value).__name__}`")  # msgspec adds the place


def field_error(where: ErrorLocation, name: str, expected: str, error: Exception) -> FieldError:
    """Return the fault that a failed conversion is to a client, without the value."""
    detail = str(error)
    found = re.search(_ERROR_PATH, detail)
    place = found[0] if found else ""
    detail = detail.removesuffix(place)
    if detail.startswith(("Invalid enum value ", "Invalid value ")):
        detail = "Not one of the values allowed"
    return FieldError(where, name, expected, detail + place.replace("`$", f"`{name}"))


_ERROR_PATH = r" - at `(?:key` in `)?\$[^`]*`$"


def unknown_name_errors(where: ErrorLocation, names: Collection[str], known: Sequence[str]) -> list[FieldError]:
    """Return the faults of names that nothing takes; of very many only the first, and a count."""
    listed = ", ".join(known)
    detail = f"Unknown name; accepted names: {listed}" if listed else "Unknown name; no names are accepted"
    faults = [FieldError(where, name, "nothing", detail) for name in islice(names, MAX_UNKNOWN_NAMES)]
    return (
        faults if len(names) <= MAX_UNKNOWN_NAMES else [*faults, omitted_errors(where, len(names) - MAX_UNKNOWN_NAMES)]
    )


def contains_type(info: types.Type, kind: type[types.Type]) -> bool:
    """Tell whether a type, or one inside of it, is of this kind."""
    return any(isinstance(member, kind) for member in walk_types(info))


def walk_types(info: types.Type, seen: set[int] | None = None) -> list[types.Type]:
    """Return a type and all the types inside of it, each once."""
    seen = set() if seen is None else seen
    if id(info) in seen:
        return []
    seen.add(id(info))
    found = [info]
    for inner in inner_types(info):
        found += walk_types(inner, seen)
    return found


def inner_types(info: Any) -> list[types.Type]:
    """Return the types that stand directly inside of one."""
    inner = [getattr(info, name) for name in ("type", "item_type", "key_type", "value_type") if hasattr(info, name)]
    inner += getattr(info, "types", ()) or getattr(info, "item_types", ())
    return [*inner, *(field.type for field in getattr(info, "fields", ()))]


def allows_strict_json(info: types.Type) -> bool:
    """Tell whether msgspec's strict reading of JSON is ours as well, all through a type."""
    return all(_allows_strict_json(member) for member in walk_types(info))


def _allows_strict_json(info: types.Type) -> bool:
    if isinstance(info, types.StructType):
        return info.forbid_unknown_fields
    if isinstance(info, types.UnionType):
        each = alternatives(info)
        strings = [member for member in each if _takes(member, _STRINGS, str)]
        numbers = [member for member in each if _takes(member, _NUMBERS, int)]
        return all(one is other for one in strings for other in numbers)
    if isinstance(info, types.DictType):
        return isinstance(info.key_type, types.StrType | types.AnyType)
    return not isinstance(info, _CUSTOM_RULES)


def _takes(info: types.Type, kinds: tuple[type[types.Type], ...], kind: type) -> bool:
    """Tell whether a type is one of these kinds, or lists values of this one."""
    values = info.values if isinstance(info, types.LiteralType) else ()
    if isinstance(info, types.EnumType):
        values = tuple(member.value for member in info.cls)
    return isinstance(info, kinds) or any(isinstance(value, kind) for value in values)


# Whose strings may be digits; those of a date or a duration never are.
_STRINGS = (types.StrType, types.UUIDType, types.BytesType, types.ByteArrayType, types.MemoryViewType)
_NUMBERS = (types.IntType, types.FloatType, types.BoolType)
_CUSTOM_RULES = (
    types.DataclassType,
    types.TypedDictType,
    types.CustomType,
    types.DecimalType,
    types.SetType,
    types.FrozenSetType,
)


def _string_parser(each: Sequence[types.Type]) -> Callable[[str], Any] | None:
    """Return the function that converts one string, for the plain types alone, without constraints."""
    several = [member for member in each if not isinstance(member, types.NoneType)]
    return next((convert for plain, convert in _STRING_PARSERS if [plain] == several), None)


def _to_int(value: str) -> int:
    if value.isascii() and value.isdecimal():
        return int(value)
    return _coerced(coerce_int, value, int)


def _to_float(value: str) -> float:
    return _coerced(coerce_float, value, float)


def _to_bool(value: str) -> bool:
    return _coerced(coerce_bool, value, bool)


def _coerced(relax: Callable[[str], Any], value: str, kind: type[T]) -> T:
    converted = relax(value)
    if isinstance(converted, kind):
        return converted
    raise ValidationError(f"Expected `{kind.__name__}`, got `str`")


_STRING_PARSERS: tuple[tuple[types.Type, Callable[[str], Any]], ...] = (
    (types.IntType(), _to_int),
    (types.FloatType(), _to_float),
    (types.BoolType(), _to_bool),
    (types.StrType(), identity),
    (types.AnyType(), identity),
)


def _reject_unsupported(info: types.Type) -> None:
    for member in walk_types(info):
        if isinstance(member, types.CustomType) and not (is_pydantic_model(member.cls) or _is_file(member)):
            raise TypeError(f"{format_type(member.cls)} is no type that a request can be converted to")


def _is_file(info: types.Type) -> bool:
    return isinstance(info, types.CustomType) and isinstance(info.cls, type) and issubclass(info.cls, UploadFile)


def _reject_unhashable(info: types.Type) -> None:
    for member in walk_types(info):
        if isinstance(member, types.SetType | types.FrozenSetType):
            for name in _unhashable(member.item_type):
                raise TypeError(f"a set cannot hold {name}, which has no hash; take a list, or what is frozen")


def _unhashable(info: types.Type) -> Iterator[str]:
    """Yield the names of the types that a set of this one would have to hold, and cannot."""
    for member in alternatives(info):
        if isinstance(member, TUPLES):
            for item in inner_types(member):
                yield from _unhashable(item)
            continue
        kind = _COLLECTIONS.get(type(member)) or getattr(member, "cls", None)
        if kind is not None and not _has_hash(get_origin(kind) or kind):
            yield format_type(kind)


_COLLECTIONS: dict[type[types.Type], type] = {types.ListType: list, types.DictType: dict, types.SetType: set}


def _has_hash(kind: Any) -> bool:
    config = getattr(kind, "__struct_config__", None)
    if config is None or kind.__hash__ is not msgspec.Struct.__hash__:
        return kind.__hash__ is not None
    return bool(config.frozen or not config.eq)  # the method is there, and raises

"""Convert what a client sent to an annotation. A converter is compiled once per annotation."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any, get_args, get_origin

import msgspec
from msgspec import ValidationError
from msgspec import inspect as mi
from starlette.datastructures import UploadFile

from coworks_async.entries.annotations import (
    field_annotations,
    format_type,
    is_pydantic_model,
    is_structured,
    union_members,
)
from coworks_async.entries.coercion import (
    ARRAY_TYPES,
    TUPLE_TYPES,
    alternatives,
    compile_coercer,
    find_string_parser,
    identity,
    inner_types,
    is_text_type,
    walk_types,
)
from coworks_async.entries.defaults import compile_defaults
from coworks_async.entries.hashed import compile_hashed_counter
from coworks_async.entries.key_check import can_check_keys, ignores_keys
from coworks_async.entries.pydantic_models import create_model_decoder
from coworks_async.exceptions import MAX_UNKNOWN_NAMES, ErrorLocation, FieldError, omitted_errors

_SET_TYPES = (mi.SetType, mi.FrozenSetType)


class Converter:
    """Converts values of a request to one annotation. Methods raise `msgspec.ValidationError`."""

    def __init__(self, annotation: Any) -> None:
        info = mi.type_info(annotation)
        msgspec.json.Decoder(annotation)  # rejects ambiguous unions
        members, nested = alternatives(info), walk_types(info)
        for inner in nested:
            _reject_unsupported(inner)
        self.annotation = annotation
        self.expected = format_type(annotation)
        self.count_hashed = compile_hashed_counter(annotation)  # None if there is nothing to count
        # Whether msgspec's strict JSON decoding gives the same results, so that one decoder suffices.
        self.allows_strict_json = all(_allows_strict_json(inner) for inner in nested) and can_check_keys(info)
        self.needs_exact_numbers = _contains(nested, mi.DecimalType)  # JSON fractions as Decimal instead of float
        self.parse_string = find_string_parser(members)  # None if the type needs more than a single string
        self.accepts_text = _contains(members, mi.StrType)  # a text body fits as received
        self.accepts_bytes = _contains(members, mi.BytesType)
        self.accepts_file = any(_is_file(inner) for inner in nested)
        self._accepts_any = _contains(members, mi.AnyType)
        self._has_array_type = _contains(members, *ARRAY_TYPES)
        self.accepts_array = self._has_array_type or self._accepts_any
        self.requires_array = self._has_array_type and all(
            isinstance(member, (*ARRAY_TYPES, mi.NoneType)) for member in members
        )
        self._contains_set = _contains(nested, *_SET_TYPES)
        self._fill_defaults = compile_defaults(nested)
        # Whether that decoder rejects unknown keys itself.
        self.rejects_unknown_keys = not any(map(ignores_keys, nested))
        self._needs_no_coercion = all(isinstance(inner, _UNCOERCED_TYPES) for inner in nested)
        self._coerce = compile_coercer(info)

    def expect_no_decimals(self) -> None:
        """Skip coercion that could only find Decimals: those of JSON numbers, where another parameter needs them."""
        if self._needs_no_coercion:
            self._coerce = identity

    def from_json(self, value: Any) -> Any:
        try:
            converted = msgspec.convert(self._coerce(value), self.annotation, dec_hook=decode_hook)
        except TypeError:
            if not self._contains_set:
                raise
            raise ValidationError("A set cannot hold an array or an object") from None
        if self._fill_defaults is not None:
            self._fill_defaults(converted)
        return converted

    def from_strings(self, values: Sequence[Any]) -> Any:
        """Convert the values of one name in a query or a form: strings, or files."""
        return self.from_json(self.unwrap_single(values))

    def from_body(self, body: str | bytes) -> Any:
        return msgspec.convert(body, self.annotation)

    def unwrap_single(self, values: Sequence[Any]) -> Any:
        """Return the only value of a name, or the list of its values where the type takes an array."""
        if len(values) == 1 and not self.requires_array:
            return list(values) if self._has_array_type and not self._accepts(values[0]) else values[0]
        if not self._has_array_type and not self._accepts_any:
            raise ValidationError("Given more than once")
        return list(values)

    def _accepts(self, value: Any) -> bool:
        try:
            self.from_json(value)
        except ValidationError:
            return False
        return True

    @cached_property
    def value_converter(self) -> "Converter":
        """The converter of the values of a dict annotation."""
        dicts = (get_args(member) for member in union_members(self.annotation) if get_origin(member) is dict)
        return Converter(next(dicts, (str, Any))[1])


def check_text_type(annotation: Any, source: str, *, several: bool) -> None:
    """Reject a type that a header or a cookie cannot hold."""
    if not is_text_type(mi.type_info(annotation), several=several):
        allowed = "a type that one string converts to, or a list of such a type" if several else "a type of one string"
        raise TypeError(f"{source} cannot hold {format_type(annotation)}; it takes {allowed}")


def decode_hook(kind: Any, value: Any) -> Any:
    """Convert to a type that msgspec does not know: a file, or a pydantic model inside another type."""
    decode = _model_decoder(kind)
    if decode is not None:
        return decode(value)
    if isinstance(value, kind):
        return value
    raise ValueError(f"Expected a file, got `{type(value).__name__}`")  # msgspec adds the path


@lru_cache(maxsize=1024)
def _model_decoder(kind: Any) -> Callable[[Any], Any] | None:
    return create_model_decoder(kind) if is_pydantic_model(kind) else None


_ERROR_PATH = r" - at `(?:key` in `)?\$[^`]*`$"


def field_error(where: ErrorLocation, name: str, expected: str, error: Exception) -> FieldError:
    """Describe a failed conversion for the client, without the value."""
    detail = str(error)
    found = re.search(_ERROR_PATH, detail)
    path = found[0] if found else ""
    detail = detail.removesuffix(path)
    if detail.startswith(("Invalid enum value ", "Invalid value ")):
        detail = "Not one of the allowed values"
    return FieldError(where, name, expected, detail + path.replace("`$", f"`{name}"))


def unknown_name_errors(where: ErrorLocation, names: Collection[str], known: Sequence[str]) -> list[FieldError]:
    """Describe names that no parameter takes; of very many only the first, and their count."""
    listed = ", ".join(known)
    detail = f"Unknown name; accepted names: {listed}" if listed else "Unknown name; no names are accepted"
    errors = [FieldError(where, name, "nothing", detail) for name in islice(names, MAX_UNKNOWN_NAMES)]
    if len(names) > MAX_UNKNOWN_NAMES:
        errors.append(omitted_errors(where, len(names) - MAX_UNKNOWN_NAMES))
    return errors


def _contains(infos: Sequence[mi.Type], *kinds: type[mi.Type]) -> bool:
    return any(isinstance(info, kinds) for info in infos)


# Types whose values may be strings of digits; a date's or a duration's never are.
_STRING_TYPES = (mi.StrType, mi.UUIDType, mi.BytesType, mi.ByteArrayType, mi.MemoryViewType)
_NUMBER_TYPES = (mi.IntType, mi.FloatType, mi.BoolType)
_COERCED_TYPES = (*_SET_TYPES, mi.CustomType, mi.DecimalType)
_UNCOERCED_TYPES = (mi.AnyType, mi.CustomType, mi.ListType, mi.NoneType, mi.StrType, mi.UnionType)


def _allows_strict_json(info: mi.Type) -> bool:
    if isinstance(info, mi.UnionType):
        members = alternatives(info)
        strings = [member for member in members if _accepts_kind(member, _STRING_TYPES, str)]
        numbers = [member for member in members if _accepts_kind(member, _NUMBER_TYPES, int)]
        return all(one is other for one in strings for other in numbers)
    if isinstance(info, mi.DictType):
        return isinstance(info.key_type, mi.StrType | mi.AnyType)
    return not isinstance(info, _COERCED_TYPES)


def _accepts_kind(info: mi.Type, types: tuple[type[mi.Type], ...], kind: type) -> bool:
    """Return whether a type is one of `types`, or a Literal or an Enum with a value of this kind."""
    values = info.values if isinstance(info, mi.LiteralType) else ()
    if isinstance(info, mi.EnumType):
        values = tuple(member.value for member in info.cls)
    return isinstance(info, types) or any(isinstance(value, kind) for value in values)


def _is_file(info: mi.Type) -> bool:
    return isinstance(info, mi.CustomType) and isinstance(info.cls, type) and issubclass(info.cls, UploadFile)


def _reject_unsupported(info: mi.Type) -> None:
    if isinstance(info, mi.CustomType) and not (is_pydantic_model(info.cls) or _is_file(info)):
        raise TypeError(f"the type {format_type(info.cls)} is not supported")
    if isinstance(info, _SET_TYPES):
        for name in _unhashable_types(info.item_type):
            raise TypeError(f"a set cannot contain {name}, which is not hashable; use a list or a frozen type")


_COLLECTIONS: dict[type[mi.Type], type] = {mi.ListType: list, mi.DictType: dict, mi.SetType: set}


def _unhashable_types(info: mi.Type) -> Iterator[str]:
    for member in alternatives(info):
        if isinstance(member, TUPLE_TYPES):
            for item in inner_types(member):
                yield from _unhashable_types(item)
            continue
        kind = _COLLECTIONS.get(type(member)) or getattr(member, "cls", None)
        if kind is not None and not _is_hashable(get_origin(kind) or kind):
            yield format_type(kind)


def _is_hashable(kind: Any) -> bool:
    config = getattr(kind, "__struct_config__", None)
    if config is None or kind.__hash__ is not msgspec.Struct.__hash__:
        return kind.__hash__ is not None
    return bool(config.frozen or not config.eq)  # other Structs inherit a __hash__ that raises


class StructuredField(msgspec.Struct, frozen=True):
    converter: Converter
    required: bool


Fields = Mapping[str, StructuredField]  # by the names that clients use

_ANY_FIELD = StructuredField(Converter(Any), False)


class StructuredConverter(Converter):
    """Converts an object to a dataclass, a `msgspec.Struct`, a `TypedDict` or a union of tagged Structs."""

    def __init__(self, annotation: Any) -> None:
        super().__init__(annotation)
        self._variants = [variant for variant in union_members(annotation) if is_structured(variant)]
        self._fields = [_compile_fields(variant) for variant in self._variants]

    @property
    def field_names(self) -> list[str]:
        return list(dict.fromkeys(name for fields in self._fields for name in fields))

    def from_fields(
        self, values: Mapping[str, Any], where: ErrorLocation, *, is_form: bool
    ) -> tuple[Any, list[FieldError]]:
        """Convert an object and return it with its errors. With `is_form`, each value is a list of strings or files."""
        fields = self._select_fields(values)
        errors = unknown_name_errors(where, [name for name in values if fields and name not in fields], list(fields))
        if not errors:
            try:
                return self.from_json(_unwrap_values(values, fields) if is_form else values), []
            except ValidationError as error:
                object_error = field_error(where, "", self.expected, error)
        errors += _field_errors(values, fields, where, is_form=is_form)
        return None, errors or [object_error]

    def _select_fields(self, values: Mapping[str, Any]) -> Fields:
        """Return the fields of the only variant, or of the one whose tag was sent, if any."""
        if len(self._variants) == 1:
            return self._fields[0]
        for variant, fields in zip(self._variants, self._fields, strict=True):
            config = (get_origin(variant) or variant).__struct_config__
            if values.get(config.tag_field) in (config.tag, str(config.tag), [str(config.tag)]):
                return fields
        return {}


def _unwrap_values(values: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    return {name: fields.get(name, _ANY_FIELD).converter.unwrap_single(item) for name, item in values.items()}


def _field_errors(
    values: Mapping[str, Any], fields: Fields, where: ErrorLocation, *, is_form: bool
) -> list[FieldError]:
    errors = []
    for name, field in fields.items():
        if name not in values:
            if field.required:
                errors.append(FieldError(where, name, field.converter.expected, "Missing"))
            continue
        try:
            (field.converter.from_strings if is_form else field.converter.from_json)(values[name])
        except ValidationError as error:
            errors.append(field_error(where, name, field.converter.expected, error))
    return errors


def _compile_fields(kind: Any) -> Fields:
    tag_field = getattr(getattr(get_origin(kind) or kind, "__struct_config__", None), "tag_field", None)
    fields = {} if tag_field is None else {tag_field: _ANY_FIELD}
    for name, (annotation, is_required) in field_annotations(kind).items():
        fields[name] = StructuredField(Converter(annotation), is_required)
    return fields

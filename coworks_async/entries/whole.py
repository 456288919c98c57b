"""The converter of a type with fields, which takes a whole body or a whole query."""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any, NotRequired, Required, get_args, get_origin

import msgspec
from msgspec import ValidationError

from coworks_async.entries.annotations import is_structured, substitute_type_variables, union_members
from coworks_async.entries.converters import Converter, RawFields, field_error, unknown_name_errors
from coworks_async.exceptions import ErrorLocation, FieldError


class Field(msgspec.Struct, frozen=True):
    """A field of a structured type, by the name that a client uses."""

    converter: Converter
    required: bool


class StructuredConverter(Converter):
    """Converts to a dataclass, a `msgspec.Struct` or a `TypedDict` (or a union of tagged ones), field by field."""

    def __init__(self, annotation: Any) -> None:
        super().__init__(annotation)
        self._variants = [variant for variant in union_members(annotation) if is_structured(variant)]
        self._fields = [fields_of(variant) for variant in self._variants]

    @property
    def field_names(self) -> list[str]:
        """The names that it takes."""
        return list(dict.fromkeys(name for fields in self._fields for name in fields))

    def from_fields(self, raw: RawFields, where: ErrorLocation, *, text: bool) -> tuple[Any, list[FieldError]]:
        """Return the value of a JSON object, or of a form or a query (`text`), and all that is wrong with it."""
        fields = self._chosen(raw)
        if not fields:
            single = {name: values[0] if len(values) == 1 else values for name, values in raw.items()} if text else raw
            return self._attempt(single, where)
        faults = unknown_name_errors(where, [name for name in raw if name not in fields], list(fields))
        if not faults:
            try:
                flat = {name: fields[name].converter.flatten(values) for name, values in raw.items()} if text else raw
                return self.from_json(flat), []
            except ValidationError as error:
                whole = field_error(where, "", self.expected, error)
        faults += _field_errors(raw, fields, where, text=text)
        return None, faults or [whole]

    def _attempt(self, raw: Any, where: ErrorLocation) -> tuple[Any, list[FieldError]]:
        try:
            return self.from_json(raw), []
        except ValidationError as error:
            return None, [field_error(where, "", self.expected, error)]

    def _chosen(self, raw: RawFields) -> dict[str, Field]:
        """The fields of the only variant, or of the one whose tag was sent."""
        if len(self._variants) == 1:
            return self._fields[0]
        for variant, fields in zip(self._variants, self._fields, strict=True):
            config = (get_origin(variant) or variant).__struct_config__
            if raw.get(config.tag_field) in (config.tag, str(config.tag), [str(config.tag)]):
                return fields
        return {}


def _field_errors(raw: RawFields, fields: Mapping[str, Field], where: ErrorLocation, *, text: bool) -> list[FieldError]:
    faults = []
    for name, field in fields.items():
        if name not in raw:
            if field.required:
                faults.append(FieldError(where, name, field.converter.expected, "Missing"))
            continue
        try:
            (field.converter.from_text if text else field.converter.from_json)(raw[name])
        except ValidationError as error:
            faults.append(field_error(where, name, field.converter.expected, error))
    return faults


def fields_of(kind: Any) -> dict[str, Field]:
    """Return the fields of a structured type, by the names that a client uses."""
    origin = get_origin(kind) or kind
    if issubclass(origin, msgspec.Struct):
        return _struct_fields(kind, origin)
    bindings = dict(zip(getattr(origin, "__parameters__", ()), get_args(kind), strict=False))
    hints = typing.get_type_hints(origin, include_extras=True)
    if dataclasses.is_dataclass(origin):
        return {
            field.name: Field(Converter(substitute_type_variables(hints[field.name], bindings)), _is_required(field))
            for field in dataclasses.fields(origin)
            if field.init
        }
    return {
        name: Field(
            Converter(substitute_type_variables(_strip_required(hint), bindings)), name in origin.__required_keys__
        )
        for name, hint in hints.items()
    }


def _struct_fields(kind: Any, origin: type[msgspec.Struct]) -> dict[str, Field]:
    config = origin.__struct_config__
    fields: dict[str, Field] = {}
    if config.tag_field is not None:
        fields[config.tag_field] = Field(Converter(Any), False)
    for field in msgspec.structs.fields(kind):
        fields[field.encode_name] = Field(Converter(field.type), field.required)
    return fields


def _is_required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _strip_required(hint: Any) -> Any:
    """A TypedDict's annotation without its Required or NotRequired."""
    return get_args(hint)[0] if get_origin(hint) in (Required, NotRequired) else hint

"""From a type to its JSON Schema: the values that convert to it, as our own rules have them.

It follows the description of types that the converters follow (`msgspec.inspect`), since msgspec's own schemas say
something else in places: they let unknown keys pass, take no number for a `Decimal`, refuse what is twice in a set,
and have one name for two types of one name. Strings that convert to a number or a boolean are left out: they would
make each type a union.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from inspect import cleandoc
from typing import Any, get_origin

import msgspec
from msgspec import inspect as types
from starlette.datastructures import UploadFile

from coworks_async.entries.annotations import format_type, is_pydantic_model
from coworks_async.entries.coercion import alternatives, walk_types
from coworks_async.openapi.components import Components, Label, Schema, label_of
from coworks_async.openapi.pydantic_models import Mode, ModelSchemas, model_schemas
from coworks_async.pipeline.responses import encode_json

INT = "^-?[0-9]+$"
NUMBER = r"^-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,9})?$"
BOOLEAN = "^([Tt][Rr][Uu][Ee]|1|[Yy][Ee][Ss]|[Oo][Nn]|[Ff][Aa][Ll][Ss][Ee]|0|[Nn][Oo]|[Oo][Ff][Ff])$"
DURATION = (
    r"^[+-]?P(?=[0-9T])([0-9]{1,8}(\.[0-9]+)?D)?(T(?=[0-9])([0-9]{1,9}H)?([0-9]{1,9}M)?([0-9]{1,9}(\.[0-9]+)?S)?)?$"
)
BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
LOCAL_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?"

FILE: Schema = {"type": "string", "format": "binary"}


class Schemas:
    """The schemas of the types of one document.

    Parameters:
        uses: all annotations that will be asked for, each with its mode: what is sent is validated, what is answered
            is serialized. Only pydantic's models make a difference of it.
    """

    def __init__(self, uses: Iterable[tuple[Any, Mode]]) -> None:
        self.components = Components()
        models = {(info.cls, mode): None for annotation, mode in uses for info in _models(annotation)}
        self._models: ModelSchemas = model_schemas(list(models))

    def of(self, annotation: Any, mode: Mode = "validation") -> Schema:
        """Return the schema of an annotation, which refers to components.

        Raises:
            TypeError: the annotation is no type.
        """
        return self._schema(types.type_info(annotation), mode)

    def _schema(self, info: types.Type, mode: Mode) -> Schema:
        told: Schema = {}
        while isinstance(info, types.Metadata):
            told = {**(info.extra_json_schema or {}), **told}
            info = info.type
        return {**self._bare(info, mode), **told}

    def _bare(self, info: types.Type, mode: Mode) -> Schema:
        if isinstance(info, _NAMED):
            return self._component(info, mode)
        if isinstance(info, types.UnionType):
            return self._union(info, mode)
        if isinstance(info, types.TupleType):
            return _fixed([self._schema(item, mode) for item in info.item_types], len(info.item_types))
        if isinstance(info, types.CollectionType):
            return self._array(info, mode)
        if isinstance(info, types.DictType):
            return self._mapping(info, mode)
        if isinstance(info, types.CustomType):
            return self._custom(info.cls, mode)
        return scalar(info)

    def _component(self, info: Any, mode: Mode) -> Schema:
        label = label_of(info.cls)
        # Only what holds a model of pydantic's is another thing on its way out.
        apart = mode == "serialization" and any(_is_model(inner) for inner in walk_types(info))
        if apart:
            label = Label(f"{label.short}-Output", f"{label.full}-Output")
        return self.components.refer((info.cls, apart), label, lambda: self._described(info, mode))

    def _described(self, info: Any, mode: Mode) -> Schema:
        schema: Schema = {"title": format_type(info.cls)}
        if isinstance(info, types.EnumType):
            schema["title"] = info.cls.__name__
        if doc := _own_doc(info.cls):
            schema["description"] = doc
        return {**schema, **self._fields(info, mode)}

    def _fields(self, info: Any, mode: Mode) -> Schema:
        if isinstance(info, types.EnumType):
            return one_of([member.value for member in info.cls])
        tag = {info.tag_field: {"const": info.tag}} if getattr(info, "tag_field", None) else {}
        fields = {field.encode_name: self._field(field, mode) for field in info.fields}
        properties = {**tag, **fields}
        required = [*tag, *(field.encode_name for field in info.fields if field.required)]
        if isinstance(info, types.NamedTupleType) or getattr(info, "array_like", False):
            return _fixed(list(properties.values()), len(required))
        for name in _read_only(info.cls):
            properties[name]["readOnly"] = True
            required = [other for other in required if other != name]
        return closed(properties, required)

    def _field(self, field: types.Field, mode: Mode) -> Schema:
        schema = self._schema(field.type, mode)
        factory = field.default_factory
        default = factory() if factory in (list, dict, set) else field.default
        return schema if default is msgspec.NODEFAULT else with_default(schema, default)

    def _union(self, info: types.UnionType, mode: Mode) -> Schema:
        none_last = sorted(info.types, key=lambda member: isinstance(member, types.NoneType))
        schema: Schema = {"anyOf": [self._schema(member, mode) for member in none_last]}
        tagged = [member for member in alternatives(info) if getattr(member, "tag_field", None)]
        structs = [member for member in tagged if isinstance(member, types.StructType) and isinstance(member.tag, str)]
        if len(structs) > 1 and not structs[0].array_like:
            mapping = {member.tag: self._schema(member, mode)["$ref"] for member in structs}
            schema["discriminator"] = {"propertyName": structs[0].tag_field, "mapping": mapping}
        return schema

    def _array(self, info: types.CollectionType, mode: Mode) -> Schema:
        schema: Schema = {"type": "array", "items": self._schema(info.item_type, mode)}
        return {**schema, **_bounds(info, minItems="min_length", maxItems="max_length")}

    def _mapping(self, info: types.DictType, mode: Mode) -> Schema:
        schema: Schema = {"type": "object", "additionalProperties": self._schema(info.value_type, mode)}
        if names := _key(self.components.resolve(self._schema(info.key_type, mode))):
            schema["propertyNames"] = names
        return {**schema, **_bounds(info, minProperties="min_length", maxProperties="max_length")}

    def _custom(self, kind: Any, mode: Mode) -> Schema:
        if is_pydantic_model(kind):
            return self._model(self._models.name_of(kind, mode))
        return FILE if isinstance(kind, type) and issubclass(kind, UploadFile) else {}

    def _model(self, name: str) -> Schema:
        """Refer to one of pydantic's definitions, and have those that it refers to at hand."""
        label = Label(name, f"pydantic.{name}")
        return self.components.refer(("pydantic", name), label, lambda: self._models.definition(name, self._model))


_NAMED = (
    types.StructType,
    types.DataclassType,
    types.TypedDictType,
    types.NamedTupleType,
    types.EnumType,
)


def scalar(info: types.Type) -> Schema:
    """Return the schema of a type that holds no other."""
    if isinstance(info, types.LiteralType):
        return one_of(info.values)
    if isinstance(info, types.IntType | types.FloatType):
        kind = "integer" if isinstance(info, types.IntType) else "number"
        return {"type": kind, **_bounds(info, **_NUMBER_BOUNDS)}
    if isinstance(info, types.StrType):
        return {"type": "string", **_bounds(info, pattern="pattern", **_LENGTHS)}
    if isinstance(info, types.BytesType | types.ByteArrayType | types.MemoryViewType):
        return {"type": "string", "contentEncoding": "base64", "pattern": BASE64}
    if isinstance(info, types.DateTimeType | types.TimeType):
        return _moment(info)
    return dict(_SCALARS.get(type(info), {}))


_NUMBER_BOUNDS = {
    "minimum": "ge",
    "exclusiveMinimum": "gt",
    "maximum": "le",
    "exclusiveMaximum": "lt",
    "multipleOf": "multiple_of",
}
_LENGTHS = {"minLength": "min_length", "maxLength": "max_length"}

_SCALARS: dict[type[types.Type], Schema] = {
    types.NoneType: {"type": "null"},
    types.BoolType: {"type": "boolean"},
    types.DecimalType: {"type": ["string", "number"], "format": "decimal", "pattern": NUMBER},
    types.UUIDType: {"type": "string", "format": "uuid"},
    types.DateType: {"type": "string", "format": "date"},
    types.TimeDeltaType: {"type": "string", "format": "duration", "pattern": DURATION},
}


def _moment(info: types.DateTimeType | types.TimeType) -> Schema:
    """Without an offset (`tz=False`) there is no format of a standard for it."""
    is_time = isinstance(info, types.TimeType)
    if info.tz is not False:
        return {"type": "string", "format": "time" if is_time else "date-time"}
    date = "" if is_time else "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]"
    return {"type": "string", "pattern": f"^{date}{LOCAL_TIME}$"}


def one_of(values: Sequence[Any]) -> Schema:
    """Return the schema of an enumeration, with the type of its values where they have one."""
    kinds = {"string" if isinstance(value, str) else "integer" for value in values if value is not None}
    plain: Schema = {"type": kinds.pop()} if len(kinds) == 1 and None not in values else {}
    return {**plain, "enum": list(values)}


def closed(properties: dict[str, Schema], required: Sequence[str]) -> Schema:
    """Return the schema of an object that has these properties and no others."""
    schema: Schema = {"type": "object", "properties": properties}
    return {**schema, **({"required": list(required)} if required else {}), "additionalProperties": False}


def with_default(schema: Schema, default: Any) -> Schema:
    """Add a default as an answer would have it; None, and what has no JSON, says no more than that there is one."""
    try:
        plain = msgspec.json.decode(encode_json(default)) if default is not None else None
    except TypeError:
        plain = None
    return schema if plain is None else {**schema, "default": plain}


def _fixed(items: list[Schema], required: int) -> Schema:
    prefix: Schema = {"prefixItems": items} if items else {}
    return {"type": "array", **prefix, "minItems": required, "maxItems": len(items)}


def _bounds(info: Any, **names: str) -> Schema:
    return {name: getattr(info, own) for name, own in names.items() if getattr(info, own) is not None}


def _key(schema: Schema) -> Schema:
    """Return what the keys of an object must be like, which are strings whatever they convert to."""
    patterns = {"integer": INT, "number": NUMBER, "boolean": BOOLEAN}
    if "enum" in schema:
        return {"enum": [str(value) for value in schema["enum"]]}
    if schema.get("type") in patterns:
        return {"pattern": patterns[schema["type"]]}
    return {name: value for name, value in schema.items() if name not in ("type", "title", "description")}


def _read_only(kind: Any) -> list[str]:
    """The fields of a dataclass that it sets itself."""
    origin = get_origin(kind) or kind
    return [field.name for field in dataclasses.fields(origin) if not field.init] if _is_data(origin) else []


def _is_data(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind)


def _own_doc(kind: Any) -> str:
    """Return what the author of a class says of it, which is not what Python says of a dataclass or a named tuple."""
    origin = get_origin(kind) or kind
    doc = vars(origin).get("__doc__") or ""
    return "" if doc.startswith(f"{origin.__name__}(") else cleandoc(doc)


def _models(annotation: Any) -> list[types.CustomType]:
    return [
        info
        for info in walk_types(types.type_info(annotation))
        if isinstance(info, types.CustomType) and _is_model(info)
    ]


def _is_model(info: types.Type) -> bool:
    return isinstance(info, types.CustomType) and is_pydantic_model(info.cls)

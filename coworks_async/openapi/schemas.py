"""Create the JSON Schemas of types, from the same type information as the converters (`msgspec.inspect`).

`msgspec.json.schema` does not describe what the converters accept: it allows unknown keys, rejects numbers for a
`Decimal` and duplicates in a set, and gives two classes of the same name one component. Strings that convert to numbers
or booleans are left out, because each type would be a union.
"""

from collections.abc import Iterable, Iterator, Sequence
from inspect import cleandoc
from typing import TYPE_CHECKING, Any, get_origin

import docstring_parser
import msgspec
from msgspec import inspect as mi
from starlette.datastructures import UploadFile

from coworks_async.entries.annotations import format_type, is_pydantic_model
from coworks_async.entries.coercion import OBJECT_TYPES, alternatives, read_only_fields, walk_types
from coworks_async.entries.plan import Slot
from coworks_async.openapi.components import ComponentName, Components, Mode, Schema, create_component_name
from coworks_async.pipeline.responses import encode_json

if TYPE_CHECKING:
    from coworks_async.openapi.pydantic_models import ModelSchemas

FILE: Schema = {"type": "string", "format": "binary"}
STRING: Schema = {"type": "string"}
STRINGS: Schema = {"type": "array", "items": STRING}
FORBIDDEN: Schema = {"not": {}}
"""The schema that no value matches."""


class Schemas:
    """Creates the schemas of one document. Those of classes with fields and of enumerations are components."""

    _models: "ModelSchemas"

    def __init__(self, annotations: Iterable[tuple[Any, Mode]]) -> None:
        self.components = Components()
        models = dict.fromkeys((model, mode) for annotation, mode in annotations for model in _find_models(annotation))
        if models:
            # pydantic is optional: only a service that uses it has models.
            from coworks_async.openapi.pydantic_models import ModelSchemas

            self._models = ModelSchemas(list(models))

    def get(self, annotation: Any, mode: Mode = "validation") -> Schema:
        return self._create(mi.type_info(annotation), mode)

    def get_for_slot(self, slot: Slot) -> Schema:
        """Return the schema of a parameter, with its default."""
        schema = self.get(slot.annotation)
        return schema if slot.required else add_default(schema, slot.default)

    def flatten_union(self, schema: Schema) -> Iterator[Schema]:
        """Yield the members of a union, at any depth, or the schema itself. References are resolved."""
        resolved = self.components.resolve(schema)
        members = resolved.get("anyOf", resolved.get("oneOf"))
        if members is None:
            yield resolved
            return
        for member in members:
            yield from self.flatten_union(member)

    def to_string_schema(self, schema: Schema, *, multiple: bool) -> Schema | None:
        """Return the part of a schema that a string, or with `multiple` an array of strings, can carry, or None."""
        resolved = self.components.resolve(schema)
        annotations = {name: resolved[name] for name in _ANNOTATIONS if resolved.get(name) is not None}
        union = resolved.get("anyOf", resolved.get("oneOf"))
        if union is not None:
            members = [self.to_string_schema(member, multiple=multiple) for member in union]
            kept = [member for member in members if member is not None]
            return {**(kept[0] if len(kept) == 1 else {"anyOf": kept}), **annotations} if kept else None
        if "const" in resolved:
            return schema if resolved["const"] is not None else None
        if "enum" in resolved:
            if None not in resolved["enum"]:
                return schema
            values = [value for value in resolved["enum"] if value is not None]
            return {**resolved, "enum": values} if values else None
        kind = resolved.get("type")
        if kind is None:
            return {**({"anyOf": [STRING, STRINGS]} if multiple else STRING), **annotations}
        if kind == "array":
            return self._to_string_array(resolved) if multiple else None
        return None if kind in ("object", "null") else schema

    def _to_string_array(self, schema: Schema) -> Schema | None:
        array = dict(schema)
        if isinstance(schema.get("items"), dict):
            array["items"] = self.to_string_schema(schema["items"], multiple=False)
        if "prefixItems" in schema:
            array["prefixItems"] = [self.to_string_schema(item, multiple=False) for item in schema["prefixItems"]]
        return None if array.get("items", {}) is None or None in array.get("prefixItems", ()) else array

    def create_form_schema(
        self, properties: dict[str, Schema], required: Sequence[str], *, files: bool = False
    ) -> Schema | None:
        """Return the schema of a form with these fields, or None if a required one cannot be sent in it."""
        fields = {name: self.to_string_schema(schema, multiple=True) for name, schema in properties.items()}
        sendable = {
            name: require_item(schema) if name in required else schema
            for name, schema in fields.items()
            if schema is not None and (files or not contains_file(schema))
        }
        return create_object_schema(sendable, required) if set(required) <= set(sendable) else None

    def _create(self, info: mi.Type, mode: Mode) -> Schema:
        extra: Schema = {}
        while isinstance(info, mi.Metadata):
            extra = {**(info.extra_json_schema or {}), **extra}
            info = info.type
        # An example may be an object of the type.
        return {**self._create_plain(info, mode), **msgspec.json.decode(encode_json(extra))}

    def _create_plain(self, info: mi.Type, mode: Mode) -> Schema:
        if isinstance(info, _COMPONENT_TYPES):
            return self._create_component(info, mode)
        if isinstance(info, mi.UnionType):
            return self._create_union(info, mode)
        if isinstance(info, mi.TupleType):
            return _create_tuple([self._create(item, mode) for item in info.item_types], len(info.item_types))
        if isinstance(info, mi.CollectionType):
            array: Schema = {"type": "array", "items": self._create(info.item_type, mode)}
            return {**array, **_get_constraints(info, minItems="min_length", maxItems="max_length")}
        if isinstance(info, mi.DictType):
            return self._create_dict(info, mode)
        if isinstance(info, mi.CustomType):
            if is_pydantic_model(info.cls):
                return self._create_model(self._models.get_name(info.cls, mode))
            return FILE if isinstance(info.cls, type) and issubclass(info.cls, UploadFile) else {}
        return _create_scalar(info)

    def _create_component(self, info: Any, mode: Mode) -> Schema:
        name = create_component_name(info.cls)
        # Without a pydantic model inside, input and output have the same schema.
        is_output = mode == "serialization" and bool(_find_models(info.cls))
        if is_output:
            name = ComponentName(f"{name.short}-Output", f"{name.qualified}-Output")
        return self.components.refer((info.cls, is_output), name, lambda: self._create_class(info, mode))

    def _create_class(self, info: Any, mode: Mode) -> Schema:
        is_enum = isinstance(info, mi.EnumType)
        schema: Schema = {"title": info.cls.__name__ if is_enum else format_type(info.cls)}
        if doc := get_class_doc(info.cls):
            schema["description"] = doc
        members = _create_enum([member.value for member in info.cls]) if is_enum else self._create_fields(info, mode)
        return {**schema, **members}

    def _create_fields(self, info: Any, mode: Mode) -> Schema:
        tag = {info.tag_field: {"const": info.tag}} if getattr(info, "tag_field", None) else {}
        properties = {**tag, **{field.encode_name: self._create_field(field, mode) for field in info.fields}}
        required = [*tag, *(field.encode_name for field in info.fields if field.required)]
        if isinstance(info, mi.NamedTupleType) or getattr(info, "array_like", False):
            return _create_tuple(list(properties.values()), len(required))
        read_only = read_only_fields(info.cls)
        for name in read_only:
            properties[name]["readOnly"] = True
        return create_object_schema(properties, [name for name in required if name not in read_only])

    def _create_field(self, field: mi.Field, mode: Mode) -> Schema:
        schema = self._create(field.type, mode)
        factory = field.default_factory
        default = factory() if factory in (list, dict, set) else field.default
        return schema if default is msgspec.NODEFAULT else add_default(schema, default)

    def _create_union(self, info: mi.UnionType, mode: Mode) -> Schema:
        null_last = sorted(info.types, key=lambda member: isinstance(member, mi.NoneType))
        schema: Schema = {"anyOf": [self._create(member, mode) for member in null_last]}
        structs = [member for member in alternatives(info) if isinstance(member, mi.StructType)]
        tagged = [struct for struct in structs if isinstance(struct.tag, str)]
        if len(tagged) > 1 and not tagged[0].array_like:
            mapping = {struct.tag: self._create(struct, mode)["$ref"] for struct in tagged}
            schema["discriminator"] = {"propertyName": tagged[0].tag_field, "mapping": mapping}
        return schema

    def _create_dict(self, info: mi.DictType, mode: Mode) -> Schema:
        schema: Schema = {"type": "object", "additionalProperties": self._create(info.value_type, mode)}
        if names := _create_key_schema(self.components.resolve(self._create(info.key_type, mode))):
            schema["propertyNames"] = names
        return {**schema, **_get_constraints(info, minProperties="min_length", maxProperties="max_length")}

    def _create_model(self, name: str) -> Schema:
        candidates = ComponentName(name, f"pydantic.{name}")
        return self.components.refer(
            ("pydantic", name), candidates, lambda: self._models.get_definition(name, self._create_model)
        )


_COMPONENT_TYPES = (*OBJECT_TYPES, mi.NamedTupleType, mi.EnumType)

# https://json-schema.org/draft/2020-12/json-schema-validation#section-9
_ANNOTATIONS = ("title", "description", "default", "examples", "deprecated")


def create_object_schema(properties: dict[str, Schema], required: Sequence[str]) -> Schema:
    """Return the schema of an object that rejects other properties."""
    schema: Schema = {"type": "object", "properties": properties}
    return {**schema, **({"required": list(required)} if required else {}), "additionalProperties": False}


def add_default(schema: Schema, default: Any) -> Schema:
    """Add a default, in the form a response would have. None and values without JSON are left out."""
    try:
        value = msgspec.json.decode(encode_json(default)) if default is not None else None
    except TypeError:
        value = None
    return schema if value is None else {**schema, "default": value}


def require_item(schema: Schema) -> Schema:
    """Require an array to have an item: a query or a form cannot represent an empty array."""
    return {**schema, "minItems": max(1, schema.get("minItems", 0))} if schema.get("type") == "array" else schema


def contains_file(schema: Any) -> bool:
    """Return whether a schema includes a file. References are not followed: only a form's own fields can be files."""
    if isinstance(schema, list):
        return any(contains_file(item) for item in schema)
    if not isinstance(schema, dict):
        return False
    return schema.get("format") == "binary" or any(contains_file(item) for item in schema.values())


# The strings that the converters accept.
INT = "^-?[0-9]+$"
NUMBER = r"^-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,9})?$"
BOOLEAN = "^([Tt][Rr][Uu][Ee]|1|[Yy][Ee][Ss]|[Oo][Nn]|[Ff][Aa][Ll][Ss][Ee]|0|[Nn][Oo]|[Oo][Ff][Ff])$"
DURATION = (
    r"^[+-]?P(?=[0-9T])([0-9]{1,8}(\.[0-9]+)?D)?(T(?=[0-9])([0-9]{1,9}H)?([0-9]{1,9}M)?([0-9]{1,9}(\.[0-9]+)?S)?)?$"
)
BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
LOCAL_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?"
LOCAL_DATETIME = f"[0-9]{{4}}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]{LOCAL_TIME}"


def _create_scalar(info: mi.Type) -> Schema:
    if isinstance(info, mi.LiteralType):
        return _create_enum(info.values)
    if isinstance(info, mi.IntType | mi.FloatType):
        kind = "integer" if isinstance(info, mi.IntType) else "number"
        limits = {"minimum": "ge", "exclusiveMinimum": "gt", "maximum": "le", "exclusiveMaximum": "lt"}
        return {"type": kind, **_get_constraints(info, **limits, multipleOf="multiple_of")}
    if isinstance(info, mi.StrType):
        lengths = _get_constraints(info, pattern="pattern", minLength="min_length", maxLength="max_length")
        return {"type": "string", **lengths}
    if isinstance(info, mi.BytesType | mi.ByteArrayType | mi.MemoryViewType):
        return {"type": "string", "contentEncoding": "base64", "pattern": BASE64}
    if isinstance(info, mi.DateTimeType | mi.TimeType):
        is_time = isinstance(info, mi.TimeType)
        if info.tz is False:  # JSON Schema has no format without an offset
            return {"type": "string", "pattern": f"^{LOCAL_TIME if is_time else LOCAL_DATETIME}$"}
        return {"type": "string", "format": "time" if is_time else "date-time"}
    return dict(_SCALARS.get(type(info), {}))


_SCALARS: dict[type[mi.Type], Schema] = {
    mi.NoneType: {"type": "null"},
    mi.BoolType: {"type": "boolean"},
    mi.DecimalType: {"type": ["string", "number"], "format": "decimal", "pattern": NUMBER},
    mi.UUIDType: {"type": "string", "format": "uuid"},
    mi.DateType: {"type": "string", "format": "date"},
    mi.TimeDeltaType: {"type": "string", "format": "duration", "pattern": DURATION},
}


def _create_enum(values: Sequence[Any]) -> Schema:
    kinds = {"string" if isinstance(value, str) else "integer" for value in values if value is not None}
    return {**({"type": kinds.pop()} if len(kinds) == 1 and None not in values else {}), "enum": list(values)}


def _create_tuple(items: list[Schema], required: int) -> Schema:
    return {"type": "array", **({"prefixItems": items} if items else {}), "minItems": required, "maxItems": len(items)}


def _create_key_schema(schema: Schema) -> Schema:
    """Return the schema of an object's keys, which are strings whatever they convert to."""
    patterns = {"integer": INT, "number": NUMBER, "boolean": BOOLEAN}
    if "enum" in schema:
        return {"enum": [str(value) for value in schema["enum"]]}
    if schema.get("type") in patterns:
        return {"pattern": patterns[schema["type"]]}
    return {name: value for name, value in schema.items() if name not in ("type", "title", "description")}


def _get_constraints(info: Any, **names: str) -> Schema:
    values = {keyword: getattr(info, name) for keyword, name in names.items()}
    return {keyword: value for keyword, value in values.items() if value is not None}


def get_class_doc(cls: Any) -> str:
    """Return the docstring of a class, without its sections (`Args:`, `Example:`…), which are for developers.

    Python generates a docstring for dataclasses and named tuples, which is left out.
    """
    origin = get_origin(cls) or cls
    doc = vars(origin).get("__doc__") or ""
    if doc.startswith(f"{origin.__name__}("):
        return ""
    return docstring_parser.parse(cleandoc(doc)).description or ""


def _find_models(annotation: Any) -> list[Any]:
    members = walk_types(mi.type_info(annotation))
    return [member.cls for member in members if isinstance(member, mi.CustomType) and is_pydantic_model(member.cls)]

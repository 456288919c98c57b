"""The body of an operation: what may be sent, for each content type that it can be read from."""

from collections.abc import Mapping, Sequence
from typing import Any

from coworks_async.entries.plan import BindingPlan, Slot
from coworks_async.openapi.components import Schema
from coworks_async.openapi.parameters import alternatives, reserved_names, schema_of, whole_as_text
from coworks_async.openapi.schemas import Schemas, closed
from coworks_async.openapi.string_schemas import as_text, holds_file, object_of

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
TEXT = "text/plain"
BINARY = "application/octet-stream"

# A content type may be a range in OpenAPI, but few tools know what to send for one.
_RANGES = {
    TEXT: "Text is taken under any other `text/` type as well.",
    BINARY: "Bytes are taken under any other content type as well.",
}

Content = dict[str, dict[str, Any]]


def request_body(plan: BindingPlan, schemas: Schemas, told: Mapping[str, str], *, names: bool) -> dict[str, Any] | None:
    """Return the body of an operation, None where it takes none.

    Parameters:
        names: what has a name of its own comes from it.
    """
    named = tuple(plan.named.values()) if names else ()
    if plan.structured is not None:
        content = _of_whole(plan.structured, schemas)
        text = told.get(plan.structured.name, "")
        required = plan.structured.parameter.required
    elif names and (named or plan.extra is not None):
        content = _of_names(plan, named, schemas, told)
        text = " ".join(said for kind, said in _RANGES.items() if kind in content)
        required = any(slot.parameter.required for slot in named)
    else:
        content, text, required = {}, "", False
    if plan.request is not None and plan.structured is None:
        content["*/*"] = {}  # the entry reads for itself
    if not content:
        return None
    return {**({"description": text} if text else {}), "required": required, "content": content}


def _of_whole(slot: Slot, schemas: Schemas) -> Content:
    content: Content = {JSON: {"schema": schemas.of(slot.parameter.annotation)}}
    objects = whole_as_text(slot, schemas)
    if objects:
        content[FORM] = {"schema": objects[0] if len(objects) == 1 else {"oneOf": objects}}
    return content


def _of_names(plan: BindingPlan, named: Sequence[Slot], schemas: Schemas, told: Mapping[str, str]) -> Content:
    resolve = schemas.components.resolve
    properties = {slot.alias: _described(schema_of(slot, schemas), told.get(slot.name, "")) for slot in named}
    required = [slot.alias for slot in named if slot.parameter.required]
    plain = {name: schema for name, schema in properties.items() if not holds_file(schema)}
    content: Content = {}
    if set(required) <= set(plain):
        schema = _opened(plan, closed(plain, required), schemas, text=False)
        content[JSON] = {"schema": _with_values(schema, plain, required, schemas)}
    for media_type, files in ((FORM, False), (MULTIPART, True)):
        form = object_of(properties, required, resolve, files=files)
        if form is not None and (not files or len(plain) < len(properties)):
            content[media_type] = {"schema": _opened(plan, form, schemas, text=True)}
    return {**content, **_as_they_are(named, schemas)}


def _described(schema: Schema, text: str) -> Schema:
    return {**schema, "description": text} if text else schema


def _opened(plan: BindingPlan, schema: Schema, schemas: Schemas, *, text: bool) -> Schema:
    """Let in the names that `**kwargs` takes, or that an entry which reads for itself may take."""
    if plan.extra is not None:
        values: Schema | None = schemas.of(plan.extra.parameter.annotation)
        if text and values is not None:
            values = as_text(values, schemas.components.resolve, many=True)
        reserved = [name for name in reserved_names(plan, plan.extra) if name not in schema["properties"]]
        return {**schema, "propertyNames": {"not": {"enum": reserved}}, "additionalProperties": values or {}}
    if plan.request is not None:
        return {name: value for name, value in schema.items() if name != "additionalProperties"}
    return schema


def _with_values(schema: Schema, properties: dict[str, Schema], required: list[str], schemas: Schemas) -> Schema:
    """Add the JSON that is no object, which goes to the one parameter that can take it."""
    if len(required) > 1:
        return schema
    values = {name: _value(properties[name], schemas) for name in properties}
    forms = [value for name, value in values.items() if value is not None and (name in required or not required)]
    others = [value for name, value in values.items() if value is not None and required and name not in required]
    if others:
        forms = [{"allOf": [form], "not": {"anyOf": others}} for form in forms if form not in others]
    # What two of them can take nobody gets; so it is in a `oneOf` that has a schema twice.
    return {"oneOf": [schema, *forms]} if any(forms.count(form) == 1 for form in forms) else schema


def _value(schema: Schema, schemas: Schemas) -> Schema | None:
    """Return the part of a schema that is no object, without what only describes it."""
    parts: list[Schema] = []
    for part in alternatives(schema, schemas.components.resolve):
        plain = {name: value for name, value in part.items() if name not in ("title", "description", "default")}
        if not plain:
            plain = {"type": ["array", "string", "number", "boolean", "null"]}
        if plain.get("type") != "object":
            parts.append(plain)
    if len(parts) < 2:
        return parts[0] if parts else None
    return {"anyOf": parts}


def _as_they_are(named: Sequence[Slot], schemas: Schemas) -> Content:
    """Return the bodies that one parameter takes as they came, where nothing else must be sent."""
    content: Content = {}
    text = _only([slot for slot in named if slot.converter.accepts_text], named)
    if text is not None:
        texts = [part for part in alternatives(schema_of(text, schemas), schemas.components.resolve) if _is_text(part)]
        # An empty body is none at all.
        least = {"minLength": max(1, texts[0].get("minLength", 0))} if text.parameter.required else {}
        content[TEXT] = {"schema": {**texts[0], **least}}
    binary = _only([slot for slot in named if slot.converter.accepts_bytes], named)
    if binary is not None:
        content[BINARY] = {}
    return content


def _only(takers: Sequence[Slot], named: Sequence[Slot]) -> Slot | None:
    """Return the one that takes a whole body, None where there are several, or others are required."""
    if len(takers) != 1 or any(slot.parameter.required for slot in named if slot is not takers[0]):
        return None
    return takers[0]


def _is_text(schema: Schema) -> bool:
    return schema.get("type") == "string" and not {"format", "contentEncoding", "enum"} & set(schema)

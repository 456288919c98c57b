"""Create the `requestBody` of an operation: a schema for each content type it can be read from."""

from collections.abc import Mapping, Sequence
from typing import Any

from coworks_async.entries.plan import BindingPlan, Slot
from coworks_async.openapi.components import Schema, omit_empty
from coworks_async.openapi.parameters import create_structured_forms, get_reserved_names
from coworks_async.openapi.schemas import FORBIDDEN, Schemas, contains_file, create_object_schema

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
TEXT = "text/plain"
BINARY = "application/octet-stream"

# OpenAPI allows ranges such as `text/*`, but few tools know what to send for one.
_OTHER_TYPES = {
    TEXT: "Text is also accepted under any other `text/` type.",
    BINARY: "Bytes are also accepted under any other content type.",
}

Content = dict[str, dict[str, Any]]


def create_request_body(
    plan: BindingPlan, schemas: Schemas, descriptions: Mapping[str, str], *, named: bool
) -> dict[str, Any] | None:
    """Return the request body of an operation, if it has one. With `named`, it includes named values."""
    content: Content = {}
    description, required = "", False
    if plan.structured is not None:
        content = _create_structured_content(plan.structured, schemas)
        description = descriptions[plan.structured.name]
        required = plan.structured.required
    elif named and (plan.named or plan.extra is not None):
        content = _create_named_content(plan, schemas, descriptions)
        description = " ".join(text for media_type, text in _OTHER_TYPES.items() if media_type in content)
        required = any(slot.required for slot in plan.named.values())
    if plan.request is not None and plan.structured is None:
        content["*/*"] = {}  # the entry reads the body itself
    if not content:
        return None
    return {**omit_empty({"description": description}), "required": required, "content": content}


def _create_structured_content(slot: Slot, schemas: Schemas) -> Content:
    content: Content = {JSON: {"schema": schemas.get(slot.annotation)}}
    forms = create_structured_forms(slot, schemas)
    if forms:
        content[FORM] = {"schema": forms[0] if len(forms) == 1 else {"oneOf": forms}}
    return content


def _create_named_content(plan: BindingPlan, schemas: Schemas, descriptions: Mapping[str, str]) -> Content:
    properties: dict[str, Schema] = {}
    for name, slot in plan.named.items():
        properties[name] = schemas.get_for_slot(slot) | omit_empty({"description": descriptions[slot.name]})
    required = [name for name, slot in plan.named.items() if slot.required]
    without_files = {name: schema for name, schema in properties.items() if not contains_file(schema)}
    content: Content = {}
    if set(required) <= set(without_files):
        schema = _allow_extra_names(plan, create_object_schema(without_files, required), schemas, is_form=False)
        content[JSON] = {"schema": _allow_raw_json(schema, without_files, required, schemas)}
    for media_type, files in ((FORM, False), (MULTIPART, True)):
        form = schemas.create_form_schema(properties, required, files=files)
        if form is not None and (not files or len(without_files) < len(properties)):
            content[media_type] = {"schema": _allow_extra_names(plan, form, schemas, is_form=True)}
    return {**content, **_create_raw_content(list(plan.named.values()), schemas)}


def _allow_extra_names(plan: BindingPlan, schema: Schema, schemas: Schemas, *, is_form: bool) -> Schema:
    """Allow the names that `**kwargs` takes. An entry that reads the request itself may take any name."""
    if plan.extra is not None:
        values = schemas.get(plan.extra.annotation)
        if is_form:
            values = schemas.to_string_schema(values, multiple=True) or FORBIDDEN
        reserved = [name for name in get_reserved_names(plan) if name not in schema["properties"]]
        return {**schema, "propertyNames": {"not": {"enum": reserved}}, "additionalProperties": values}
    if plan.request is not None:
        return {name: value for name, value in schema.items() if name != "additionalProperties"}
    return schema


def _allow_raw_json(
    schema: Schema, properties: Mapping[str, Schema], required: Sequence[str], schemas: Schemas
) -> Schema:
    """Allow JSON that is not an object, which binds to the only parameter that can take it."""
    if len(required) > 1:
        return schema
    found = {name: _get_raw_schema(schema, schemas) for name, schema in properties.items()}
    values = {name: value for name, value in found.items() if value is not None}
    raw = [value for name, value in values.items() if name in required or not required]
    optional = [value for name, value in values.items() if required and name not in required]
    if optional:
        raw = [{"allOf": [value], "not": {"anyOf": optional}} for value in raw if value not in optional]
    # A value that two parameters can take binds to neither, and a value valid for two members of `oneOf` is invalid.
    return {"oneOf": [schema, *raw]} if any(raw.count(value) == 1 for value in raw) else schema


def _get_raw_schema(schema: Schema, schemas: Schemas) -> Schema | None:
    """Return the part of a schema that is not an object, without annotations."""
    members: list[Schema] = []
    for member in schemas.flatten_union(schema):
        bare = {name: value for name, value in member.items() if name not in ("title", "description", "default")}
        if not bare:
            bare = {"type": ["array", "string", "number", "boolean", "null"]}
        if bare.get("type") != "object":
            members.append(bare)
    if len(members) < 2:
        return members[0] if members else None
    return {"anyOf": members}


def _create_raw_content(slots: Sequence[Slot], schemas: Schemas) -> Content:
    """Return the content types whose body becomes the value of one parameter, unparsed."""
    content: Content = {}
    text = _find_only([slot for slot in slots if slot.converter.accepts_text], slots)
    if text is not None:
        members = schemas.flatten_union(schemas.get_for_slot(text))
        strings = (member for member in members if member.get("type") == "string")
        schema = next(member for member in strings if not {"format", "contentEncoding", "enum"} & set(member))
        # An empty body counts as no body.
        minimum = {"minLength": max(1, schema.get("minLength", 0))} if text.required else {}
        content[TEXT] = {"schema": {**schema, **minimum}}
    if _find_only([slot for slot in slots if slot.converter.accepts_bytes], slots) is not None:
        content[BINARY] = {}
    return content


def _find_only(candidates: Sequence[Slot], slots: Sequence[Slot]) -> Slot | None:
    """Return the candidate if it is the only one, and no other parameter is required."""
    if len(candidates) != 1 or any(slot.required for slot in slots if slot is not candidates[0]):
        return None
    return candidates[0]

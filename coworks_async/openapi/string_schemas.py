"""What of a schema a string can hold, or several of one name: in a path, a query, a form."""

from collections.abc import Callable
from typing import Any

from coworks_async.openapi.components import Schema

Resolve = Callable[[Schema], Schema]

TEXT: Schema = {"type": "string"}
TEXTS: Schema = {"type": "array", "items": TEXT}

_ABOUT = ("title", "description", "default", "examples", "deprecated")


def as_text(schema: Schema, resolve: Resolve, *, many: bool) -> Schema | None:
    """Return the part of a schema that can be written as text, None where nothing of it can.

    Parameters:
        resolve: follows a reference.
        many: a name may be repeated, so an array of plain values can be written too.

    There is no null in text: the string `null` is a string. Objects have no text, nor have arrays in arrays.

    Example:
        >>> as_text({"anyOf": [{"type": "integer"}, {"type": "null"}]}, resolve, many=False)
        {'type': 'integer'}
    """
    plain = resolve(schema)
    about = {name: plain[name] for name in _ABOUT if plain.get(name) is not None}
    for choice in ("anyOf", "oneOf"):
        if choice in plain:
            parts = [as_text(part, resolve, many=many) for part in plain[choice]]
            return _any_of([part for part in parts if part is not None], about)
    if "enum" in plain or "const" in plain:
        values = plain["enum"] if "enum" in plain else [plain["const"]]
        if None not in values:
            return schema
        return {**plain, "enum": [value for value in values if value is not None]} if values != [None] else None
    kinds = plain.get("type")
    if kinds is None:
        return {"anyOf": [TEXT, TEXTS], **about} if many else {**TEXT, **about}
    if kinds == "array":
        return _as_texts(plain, resolve) if many else None
    return None if kinds in ("object", "null") else schema


def _any_of(parts: list[Schema], about: Schema) -> Schema | None:
    if len(parts) < 2:
        return {**parts[0], **about} if parts else None
    return {"anyOf": parts, **about}


def _as_texts(schema: Schema, resolve: Resolve) -> Schema | None:
    """Return an array of plain values; what stands for a place in it must have a text at each place."""
    written = dict(schema)
    if isinstance(schema.get("items"), dict):
        written["items"] = as_text(schema["items"], resolve, many=False)
    if "prefixItems" in schema:
        written["prefixItems"] = [as_text(item, resolve, many=False) for item in schema["prefixItems"]]
    parts = [written.get("items"), *written.get("prefixItems", ())]
    return None if None in parts[1:] or ("items" in written and parts[0] is None) else written


def object_of(
    properties: dict[str, Schema], required: list[str], resolve: Resolve, *, files: bool = False
) -> Schema | None:
    """Return the schema of a form with these fields, None where one that is required has no text.

    Parameters:
        files: the form may hold files.
    """
    written = {name: as_text(schema, resolve, many=True) for name, schema in properties.items()}
    kept = {
        name: (sent(schema) if name in required else schema)
        for name, schema in written.items()
        if schema is not None and (files or not holds_file(schema))
    }
    if not set(required) <= set(kept):
        return None
    schema: Schema = {"type": "object", "properties": kept}
    return {**schema, **({"required": required} if required else {}), "additionalProperties": False}


def sent(schema: Schema) -> Schema:
    """Return the schema of what must be sent: of no values at all there is nothing to send."""
    if schema.get("type") != "array":
        return schema
    return {**schema, "minItems": max(1, schema.get("minItems", 0))}


def holds_file(schema: Any) -> bool:
    """Tell whether a file is part of a schema; references are not followed, since only a form's own fields are."""
    if isinstance(schema, list):
        return any(holds_file(item) for item in schema)
    if not isinstance(schema, dict):
        return False
    return schema.get("format") == "binary" or any(holds_file(item) for item in schema.values())

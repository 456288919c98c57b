"""The parameters of an operation: what the path and the query hold."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from coworks_async.entries.plan import BindingPlan, Slot
from coworks_async.openapi.components import Schema
from coworks_async.openapi.schemas import Schemas, with_default
from coworks_async.openapi.string_schemas import Resolve, as_text, object_of, sent

Parameter = dict[str, Any]

NOTHING: Schema = {"not": {}}
"""The schema of what cannot be sent at all."""


def path_parameters(
    plan: BindingPlan, names: Sequence[str], schemas: Schemas, told: Mapping[str, str]
) -> list[Parameter]:
    """Return the parameters of the path, by the names that they have in the document."""
    tail = plan.path_rest
    slots = [*plan.path, *([tail] * (len(names) - len(plan.path)) if tail is not None else ())]
    parameters = []
    for slot, name in zip(slots, names, strict=True):
        schema = as_text(schemas.of(slot.parameter.annotation), schemas.components.resolve, many=False)
        text = told.get(slot.name, "")
        if slot is tail:
            text = " ".join(filter(None, [text, "The rest of the path: any number of segments, perhaps none."]))
        parameters.append(_parameter("path", name, schema, required=True, text=text))
    return parameters


def query_parameters(
    plan: BindingPlan, schemas: Schemas, told: Mapping[str, str], *, names: bool, whole: bool
) -> list[Parameter]:
    """Return the parameters of the query.

    Parameters:
        names: what has a name of its own comes from it, and what takes the names that are left.
        whole: so does the structured one.
    """
    resolve = schemas.components.resolve
    parameters = []
    for slot in plan.named.values() if names else ():
        written = as_text(schema_of(slot, schemas), resolve, many=True)
        if written is not None or slot.parameter.required:
            required = slot.parameter.required
            parameters.append(_parameter("query", slot.alias, written, required=required, text=told.get(slot.name, "")))
    parameters += [_gathered(slot, schemas, told.get(slot.name, "")) for slot in plan.deep_objects.values()]
    if whole and plan.structured is not None:
        parameters += _of_whole(plan.structured, schemas, told.get(plan.structured.name, ""), taken=plan.named)
    if names and plan.extra is not None:
        parameters.append(_left(plan, plan.extra, schemas, told.get(plan.extra.name, "")))
    return parameters


def schema_of(slot: Slot, schemas: Schemas) -> Schema:
    """Return the schema of a parameter, with its default."""
    schema = schemas.of(slot.parameter.annotation)
    return schema if slot.parameter.required else with_default(schema, slot.parameter.default)


def reserved_names(plan: BindingPlan, rest: Slot) -> list[str]:
    """Return the names that `**kwargs` does not take, because Python has them for others."""
    names = {"self", plan.signature.receiver, *(parameter.name for parameter in plan.signature.parameters)}
    return sorted(names - {rest.name})


def _parameter(where: str, name: str, schema: Schema | None, *, required: bool, text: str, **style: Any) -> Parameter:
    schema = schema if schema is not None else NOTHING
    parameter: Parameter = {"name": name, "in": where}
    if required:
        parameter["required"] = True
    if text or "description" in schema:
        parameter["description"] = text or schema["description"]
    return {**parameter, **style, "schema": sent(schema) if required else schema}


def _gathered(slot: Slot, schemas: Schemas, text: str) -> Parameter:
    """`filter[...]`: https://spec.openapis.org/oas/v3.1.1#style-values calls it a deep object."""
    schema = _dict_of(schema_of(slot, schemas), schemas)
    schema["propertyNames"] = {"pattern": r"^[^\[\]]+$", **schema.get("propertyNames", {})}
    if slot.parameter.required:
        schema["minProperties"] = max(1, schema.get("minProperties", 0))
    required = slot.parameter.required
    return _parameter("query", slot.alias, schema, required=required, text=text, style="deepObject", explode=True)


def _dict_of(schema: Schema, schemas: Schemas) -> Schema:
    """Return the part of a schema that is a dict, its values as text."""
    resolve = schemas.components.resolve
    dicts = (part for part in alternatives(schema, resolve) if part.get("type") == "object")
    found: Schema = next(dicts, {"type": "object"})
    values = as_text(found.get("additionalProperties", {}), resolve, many=True)
    return {**found, "additionalProperties": values if values is not None else False}


def alternatives(schema: Schema, resolve: Resolve) -> Iterator[Schema]:
    """Yield the schemas that one allows, references followed."""
    plain = resolve(schema)
    choices = plain.get("anyOf", plain.get("oneOf"))
    if choices is None:
        yield plain
        return
    for choice in choices:
        yield from alternatives(choice, resolve)


def _left(plan: BindingPlan, rest: Slot, schemas: Schemas, text: str) -> Parameter:
    values = as_text(schemas.of(rest.parameter.annotation), schemas.components.resolve, many=True)
    taken = {*reserved_names(plan, rest), *plan.named}
    return _free(rest.name, values if values is not None else NOTHING, taken, text)


def _free(name: str, values: Schema, taken: Collection[str], text: str) -> Parameter:
    """Return a parameter that stands for all names but those that are taken."""
    names = {"not": {"enum": sorted(taken)}}
    schema: Schema = {"type": "object", "propertyNames": names, "additionalProperties": values}
    return _parameter("query", name, schema, required=False, text=text, style="form", explode=True)


def _of_whole(slot: Slot, schemas: Schemas, text: str, *, taken: Collection[str]) -> list[Parameter]:
    """Return a parameter for each field; or one object, where the fields depend on each other.

    Parameters:
        taken: the names of the other parameters, which no model gets that takes unknown names.
    """
    objects = whole_as_text(slot, schemas)
    required = slot.parameter.required
    if len(objects) == 1 and (required or not objects[0].get("required")):
        fields, needed = objects[0]["properties"], objects[0].get("required", [])
        parameters = [
            _parameter("query", name, schema, required=name in needed, text="") for name, schema in fields.items()
        ]
        others = objects[0]["additionalProperties"]
        if others is not False:
            name = slot.name if slot.name not in fields else f"{slot.name}_"
            parameters.append(_free(name, others, {*fields, *taken}, text))
        return parameters
    if not objects and not required:
        return []
    schema: Schema = objects[0] if len(objects) == 1 else {"oneOf": objects} if objects else NOTHING
    must = required and all("required" in one for one in objects)
    return [_parameter("query", slot.name, schema, required=must, text=text, style="form", explode=True)]


def whole_as_text(slot: Slot, schemas: Schemas) -> list[Schema]:
    """Return what a form or a query may hold that becomes a structured value: an object for each of its types."""
    resolve = schemas.components.resolve
    objects = []
    for part in alternatives(schemas.of(slot.parameter.annotation), resolve):
        if part.get("type") == "object":
            properties = {
                name: field for name, field in part.get("properties", {}).items() if not field.get("readOnly")
            }
            written = object_of(properties, part.get("required", []), resolve)
            objects += [] if written is None else [_open(written, part, resolve)]
    return objects


def _open(written: Schema, part: Schema, resolve: Resolve) -> Schema:
    """Let in the other keys that a model of pydantic's may take, as far as they have a text."""
    others = part.get("additionalProperties", {})
    if others is False:
        return written
    values = as_text({} if others is True else others, resolve, many=True)
    return {**written, "additionalProperties": values if values is not None else False}

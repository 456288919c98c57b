"""Create the keys of `paths`, and the `parameters` of operations."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from coworks_async.entries.entry import Entry
from coworks_async.entries.paths import PARAMETER, REST, PathShape
from coworks_async.entries.plan import BindingPlan, Slot
from coworks_async.entries.signature import ParameterKind
from coworks_async.openapi.components import Schema, omit_empty
from coworks_async.openapi.schemas import FORBIDDEN, Schemas, require_item

Parameter = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DocumentPath:
    """The path of an entry in the document, and the names of its parameters in order."""

    entry: Entry
    path: str
    parameter_names: Sequence[str]


def create_document_paths(entries: Sequence[Entry]) -> list[DocumentPath]:
    """Return the path of each entry in the document (https://spec.openapis.org/oas/v3.1.1#path-templating).

    Paths that differ only in parameter names are equal there, so such entries share the names of the first. `*path` is
    one segment, or as many as it takes to be different from another entry of the same method.
    """
    taken: set[tuple[str, PathShape]] = set()
    names_by_shape: dict[PathShape, list[str]] = {}
    paths: dict[str, DocumentPath] = {}
    for entry in sorted(entries, key=lambda entry: entry.template.rest_name is not None):
        names, rest = list(entry.template.names), entry.template.rest_name
        shape = tuple(PARAMETER if part == REST else part for part in entry.template.shape)
        while (entry.method, shape) in taken:
            shape = (*shape, PARAMETER)
            names.append(f"{rest}{len(shape) - len(entry.template.shape) + 1}")
        taken.add((entry.method, shape))
        names = names_by_shape.setdefault(shape, names)
        remaining = iter(names)
        path = "/".join(f"{{{next(remaining)}}}" if part == PARAMETER else part for part in shape)
        paths[entry.endpoint] = DocumentPath(entry, f"/{path}", names)
    return [paths[entry.endpoint] for entry in entries]


def create_path_parameters(path: DocumentPath, schemas: Schemas, descriptions: Mapping[str, str]) -> list[Parameter]:
    """Return the parameters of the path, with their names in the document."""
    plan, template = path.entry.plan, path.entry.template
    slots = {slot.name: slot for slot in plan.path}
    if plan.path_rest is not None:
        slots[plan.path_rest.name] = plan.path_rest
    parameters = []
    for index, name in enumerate(path.parameter_names):
        slot = slots[template.names[min(index, len(template.names) - 1)]]
        schema = schemas.to_string_schema(schemas.get(slot.annotation), multiple=False)
        description = descriptions[slot.name]
        if slot.name == template.rest_name:
            description = f"{description} The rest of the path: zero or more segments.".lstrip()
        parameters.append(_create_parameter("path", name, schema, required=True, description=description))
    return parameters


def create_query_parameters(
    plan: BindingPlan, schemas: Schemas, descriptions: Mapping[str, str], *, named: bool, structured: bool
) -> list[Parameter]:
    """Return the parameters of the query: with `named` also the named ones and `**kwargs`, with `structured` fields."""
    parameters = []
    for slot in plan.named.values() if named else ():
        schema = schemas.to_string_schema(schemas.get_for_slot(slot), multiple=True)
        required = slot.required
        if schema is not None or required:
            text = descriptions[slot.name]
            parameters.append(_create_parameter("query", slot.alias, schema, required=required, description=text))
    parameters += [_create_deep_object(slot, schemas, descriptions[slot.name]) for slot in plan.deep_objects.values()]
    if structured and plan.structured is not None:
        description = descriptions[plan.structured.name]
        parameters += _create_structured_parameters(plan.structured, schemas, description, reserved=plan.named)
    if named and plan.extra is not None:
        values = schemas.to_string_schema(schemas.get(plan.extra.annotation), multiple=True)
        reserved = {*get_reserved_names(plan), *plan.named}
        description = descriptions[plan.extra.name]
        parameters.append(_create_extra_parameter(plan.extra.name, values or FORBIDDEN, reserved, description))
    return parameters


# OpenAPI ignores parameters of these names (https://spec.openapis.org/oas/v3.1.1#parameter-object).
_IGNORED_HEADERS = ("accept", "authorization", "content-type")


def create_header_parameters(plan: BindingPlan, schemas: Schemas, descriptions: Mapping[str, str]) -> list[Parameter]:
    """Return the parameters that are headers and cookies."""
    parameters = []
    for slot in plan.headers_and_cookies:
        is_header = slot.kind is ParameterKind.HEADER
        if is_header and slot.alias.lower() in _IGNORED_HEADERS:
            continue
        location = "header" if is_header else "cookie"
        schema = schemas.to_string_schema(schemas.get_for_slot(slot), multiple=is_header)
        text = descriptions[slot.name]
        parameters.append(_create_parameter(location, slot.alias, schema, required=slot.required, description=text))
    return parameters


def get_reserved_names(plan: BindingPlan) -> list[str]:
    """Return the names that `**kwargs` cannot take because they are other parameters of the method."""
    names = {parameter.name for parameter in plan.signature.parameters if parameter.kind is not ParameterKind.EXTRA}
    return sorted({"self", plan.signature.receiver, *names})


def create_structured_forms(slot: Slot, schemas: Schemas) -> list[Schema]:
    """Return the forms (or queries) that convert to a structured parameter: an object for each type of its union."""
    forms = []
    for schema in schemas.flatten_union(schemas.get(slot.annotation)):
        if schema.get("type") != "object":
            continue
        properties = {name: value for name, value in schema.get("properties", {}).items() if not value.get("readOnly")}
        form = schemas.create_form_schema(properties, schema.get("required", []))
        if form is None:
            continue
        # A pydantic model may allow other keys.
        extra = schema.get("additionalProperties", {})
        if extra is not False:
            values = schemas.to_string_schema({} if extra is True else extra, multiple=True)
            form["additionalProperties"] = values or False
        forms.append(form)
    return forms


def _create_parameter(
    location: str,
    name: str,
    schema: Schema | None,
    *,
    required: bool,
    description: str = "",
    style: Literal["form", "deepObject"] | None = None,
) -> Parameter:
    schema = schema if schema is not None else FORBIDDEN
    description = description or schema.get("description", "")
    options = {"required": required, "description": description, "style": style, "explode": style is not None}
    return {
        "name": name,
        "in": location,
        **omit_empty(options),
        "schema": require_item(schema) if required else schema,
    }


def _create_deep_object(slot: Slot, schemas: Schemas, description: str) -> Parameter:
    """Return the parameter of `filter[...]` (https://spec.openapis.org/oas/v3.1.1#style-values)."""
    members = schemas.flatten_union(schemas.get_for_slot(slot))
    schema: Schema = dict(next((member for member in members if member.get("type") == "object"), {"type": "object"}))
    values = schemas.to_string_schema(schema.get("additionalProperties", {}), multiple=True)
    schema["additionalProperties"] = values or False
    schema["propertyNames"] = {"pattern": r"^[^\[\]]+$", **schema.get("propertyNames", {})}
    required = slot.required
    if required:
        schema["minProperties"] = max(1, schema.get("minProperties", 0))
    return _create_parameter(
        "query", slot.alias, schema, required=required, description=description, style="deepObject"
    )


def _create_structured_parameters(
    slot: Slot, schemas: Schemas, description: str, *, reserved: Collection[str]
) -> list[Parameter]:
    """Return a parameter for each field, or one object if fields depend on each other."""
    forms = create_structured_forms(slot, schemas)
    required = slot.required
    if len(forms) == 1 and (required or not forms[0].get("required")):
        fields, extra = forms[0]["properties"], forms[0]["additionalProperties"]
        required_fields = forms[0].get("required", [])
        parameters = [
            _create_parameter("query", name, schema, required=name in required_fields)
            for name, schema in fields.items()
        ]
        if extra is not False:
            name = slot.name if slot.name not in fields else f"{slot.name}_"
            parameters.append(_create_extra_parameter(name, extra, {*fields, *reserved}, description))
        return parameters
    if not forms and not required:
        return []
    schema = forms[0] if len(forms) == 1 else {"oneOf": forms} if forms else FORBIDDEN
    required = required and all("required" in form for form in forms)
    return [_create_parameter("query", slot.name, schema, required=required, description=description, style="form")]


def _create_extra_parameter(name: str, values: Schema, reserved: Collection[str], description: str) -> Parameter:
    """Return one parameter for all names except those of other parameters, which are reserved."""
    names = {"not": {"enum": sorted(reserved)}}
    schema: Schema = {"type": "object", "propertyNames": names, "additionalProperties": values}
    return _create_parameter("query", name, schema, required=False, description=description, style="form")

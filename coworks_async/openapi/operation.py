"""One entry as an operation of OpenAPI."""

from typing import Any

from coworks_async.entries.entry import Entry
from coworks_async.entries.plan import BindingPlan
from coworks_async.openapi.docstrings import Told, deprecation, told
from coworks_async.openapi.parameters import path_parameters, query_parameters
from coworks_async.openapi.paths import Place
from coworks_async.openapi.request_bodies import request_body
from coworks_async.openapi.responses import answers, problem_name, problems
from coworks_async.openapi.schemas import Schemas
from coworks_async.openapi.string_schemas import as_text, holds_file

Operation = dict[str, Any]

SECURITY = "token"

_INVOCATION = {
    "name": "InvocationType",
    "in": "header",
    "description": "Event: the answer is a 202 at once; the entry runs later, and only then are its parameters read.",
    "schema": {"type": "string", "enum": ["RequestResponse", "Event"]},
}
_ACCEPTED = {
    "description": "Accepted: the entry runs later.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"request_id": {"type": "string"}},
                "required": ["request_id"],
            }
        }
    },
}


def operation(place: Place, schemas: Schemas) -> Operation:
    """Return the operation of an entry."""
    entry, plan = place.entry, place.entry.plan
    doc = told(entry.declaration.function)
    is_get = entry.method == "GET"
    in_query = is_get or _names_in_query(plan, entry.method, schemas)
    body = None if is_get else request_body(plan, schemas, doc.parameters, names=not in_query)
    parameters = [
        *path_parameters(plan, place.names, schemas, doc.parameters),
        *query_parameters(plan, schemas, doc.parameters, names=in_query, whole=is_get),
        *([_INVOCATION] if entry.background else ()),
    ]
    responses = answers(entry, schemas, doc.returns)
    if entry.background:
        responses["202"] = _ACCEPTED
    for status in problems(entry, body=body is not None):
        responses.setdefault(str(status), {"$ref": f"#/components/responses/{problem_name(status)}"})
    responses["default"] = {"$ref": f"#/components/responses/{problem_name(None)}"}
    return {
        **_about(entry, doc),
        "operationId": entry.endpoint,
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": body} if body is not None else {}),
        "responses": dict(sorted(responses.items())),
        "security": [] if entry.no_auth else [{SECURITY: []}],
    }


def _about(entry: Entry, doc: Told) -> Operation:
    message = deprecation(entry.declaration.function)
    description = "\n\n".join(filter(None, [doc.description, f"Deprecated: {message}" if message else ""]))
    about: Operation = {"tags": [entry.blueprint]} if entry.blueprint is not None else {}
    about |= {"summary": doc.summary} if doc.summary else {}
    about |= {"description": description} if description else {}
    return {**about, **({"deprecated": True} if message is not None else {})}


def _names_in_query(plan: BindingPlan, method: str, schemas: Schemas) -> bool:
    """Tell whether names are shown in the query, where the body would do as well.

    A name in both is refused, so it is shown in one: the body, but where that has another use (a structured
    parameter), or no meaning in HTTP (https://www.rfc-editor.org/rfc/rfc9110#section-9.3.5).
    """
    if plan.structured is not None:
        return True
    slots = [*plan.named.values(), *([plan.extra] if plan.extra is not None else ())]
    written = [as_text(schemas.of(slot.parameter.annotation), schemas.components.resolve, many=True) for slot in slots]
    has_text = all(schema is not None and not holds_file(schema) for schema in written)
    return method in ("DELETE", "OPTIONS") and has_text

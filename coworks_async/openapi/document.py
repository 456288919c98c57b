"""The document of a whole service."""

from collections.abc import Iterator, Mapping, Sequence
from inspect import cleandoc
from typing import TYPE_CHECKING, Any

from coworks_async.entries.entry import Entry
from coworks_async.openapi.operation import SECURITY, operation
from coworks_async.openapi.paths import places
from coworks_async.openapi.pydantic_models import Mode
from coworks_async.openapi.responses import answered, problem_answer, problem_name, problems
from coworks_async.openapi.schemas import Schemas

if TYPE_CHECKING:
    from coworks_async.service import TechMicroService

VERSION = "3.1.1"

NOTE = (
    "Strings that convert are taken too, wherever something else is asked for: `7` for a number; `true`, `1`, `yes`, "
    "`on`, `false`, `0`, `no`, `off`, in any letter case, for a boolean; a time without an offset, a duration with a "
    "sign or a fraction, a UUID without hyphens. One value of a query or a form makes an array of one. "
    "What a body holds by name may come from the query instead."
)


def openapi(app: "TechMicroService", *, servers: Sequence[str | Mapping[str, Any]] = ("/",)) -> dict[str, Any]:
    """Describe a service by OpenAPI 3.1: its entries, as they bind and answer.

    It is made anew at each call: who needs it often keeps it.

    Parameters:
        app: the service; what is registered later is not in the document.
        servers: URLs that the paths are below, or OpenAPI's own server objects. A path is enough: it stands for the
            host that the document came from. Behind a gateway it is the request's `root_path`.

    Returns:
        The document, of plain dicts, lists, strings and numbers (https://spec.openapis.org/oas/v3.1.1).

    Example:
        >>> document = openapi(app, servers=[request.scope["root_path"] or "/"])
        >>> document["paths"]["/items/{item_id}"]["get"]["operationId"]
        'get_items_'
    """
    entries = app.entries
    schemas = Schemas(use for entry in entries for use in _uses(entry))
    paths: dict[str, Any] = {}
    for place in places(entries):
        paths.setdefault(place.path, {})[place.entry.method.lower()] = operation(place, schemas)
    statuses = sorted({status for entry in entries for status in problems(entry, body=True)})
    responses = {problem_name(status): problem_answer(status, schemas) for status in (*statuses, None)}
    parts, components = schemas.components.name({"paths": paths, "responses": _used(responses, paths)})
    return {
        "openapi": VERSION,
        "info": _info(app),
        "servers": [{"url": server} if isinstance(server, str) else dict(server) for server in servers],
        **({"tags": tags} if (tags := _tags(entries)) else {}),
        "paths": parts["paths"],
        "components": {
            **({"schemas": components} if components else {}),
            **({"responses": parts["responses"]} if parts["responses"] else {}),
            **_security(app),
        },
    }


def _uses(entry: Entry) -> Iterator[tuple[Any, Mode]]:
    for slot in entry.plan.slots:
        yield slot.parameter.annotation, "validation"
    for answer in answered(entry):
        yield answer.annotation, "serialization"


def _used(responses: Mapping[str, Any], paths: Mapping[str, Any]) -> dict[str, Any]:
    used = {
        answer["$ref"].rpartition("/")[2]
        for methods in paths.values()
        for described in methods.values()
        for answer in described["responses"].values()
        if "$ref" in answer
    }
    return {name: answer for name, answer in responses.items() if name in used}


def _info(app: "TechMicroService") -> dict[str, Any]:
    """A service tells its version by an attribute; a method of that name is an entry."""
    version = getattr(app, "version", None)
    doc = cleandoc(vars(type(app)).get("__doc__") or "")
    description = "\n\n".join(filter(None, [doc, NOTE]))
    return {"title": app.name, "description": description, "version": version if isinstance(version, str) else "0.0.0"}


def _tags(entries: Sequence[Entry]) -> list[dict[str, str]]:
    """A tag for each blueprint that has entries, described as its class is."""
    tags: dict[str, dict[str, str]] = {}
    for entry in entries:
        if entry.blueprint is not None and entry.blueprint not in tags:
            doc = cleandoc(vars(entry.declaration.cls).get("__doc__") or "")
            tags[entry.blueprint] = {"name": entry.blueprint, **({"description": doc} if doc else {})}
    return list(tags.values())


def _security(app: "TechMicroService") -> dict[str, Any]:
    if all(entry.no_auth for entry in app.entries):
        return {}
    return {"securitySchemes": {SECURITY: {"type": "apiKey", "in": "header", "name": app.token_key}}}

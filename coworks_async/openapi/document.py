"""Create the document of a service: its `info`, `tags` and `components`, and an operation for each entry."""

import inspect
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import docstring_parser

from coworks_async.entries.entry import Entry
from coworks_async.entries.plan import BindingPlan
from coworks_async.openapi.components import Mode, omit_empty
from coworks_async.openapi.documented import Documented, document_responses, iter_documented_types
from coworks_async.openapi.parameters import (
    DocumentPath,
    create_document_paths,
    create_header_parameters,
    create_path_parameters,
    create_query_parameters,
)
from coworks_async.openapi.request_bodies import create_request_body
from coworks_async.openapi.responses import create_problem_responses, create_responses, iter_declared_responses
from coworks_async.openapi.schemas import Schemas, contains_file, get_class_doc
from coworks_async.service import TechMicroService

Operation = dict[str, Any]

SECURITY_SCHEME = "token"

CONVERSIONS = (
    "Strings are also accepted where they convert to the expected type: `7` for a number; `true`, `1`, `yes`, `on`, "
    "`false`, `0`, `no`, `off`, in any letter case, for a boolean; a time without an offset, a duration with a sign or "
    "a fraction, a UUID without hyphens. A single value in a query or a form is accepted for an array. "
    "Named values of a body may be sent in the query instead."
)

_INVOCATION_TYPE = {
    "name": "InvocationType",
    "in": "header",
    "description": "`Event`: respond with 202 at once, then read the parameters and run the entry.",
    "schema": {"type": "string", "enum": ["RequestResponse", "Event"]},
}


def openapi(app: TechMicroService, *, servers: Sequence[str | Mapping[str, Any]] = ("/",)) -> dict[str, Any]:
    """Create the OpenAPI 3.1 document of a service.

    The document is created at each call and contains the entries registered so far. Keep it if it is needed often.

    Args:
        app: the service.
        servers: URLs of the service, or OpenAPI server objects. A path such as `/` is relative to the host that serves
            the document. Behind a gateway it is the request's `root_path`.

    Returns:
        The document as dicts, lists, strings and numbers (https://spec.openapis.org/oas/v3.1.1).

    Examples:
        >>> from coworks_async import TechMicroService, entry
        >>> from coworks_async.openapi import openapi
        >>> class Shop(TechMicroService):
        ...     @entry
        ...     async def get_items(self, number: int):
        ...         return {"number": number}
        >>> document = openapi(Shop(), servers=["https://shop.example"])
        >>> document["paths"]["/items/{number}"]["get"]["operationId"]
        'get_items'
    """
    entries = [entry for entry in app.entries if entry.options.include_in_schema]
    schemas = Schemas(use for entry in entries for use in _iter_annotations(app, entry))
    paths: dict[str, dict[str, Operation]] = {}
    for path in create_document_paths(entries):
        paths.setdefault(path.path, {})[path.entry.method.lower()] = _create_operation(app, path, schemas)
    operations = [operation for methods in paths.values() for operation in methods.values()]
    problems = create_problem_responses(operations, schemas)
    parts, components = schemas.components.name_references({"paths": paths, "responses": problems})
    security_schemes = (
        {} if all(entry.no_auth for entry in entries) else {SECURITY_SCHEME: _create_security_scheme(app)}
    )
    return {
        "openapi": "3.1.1",
        "info": _create_info(app),
        "servers": [{"url": server} if isinstance(server, str) else dict(server) for server in servers],
        **omit_empty({"tags": _create_tags(entries)}),
        "paths": parts["paths"],
        "components": omit_empty(
            {"schemas": components, "responses": parts["responses"], "securitySchemes": security_schemes}
        ),
    }


def _create_security_scheme(app: TechMicroService) -> dict[str, str]:
    # The type `http` always means the header `Authorization`.
    if app.auth_scheme is not None and app.token_key.lower() == "authorization":
        return {"type": "http", "scheme": app.auth_scheme.lower()}
    return {"type": "apiKey", "in": "header", "name": app.token_key}


def _iter_annotations(app: TechMicroService, entry: Entry) -> Iterator[tuple[Any, Mode]]:
    for slot in (*entry.plan.slots, *entry.plan.headers_and_cookies):
        yield slot.annotation, "validation"
    for declared in (*iter_declared_responses(entry), *iter_documented_types(_get_documented(app, entry))):
        yield declared.annotation, "serialization"


def _get_documented(app: TechMicroService, entry: Entry) -> Documented:
    """Return the documented responses of an entry: those of the service, of its blueprint and its own."""
    of_class: Documented = getattr(entry.declaration.cls, "openapi_responses")  # noqa: B009 - declared as a plain type
    return {**app.openapi_responses, **of_class, **dict(entry.options.responses)}


def _create_info(app: TechMicroService) -> dict[str, Any]:
    version = getattr(app, "version", None)  # a string, unless an entry has this name
    doc = get_class_doc(type(app)) if type(app) is not TechMicroService else ""
    description = "\n\n".join(filter(None, [doc, CONVERSIONS]))
    return {"title": app.name, "description": description, "version": version if isinstance(version, str) else "0.0.0"}


def _create_tags(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    summaries = {entry.blueprint: _get_summary(entry.declaration.cls) for entry in entries if entry.blueprint}
    names = dict.fromkeys(name for entry in entries for name in _get_tags(entry))
    return [omit_empty({"name": name, "description": summaries.get(name)}) for name in names]


def _get_tags(entry: Entry) -> list[str]:
    if entry.options.tags is not None:
        return list(entry.options.tags)
    return [entry.blueprint] if entry.blueprint is not None else []


def _get_summary(cls: type) -> str:
    """Return the first paragraph of a class's docstring. The rest is for developers."""
    return " ".join(get_class_doc(cls).partition("\n\n")[0].split())


def _create_operation(app: TechMicroService, path: DocumentPath, schemas: Schemas) -> Operation:
    entry, plan = path.entry, path.entry.plan
    doc = parse_docstring(entry.declaration.function)
    is_get = entry.method == "GET"
    in_query = is_get or _shows_names_in_query(plan, entry.method, schemas)
    body = None if is_get else create_request_body(plan, schemas, doc.parameters, named=not in_query)
    parameters = [
        *create_path_parameters(path, schemas, doc.parameters),
        *create_query_parameters(plan, schemas, doc.parameters, named=in_query, structured=is_get),
        *create_header_parameters(plan, schemas, doc.parameters),
        *([_INVOCATION_TYPE] if entry.background else ()),
    ]
    # Set by `deprecated` (PEP 702) of `warnings` and of `typing_extensions`.
    deprecation = getattr(entry.declaration.function, "__deprecated__", None)
    notice = f"Deprecated: {deprecation}" if deprecation else ""
    operation = {
        "tags": _get_tags(entry),
        "summary": doc.summary,
        "description": "\n\n".join(filter(None, [doc.description, notice])),
        "deprecated": entry.options.deprecated or deprecation is not None,
        "operationId": entry.endpoint,
        "parameters": parameters,
        "requestBody": body,
        "responses": document_responses(
            create_responses(entry, schemas, doc.returns, has_body=body is not None),
            _get_documented(app, entry),
            schemas,
        ),
    }
    return {**omit_empty(operation), "security": [] if entry.no_auth else [{SECURITY_SCHEME: sorted(entry.scopes)}]}


def _shows_names_in_query(plan: BindingPlan, method: str, schemas: Schemas) -> bool:
    """Return whether named values are shown in the query instead of the body. The service accepts both."""
    if plan.structured is not None:
        return True
    # HTTP gives the body of these no meaning: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.5
    if method not in ("DELETE", "OPTIONS"):
        return False
    slots = [*plan.named.values(), *([plan.extra] if plan.extra is not None else ())]
    values = [schemas.to_string_schema(schemas.get(slot.annotation), multiple=True) for slot in slots]
    return all(value is not None and not contains_file(value) for value in values)


@dataclass(frozen=True, slots=True)
class ParsedDocstring:
    """The parts of a docstring. A missing part is an empty string, also in `parameters`."""

    summary: str
    description: str
    parameters: Mapping[str, str]
    returns: str


def parse_docstring(function: Any) -> ParsedDocstring:
    """Parse the docstring of a function: reStructuredText (`:param x:`), Google, NumPy or Epydoc style."""
    doc = docstring_parser.parse(inspect.getdoc(function) or "")
    summary, _, description = (doc.description or "").partition("\n\n")
    parameters: defaultdict[str, str] = defaultdict(str)
    for parameter in doc.params:
        for name in parameter.arg_name.replace("*", "").split(","):
            parameters[name.strip()] = (parameter.description or "").strip()
    returns = doc.returns.description if doc.returns is not None else None
    return ParsedDocstring(" ".join(summary.split()), description.strip(), parameters, (returns or "").strip())

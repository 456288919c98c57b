"""Create the `responses` of operations: those of return annotations, and the errors that entries can cause."""

import inspect
from collections import abc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum
from types import UnionType
from typing import Any, Literal, Never, NoReturn, Union, get_args, get_origin

from msgspec.inspect import type_info
from starlette.responses import RedirectResponse, Response

from coworks_async.entries.annotations import is_structured, union_members
from coworks_async.entries.entry import Entry
from coworks_async.openapi.components import ComponentName, Schema, omit_empty
from coworks_async.openapi.request_bodies import BINARY, JSON, TEXT
from coworks_async.openapi.schemas import Schemas
from coworks_async.pipeline.errors import MEDIA_TYPE, status_title
from coworks_async.pipeline.responses import BODILESS_STATUSES

ResponseObject = dict[str, Any]

_STREAM_TYPES = (abc.AsyncGenerator, abc.AsyncIterator, abc.AsyncIterable, abc.Generator, abc.Iterator, abc.Iterable)
_CHUNK_MEDIA_TYPES: Mapping[Any, str] = {str: TEXT, bytes: BINARY}
_JSON_TYPES = (dict, list, int, float, Decimal, Mapping, Sequence)
_RANGE_DESCRIPTIONS = {"2XX": "Success", "3XX": "Redirection"}
_REQUEST_ID = {"type": "object", "properties": {"request_id": {"type": "string"}}, "required": ["request_id"]}
_ACCEPTED = {"description": "Accepted: the entry runs later.", "content": {JSON: {"schema": _REQUEST_ID}}}


@dataclass(frozen=True, slots=True)
class DeclaredResponse:
    """A response that a return annotation declares. Its status may be a range: `2XX`."""

    status: str
    media_type: str | None = None  # None if there is no body, or any body
    annotation: Any = Any


_UNKNOWN = (DeclaredResponse("2XX"), DeclaredResponse("3XX"))


def create_responses(entry: Entry, schemas: Schemas, description: str, *, has_body: bool) -> dict[str, ResponseObject]:
    """Return the responses of an operation: those its entry declares, and references to the errors it can cause."""
    responses = _create_declared_responses(entry, schemas, description)
    if entry.background:
        responses["202"] = _ACCEPTED
    for status in _get_problem_statuses(entry, has_body=has_body):
        responses.setdefault(status, {"$ref": f"#/components/responses/{_get_problem_name(status)}"})
    return dict(sorted(responses.items()))


def _create_declared_responses(entry: Entry, schemas: Schemas, description: str) -> dict[str, ResponseObject]:
    binary_headers = entry.options.binary_headers
    content_type = next((value for name, value in binary_headers if name.lower() == "content-type"), None)
    headers = {name: {"schema": {"const": value}} for name, value in binary_headers if name.lower() != "content-type"}
    responses: dict[str, ResponseObject] = {}
    for declared in iter_declared_responses(entry):
        status = declared.status
        text = description or _RANGE_DESCRIPTIONS.get(status) or status_title(int(status))
        response = responses.setdefault(status, {"description": text, **omit_empty({"headers": headers})})
        media_type = content_type.partition(";")[0] if content_type is not None else declared.media_type
        add_content(response, replace(declared, media_type=declared.media_type and media_type), schemas)
    return responses


def add_content(response: ResponseObject, declared: DeclaredResponse, schemas: Schemas) -> None:
    """Add the body of a declared response, if it has one."""
    if declared.media_type is not None and declared.status not in map(str, BODILESS_STATUSES):
        content = response.setdefault("content", {})
        schema = schemas.get(declared.annotation, "serialization")
        content[declared.media_type] = _add_alternative(content.get(declared.media_type), schema)


def _add_alternative(media: ResponseObject | None, schema: Schema) -> ResponseObject:
    """Add an alternative to the schema of a content type. Without a schema, anything is allowed."""
    if media == {} or not schema:
        return {}
    if media is None or media["schema"] == schema:
        return {"schema": schema}
    return {"schema": {"anyOf": [*media["schema"].get("anyOf", [media["schema"]]), schema]}}


def iter_declared_responses(entry: Entry) -> Iterator[DeclaredResponse]:
    """Yield the responses that the signature of an entry declares."""
    returns = entry.signature.returns
    function = inspect.unwrap(entry.declaration.function)
    if returns is Any and (inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)):
        yield from [DeclaredResponse("200", TEXT), DeclaredResponse("200", BINARY)]
        return
    yield from iter_type_responses(returns)


def iter_type_responses(annotation: Any) -> Iterator[DeclaredResponse]:
    """Yield the responses that a type declares. An Annotated type keeps its examples and constraints."""
    annotation = getattr(annotation, "__value__", annotation)  # of `type Name = ...`
    members = list(union_members(annotation))
    if get_origin(annotation) in (Union, UnionType):
        for argument in get_args(annotation):
            yield from iter_type_responses(argument)
        return
    for member in members:
        for declared in _iter_responses(member):
            is_annotated = len(members) == 1 and declared.annotation is member
            yield replace(declared, annotation=annotation) if is_annotated else declared


def _iter_responses(member: Any) -> Iterator[DeclaredResponse]:
    kind: Any = get_origin(member) or member
    if member in (None, type(None)):
        yield DeclaredResponse("204")
    elif kind is tuple:
        yield from _iter_tuple_responses(get_args(member))
    elif kind is Literal:
        yield from _iter_value_responses(get_args(member))
    elif not isinstance(kind, type):
        yield from () if member in (NoReturn, Never) else _UNKNOWN
    elif issubclass(kind, Enum):
        yield from _iter_value_responses([each.value for each in kind if isinstance(each, str | int)])
    elif issubclass(kind, RedirectResponse):
        yield DeclaredResponse("3XX")
    elif issubclass(kind, Response) and kind.media_type:
        yield DeclaredResponse("2XX", kind.media_type)
    elif kind in _STREAM_TYPES:
        chunk: Any = next(iter(get_args(member)), Any)
        yield DeclaredResponse("200", _CHUNK_MEDIA_TYPES.get(chunk, "*/*"))
    elif issubclass(kind, str | bytes):
        yield DeclaredResponse("200", TEXT, str) if issubclass(kind, str) else DeclaredResponse("200", BINARY)
    elif issubclass(kind, _JSON_TYPES) or is_structured(member):
        yield DeclaredResponse("200", JSON, member if _has_type_info(member) else Any)
    else:
        yield from _UNKNOWN


def _iter_value_responses(values: Sequence[Any]) -> Iterator[DeclaredResponse]:
    strings = tuple(str(value) for value in values if isinstance(value, str))
    numbers = tuple(int(value) for value in values if isinstance(value, int))
    if strings:
        yield DeclaredResponse("200", TEXT, Literal[strings])
    if numbers:
        yield DeclaredResponse("200", JSON, Literal[numbers])
    if None in values:
        yield DeclaredResponse("204")
    if not values:
        yield from _UNKNOWN


def _iter_tuple_responses(parts: Sequence[Any]) -> Iterator[DeclaredResponse]:
    """Yield the responses of (body, status), (body, headers) or (body, status, headers)."""
    if len(parts) not in (2, 3) or ... in parts:
        yield from _UNKNOWN
        return
    statuses: list[str] = []
    if get_origin(parts[1]) is Literal:
        statuses = [str(int(value)) for value in get_args(parts[1])]
    elif isinstance(parts[1], type) and issubclass(parts[1], int):
        statuses = ["2XX"]
    for declared in iter_type_responses(parts[0]):
        yield from [replace(declared, status=status) for status in statuses or [declared.status]]


def _has_type_info(annotation: Any) -> bool:
    """Return whether a type has a schema. A return type need not be one that a request can be converted to."""
    try:
        type_info(annotation)
    except (TypeError, NameError):
        return False
    return True


_PROBLEM_SCHEMA: Schema = {
    "title": "Problem",
    "description": "An error in the problem details format of RFC 9457.",
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "description": "Every invalid value in the request.",
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "where": {"type": "string", "enum": ["path", "query", "body", "header", "cookie"]},
                    "name": {"type": "string"},
                    "expected": {"type": "string"},
                    "detail": {"type": "string"},
                },
                "required": ["where", "name", "expected", "detail"],
            },
        },
    },
    "required": ["type", "title", "status"],
}

_PROBLEM_TITLES = {str(status): status_title(status) for status in (400, 401, 403, 404, 405, 413, 415, 422, 500)}
_PROBLEM_TITLES["default"] = "Any other error"
_PROBLEM_HEADERS = {"401": "WWW-Authenticate", "405": "Allow"}


def create_problem_responses(operations: Iterable[Mapping[str, Any]], schemas: Schemas) -> dict[str, ResponseObject]:
    """Return the response components that operations refer to: the errors that entries share."""
    responses = [item for operation in operations for item in operation["responses"].items()]
    used = {status for status, response in responses if "$ref" in response}
    return {
        _get_problem_name(status): create_problem_response(status, title, schemas)
        for status, title in _PROBLEM_TITLES.items()
        if status in used
    }


def create_problem_response(status: str, description: str, schemas: Schemas, **media: Any) -> ResponseObject:
    """Create a response with a problem. `media` are more members of its media type, such as examples."""
    name = ComponentName("Problem", "coworks_async.Problem")
    schema = schemas.components.refer("problem", name, lambda: _PROBLEM_SCHEMA)
    header = _PROBLEM_HEADERS.get(status)
    return {
        "description": description,
        **({"headers": {header: {"schema": {"type": "string"}}}} if header is not None else {}),
        "content": {MEDIA_TYPE: {"schema": schema, **media}},
    }


def _get_problem_name(status: str) -> str:
    return "Problem" if status == "default" else _PROBLEM_TITLES[status].replace(" ", "")


def _get_problem_statuses(entry: Entry, *, has_body: bool) -> list[str]:
    excluded: set[str] = set()
    if entry.no_auth:
        excluded |= {"401", "403"}
    # A slash in a segment leads to another path, which may not exist or not have the method.
    if not entry.plan.path and entry.plan.path_rest is None:
        excluded |= {"404", "405"}
    if not has_body:
        excluded |= {"413", "415"}
    if entry.plan.request is not None and not entry.plan.slots and not entry.plan.headers_and_cookies:
        excluded.add("422")
    return [status for status in _PROBLEM_TITLES if status not in excluded]

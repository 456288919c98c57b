"""The answers of an operation: what the entry says that it returns, and the problems that it can give."""

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, Never, NoReturn, get_args, get_origin

from msgspec.inspect import type_info
from starlette.responses import RedirectResponse, Response

from coworks_async.entries.annotations import is_structured, union_members
from coworks_async.entries.entry import Entry
from coworks_async.openapi.components import Label, Schema
from coworks_async.openapi.schemas import Schemas
from coworks_async.pipeline.errors import MEDIA_TYPE, status_title
from coworks_async.pipeline.responses import BODILESS_STATUSES

Answer = dict[str, Any]

JSON = "application/json"
TEXT = "text/plain"
BINARY = "application/octet-stream"


_STREAMS = (AsyncGenerator, AsyncIterator, AsyncIterable, Generator, Iterator, Iterable)
_CHUNKS: Mapping[Any, str] = {str: TEXT, bytes: BINARY}
_JSON = (dict, list, int, float, Decimal, Mapping, Sequence)


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer that an entry may give: a status, a content type (None for no body, or for any) and a type."""

    status: str
    media_type: str | None = None
    annotation: Any = Any


def answers(entry: Entry, schemas: Schemas, text: str) -> dict[str, Answer]:
    """Return the answers that an entry says it gives, by status.

    Parameters:
        text: what its docstring says of what it returns.
    """
    found: dict[str, Answer] = {}
    own = dict(entry.options.binary_headers)
    told = next((value.partition(";")[0] for name, value in own.items() if name.lower() == "content-type"), None)
    headers = {name: {"schema": {"const": value}} for name, value in own.items() if name.lower() != "content-type"}
    for one in answered(entry):
        answer = found.setdefault(one.status, {"description": text or _title(one.status)})
        if headers:
            answer["headers"] = headers
        if one.media_type is not None and one.status not in map(str, BODILESS_STATUSES):
            content, kind = answer.setdefault("content", {}), told or one.media_type
            content[kind] = _either(content.get(kind), schemas.of(one.annotation, "serialization"))
    return found


def _title(status: str) -> str:
    return status_title(int(status)) if status.isdecimal() else "Answer"


def _either(before: Answer | None, schema: Schema) -> Answer:
    """Return what a content type holds that may have one more schema; without a schema it may be anything."""
    if before == {} or not schema:
        return {}
    if before is None or before["schema"] == schema:
        return {"schema": schema}
    return {"schema": {"anyOf": [*before["schema"].get("anyOf", [before["schema"]]), schema]}}


def answered(entry: Entry) -> Iterator[Answered]:
    """Yield the answers that the signature of an entry tells of."""
    returns = entry.signature.returns
    function = inspect.unwrap(entry.declaration.function)
    if returns is Any and (inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)):
        yield from [Answered("200", TEXT), Answered("200", BINARY)]
        return
    for member in union_members(returns):
        yield from _answered(member)


def _answered(member: Any) -> Iterator[Answered]:
    kind: Any = get_origin(member) or member
    if member in (None, type(None)):
        yield Answered("204")
    elif kind is tuple:
        yield from _told(get_args(member))
    elif kind is Literal:
        yield from _of_values(get_args(member))
    elif member in (NoReturn, Never):
        return
    elif not isinstance(kind, type):
        yield from _UNKNOWN
    elif issubclass(kind, Enum):
        yield from _of_values([each.value for each in kind if isinstance(each, str | int)])
    elif issubclass(kind, Response):
        yield from _of_response(kind)
    elif kind in _STREAMS:
        chunk: Any = next(iter(get_args(member)), Any)
        yield Answered("200", _CHUNKS.get(chunk, "*/*"))
    elif issubclass(kind, str | bytes):
        yield Answered("200", TEXT, str) if issubclass(kind, str) else Answered("200", BINARY)
    elif issubclass(kind, _JSON) or is_structured(member):
        yield Answered("200", JSON, member if _is_type(member) else Any)
    else:
        yield from _UNKNOWN


_UNKNOWN = (Answered("2XX"), Answered("3XX"))
"""What an entry answers that does not say what it returns."""


def _of_values(values: Sequence[Any]) -> Iterator[Answered]:
    """Each value of an enumeration is answered as what it is."""
    strings = tuple(str(value) for value in values if isinstance(value, str))
    numbers = tuple(int(value) for value in values if isinstance(value, int))
    if strings:
        yield Answered("200", TEXT, Literal[strings])
    if numbers:
        yield Answered("200", JSON, Literal[numbers])
    if None in values:
        yield Answered("204")
    if not values:
        yield from _UNKNOWN


def _of_response(kind: type[Response]) -> Iterator[Answered]:
    if issubclass(kind, RedirectResponse):
        yield Answered("3XX")
    elif kind.media_type:
        yield Answered("2XX", kind.media_type)
    else:
        yield from _UNKNOWN


def _told(parts: Sequence[Any]) -> Iterator[Answered]:
    """(body, status), (body, headers) or (body, status, headers)."""
    if len(parts) not in (2, 3) or ... in parts:
        yield from _UNKNOWN
        return
    statuses = _statuses(parts[1])
    for member in union_members(parts[0]):
        for one in _answered(member):
            yield from [replace(one, status=status) for status in statuses or [one.status]]


def _statuses(part: Any) -> list[str]:
    """Return the statuses that a type tells of, none where it is that of headers."""
    if get_origin(part) is Literal:
        return [str(int(value)) for value in get_args(part)]
    return ["2XX"] if isinstance(part, type) and issubclass(part, int) else []


def _is_type(annotation: Any) -> bool:
    """Tell whether it can be described: what is returned need not be what a request could be converted to."""
    try:
        type_info(annotation)
    except (TypeError, NameError):
        return False
    return True


PROBLEM: Schema = {
    "title": "Problem",
    "description": "An error, as RFC 9457 has it.",
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "description": "All that is wrong with a request.",
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "where": {"type": "string", "enum": ["path", "query", "body", "header"]},
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

_HEADERS = {401: "WWW-Authenticate", 405: "Allow"}


def problems(entry: Entry, *, body: bool) -> list[int]:
    """Return the statuses of the problems that an entry can give of itself.

    Parameters:
        body: it takes one.
    """
    reads = entry.plan.request is None or entry.plan.slots
    found = {400: True, 401: not entry.no_auth, 403: not entry.no_auth, 422: reads, 500: True}
    # A slash in a segment leads to another path, where there may be nothing, or nothing for this method.
    found |= dict.fromkeys((404, 405), bool(entry.plan.path or entry.plan.path_rest))
    found |= dict.fromkeys((413, 415), body)
    return sorted(status for status, given in found.items() if given)


def problem_name(status: int | None) -> str:
    """Return the name of a problem's component; None is any other that the service gives."""
    return status_title(status).replace(" ", "") if status is not None else "Problem"


def problem_answer(status: int | None, schemas: Schemas) -> Answer:
    """Return a problem as the components of a document have it."""
    label = Label("Problem", "coworks_async.Problem")
    schema = schemas.components.refer("problem", label, lambda: PROBLEM)
    answer: Answer = {"description": status_title(status) if status is not None else "Another problem"}
    if status in _HEADERS:
        answer["headers"] = {_HEADERS[status]: {"schema": {"type": "string"}}}
    return {**answer, "content": {MEDIA_TYPE: {"schema": schema}}}

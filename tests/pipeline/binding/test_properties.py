"""Property tests of binding: every value is bound to its parameter with its type, or is named in a 422.

For any signature and any request: no 500, and no value in a wrong parameter. Fast and full binding agree.
"""

import asyncio
import inspect
import json
from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Literal, TypedDict
from urllib.parse import quote, urlencode

import msgspec
import pydantic
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from coworks_async import Problem, TechMicroService
from coworks_async.pipeline.binding.fast import create_binder, create_full_bind
from coworks_async.pipeline.body import Limits
from tests.http_requests import create_item_service
from tests.pipeline.strategies import (
    KINDS,
    DrawnParameter,
    DrawnRequest,
    Kind,
    create_drawn_service,
    expected,
    requests,
    signatures,
)

FORM = b"application/x-www-form-urlencoded"
METHODS = st.sampled_from(["get", "post"])


def create_request(method: str, request: DrawnRequest) -> tuple[dict[str, Any], bytes]:
    """Return the scope and the body of a drawn request."""
    headers, body = [], b""
    if request.form is not None:
        body = urlencode(request.form).encode()
        headers.append((b"content-type", FORM))
    elif request.json is not None:
        body = json.dumps(request.json).encode()
    return create_scope(method, "/" + "/".join(request.path), urlencode(request.query).encode(), headers, body), body


def create_scope(
    method: str, path: str, query_string: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> dict[str, Any]:
    """Create a scope as a server does."""
    length = [(b"content-length", str(len(body)).encode())] if body else []
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method.upper(),
        "scheme": "http",
        "path": path,
        "raw_path": quote(path).encode(),
        "query_string": query_string,
        "root_path": "",
        "headers": [*headers, *length],
        "client": None,
        "server": None,
    }


def send_request(service: TechMicroService, scope: dict[str, Any], body: bytes) -> tuple[int, Any]:
    """Send a request and return the status and the body of the response."""
    messages: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        messages.append(message)

    asyncio.run(service(scope, receive, send))
    return messages[0]["status"], messages[1]["body"]


@st.composite
def signatures_and_requests(draw: st.DrawFn) -> tuple[list[DrawnParameter], str, DrawnRequest]:
    """Draw a signature, a method and a request."""
    parameters = draw(signatures())
    method = draw(METHODS)
    return parameters, method, draw(requests(parameters, body=method == "post"))


@given(signatures_and_requests())
@settings(max_examples=400)
def test_every_value_is_bound_with_its_type_or_named_in_a_422(drawn: tuple[list[DrawnParameter], str, DrawnRequest]):
    parameters, method, request = drawn
    calls: list[dict[str, Any]] = []
    outcome = expected(parameters, request)
    status, body = send_request(create_drawn_service(parameters, method, calls), *create_request(method, request))
    if outcome.errors:
        assert (status, calls) == (422, [])
        assert {(error["where"], error["name"]) for error in json.loads(body)["errors"]} == outcome.errors
    else:
        assert (status, body) == (200, b"called")
        assert [{name: repr(value) for name, value in call.items()} for call in calls] == [
            {parameter.name: repr(outcome.values[parameter.name]) for parameter in parameters}
        ]


class Part(msgspec.Struct, forbid_unknown_fields=True):
    x: int
    y: str = ""


class OpenPart(msgspec.Struct):
    x: int
    y: str = ""


@dataclass
class DataPart:
    x: int
    y: str = ""
    a: OpenPart | None = None


class DictPart(TypedDict, total=False):
    x: int
    a: DataPart


OTHERS = [
    Kind(annotation, [])
    for annotation in (
        set[int],
        dict[str, int],
        dict[int, str],
        list[int | str],
        tuple[int, str],
        bytes,
        list[Part],
        dict[str, Part],
        list[OpenPart],
        tuple[DataPart, ...],
        dict[str, DictPart | None],
        str | bool,
    )
]
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3)
    | st.sampled_from(["1", "01", "true", "nan", "12345678123456781234567812345678", "YQ==", "2024-02-29", "1e999"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["1", "01", "x", "y", "nan", "a"]), inner)
    ),
    max_leaves=6,
)


@st.composite
def fast_signatures_and_requests(draw: st.DrawFn) -> tuple[list[DrawnParameter], str, dict[str, Any], bytes]:
    """Draw a signature for fast binding, and a request with its names and any values, or with any bytes."""
    parameters = [parameter for parameter in draw(signatures()) if parameter.role not in ("tail", "rest")]
    parameters = [
        parameter if parameter.role == "path" else replace(parameter, kind=draw(st.sampled_from([*KINDS, *OTHERS])))
        for parameter in parameters
    ]
    if draw(st.booleans()):
        default = draw(st.sampled_from([None, inspect.Parameter.empty]))
        parameters.append(
            DrawnParameter(
                "whole", Kind(draw(st.sampled_from([Part, OpenPart, DataPart, DictPart])), []), "keyword", default
            )
        )
    method = draw(METHODS)
    request = draw(requests([parameter for parameter in parameters if parameter.role == "path"], body=False))
    names = [parameter.name for parameter in parameters if parameter.role != "path"]
    name = st.sampled_from([*names, "nope", "x", "y"])
    pairs = st.lists(
        st.tuples(name, st.text(st.characters(codec="utf-8"), max_size=3) | st.sampled_from(["1", "x"])), max_size=3
    )
    query = draw(st.just(b"") | pairs.map(lambda pairs: urlencode(pairs).encode()) | st.binary(max_size=8))
    members = st.dictionaries(name, JSON_VALUES, max_size=3) | JSON_VALUES
    body = (
        draw(members.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=8)) if method == "post" else b""
    )
    return parameters, method, create_scope(method, "/" + "/".join(request.path), query, [], body), body


@given(fast_signatures_and_requests())
@settings(max_examples=400)
def test_fast_binding_agrees_with_full_binding(drawn: tuple[list[DrawnParameter], str, dict[str, Any], bytes]):
    parameters, method, scope, body = drawn
    calls: list[dict[str, Any]] = []
    service = create_drawn_service(parameters, method, calls)
    [entry] = service.entries
    scope["path_params"] = dict(zip(entry.template.names, scope["path"][1:].split("/"), strict=False))
    binder = create_binder(entry.plan, entry.method, Limits())
    results = []
    for bind in (binder.bind, create_full_bind(entry.plan, entry.method, Limits())):
        results.append(asyncio.run(result(bind, dict(scope), body, entry.function, calls)))
    if binder.bind_sync is not None:
        results.append(
            asyncio.run(result(combine(binder.bind_sync, binder.bind), dict(scope), body, entry.function, calls))
        )
    assert results == results[:1] * len(results)


def combine(bind_sync: Any, bind_async: Any) -> Any:
    """Combine sync and async binding as an endpoint does."""

    async def bind(scope: Any, receive: Any, send: Any) -> Any:
        bound = bind_sync(scope)
        return bound if bound is not None else await bind_async(scope, receive, send)

    return bind


async def result(bind: Any, scope: dict[str, Any], body: bytes, function: Any, calls: list[dict[str, Any]]) -> str:
    """Return the arguments of an entry, or the error response."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        args, kwargs = await bind(scope, receive, None)
    except HTTPException as error:
        return repr((error.status_code, error.detail, error.errors if isinstance(error, Problem) else ()))
    await function(*args, **kwargs)
    return repr(calls.pop())


@given(
    st.binary(max_size=40) | JSON_VALUES.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=20),
    st.sampled_from(
        [
            b"application/json",
            FORM,
            b"multipart/form-data; boundary=x",
            b"multipart/form-data; boundary=",
            b"multipart/form-data",
            b"text/plain; charset=utf-16",
            b"application/octet-stream",
            b"",
        ]
    )
    | st.binary(max_size=20),
    signatures_and_requests(),
)
@settings(max_examples=200)
def test_no_bytes_cause_a_500(
    body: bytes, query: bytes, content_type: bytes, drawn: tuple[list[DrawnParameter], str, DrawnRequest]
):
    parameters, method, request = drawn
    service = create_drawn_service(parameters, method, [])
    scope = create_scope(method, "/" + "/".join(request.path), query, [(b"content-type", content_type)], body)
    status, _ = send_request(service, scope, body)
    assert status in (200, 400, 413, 415, 422)


class Model(pydantic.BaseModel):
    x: int
    parts: list[Part | None] | None = None
    tagged: dict[str, "Model"] = {}

    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)


@dataclass
class Data:
    x: int
    y: Literal[1, "a"] = 1
    a: "set[float] | Data | None" = None


class Typed(TypedDict, total=False):
    x: dict[int, Decimal]
    y: tuple[bool, date]
    a: list["Cat | Dog"]


class Cat(msgspec.Struct, tag=1):
    x: int | str


class Dog(msgspec.Struct, tag=2, array_like=False):
    x: float = 1.0


STRUCTURED = [Model, Data, Typed, Cat | Dog, Part | None]


@given(
    st.dictionaries(st.sampled_from(["x", "y", "a", "type", "tagged", "parts"]), JSON_VALUES, max_size=4),
    st.sampled_from(STRUCTURED),
)
@settings(max_examples=300)
def test_no_json_for_a_structured_parameter_causes_a_500(value: dict[str, Any], annotation: Any):
    body = json.dumps(value).encode()
    status, response = send_request(create_item_service(annotation), create_scope("post", "/", b"", [], body), body)
    assert status in (200, 422)
    if status == 422:
        assert {error["where"] for error in json.loads(response)["errors"]} == {"body"}

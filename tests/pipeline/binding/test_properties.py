"""Property tests of binding: every value is bound to its parameter with its type, or is named in a 422.

For any signature and any request: no 500, and no value in a wrong parameter. Fast and full binding agree.
"""

import asyncio
import inspect
import json
from collections.abc import MutableMapping
from dataclasses import dataclass
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
from coworks_async.pipeline.binding.fast import create_binder, full_binding
from coworks_async.pipeline.body import Limits
from tests.http_requests import taking_whole
from tests.pipeline.strategies import KINDS, Kind, Sent, Taker, expected, requests, service_of, signatures

FORM = b"application/x-www-form-urlencoded"
METHODS = st.sampled_from(["get", "post"])


def create_request(method: str, sent: Sent) -> tuple[dict[str, Any], bytes]:
    """Return the scope and the body of a drawn request."""
    headers, body = [], b""
    if sent.form is not None:
        body = urlencode(sent.form).encode()
        headers.append((b"content-type", FORM))
    elif sent.json is not None:
        body = json.dumps(sent.json).encode()
    return create_scope(method, "/" + "/".join(sent.path), urlencode(sent.query).encode(), headers, body), body


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


def send_request(service: TechMicroService, request_scope: dict[str, Any], body: bytes) -> tuple[int, Any]:
    """Send a request and return the status and the body of the response."""
    messages: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        messages.append(message)

    asyncio.run(service(request_scope, receive, send))
    return messages[0]["status"], messages[1]["body"]


@st.composite
def signatures_and_requests(draw: st.DrawFn) -> tuple[list[Taker], str, Sent]:
    """Draw a signature, a method and a request."""
    takers = draw(signatures())
    method = draw(METHODS)
    return takers, method, draw(requests(takers, body=method == "post"))


@given(signatures_and_requests())
@settings(max_examples=400)
def test_every_value_is_bound_with_its_type_or_named_in_a_422(one: tuple[list[Taker], str, Sent]):
    takers, method, sent = one
    calls: list[dict[str, Any]] = []
    outcome = expected(takers, sent)
    status, body = send_request(service_of(takers, method, calls), *create_request(method, sent))
    if outcome.errors:
        assert (status, calls) == (422, [])
        assert {(error["where"], error["name"]) for error in json.loads(body)["errors"]} == outcome.errors
    else:
        assert (status, body) == (200, b"called")
        assert [{name: repr(value) for name, value in call.items()} for call in calls] == [
            {taker.name: repr(outcome.values[taker.name]) for taker in takers}
        ]


class Part(msgspec.Struct, forbid_unknown_fields=True):
    x: int
    y: str = ""


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
def fast_signatures_and_requests(draw: st.DrawFn) -> tuple[list[Taker], str, dict[str, Any], bytes]:
    """Draw a signature for fast binding, and a request with its names and any values, or with any bytes."""
    takers = [taker for taker in draw(signatures()) if taker.place not in ("tail", "rest")]
    takers = [
        Taker(taker.name, draw(st.sampled_from([*KINDS, *OTHERS])), taker.place, taker.default)
        if taker.place != "path"
        else taker
        for taker in takers
    ]
    if draw(st.booleans()):
        takers.append(Taker("whole", Kind(Part, []), "keyword", draw(st.sampled_from([None, inspect.Parameter.empty]))))
    method = draw(METHODS)
    sent = draw(requests([taker for taker in takers if taker.place == "path"], body=False))
    names = st.sampled_from([taker.name for taker in takers if taker.place != "path"] + ["nope", "x", "y"])
    pairs = st.lists(
        st.tuples(names, st.text(st.characters(codec="utf-8"), max_size=3) | st.sampled_from(["1", "x"])), max_size=3
    )
    query = draw(st.just(b"") | pairs.map(lambda pairs: urlencode(pairs).encode()) | st.binary(max_size=8))
    members = st.dictionaries(names, JSON_VALUES, max_size=3) | JSON_VALUES
    body = (
        draw(members.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=8)) if method == "post" else b""
    )
    return takers, method, create_scope(method, "/" + "/".join(sent.path), query, [], body), body


@given(fast_signatures_and_requests())
@settings(max_examples=400)
def test_fast_binding_agrees_with_full_binding(one: tuple[list[Taker], str, dict[str, Any], bytes]):
    takers, method, request_scope, body = one
    calls: list[dict[str, Any]] = []
    service = service_of(takers, method, calls)
    [entry] = service.entries
    request_scope["path_params"] = dict(zip(entry.path_param_names, request_scope["path"][1:].split("/"), strict=False))
    binder = create_binder(entry.plan, entry.method, Limits())
    results = []
    for bind in (binder.bind, full_binding(entry.plan, entry.method, Limits())):
        results.append(asyncio.run(result(bind, dict(request_scope), body, entry.function, calls)))
    if binder.bind_sync is not None:
        results.append(
            asyncio.run(
                result(combine(binder.bind_sync, binder.bind), dict(request_scope), body, entry.function, calls)
            )
        )
    assert results == results[:1] * len(results)


def combine(bind_sync: Any, bind_async: Any) -> Any:
    """Combine sync and async binding as an endpoint does."""

    async def bind(scope: Any, receive: Any, send: Any) -> Any:
        bound = bind_sync(scope)
        return bound if bound is not None else await bind_async(scope, receive, send)

    return bind


async def result(
    bind: Any, request_scope: dict[str, Any], body: bytes, function: Any, calls: list[dict[str, Any]]
) -> str:
    """Return the arguments of an entry, or the error response."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        args, kwargs = await bind(request_scope, receive, None)
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
def test_no_bytes_cause_a_500(body: bytes, query: bytes, content_type: bytes, one: tuple[list[Taker], str, Sent]):
    takers, method, sent = one
    service = service_of(takers, method, [])
    request_scope = create_scope(method, "/" + "/".join(sent.path), query, [(b"content-type", content_type)], body)
    status, _ = send_request(service, request_scope, body)
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
    status, response = send_request(taking_whole(annotation), create_scope("post", "/", b"", [], body), body)
    assert status in (200, 422)
    if status == 422:
        assert {error["where"] for error in json.loads(response)["errors"]} == {"body"}

"""The law: what the document allows is never refused, and what it forbids always is, but for strings that convert."""

import json
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from coworks_async.openapi import openapi
from tests.http_requests import taking_whole
from tests.openapi.describing import FORM, JSON
from tests.openapi.judging import (
    allows,
    allows_text,
    conversions,
    judged_names,
    may_allow,
    only_operation,
    parts,
    query_schema,
)
from tests.openapi.structured import STRUCTURED
from tests.pipeline.strategies import Sent, Taker, requests, service_of, signatures


@st.composite
def asked(draw: st.DrawFn) -> tuple[list[Taker], str, Sent]:
    """Draw a signature, a method and a request; the query of a POST is left out, since its names are the body's."""
    takers = draw(signatures())
    method = draw(st.sampled_from(["get", "post", "delete"]))
    sent = draw(requests(takers, body=method == "post"))
    return takers, method, Sent(sent.path, [] if method == "post" else sent.query, sent.form, sent.json)


def judged(takers: list[Taker], method: str, sent: Sent, document: dict[str, Any]) -> tuple[bool, bool]:
    """Tell whether a request is allowed, and if not, whether it must be refused."""
    operation = only_operation(document)
    parameters = operation.get("parameters", [])
    in_path = [parameter["schema"] for parameter in parameters if parameter["in"] == "path"]
    last = in_path[-1:] * (len(sent.path) - len(in_path))
    verdicts = [
        (allows_text(document, schema, [text]), not allows_text(document, schema, [text], conversions))
        for schema, text in zip([*in_path, *last], sent.path, strict=False)
    ]
    content = operation.get("requestBody", {"content": {}, "required": False})
    given: dict[str, list[str]] = {}
    for name, value in sent.form or sent.query:
        given.setdefault(name, []).append(value)
    if sent.form:
        verdicts.append(_judged_body(document, content, FORM, given))
    elif sent.json is not None:
        verdicts.append(_judged_body(document, content, JSON, sent.json))
    elif content["required"]:
        verdicts.append((False, True))
    if not sent.form:
        verdicts.append(judged_names(document, query_schema(parameters), given, text=True))
    return all(allowed for allowed, _ in verdicts), any(must for _, must in verdicts)


def _judged_body(document: dict[str, Any], body: dict[str, Any], media_type: str, given: Any) -> tuple[bool, bool]:
    if media_type not in body["content"]:
        return given == {}, given != {}
    schema = body["content"][media_type]["schema"]
    schema = schema["oneOf"][0] if "oneOf" in schema else schema
    return judged_names(document, schema, given, text=media_type == FORM)


@given(asked())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_request_is_answered_as_the_document_says(one: tuple[list[Taker], str, Sent]):
    takers, method, sent = one
    service = service_of(takers, method, [])
    document = openapi(service)
    allowed, must_be_refused = judged(takers, method, sent, document)
    headers = {"content-type": FORM} if sent.form is not None else {}
    body = urlencode(sent.form) if sent.form is not None else json.dumps(sent.json) if sent.json is not None else None
    url = "/" + "/".join(quote(text, safe="") for text in sent.path) + f"?{urlencode(sent.query)}"
    status = TestClient(service).request(method, url, content=body, headers=headers).status_code
    if allowed:
        assert status == 200, document
    elif must_be_refused:
        assert status == 422, document
    else:
        assert status in (200, 422)


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer())
    | st.sampled_from(["", "x", "red", "cat", "dog", "2024-02-29", "P1D", "P1Y", "1.50", "YQ==", "7", "yes"])
    | st.sampled_from(["12345678-1234-5678-1234-567812345678", "2024-02-29T10:00:00Z", "10:00:00"])
)
NAMES = ["x", "y", "z", "type", "parts", "made", "1", "nope"]
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4) | VALUES, st.sampled_from(list(STRUCTURED)))
@example({"x": 1, "y": "P1Y"}, "duration")
@example({"x": 1, "made": "x"}, "data")
@example({"x": "1.50"}, "decimal")
@example({"x": 1, "nope": 1}, "data")
@example({"x": "7"}, "struct")
@example({"x": 1, "y": {"1": "yes"}}, "typed")
@example({"x": "seven"}, "struct")
@example(None, "optional")
@example([1, 2, 3, 4], "array")
def test_a_structured_body_is_answered_as_its_schema_says(value: Any, name: str):
    service = taking_whole(STRUCTURED[name])
    document = openapi(service)
    body = document["paths"]["/"]["post"]["requestBody"]
    allowed = allows(document, body["content"][JSON]["schema"], value) and not _read_only(document, value)
    status = TestClient(service).post("/", content=json.dumps(value)).status_code
    if allowed:
        assert status == 200, document
    elif _read_only(document, value) or not may_allow(document, body["content"][JSON]["schema"], value):
        assert status == 422, document
    else:
        assert status in (200, 422)


def _read_only(document: dict[str, Any], value: Any) -> bool:
    """Tell whether a field that only answers have is sent: a validator has no opinion of that."""
    names = {
        name
        for schema in document["components"]["schemas"].values()
        for name, field in schema.get("properties", {}).items()
        if field.get("readOnly")
    }
    return any(isinstance(part, dict) and names & set(part) for part in parts(value))


@st.composite
def alone(draw: st.DrawFn) -> tuple[list[Taker], Any]:
    """Draw the signature of a POST, and JSON that is no object."""
    takers = [taker for taker in draw(signatures()) if taker.place in ("named", "keyword")]
    return takers, draw(VALUES.filter(lambda value: not isinstance(value, dict)))


@given(alone())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_body_that_is_no_object_is_answered_as_the_document_says(one: tuple[list[Taker], Any]):
    takers, value = one
    service = service_of(takers, "post", [])
    document = openapi(service)
    content = only_operation(document).get("requestBody", {"content": {JSON: {"schema": {"not": {}}}}})["content"]
    status = TestClient(service).post("/", content=json.dumps(value)).status_code
    schema = content[JSON]["schema"]
    if allows(document, schema, value) and not any(isinstance(part, str) for part in parts(value)):
        assert status == 200, document
    elif not may_allow(document, schema, value):
        assert status == 422, document
    else:
        assert status in (200, 422)

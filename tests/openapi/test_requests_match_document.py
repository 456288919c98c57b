"""For any entry and request: what the document allows is accepted, what it forbids is rejected.

Strings that convert to the expected type are the exception: they may be accepted.
"""

import json
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from coworks_async import TechMicroService
from coworks_async.openapi import openapi
from tests.openapi.document_validation import (
    Verdict,
    assert_status,
    check_object,
    create_query_schema,
    get_operation,
    group_by_name,
    is_valid,
    is_valid_text,
    iter_values,
    may_be_valid,
    read_conversions,
)
from tests.openapi.services import FORM, JSON, create_structured_service
from tests.openapi.structured_types import STRUCTURED
from tests.pipeline.strategies import Sent, Taker, requests, service_of, signatures


@st.composite
def entries_and_requests(draw: st.DrawFn) -> tuple[list[Taker], str, Sent]:
    """Draw a signature, a method and a request. A POST has no query, because its document shows names in the body."""
    takers = draw(signatures())
    method = draw(st.sampled_from(["get", "post", "delete"]))
    sent = draw(requests(takers, body=method == "post"))
    return takers, method, Sent(sent.path, [] if method == "post" else sent.query, sent.form, sent.json)


def check_request(sent: Sent, document: dict[str, Any]) -> Verdict:
    operation = get_operation(document)
    parameters = operation.get("parameters", [])
    path_schemas = [parameter["schema"] for parameter in parameters if parameter["in"] == "path"]
    rest_schemas = path_schemas[-1:] * (len(sent.path) - len(path_schemas))
    verdicts = [
        (is_valid_text(document, schema, [text]), not is_valid_text(document, schema, [text], read_conversions))
        for schema, text in zip([*path_schemas, *rest_schemas], sent.path, strict=False)
    ]
    body = operation.get("requestBody", {"content": {}, "required": False})
    values = group_by_name(sent.form or sent.query)
    if sent.form:
        verdicts.append(check_body(document, body, FORM, values))
    elif sent.json is not None:
        verdicts.append(check_body(document, body, JSON, sent.json))
    elif body["required"]:
        verdicts.append((False, True))
    if not sent.form:
        verdicts.append(check_object(document, create_query_schema(parameters), values, text=True))
    return all(allowed for allowed, _ in verdicts), any(must_reject for _, must_reject in verdicts)


def check_body(document: dict[str, Any], body: dict[str, Any], media_type: str, values: dict[str, Any]) -> Verdict:
    if media_type not in body["content"]:
        return values == {}, values != {}
    schema = body["content"][media_type]["schema"]
    schema = schema["oneOf"][0] if "oneOf" in schema else schema
    return check_object(document, schema, values, text=media_type == FORM)


@given(entries_and_requests())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_the_status_of_a_request_matches_the_document(drawn: tuple[list[Taker], str, Sent]):
    takers, method, sent = drawn
    service = service_of(takers, method, [])
    document = openapi(service)
    headers = {"content-type": FORM} if sent.form is not None else {}
    body = urlencode(sent.form) if sent.form is not None else json.dumps(sent.json) if sent.json is not None else None
    url = "/" + "/".join(quote(text, safe="") for text in sent.path) + f"?{urlencode(sent.query)}"
    response = TestClient(service).request(method, url, content=body, headers=headers)
    assert_status(response.status_code, check_request(sent, document), document)


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


@lru_cache
def create_cached(name: str) -> tuple[TechMicroService, dict[str, Any]]:
    """Return the service of a structured type, and its document."""
    service = create_structured_service(STRUCTURED[name])
    return service, openapi(service)


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
def test_the_status_of_a_structured_body_matches_its_schema(value: Any, name: str):
    service, document = create_cached(name)
    schema = document["paths"]["/"]["post"]["requestBody"]["content"][JSON]["schema"]
    # Validators accept read-only fields, the service does not.
    must_reject = contains_read_only_field(document, value)
    allowed = not must_reject and is_valid(document, schema, value)
    must_reject = must_reject or not (allowed or may_be_valid(document, schema, value))
    response = TestClient(service).post("/", content=json.dumps(value))
    assert_status(response.status_code, (allowed, must_reject), document)


def contains_read_only_field(document: dict[str, Any], value: Any) -> bool:
    names = {
        name
        for schema in document["components"]["schemas"].values()
        for name, field in schema.get("properties", {}).items()
        if field.get("readOnly")
    }
    return any(isinstance(part, dict) and names & set(part) for part in iter_values(value))


@st.composite
def posts_and_raw_json(draw: st.DrawFn) -> tuple[list[Taker], Any]:
    """Draw the signature of a POST, and JSON that is not an object."""
    takers = [taker for taker in draw(signatures()) if taker.place in ("named", "keyword")]
    return takers, draw(VALUES.filter(lambda value: not isinstance(value, dict)))


@given(posts_and_raw_json())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_the_status_of_json_that_is_not_an_object_matches_the_document(drawn: tuple[list[Taker], Any]):
    takers, value = drawn
    service = service_of(takers, "post", [])
    document = openapi(service)
    content = get_operation(document).get("requestBody", {"content": {JSON: {"schema": {"not": {}}}}})["content"]
    schema = content[JSON]["schema"]
    # Two parameters may convert one string, so nothing is certain about strings.
    contains_string = any(isinstance(part, str) for part in iter_values(value))
    allowed = not contains_string and is_valid(document, schema, value)
    must_reject = not allowed and not may_be_valid(document, schema, value)
    response = TestClient(service).post("/", content=json.dumps(value))
    assert_status(response.status_code, (allowed, must_reject), document)

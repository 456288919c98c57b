"""Structured forms and queries, `filter[...]` and content types: the status of any request matches the document."""

import re
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import pydantic
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
)
from tests.openapi.services import FORM, JSON, MULTIPART, create_service, create_structured_service
from tests.openapi.structured_types import STRUCTURED
from tests.pipeline.strategies import KINDS, Kind, Taker, service_of, signatures

TEXTS = ["", "x", "red", "cat", "dog", "2024-02-29", "P1D", "P1Y", "+P1D", "1.50", "YQ==", "7", "07", "11", "yes", "1"]
TEXTS += ["12345678-1234-5678-1234-567812345678", "2024-02-29T10:00:00Z", "2024-02-29T10:00:00", "10:00:00", "null"]


class Part(pydantic.BaseModel):
    x: int
    y: list[int] = []


class Free(pydantic.BaseModel):
    x: int = 1

    model_config = pydantic.ConfigDict(extra="allow")


# The models of STRUCTURED are strict: no string is valid for them, so no form.
TYPES = {**STRUCTURED, "model": Part, "open": Free}
NAMES = ["x", "y", "z", "type", "parts", "made", "nope"]
PAIRS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(TEXTS)), max_size=5)


@lru_cache
def create_cached(name: str) -> tuple[TechMicroService, dict[str, Any]]:
    """Return the service of a structured type, and its document."""
    service = create_structured_service(TYPES[name])
    return service, openapi(service)


def check_any_of(document: dict[str, Any], schema: dict[str, Any], values: dict[str, list[str]]) -> Verdict:
    """Check an object by each alternative of a schema."""
    alternatives = schema.get("oneOf", [] if schema == {"not": {}} else [schema])
    verdicts = [check_object(document, alternative, values, text=True) for alternative in alternatives]
    return any(allowed for allowed, _ in verdicts), all(must_reject for _, must_reject in verdicts)


@given(PAIRS, st.sampled_from(list(TYPES)))
@example([("x", "7"), ("y", "+P1D")], "duration")
@example([("type", "cat"), ("x", "7")], "tagged")
@example([("x", "1"), ("x", "2")], "typed")
@example([("x", "07"), ("nope", "x")], "open")
@example([], "optional")
def test_the_status_of_a_structured_form_matches_its_schema(sent: list[tuple[str, str]], name: str):
    service, document = create_cached(name)
    body = document["paths"]["/"]["post"]["requestBody"]
    status = TestClient(service).post("/", content=urlencode(sent), headers={"content-type": FORM}).status_code
    if sent and FORM not in body["content"]:
        assert status in (415, 422), document
    elif not sent:
        assert status == (422 if body["required"] else 200)
    else:
        verdict = check_any_of(document, body["content"][FORM]["schema"], group_by_name(sent))
        assert_status(status, verdict, document)


@given(PAIRS, st.sampled_from(list(TYPES)))
@example([("x", "7")], "generic")
@example([], "optional")
@example([("x", "7"), ("nope", "x")], "open")
@example([], "open")
def test_the_status_of_a_structured_query_matches_its_parameters(sent: list[tuple[str, str]], name: str):
    service, document = create_cached(name)
    parameters = document["paths"]["/"]["get"].get("parameters", [])
    free = next((parameter for parameter in parameters if parameter.get("style") == "form"), None)
    if free is None or "propertyNames" in free["schema"]:  # a parameter for each field, one for all other names
        verdict = check_object(document, create_query_schema(parameters), group_by_name(sent), text=True)
    elif not sent and not free.get("required"):
        verdict = (True, False)
    else:
        verdict = check_any_of(document, free["schema"], group_by_name(sent))
    assert_status(TestClient(service).get(f"/?{urlencode(sent)}").status_code, verdict, document)


MEMBER = re.compile(r"filter\[([^\[\]]+)\]")


@st.composite
def deep_objects(draw: st.DrawFn) -> tuple[Kind, bool, bool, list[tuple[str, str]]]:
    """Draw the type of the members of `filter__`, whether it is required, whether `**others` exists, and a query."""
    kind = draw(st.sampled_from(KINDS))
    text = st.sampled_from([*(text for text, _ in kind.texts), *kind.wrong_texts])
    name = st.sampled_from(["filter[a]", "filter[a]", "filter[a.b]", "filter[]", "filter[a][b]", "filter", "nope"])
    return kind, draw(st.booleans()), draw(st.booleans()), draw(st.lists(st.tuples(name, text), max_size=4))


@given(deep_objects())
def test_the_status_of_a_deep_object_matches_its_parameter(drawn: tuple[Kind, bool, bool, list[tuple[str, str]]]):
    kind, required, others, sent = drawn
    service = create_deep_object_service(kind.annotation, required=required, others=others)
    document = openapi(service)
    parameters = get_operation(document)["parameters"]
    [deep_object] = [parameter for parameter in parameters if parameter.get("style") == "deepObject"]
    values = group_by_name(sent)
    members = {match[1]: texts for name, texts in values.items() if (match := MEMBER.fullmatch(name))}
    other = {name: texts for name, texts in values.items() if not MEMBER.fullmatch(name)}
    verdicts = [check_object(document, create_query_schema(parameters), other, text=True)]
    if members:
        verdicts.append(check_object(document, deep_object["schema"], members, text=True))
    elif deep_object.get("required"):
        verdicts.append((False, True))
    verdict = all(allowed for allowed, _ in verdicts), any(must_reject for _, must_reject in verdicts)
    assert_status(TestClient(service).get(f"/?{urlencode(sent)}").status_code, verdict, document)


def create_deep_object_service(annotation: Any, *, required: bool, others: bool) -> TechMicroService:
    """Return a service that takes `filter[...]`, and with `others` all other names."""

    async def get_filter(self: TechMicroService, *, filter__: Any = None) -> str:
        return "bound"

    async def get_filter_and_others(self: TechMicroService, *, filter__: Any = None, **others: str) -> str:
        return "bound"

    method = get_filter_and_others if others else get_filter
    method.__annotations__["filter__"] = dict[str, annotation]
    if required:
        method.__kwdefaults__ = None
    return create_service({"get": method})


BODIES = {
    JSON: b"{}",
    "application/vnd.api+json": b"{}",
    FORM: b"nope=1",
    MULTIPART: b'--x\r\nContent-Disposition: form-data; name="nope"\r\n\r\n1\r\n--x--\r\n',
    "text/plain": b"7",
    "application/octet-stream": b"7",
    "image/png": b"7",
    "text/html": b"7",
}


@given(signatures(), st.sampled_from(list(BODIES)))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_content_type_is_rejected_unless_the_document_has_it(takers: list[Taker], media_type: str):
    takers = [taker for taker in takers if taker.place not in ("path", "tail")]
    service = service_of(takers, "post", [])
    operation = get_operation(openapi(service))
    content = operation.get("requestBody", {"content": {}})["content"]
    documented = JSON if media_type.endswith("+json") else media_type
    documented = FORM if documented == MULTIPART and MULTIPART not in content else documented
    documented = "text/plain" if documented.startswith("text/") else documented
    header = f"{media_type}; boundary=x" if media_type == MULTIPART else media_type
    status = TestClient(service).post("/", content=BODIES[media_type], headers={"content-type": header}).status_code
    if documented in content:
        assert status in (200, 422), operation
    elif documented == JSON:
        assert status == 200, operation  # an empty object loses nothing
    else:
        assert status in (415, 422), operation

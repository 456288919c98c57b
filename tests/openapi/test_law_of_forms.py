"""The law where text and content types come in: structured values of a form or a query, `filter[...]`, 415."""

import re
from typing import Any
from urllib.parse import urlencode

import pydantic
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from coworks_async import TechMicroService, entry
from coworks_async.openapi import openapi
from tests.http_requests import taking_whole
from tests.openapi.describing import FORM, JSON
from tests.openapi.judging import judged_names, only_operation, query_schema
from tests.openapi.structured import STRUCTURED
from tests.pipeline.strategies import KINDS, Kind, Taker, service_of, signatures

Verdict = tuple[bool, bool]
"""Whether a request is allowed, and if not, whether it must be refused."""

TEXTS = ["", "x", "red", "cat", "dog", "2024-02-29", "P1D", "P1Y", "+P1D", "1.50", "YQ==", "7", "07", "11", "yes", "1"]
TEXTS += ["12345678-1234-5678-1234-567812345678", "2024-02-29T10:00:00Z", "2024-02-29T10:00:00", "10:00:00", "null"]


def pairs(names: list[str]) -> st.SearchStrategy[list[tuple[str, str]]]:
    return st.lists(st.tuples(st.sampled_from(names), st.sampled_from(TEXTS)), max_size=5)


def assert_lawful(status: int, verdict: Verdict, document: dict[str, Any]) -> None:
    allowed, must_be_refused = verdict
    if allowed:
        assert status == 200, document
    elif must_be_refused:
        assert status == 422, document
    else:
        assert status in (200, 422), document


def by_name(sent: list[tuple[str, str]]) -> dict[str, list[str]]:
    given: dict[str, list[str]] = {}
    for name, text in sent:
        given.setdefault(name, []).append(text)
    return given


def judged_choice(document: dict[str, Any], schema: dict[str, Any], given: dict[str, list[str]]) -> Verdict:
    """Judge an object that may be one of several; what holds nothing at all is never allowed."""
    choices = schema.get("oneOf", [] if schema == {"not": {}} else [schema])
    verdicts = [judged_names(document, choice, given, text=True) for choice in choices]
    return any(allowed for allowed, _ in verdicts), all(must for _, must in verdicts)


class Part(pydantic.BaseModel):
    x: int
    y: list[int] = []


class Free(pydantic.BaseModel):
    x: int = 1

    model_config = pydantic.ConfigDict(extra="allow")


# A model that is strict takes no strings, so nothing of a form.
TYPES = {**STRUCTURED, "model": Part, "open": Free}
STRUCTURED_NAMES = ["x", "y", "z", "type", "parts", "made", "nope"]


@given(pairs(STRUCTURED_NAMES), st.sampled_from(list(TYPES)))
@example([("x", "7"), ("y", "+P1D")], "duration")
@example([("type", "cat"), ("x", "7")], "tagged")
@example([("x", "1"), ("x", "2")], "typed")
@example([("x", "07"), ("nope", "x")], "open")
@example([], "optional")
def test_a_structured_form_is_answered_as_its_schema_says(sent: list[tuple[str, str]], name: str):
    service = taking_whole(TYPES[name])
    document = openapi(service)
    body = document["paths"]["/"]["post"]["requestBody"]
    status = TestClient(service).post("/", content=urlencode(sent), headers={"content-type": FORM}).status_code
    if sent and FORM not in body["content"]:
        assert status in (415, 422), document
    elif not sent:
        assert status == (422 if body["required"] else 200)
    else:
        schema = body["content"][FORM]["schema"]
        assert_lawful(status, judged_choice(document, schema, by_name(sent)), document)


@given(pairs(STRUCTURED_NAMES), st.sampled_from(list(TYPES)))
@example([("x", "7")], "generic")
@example([], "optional")
@example([("x", "7"), ("nope", "x")], "open")
@example([], "open")
def test_a_structured_query_is_answered_as_its_parameters_say(sent: list[tuple[str, str]], name: str):
    service = taking_whole(TYPES[name])
    document = openapi(service)
    parameters = document["paths"]["/"]["get"].get("parameters", [])
    status = TestClient(service).get(f"/?{urlencode(sent)}").status_code
    free = next((parameter for parameter in parameters if parameter.get("style") == "form"), None)
    if free is None or "propertyNames" in free["schema"]:  # a parameter for each field, and one for all others
        verdict = judged_names(document, query_schema(parameters), by_name(sent), text=True)
    elif not sent and not free.get("required"):
        verdict = (True, False)
    else:
        verdict = judged_choice(document, free["schema"], by_name(sent))
    assert_lawful(status, verdict, document)


DEEP = re.compile(r"filter\[([^\[\]]+)\]")


@st.composite
def gathered(draw: st.DrawFn) -> tuple[Kind, bool, bool, list[tuple[str, str]]]:
    """Draw what `filter__` is a dict of, whether it is required, whether `**others` is beside it, and a query."""
    kind = draw(st.sampled_from(KINDS))
    text = st.sampled_from([*(text for text, _ in kind.texts), *kind.wrong_texts])
    name = st.sampled_from(["filter[a]", "filter[a]", "filter[a.b]", "filter[]", "filter[a][b]", "filter", "nope"])
    return kind, draw(st.booleans()), draw(st.booleans()), draw(st.lists(st.tuples(name, text), max_size=4))


@given(gathered())
def test_what_is_gathered_from_a_query_is_answered_as_its_parameter_says(one: tuple[Any, ...]):
    kind, required, others, sent = one
    service = gathering(kind.annotation, required=required, others=others)
    document = openapi(service)
    parameters = only_operation(document)["parameters"]
    [deep] = [parameter for parameter in parameters if parameter.get("style") == "deepObject"]
    given = by_name(sent)
    members = {match[1]: texts for name, texts in given.items() if (match := DEEP.fullmatch(name))}
    left = {name: texts for name, texts in given.items() if not DEEP.fullmatch(name)}
    verdicts = [judged_names(document, query_schema(parameters), left, text=True)]
    if members:
        verdicts.append(judged_names(document, deep["schema"], members, text=True))
    elif deep.get("required"):
        verdicts.append((False, True))
    status = TestClient(service).get(f"/?{urlencode(sent)}").status_code
    assert_lawful(status, (all(yes for yes, _ in verdicts), any(must for _, must in verdicts)), document)


def gathering(annotation: Any, *, required: bool, others: bool) -> TechMicroService:
    """Return a service that takes `filter[...]`, and perhaps all other names."""

    async def alone(self: TechMicroService, *, filter__: Any = None) -> str:
        return "taken"

    async def with_others(self: TechMicroService, *, filter__: Any = None, **others: str) -> str:
        return "taken"

    method = with_others if others else alone
    method.__annotations__["filter__"] = dict[str, annotation]
    if required:
        method.__kwdefaults__ = None
    service: type[TechMicroService] = type("Gathering", (TechMicroService,), {"get": entry(no_auth=True)(method)})
    return service()


MULTIPART = "multipart/form-data"
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
def test_a_content_type_is_refused_unless_the_document_has_it(takers: list[Taker], media_type: str):
    takers = [taker for taker in takers if taker.place not in ("path", "tail")]
    service = service_of(takers, "post", [])
    operation = only_operation(openapi(service))
    content = operation.get("requestBody", {"content": {}})["content"]
    told = JSON if media_type.endswith("+json") else media_type
    told = FORM if told == MULTIPART and MULTIPART not in content else told
    told = "text/plain" if told.startswith("text/") else told
    kind = f"{media_type}; boundary=x" if media_type == MULTIPART else media_type
    status = TestClient(service).post("/", content=BODIES[media_type], headers={"content-type": kind}).status_code
    if told in content:
        assert status in (200, 422), operation
    elif told == JSON:
        assert status == 200, operation  # of an empty object nothing is lost
    else:
        assert status in (415, 422), operation

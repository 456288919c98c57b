"""The responses are those of the return annotation, and the errors that the entry can cause."""

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import date
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Literal, LiteralString, Never, NoReturn, TypedDict

import pytest
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.testclient import TestClient

from coworks_async import TechMicroService, entry
from tests.openapi.document_validation import create_document, create_validator, get_operation
from tests.openapi.services import JSON, create_service, describe_entry, get_responses
from tests.openapi.structured_types import Data, Part

TEXT = {"text/plain": {"schema": {"type": "string"}}}
UNKNOWN: dict[str, Any] = {"2XX": {}, "3XX": {}}
PART = {JSON: {"schema": {"$ref": "#/components/schemas/Part"}}}
NOT_A_TYPE: Any = "nothing".strip


class Word(StrEnum):
    A = "a"


class Number(IntEnum):
    ONE = 1


class Plain(Enum):
    A = "a"


class Row(TypedDict):
    x: int


@pytest.mark.parametrize(
    ("annotation", "responses"),
    [
        (str, {"200": {"content": TEXT}}),
        (Annotated[str, "a note"], {"200": {"content": TEXT}}),
        (bytes, {"200": {"content": {"application/octet-stream": {}}}}),
        (None, {"204": {}}),
        (Part, {"200": {"content": PART}}),
        (Part | None, {"200": {"content": PART}, "204": {}}),
        (list[int], {"200": {"content": {JSON: {"schema": {"type": "array", "items": {"type": "integer"}}}}}}),
        (dict, {"200": {"content": {JSON: {"schema": {"type": "object", "additionalProperties": {}}}}}}),
        (Mapping, {"200": {"content": {JSON: {"schema": {"type": "object", "additionalProperties": {}}}}}}),
        (bool, {"200": {"content": {JSON: {"schema": {"type": "boolean"}}}}}),
        (int | str, {"200": {"content": {JSON: {"schema": {"type": "integer"}}, **TEXT}}}),
        (
            int | Part | list[int],
            {
                "200": {
                    "content": {
                        JSON: {
                            "schema": {
                                "anyOf": [
                                    {"type": "integer"},
                                    {"$ref": "#/components/schemas/Part"},
                                    {"type": "array", "items": {"type": "integer"}},
                                ]
                            }
                        }
                    }
                }
            },
        ),
        (Literal["a", 3, None], {
            "200": {
                "content": {
                    "text/plain": {"schema": {"type": "string", "enum": ["a"]}},
                    JSON: {"schema": {"type": "integer", "enum": [3]}},
                }
            },
            "204": {},
        }),
        (Word, {"200": {"content": {"text/plain": {"schema": {"type": "string", "enum": ["a"]}}}}}),
        (Number, {"200": {"content": {JSON: {"schema": {"type": "integer", "enum": [1]}}}}}),
        (tuple[Part, Literal[201]], {"201": {"content": PART}}),
        (tuple[Part, Literal[200, 201], dict[str, str]], {"200": {"content": PART}, "201": {"content": PART}}),
        (tuple[Part, int], {"2XX": {"content": PART}}),
        (tuple[str, dict[str, str]], {"200": {"content": TEXT}}),
        (tuple[str, Literal[204]], {"204": {}}),
        (tuple[None, Literal[201]], {"201": {}}),
        (HTMLResponse, {"2XX": {"content": {"text/html": {}}}}),
        (JSONResponse, {"2XX": {"content": {JSON: {}}}}),
        (RedirectResponse, {"3XX": {}}),
        (AsyncIterator[str], {"200": {"content": {"text/plain": {}}}}),
        (Iterator[bytes], {"200": {"content": {"application/octet-stream": {}}}}),
        (Iterator[Any], {"200": {"content": {"*/*": {}}}}),
        (dict[str, NOT_A_TYPE], {"200": {"content": {JSON: {}}}}),
        (dict[str, NOT_A_TYPE] | int, {"200": {"content": {JSON: {}}}}),
        (Part | tuple[Part, Literal[200]], {"200": {"content": PART}}),
        *[(unknown, UNKNOWN) for unknown in (Any, object, LiteralString, Response, Plain)],
        *[(unknown, UNKNOWN) for unknown in (date, set[int], tuple, tuple[int, ...])],
        (NoReturn, {}),
        (Never, {}),
    ],
)  # fmt: skip
def test_a_return_annotation_declares_the_responses(annotation: Any, responses: dict[str, Any]):
    assert get_responses(annotation) == responses


def test_a_generator_without_an_annotation_is_a_stream():
    async def get(self):
        yield ""

    def get_more(self):
        yield b""

    for name, method in (("get", get), ("get_more", get_more)):
        assert set(describe_entry(name, method)["responses"]["200"]["content"]) == {
            "text/plain",
            "application/octet-stream",
        }


def test_binary_headers_are_in_the_response():
    responses = get_responses(bytes, binary_headers={"Content-Type": "image/png; q=1", "X-Kind": "pen"})
    assert responses == {"200": {"content": {"image/png": {}}, "headers": {"X-Kind": {"schema": {"const": "pen"}}}}}


def test_the_default_description_is_the_phrase_of_the_status():
    async def get(self) -> str | None:
        return ""

    responses = describe_entry("get", get)["responses"]
    assert [responses[status]["description"] for status in ("200", "204")] == ["OK", "No Content"]


@pytest.mark.parametrize(
    ("parameters", "options", "statuses"),
    [
        ("", {"no_auth": False}, {400, 401, 403, 422, 500}),
        ("", {}, {400, 422, 500}),
        ("key", {}, {400, 404, 405, 422, 500}),
        ("*path", {}, {400, 404, 405, 422, 500}),
        ("name=None", {}, {400, 413, 415, 422, 500}),
    ],
)
def test_the_error_statuses_of_an_entry(parameters: str, options: dict[str, Any], statuses: set[int]):
    method = eval(f"lambda self, {parameters}: ''")  # noqa: S307
    document = create_document(create_service({"post": method}, **options))
    responses = get_operation(document)["responses"]
    references = {status for status, response in responses.items() if "$ref" in response}
    assert references == {*map(str, statuses), "default"}
    shared = document["components"]["responses"]
    assert len(shared) == len(statuses) + 1
    for response in shared.values():
        assert response["content"] == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def test_errors_match_the_problem_schema():
    class Shop(TechMicroService):
        @entry
        async def get_pens(self, shelf: int):
            return shelf

        @entry(no_auth=True)
        async def post(self, *, name: str):
            raise ValueError(name)

    document = create_document(Shop())
    client = TestClient(Shop(), raise_server_exceptions=False)
    responses = [
        client.get("/pens/1"),
        client.get("/pens/1", headers={"Authorization": "x"}),
        client.post("/", content="{"),
        client.post("/", content="{}"),
        client.post("/", content="x", headers={"content-type": "image/png"}),
        client.post("/", json={"name": "pen"}),
        client.put("/"),
    ]
    assert [response.status_code for response in responses] == [401, 403, 400, 422, 415, 500, 405]
    for response in responses:
        create_validator(document, {"$ref": "#/components/schemas/Problem"}).validate(response.json())
    shared = document["components"]["responses"]
    assert set(shared["Unauthorized"]["headers"]) <= {"WWW-Authenticate"}
    assert set(shared["MethodNotAllowed"]["headers"]) == {"Allow"}


def test_a_declared_error_status_replaces_the_shared_one():
    async def get(self, key: int) -> tuple[str, Literal[404]]:
        return "", 404

    assert describe_entry("get", get)["responses"]["404"]["content"] == TEXT


@pytest.mark.parametrize(
    ("annotation", "value"),
    [(Part, Part(1)), (Data, Data(1)), (Row, {"x": 1}), (Decimal, Decimal("1.50")), (list[date], [date(2024, 2, 29)])],
)
def test_the_response_matches_its_schema(annotation: Any, value: Any):
    async def get(self):
        return value

    get.__annotations__["return"] = annotation
    service = create_service({"get": get})
    document = create_document(service)
    schema = get_operation(document)["responses"]["200"]["content"][JSON]["schema"]
    create_validator(document, schema).validate(TestClient(service).get("/").json())

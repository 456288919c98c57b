"""What an entry says that it returns is what it answers; the problems that it can give are told too."""

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import date
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Literal, LiteralString, Never, NoReturn, TypedDict

import pytest
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.testclient import TestClient

from coworks_async import TechMicroService, entry
from tests.openapi.describing import JSON, answers_of, one
from tests.openapi.judging import described, only_operation, operation_of, validator
from tests.openapi.structured import Data, Part

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
    ("annotation", "answers"),
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
def test_a_return_annotation_tells_the_answers(annotation: Any, answers: dict[str, Any]):
    assert answers_of(annotation) == answers


def test_a_generator_that_says_nothing_is_a_stream():
    async def get(self):
        yield ""

    def get_more(self):
        yield b""

    for name, method in (("get", get), ("get_more", get_more)):
        assert set(operation_of(one(name, method))["responses"]["200"]["content"]) == {
            "text/plain",
            "application/octet-stream",
        }


def test_headers_that_are_set_are_told():
    answers = answers_of(bytes, binary_headers={"Content-Type": "image/png; q=1", "X-Kind": "pen"})
    assert answers == {"200": {"content": {"image/png": {}}, "headers": {"X-Kind": {"schema": {"const": "pen"}}}}}


def test_a_description_is_the_phrase_of_the_status_where_no_docstring_has_one():
    async def get(self) -> str | None:
        return ""

    responses = operation_of(one("get", get))["responses"]
    assert [responses[status]["description"] for status in ("200", "204")] == ["OK", "No Content"]


@pytest.mark.parametrize(
    ("parameters", "options", "statuses"),
    [
        ("", {}, {400, 401, 403, 422, 500}),
        ("", {"no_auth": True}, {400, 422, 500}),
        ("key", {"no_auth": True}, {400, 404, 405, 422, 500}),
        ("*path", {"no_auth": True}, {400, 404, 405, 422, 500}),
        ("name=None", {"no_auth": True}, {400, 413, 415, 422, 500}),
    ],
)
def test_the_problems_that_an_entry_can_give(parameters: str, options: dict[str, Any], statuses: set[int]):
    method = eval(f"lambda self, {parameters}: ''")  # noqa: S307
    document = described(one("post", method, **options))
    responses = only_operation(document)["responses"]
    assert {int(status) for status, answer in responses.items() if "$ref" in answer and status != "default"} == statuses
    shared = document["components"]["responses"]
    assert len(shared) == len(statuses) + 1
    for answer in shared.values():
        assert answer["content"] == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def test_problems_are_as_their_schema_says():
    class Shop(TechMicroService):
        @entry
        async def get_pens(self, shelf: int):
            return shelf

        @entry(no_auth=True)
        async def post(self, *, name: str):
            raise ValueError(name)

    document = described(Shop())
    client = TestClient(Shop(), raise_server_exceptions=False)
    answers = [
        client.get("/pens/1"),
        client.get("/pens/1", headers={"Authorization": "x"}),
        client.post("/", content="{"),
        client.post("/", content="{}"),
        client.post("/", content="x", headers={"content-type": "image/png"}),
        client.post("/", json={"name": "pen"}),
        client.put("/"),
    ]
    assert [answer.status_code for answer in answers] == [401, 403, 400, 422, 415, 500, 405]
    for answer in answers:
        validator(document, {"$ref": "#/components/schemas/Problem"}).validate(answer.json())
    shared = document["components"]["responses"]
    assert set(shared["Unauthorized"]["headers"]) <= {"WWW-Authenticate"}
    assert set(shared["MethodNotAllowed"]["headers"]) == {"Allow"}


def test_an_entry_that_tells_of_a_problem_itself_is_believed():
    async def get(self, key: int) -> tuple[str, Literal[404]]:
        return "", 404

    assert operation_of(one("get", get))["responses"]["404"]["content"] == TEXT


@pytest.mark.parametrize(
    ("annotation", "value"),
    [(Part, Part(1)), (Data, Data(1)), (Row, {"x": 1}), (Decimal, Decimal("1.50")), (list[date], [date(2024, 2, 29)])],
)
def test_an_answer_is_as_its_schema_says(annotation: Any, value: Any):
    async def get(self):
        return value

    get.__annotations__["return"] = annotation
    service = one("get", get, no_auth=True)
    document = described(service)
    schema = only_operation(document)["responses"]["200"]["content"][JSON]["schema"]
    validator(document, schema).validate(TestClient(service).get("/").json())

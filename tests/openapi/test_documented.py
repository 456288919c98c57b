"""Responses that `@entry(responses=...)` and the class attribute `openapi_responses` document, and examples."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import pytest
from msgspec import Meta, Struct
from pydantic import BaseModel

from coworks_async import Blueprint, Problem, TechMicroService, entry
from tests.clients import Connect
from tests.entries.services import declaration_error
from tests.openapi.document_validation import create_document, create_validator
from tests.openapi.services import JSON, describe_entry

PROBLEM_JSON = "application/problem+json"
PROBLEM = {"$ref": "#/components/schemas/Problem"}
OUT_OF_STOCK = Problem(
    409, "No pens.", type="https://example.com/out-of-stock", title="Out of stock", extensions={"left": 0}
)
CLOSED = Problem(409, "The shop is closed.")


class Pen(Struct):
    colour: str
    price: int = 1


RedPen = Annotated[Pen, Meta(examples=[Pen("red")])]
RED_PEN = {"$ref": "#/components/schemas/Pen", "examples": [{"colour": "red", "price": 1}]}


class Model(BaseModel):
    name: str


def get_documented(responses: Mapping[int, Any]) -> dict[str, Any]:
    """Return the responses of an entry that returns text and documents these."""

    async def get(self) -> str:
        return ""

    documented: dict[str, Any] = describe_entry("get", get, responses=responses)["responses"]
    return documented


def test_a_string_describes_a_problem_from_400_on():
    responses = get_documented({404: "There is no such pen.", 500: "The printer is broken."})
    for status, description in (("404", "There is no such pen."), ("500", "The printer is broken.")):
        assert responses[status] == {"description": description, "content": {PROBLEM_JSON: {"schema": PROBLEM}}}


def test_a_string_describes_the_response_of_the_return_annotation():
    responses = get_documented({200: "The name of the pen.", 202: "Later."})
    assert responses["200"] == {
        "description": "The name of the pen.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
    assert responses["202"] == {"description": "Later."}


def test_a_type_is_the_body_of_a_response():
    responses = get_documented({201: RedPen, 206: Pen | str, 418: Model})
    assert responses["201"] == {"description": "Created", "content": {JSON: {"schema": RED_PEN}}}
    assert set(responses["206"]["content"]) == {JSON, "text/plain"}
    assert responses["418"]["content"][JSON]["schema"] == {"$ref": "#/components/schemas/Model"}


def test_a_problem_is_documented_by_itself():
    response = get_documented({409: OUT_OF_STOCK})["409"]
    assert response["description"] == "Out of stock"
    assert response["content"][PROBLEM_JSON] == {
        "schema": PROBLEM,
        "example": {
            "type": "https://example.com/out-of-stock",
            "title": "Out of stock",
            "status": 409,
            "detail": "No pens.",
            "left": 0,
        },
    }


def test_several_problems_of_a_status_are_named_examples():
    response = get_documented({409: [OUT_OF_STOCK, CLOSED]})["409"]
    assert response["description"] == "Out of stock; The shop is closed."
    examples = response["content"][PROBLEM_JSON]["examples"]
    assert {name: example["summary"] for name, example in examples.items()} == {
        "problem1": "Out of stock",
        "problem2": "The shop is closed.",
    }
    assert examples["problem2"]["value"]["title"] == "Conflict"


def test_a_documented_401_keeps_its_header():
    assert set(get_documented({401: "No token."})["401"]["headers"]) == {"WWW-Authenticate"}


def test_a_problem_that_is_raised_matches_its_documented_example(connect: Connect):
    class Shop(TechMicroService):
        @entry(no_auth=True, responses={409: OUT_OF_STOCK})
        async def get(self) -> str:
            raise OUT_OF_STOCK

    document = create_document(Shop())
    content = document["paths"]["/"]["get"]["responses"]["409"]["content"][PROBLEM_JSON]
    response = connect(Shop()).get("/")
    assert response.json() == content["example"]
    create_validator(document, content["schema"]).validate(response.json())


class Items(Blueprint):
    openapi_responses: ClassVar[Mapping[int, Any]] = {404: "No such item.", 409: "The item is sold."}

    @entry(no_auth=True, responses={409: CLOSED})
    async def get(self) -> str:
        return ""


class Shop(TechMicroService):
    openapi_responses: ClassVar[Mapping[int, Any]] = {404: "Nothing here.", 503: "Closed for today."}

    @entry(no_auth=True)
    async def get(self) -> str:
        return ""


def test_the_responses_of_an_entry_precede_those_of_its_blueprint_and_of_its_service():
    service = Shop()
    service.register_blueprint(Items(), url_prefix="/items")
    paths = create_document(service)["paths"]
    descriptions = {
        path: {status: response.get("description") for status, response in paths[path]["get"]["responses"].items()}
        for path in ("/", "/items")
    }
    assert descriptions["/"]["404"] == "Nothing here."
    assert "409" not in descriptions["/"]
    assert descriptions["/items"]["404"] == "No such item."
    assert descriptions["/items"]["409"] == "The shop is closed."
    assert descriptions["/"]["503"] == descriptions["/items"]["503"] == "Closed for today."


def test_invalid_openapi_responses_are_a_declaration_error():
    class Wrong(TechMicroService):
        openapi_responses: ClassVar[Any] = {"404": "No such item."}

    class Items(Blueprint):
        openapi_responses: ClassVar[Any] = {404: OUT_OF_STOCK}

    assert ".Wrong.openapi_responses: the status must be" in f".{declaration_error(Wrong)}"
    message = declaration_error(TechMicroService().register_blueprint, Items())
    assert (
        message == f"{Items.__qualname__}.openapi_responses: {OUT_OF_STOCK!r} is listed under 404. List it under 409."
    )


@pytest.mark.parametrize(
    ("annotation", "status", "schema"),
    [
        (RedPen, "200", RED_PEN),
        (RedPen | None, "200", RED_PEN),
        (tuple[RedPen, Literal[201]], "201", RED_PEN),
        (list[RedPen], "200", {"type": "array", "items": RED_PEN}),
    ],
)
def test_the_examples_of_an_alias_are_in_the_response(annotation: Any, status: str, schema: dict[str, Any]):
    async def get(self):
        return None

    get.__annotations__["return"] = annotation
    responses = describe_entry("get", get)["responses"]
    assert responses[status]["content"][JSON]["schema"] == schema


def test_the_examples_of_an_alias_are_in_the_body():
    async def post(self, pen: RedPen):
        return pen.colour

    assert describe_entry("post", post)["requestBody"]["content"][JSON]["schema"] == RED_PEN

"""Path and query parameters have the schemas of what a string can carry, and the names that clients send."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pydantic
import pytest
from msgspec import UNSET, Meta, UnsetType

from coworks_async import Cookie, Header, Request
from tests.openapi.document_validation import create_document
from tests.openapi.services import (
    Schema,
    create_service,
    describe_entry,
    describe_input,
    get_query_parameter,
    get_structured_operation,
)
from tests.openapi.structured_types import Cat, Colour, Dog, Open, Part

NIL = UUID(int=0)
STRING = {"type": "string"}
STRINGS = {"type": "array", "items": STRING}


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (int, {"type": "integer"}),
        (int | None, {"type": "integer"}),
        (Literal["a", None], {"enum": ["a"]}),
        (Literal[1, 2], {"type": "integer", "enum": [1, 2]}),
        (int | str, {"anyOf": [{"type": "integer"}, STRING]}),
        (Any, {"anyOf": [STRING, {"type": "array", "items": STRING}]}),
        (list[int], {"type": "array", "items": {"type": "integer"}, "minItems": 1}),
        (list, {"type": "array", "items": STRING, "minItems": 1}),
        (list[int] | None, {"type": "array", "items": {"type": "integer"}, "minItems": 1}),
        (Colour, {"$ref": "#/components/schemas/Colour"}),
        (date | None, {"type": "string", "format": "date"}),
        (
            tuple[int, str],
            {"type": "array", "prefixItems": [{"type": "integer"}, STRING], "minItems": 2, "maxItems": 2},
        ),
        (Annotated[list[str], Meta(min_length=2)], {"type": "array", "items": STRING, "minItems": 2}),
    ],
)
def test_a_query_parameter_has_the_schema_of_what_strings_can_carry(annotation: Any, schema: Schema):
    assert get_query_parameter(annotation) == {"name": "value", "in": "query", "required": True, "schema": schema}


@pytest.mark.parametrize("annotation", [dict[str, int], list[list[int]], list[Part], Literal[None], tuple[int, Part]])
def test_a_type_that_strings_cannot_carry_is_omitted_if_optional_and_forbidden_if_required(annotation: Any):
    assert get_query_parameter(annotation, None) is None
    parameter = get_query_parameter(annotation)
    assert parameter is not None
    assert parameter["schema"] == {"not": {}}


def test_a_parameter_with_a_default_is_not_required():
    assert get_query_parameter(int | None, 3) == {
        "name": "value",
        "in": "query",
        "schema": {"type": "integer", "default": 3},
    }
    assert get_query_parameter(list[int], []) == {
        "name": "value",
        "in": "query",
        "schema": {"type": "array", "items": {"type": "integer"}, "default": []},
    }


def test_the_description_of_a_type_describes_the_parameter():
    parameter = get_query_parameter(Annotated[int, Meta(description="How many.")])
    assert parameter is not None
    assert parameter["description"] == "How many."


def test_double_underscores_are_brackets_in_the_name():
    async def get(self, page__number__: int = 1):
        return ""

    assert describe_entry("get", get)["parameters"][0]["name"] == "page[number]"


@pytest.mark.parametrize(
    ("annotation", "values"),
    [
        (dict[str, int] | None, {"type": "integer"}),
        (dict, {"anyOf": [STRING, {"type": "array", "items": STRING}]}),
        (dict[str, dict[str, int]], False),
        (Any, {"anyOf": [STRING, {"type": "array", "items": STRING}]}),
    ],
)
def test_a_dict_parameter_is_a_deep_object(annotation: Any, values: Any):
    async def get(self, filter__: Any = None):
        return ""

    get.__annotations__["filter__"] = annotation
    [parameter] = describe_entry("get", get)["parameters"]
    assert (parameter["name"], parameter["style"], parameter["explode"]) == ("filter", "deepObject", True)
    assert parameter["schema"]["additionalProperties"] == values
    assert parameter["schema"]["propertyNames"] == {"pattern": r"^[^\[\]]+$"}


def test_a_required_deep_object_has_at_least_one_member():
    async def get(self, *, filter__: dict[str, int]):
        return ""

    [parameter] = describe_entry("get", get)["parameters"]
    assert parameter["required"] is True
    assert parameter["schema"]["minProperties"] == 1


@pytest.mark.parametrize("name", ["get", "delete"])
def test_kwargs_are_one_parameter_for_all_other_names(name: str):
    async def method(self, limit: int = 1, **others: int):
        return ""

    parameter = describe_entry(name, method)["parameters"][-1]
    assert (parameter["name"], parameter["style"], parameter["explode"]) == ("others", "form", True)
    assert parameter["schema"]["additionalProperties"] == {"type": "integer"}
    assert parameter["schema"]["propertyNames"] == {"not": {"enum": ["limit", "self"]}}


def test_kwargs_that_strings_cannot_carry_are_forbidden():
    async def get(self, **others: dict[str, int]):
        return ""

    assert describe_entry("get", get)["parameters"][0]["schema"]["additionalProperties"] == {"not": {}}


def test_a_structured_parameter_of_a_get_is_one_parameter_per_field():
    parameters = get_structured_operation("get", Part)["parameters"]
    assert parameters == [
        {"name": "x", "in": "query", "required": True, "schema": {"type": "integer"}},
        {"name": "y", "in": "query", "schema": {"type": "string", "default": ""}},
    ]


def test_fields_that_depend_on_each_other_are_one_object():
    [optional] = get_structured_operation("get", Part, None)["parameters"]
    assert (optional["style"], optional["explode"], "required" in optional) == ("form", True, False)
    assert optional["schema"]["required"] == ["x"]
    [tagged] = get_structured_operation("get", Cat | Dog)["parameters"]
    assert tagged["required"] is True
    assert [schema["properties"]["type"] for schema in tagged["schema"]["oneOf"]] == [
        {"const": "cat"},
        {"const": "dog"},
    ]


def test_a_structured_type_that_strings_cannot_carry_is_omitted_if_optional_and_forbidden_if_required():
    class Deep(msgspec.Struct):
        part: Part

    [parameter] = get_structured_operation("get", Deep)["parameters"]
    assert parameter["schema"] == {"not": {}}
    assert "parameters" not in get_structured_operation("get", Deep, None)


def test_a_model_that_allows_extra_keys_has_a_parameter_for_them():
    class Typed(pydantic.BaseModel):
        item: int = 1
        __pydantic_extra__: dict[str, int]
        model_config = pydantic.ConfigDict(extra="allow")

    class Nested(pydantic.BaseModel):
        __pydantic_extra__: dict[str, dict[str, int]]
        model_config = pydantic.ConfigDict(extra="allow")

    async def get(self, part: Open, limit: int = 1):
        return ""

    _, x, others = describe_entry("get", get)["parameters"]
    assert (x["name"], others["name"]) == ("x", "part")
    assert (others["style"], others["explode"]) == ("form", True)
    assert others["schema"]["propertyNames"] == {"not": {"enum": ["limit", "x"]}}
    assert others["schema"]["additionalProperties"] == {"anyOf": [STRING, STRINGS]}
    _, others = get_structured_operation("get", Typed)["parameters"]
    assert (others["name"], others["schema"]["additionalProperties"]) == ("item_", {"type": "integer"})
    assert "parameters" not in get_structured_operation("get", Nested)


def test_delete_shows_names_in_the_query_unless_strings_cannot_carry_them():
    parameters = describe_input(int, name="delete")["parameters"]
    assert [parameter["name"] for parameter in parameters] == ["value"]
    assert "requestBody" in describe_input(dict[str, int], name="delete")


def test_beside_a_structured_parameter_names_are_in_the_query():
    async def post(self, part: Part, dry: bool = False, **others: str):
        return ""

    assert [parameter["name"] for parameter in describe_entry("post", post)["parameters"]] == ["dry", "others"]


def test_an_entry_with_the_request_describes_only_its_named_parameters():
    async def get(self, request: Request, limit: int = 1):
        return ""

    async def get_any(self, request: Request):
        return ""

    paths = create_document(create_service({"get": get, "get_any": get_any}))["paths"]
    assert [parameter["name"] for parameter in paths["/"]["get"]["parameters"]] == ["limit"]
    assert "parameters" not in paths["/any"]["get"]
    assert "422" in paths["/"]["get"]["responses"]
    assert "422" not in paths["/any"]["get"]["responses"]


def test_a_background_entry_has_the_invocation_type_header():
    async def post(self) -> str:
        return ""

    operation = describe_entry("post", post, background=True)
    [header] = operation["parameters"]
    assert (header["name"], header["in"]) == ("InvocationType", "header")
    assert set(operation["responses"]) >= {"200", "202"}


def test_headers_and_cookies_are_parameters_with_their_schemas():
    async def post(
        self,
        x_trace: Annotated[str, Header()],
        x_tags: Annotated[list[int], Header()],
        level: Annotated[int, Header("X-Level"), Meta(ge=1, description="How deep.")] = 3,
        session: Annotated[UUID, Cookie("__Host-session")] = NIL,
        theme: Annotated[Any, Cookie()] = None,
        *,
        title: str,
    ) -> str:
        """Add.

        :param x_trace: the trace
        """
        return title

    operation = describe_entry("post", post)
    assert operation["parameters"] == [
        {"name": "x-trace", "in": "header", "required": True, "description": "the trace", "schema": STRING},
        {
            "name": "x-tags",
            "in": "header",
            "required": True,
            "schema": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
        },
        {
            "name": "X-Level",
            "in": "header",
            "description": "How deep.",
            "schema": {"type": "integer", "minimum": 1, "description": "How deep.", "default": 3},
        },
        {
            "name": "__Host-session",
            "in": "cookie",
            "schema": {"type": "string", "format": "uuid", "default": str(NIL)},
        },
        {"name": "theme", "in": "cookie", "schema": STRING},
    ]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert list(body["oneOf"][0]["properties"]) == ["title"]


def test_headers_that_openapi_ignores_are_omitted():
    async def get(
        self,
        accept: Annotated[str, Header()] = "",
        content_type: Annotated[str, Header("CONTENT-TYPE")] = "",
        session: Annotated[str, Cookie("accept")] = "",
    ) -> str:
        return accept

    parameters = describe_entry("get", get)["parameters"]
    assert [(parameter["name"], parameter["in"]) for parameter in parameters] == [("accept", "cookie")]


def test_the_types_of_headers_and_cookies_are_components():
    async def get(self, request: Request, x_colour: Annotated[Colour, Header()]) -> str:
        return ""

    document = create_document(create_service({"get": get}))
    operation = document["paths"]["/"]["get"]
    assert operation["parameters"][0]["schema"] == {"$ref": "#/components/schemas/Colour"}
    assert "Colour" in document["components"]["schemas"]
    assert "422" in operation["responses"]


def test_a_default_that_means_not_sent_is_omitted():
    class Changes(msgspec.Struct):
        note: str | UnsetType | None = UNSET

    async def get(self, limit: int | UnsetType = UNSET) -> str:
        return ""

    async def patch(self, changes: Changes) -> str:
        return ""

    assert describe_entry("get", get)["parameters"] == [{"name": "limit", "in": "query", "schema": {"type": "integer"}}]
    document = create_document(create_service({"patch": patch}))
    schema = document["components"]["schemas"]["Changes"]
    assert schema["properties"] == {"note": {"anyOf": [STRING, {"type": "null"}]}}
    assert "required" not in schema

"""The parameters of a path and of a query: what a string can be, by the name that a client writes."""

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
import pydantic
import pytest
from msgspec import Meta

from coworks_async import Request, TechMicroService, entry
from tests.entries.services import create_service
from tests.openapi.describing import Schema, one, query_of, taking
from tests.openapi.judging import described, only_operation, operation_of
from tests.openapi.structured import Cat, Colour, Dog, Open, Part
from tests.sending import taking_whole

TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (int, {"type": "integer"}),
        (int | None, {"type": "integer"}),
        (Literal["a", None], {"enum": ["a"]}),
        (Literal[1, 2], {"type": "integer", "enum": [1, 2]}),
        (int | str, {"anyOf": [{"type": "integer"}, TEXT]}),
        (Any, {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}),
        (list[int], {"type": "array", "items": {"type": "integer"}, "minItems": 1}),
        (list, {"type": "array", "items": TEXT, "minItems": 1}),
        (list[int] | None, {"type": "array", "items": {"type": "integer"}, "minItems": 1}),
        (Colour, {"$ref": "#/components/schemas/Colour"}),
        (date | None, {"type": "string", "format": "date"}),
        (
            tuple[int, str],
            {"type": "array", "prefixItems": [{"type": "integer"}, TEXT], "minItems": 2, "maxItems": 2},
        ),
        (Annotated[list[str], Meta(min_length=2)], {"type": "array", "items": TEXT, "minItems": 2}),
    ],
)
def test_a_query_has_what_can_be_written_as_text(annotation: Any, schema: Schema):
    assert query_of(annotation) == {"name": "value", "in": "query", "required": True, "schema": schema}


@pytest.mark.parametrize("annotation", [dict[str, int], list[list[int]], list[Part], Literal[None], tuple[int, Part]])
def test_what_has_no_text_is_left_out_or_forbidden(annotation: Any):
    assert query_of(annotation, None) is None
    parameter = query_of(annotation)
    assert parameter is not None
    assert parameter["schema"] == {"not": {}}


def test_a_default_is_shown_and_the_parameter_is_not_required():
    assert query_of(int | None, 3) == {"name": "value", "in": "query", "schema": {"type": "integer", "default": 3}}
    assert query_of(list[int], []) == {
        "name": "value",
        "in": "query",
        "schema": {"type": "array", "items": {"type": "integer"}, "default": []},
    }


def test_a_description_of_a_type_is_the_parameter_s_where_no_docstring_has_one():
    parameter = query_of(Annotated[int, Meta(description="How many.")])
    assert parameter is not None
    assert parameter["description"] == "How many."


def test_a_name_in_brackets_is_written_with_them():
    async def get(self, page__number__: int = 1):
        return ""

    assert operation_of(one("get", get))["parameters"][0]["name"] == "page[number]"


@pytest.mark.parametrize(
    ("annotation", "values"),
    [
        (dict[str, int] | None, {"type": "integer"}),
        (dict, {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}),
        (dict[str, dict[str, int]], False),
        (Any, {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}),
    ],
)
def test_names_that_are_gathered_are_a_deep_object(annotation: Any, values: Any):
    async def get(self, filter__: Any = None):
        return ""

    get.__annotations__["filter__"] = annotation
    [parameter] = operation_of(one("get", get))["parameters"]
    assert (parameter["name"], parameter["style"], parameter["explode"]) == ("filter", "deepObject", True)
    assert parameter["schema"]["additionalProperties"] == values
    assert parameter["schema"]["propertyNames"] == {"pattern": r"^[^\[\]]+$"}


def test_of_gathered_names_that_are_required_there_is_one_at_least():
    async def get(self, *, filter__: dict[str, int]):
        return ""

    [parameter] = operation_of(one("get", get))["parameters"]
    assert parameter["required"] is True
    assert parameter["schema"]["minProperties"] == 1


@pytest.mark.parametrize("name", ["get", "delete"])
def test_the_names_that_are_left_are_one_free_parameter(name: str):
    async def method(self, limit: int = 1, **others: int):
        return ""

    parameter = operation_of(one(name, method))["parameters"][-1]
    assert (parameter["name"], parameter["style"], parameter["explode"]) == ("others", "form", True)
    assert parameter["schema"]["additionalProperties"] == {"type": "integer"}
    assert parameter["schema"]["propertyNames"] == {"not": {"enum": ["limit", "self"]}}


def test_names_that_are_left_and_have_no_text_are_forbidden():
    async def get(self, **others: dict[str, int]):
        return ""

    assert operation_of(one("get", get))["parameters"][0]["schema"]["additionalProperties"] == {"not": {}}


def test_a_structured_parameter_of_a_get_is_a_parameter_for_each_field():
    parameters = described(taking_whole(Part))["paths"]["/"]["get"]["parameters"]
    assert parameters == [
        {"name": "x", "in": "query", "required": True, "schema": {"type": "integer"}},
        {"name": "y", "in": "query", "schema": {"type": "string", "default": ""}},
    ]


def test_fields_that_depend_on_each_other_are_one_object():
    [optional] = described(taking_whole(Part, None))["paths"]["/"]["get"]["parameters"]
    assert (optional["style"], optional["explode"], "required" in optional) == ("form", True, False)
    assert optional["schema"]["required"] == ["x"]
    [tagged] = described(taking_whole(Cat | Dog))["paths"]["/"]["get"]["parameters"]
    assert tagged["required"] is True
    assert [schema["properties"]["type"] for schema in tagged["schema"]["oneOf"]] == [
        {"const": "cat"},
        {"const": "dog"},
    ]


def test_a_structured_parameter_that_no_query_can_hold_is_forbidden_or_left_out():
    class Deep(msgspec.Struct):
        part: Part

    [parameter] = described(taking_whole(Deep))["paths"]["/"]["get"]["parameters"]
    assert parameter["schema"] == {"not": {}}
    assert "parameters" not in described(taking_whole(Deep, None))["paths"]["/"]["get"]


def test_a_model_that_takes_other_keys_has_a_parameter_for_them():
    class Typed(pydantic.BaseModel):
        item: int = 1
        __pydantic_extra__: dict[str, int]
        model_config = pydantic.ConfigDict(extra="allow")

    class Nested(pydantic.BaseModel):
        __pydantic_extra__: dict[str, dict[str, int]]
        model_config = pydantic.ConfigDict(extra="allow")

    async def get(self, part: Open, limit: int = 1):
        return ""

    _, x, others = operation_of(one("get", get))["parameters"]
    assert (x["name"], others["name"]) == ("x", "part")
    assert (others["style"], others["explode"]) == ("form", True)
    assert others["schema"]["propertyNames"] == {"not": {"enum": ["limit", "x"]}}
    assert others["schema"]["additionalProperties"] == {"anyOf": [TEXT, TEXTS]}
    _, others = described(taking_whole(Typed))["paths"]["/"]["get"]["parameters"]
    assert (others["name"], others["schema"]["additionalProperties"]) == ("item_", {"type": "integer"})
    assert "parameters" not in described(taking_whole(Nested))["paths"]["/"]["get"]


def test_what_has_a_body_elsewhere_has_a_query_on_delete():
    assert [parameter["name"] for parameter in only_operation(described(taking(int, name="delete")))["parameters"]] == [
        "value"
    ]
    assert "requestBody" in only_operation(described(taking(dict[str, int], name="delete")))


def test_beside_a_structured_parameter_names_are_the_query_s():
    async def post(self, part: Part, dry: bool = False, **others: str):
        return ""

    assert [parameter["name"] for parameter in operation_of(one("post", post))["parameters"]] == ["dry", "others"]


def test_an_entry_that_reads_for_itself_tells_of_what_it_names():
    async def get(self, request: Request, limit: int = 1):
        return ""

    async def get_any(self, request: Request):
        return ""

    paths = described(create_service(get=get, get_any=get_any))["paths"]
    assert [parameter["name"] for parameter in paths["/"]["get"]["parameters"]] == ["limit"]
    assert "parameters" not in paths["/any"]["get"]
    assert "422" in paths["/"]["get"]["responses"]
    assert "422" not in paths["/any"]["get"]["responses"]


def test_an_entry_that_runs_in_the_background_has_a_header_for_it():
    class Reports(TechMicroService):
        @entry(background=True)
        async def post(self) -> str:
            return ""

    operation = operation_of(Reports())
    [header] = operation["parameters"]
    assert (header["name"], header["in"]) == ("InvocationType", "header")
    assert set(operation["responses"]) >= {"200", "202"}

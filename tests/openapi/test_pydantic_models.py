"""Pydantic creates the schemas of its models; unknown keys are rejected as by the converters."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
import pydantic
from typing_extensions import TypedDict

from coworks_async import TechMicroService, entry
from tests.openapi.services import (
    JSON,
    create_input_service,
    create_structured_service,
    describe_input,
    get_components,
    get_responses,
    get_structured_operation,
)


class Inner(pydantic.BaseModel):
    x: int = 1


@dataclass
class Data:
    x: int


class Typed(TypedDict):
    x: int


class Outer(pydantic.BaseModel):
    inner: Inner | None = None
    data: list[Data] = []
    typed: dict[str, Typed] = {}
    outer: "Outer | None" = None


class Open(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")


class Ignoring(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="ignore")
    x: int = 1


class Priced(pydantic.BaseModel):
    price: Decimal

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def double(self) -> Decimal:
        return self.price * 2


class Numbers(pydantic.RootModel[list[int]]):
    pass


class Box(msgspec.Struct):
    priced: Priced


class Strange(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    box: Box | None = None
    anything: object = object()


def test_unknown_keys_are_rejected_at_every_depth():
    components = get_components(create_structured_service(Outer))
    assert set(components) == {"Outer", "Inner", "Data", "Typed"}
    assert {schema["additionalProperties"] for schema in components.values()} == {False}


def test_an_explicit_extra_applies():
    assert get_components(create_structured_service(Open))["Open"]["additionalProperties"] is True
    assert "additionalProperties" not in get_components(create_structured_service(Ignoring))["Ignoring"]


def test_input_and_output_are_two_components_if_they_differ():
    class Shop(TechMicroService):
        @entry
        async def post(self, priced: Priced) -> Priced:
            return priced

        @entry
        async def post_inner(self, inner: Inner) -> list[Inner]:
            return [inner]

    components = get_components(Shop())
    assert set(components) == {"Priced-Input", "Priced-Output", "Inner"}
    assert "double" not in components["Priced-Input"]["properties"]
    assert "double" in components["Priced-Output"]["properties"]


def test_a_type_that_contains_such_a_model_has_two_components():
    class Shop(TechMicroService):
        @entry
        async def post(self, box: Box) -> Box:
            return box

    components = get_components(Shop())
    assert set(components) == {"Box", "Box-Output", "Priced-Input", "Priced-Output"}
    assert components["Box-Output"]["properties"]["priced"] == {"$ref": "#/components/schemas/Priced-Output"}


def test_a_root_model_has_the_schema_of_its_root():
    operation = describe_input(list[Numbers])
    assert operation["requestBody"]["content"][JSON]["schema"]["oneOf"][1]["items"] == {
        "$ref": "#/components/schemas/Numbers"
    }
    assert get_components(create_input_service(list[Numbers]))["Numbers"]["items"] == {"type": "integer"}


def test_a_type_without_a_json_schema_allows_anything():
    strange = get_components(create_structured_service(Strange))["Strange"]["properties"]
    assert strange["box"]["anyOf"][0] == {}
    assert "default" not in strange["anything"]


def test_a_model_and_another_type_with_equal_names_are_two_components():
    other: Any = msgspec.defstruct("Inner", [("y", int)], module="other")

    class Same(TechMicroService):
        @entry
        async def post(self, inner: Inner) -> Any:
            return None

        @entry
        async def put(self, *, inner: other) -> Any:
            return None

    assert set(get_components(Same())) == {"pydantic.Inner", "other.Inner"}


def test_a_union_with_a_model_is_any_of():
    body = get_structured_operation("post", Inner | None)["requestBody"]
    assert body["content"][JSON]["schema"]["anyOf"][1] == {"type": "null"}


def test_a_model_is_described_with_its_aliases():
    class Named(pydantic.BaseModel):
        x: int = pydantic.Field(alias="ex")

    assert get_responses(Named)["200"]["content"][JSON]["schema"] == {"$ref": "#/components/schemas/Named"}
    assert set(get_components(create_structured_service(Named))["Named"]["properties"]) == {"ex"}

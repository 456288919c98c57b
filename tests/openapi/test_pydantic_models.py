"""Models of pydantic's are described by pydantic, and closed as the converters close them."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
import pydantic
from typing_extensions import TypedDict

from coworks_async import TechMicroService, entry
from tests.http_requests import taking_whole
from tests.openapi.describing import JSON, answers_of, components_of, taking
from tests.openapi.judging import described, only_operation


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


def test_unknown_keys_are_refused_at_every_depth():
    components = components_of(taking_whole(Outer))
    assert set(components) == {"Outer", "Inner", "Data", "Typed"}
    assert {schema["additionalProperties"] for schema in components.values()} == {False}


def test_a_model_that_sets_extra_stands_as_it_is():
    assert components_of(taking_whole(Open))["Open"]["additionalProperties"] is True
    assert "additionalProperties" not in components_of(taking_whole(Ignoring))["Ignoring"]


def test_what_is_sent_and_what_is_answered_are_two_where_they_differ():
    class Shop(TechMicroService):
        @entry
        async def post(self, priced: Priced) -> Priced:
            return priced

        @entry
        async def post_inner(self, inner: Inner) -> list[Inner]:
            return [inner]

    components = components_of(Shop())
    assert set(components) == {"Priced-Input", "Priced-Output", "Inner"}
    assert "double" not in components["Priced-Input"]["properties"]
    assert "double" in components["Priced-Output"]["properties"]


def test_so_are_the_types_that_hold_such_a_model():
    class Shop(TechMicroService):
        @entry
        async def post(self, box: Box) -> Box:
            return box

    components = components_of(Shop())
    assert set(components) == {"Box", "Box-Output", "Priced-Input", "Priced-Output"}
    assert components["Box-Output"]["properties"]["priced"] == {"$ref": "#/components/schemas/Priced-Output"}


def test_a_root_model_is_what_it_holds():
    operation = only_operation(described(taking(list[Numbers])))
    assert operation["requestBody"]["content"][JSON]["schema"]["oneOf"][1]["items"] == {
        "$ref": "#/components/schemas/Numbers"
    }
    assert components_of(taking(list[Numbers]))["Numbers"]["items"] == {"type": "integer"}


def test_what_pydantic_cannot_describe_may_be_anything():
    strange = components_of(taking_whole(Strange))["Strange"]["properties"]
    assert strange["box"]["anyOf"][0] == {}
    assert "default" not in strange["anything"]


def test_a_model_and_a_type_of_one_name_are_two():
    other: Any = msgspec.defstruct("Inner", [("y", int)], module="other")

    class Same(TechMicroService):
        @entry
        async def post(self, inner: Inner) -> Any:
            return None

        @entry
        async def put(self, *, inner: other) -> Any:
            return None

    assert set(components_of(Same())) == {"pydantic.Inner", "other.Inner"}


def test_a_union_of_models_is_any_of_them():
    body = described(taking_whole(Inner | None))["paths"]["/"]["post"]["requestBody"]
    assert body["content"][JSON]["schema"]["anyOf"][1] == {"type": "null"}


def test_a_model_is_answered_by_its_aliases():
    class Named(pydantic.BaseModel):
        x: int = pydantic.Field(alias="ex")

    assert answers_of(Named)["200"]["content"][JSON]["schema"] == {"$ref": "#/components/schemas/Named"}
    assert set(components_of(taking_whole(Named))["Named"]["properties"]) == {"ex"}

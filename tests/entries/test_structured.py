"""Structured parameters: those that take a whole body, or a whole query."""

from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec
import pydantic
import pytest

from coworks_async import TechMicroService
from tests.clients import Connect
from tests.entries.building import refusal, routes, service_of


class StructItem(msgspec.Struct):
    name: str
    price: int = 0


@dataclass
class DataItem:
    name: str
    price: int = 0


class DictItem(TypedDict):
    name: str
    price: int


class ModelItem(pydantic.BaseModel):
    name: str
    price: int = 0


STRUCTURED = [StructItem, DataItem, DictItem, ModelItem]


def name_of(item: Any) -> str:
    return str(item["name"] if isinstance(item, dict) else item.name)


def structured(annotation: Any) -> TechMicroService:
    async def post_item(self, shelf, item: annotation, lang="en"):
        assert type(item) is annotation or annotation is DictItem
        return [shelf, name_of(item), lang]

    async def get_item(self, item: annotation):
        return [name_of(item)]

    return service_of(post_item=post_item, get_item=get_item)


@pytest.mark.parametrize("annotation", STRUCTURED)
def test_a_structured_parameter_takes_the_whole_body_and_is_no_segment(connect: Connect, annotation: Any):
    app = structured(annotation)
    assert routes(app) == {"POST /item/{shelf}", "GET /item"}
    client = connect(app)
    pen = {"name": "pen", "price": 3}
    assert client.post("/item/top?lang=fr", json=pen).json() == ["top", "pen", "fr"]
    response = client.post("/item/top", json={**pen, "lang": "fr"})
    assert response.status_code == 422
    assert [(error["where"], error["name"]) for error in response.json()["errors"]] == [("body", "lang")]


@pytest.mark.parametrize("annotation", STRUCTURED)
def test_a_structured_parameter_takes_the_whole_query_on_get(connect: Connect, annotation: Any):
    client = connect(structured(annotation))
    assert client.get("/item?name=pen&price=3").json() == ["pen"]
    response = client.get("/item?name=pen&price=3&colour=red")
    assert response.status_code == 422
    assert [(error["where"], error["name"]) for error in response.json()["errors"]] == [("query", "colour")]


def test_an_optional_structured_parameter_takes_the_whole_body_too(connect: Connect):
    async def post(self, item: StructItem | None = None):
        return "nothing" if item is None else item.name

    app = service_of(post=post)
    assert routes(app) == {"POST /"}
    client = connect(app)
    assert client.post("/", json={"name": "pen"}).text == "pen"
    assert client.post("/").text == client.post("/", json=None).text == "nothing"


def test_two_structured_parameters_are_refused_by_name():
    async def post(self, first: StructItem, second: DataItem):
        """Both would take the body."""

    assert refusal(service_of, post=post) == (
        "Service.post: first and second would each take the whole body; put them in one type."
    )

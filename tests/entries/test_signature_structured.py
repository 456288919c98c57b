"""Parameters with a structured annotation."""

from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec
import pydantic
import pytest

from coworks_async import TechMicroService
from tests.clients import Connect
from tests.entries.services import create_service, declaration_error, list_routes


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


def get_name(item: Any) -> str:
    return str(item["name"] if isinstance(item, dict) else item.name)


def create_item_service(annotation: Any) -> TechMicroService:
    async def post_item(self, shelf, item: annotation, lang="en"):
        assert type(item) is annotation or annotation is DictItem
        return [shelf, get_name(item), lang]

    async def get_item(self, item: annotation):
        return [get_name(item)]

    return create_service(post_item=post_item, get_item=get_item)


@pytest.mark.parametrize("annotation", STRUCTURED)
def test_a_structured_parameter_takes_the_whole_body_and_is_not_a_path_segment(connect: Connect, annotation: Any):
    app = create_item_service(annotation)
    assert list_routes(app) == {"POST /item/{shelf}", "GET /item"}
    client = connect(app)
    pen = {"name": "pen", "price": 3}
    assert client.post("/item/top?lang=fr", json=pen).json() == ["top", "pen", "fr"]
    response = client.post("/item/top", json={**pen, "lang": "fr"})
    assert response.status_code == 422
    assert [(error["where"], error["name"]) for error in response.json()["errors"]] == [("body", "lang")]


@pytest.mark.parametrize("annotation", STRUCTURED)
def test_a_structured_parameter_takes_the_whole_query_on_get(connect: Connect, annotation: Any):
    client = connect(create_item_service(annotation))
    assert client.get("/item?name=pen&price=3").json() == ["pen"]
    response = client.get("/item?name=pen&price=3&colour=red")
    assert response.status_code == 422
    assert [(error["where"], error["name"]) for error in response.json()["errors"]] == [("query", "colour")]


def test_an_optional_structured_parameter_takes_the_whole_body_too(connect: Connect):
    async def post(self, item: StructItem | None = None):
        return "nothing" if item is None else item.name

    app = create_service(post=post)
    assert list_routes(app) == {"POST /"}
    client = connect(app)
    assert client.post("/", json={"name": "pen"}).text == "pen"
    assert client.post("/").text == client.post("/", json=None).text == "nothing"


def test_two_structured_parameters_are_a_declaration_error():
    async def post(self, first: StructItem, second: DataItem):
        """Has two structured parameters."""

    assert declaration_error(create_service, post=post) == (
        "Service.post: first and second each take the whole body. Combine them in one type."
    )

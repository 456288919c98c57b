"""String annotations, as in a module with `from __future__ import annotations`."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import pytest

from coworks_async import Blueprint, Request, TechMicroService, entry
from tests.clients import Connect
from tests.entries.services import declaration_error, list_routes

T = TypeVar("T")


class Item(msgspec.Struct):
    name: str
    tags: list[str] = []
    part: Item | None = None


class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get_item(
        self, key: int, lang: str | None = None, limit: Annotated[int, msgspec.Meta(le=10)] = 5
    ) -> list[Any]:
        return [key, lang, limit]

    @entry(no_auth=True)
    async def post_item(self, item: Item, urgent: bool = False) -> list[Any]:
        return [item.name, item.part is not None and item.part.name, urgent]

    @entry(no_auth=True)
    async def get_path(self, *path: int, **others: float) -> list[Any]:
        return [path, others]

    @entry(no_auth=True)
    async def get_request(self, http: Request) -> str:
        return http.url.path


def test_string_annotations_are_resolved(connect: Connect):
    app = Shop()
    assert list_routes(app) == {"GET /item/{key}", "POST /item", "GET /path/{path:path}", "GET /request"}
    client = connect(app)
    assert client.get("/item/7?limit=3").json() == [7, None, 3]
    assert client.get("/path/1/2?x=1.5").json() == [[1, 2], {"x": 1.5}]
    assert client.get("/request").text == "/request"
    item = {"name": "pen", "part": {"name": "cap"}}
    assert client.post("/item?urgent=yes", json=item).json() == ["pen", "cap", True]
    errors = client.get("/item/x?limit=11").json()["errors"]
    assert [(error["name"], error["expected"]) for error in errors] == [("key", "int"), ("limit", "int <= 10")]


class Pages(Blueprint):
    async def get(self, number: int) -> dict[str, int]:
        return {"number": number}


class Public(TechMicroService):
    async def token_authorizer(self, token: str) -> bool:
        return True


def test_string_annotations_of_a_blueprint_are_resolved(connect: Connect):
    app = Public()
    app.register_blueprint(Pages(), url_prefix="pages")
    assert connect(app).get("/pages/7", headers={"Authorization": "any"}).json() == {"number": 7}


class Store(TechMicroService, Generic[T]):
    @entry(no_auth=True)
    async def post(self, one: T) -> Any:
        return one

    @entry(no_auth=True)
    async def post_all(self, *, items: list[T]) -> Any:
        return items


class ItemStore(Store[Item]):
    pass


def test_string_annotations_may_use_the_type_variable_of_a_generic_service(connect: Connect):
    app = ItemStore()
    assert list_routes(app) == {"POST /", "POST /all"}
    client = connect(app)
    assert client.post("/", json={"name": "pen"}).json() == {"name": "pen", "tags": [], "part": None}
    assert client.post("/all", json={"items": [{"name": "pen"}]}).json()[0]["name"] == "pen"
    assert client.post("/", json={"title": "pen"}).status_code == 422


class Lost(TechMicroService):
    async def get(self, first: int, second: Nowhere = None):  # type: ignore[name-defined] # noqa: F821
        """One annotation uses an undefined name."""


class LostTwice(TechMicroService):
    async def get(self, first: Nowhere, second: int, third: list[Somewhere]):  # type: ignore[name-defined] # noqa: F821
        """Two annotations use undefined names."""


class Broken(TechMicroService):
    async def get(self, first: int | 5 = 0):  # type: ignore[valid-type]
        """The annotation raises a TypeError."""


class Returning(TechMicroService):
    async def get(self) -> Nowhere:  # type: ignore[name-defined] # noqa: F821
        """The return annotation uses an undefined name."""


@pytest.mark.parametrize(
    ("service", "message"),
    [
        (Lost, "Lost.get: cannot resolve the annotation of 'second': name 'Nowhere' is not defined. "),
        (LostTwice, "LostTwice.get: cannot resolve the annotation of 'first': name 'Nowhere' is not defined. "),
        (Returning, "Returning.get: cannot resolve the annotation of 'return': name 'Nowhere' is not defined. "),
    ],
)
def test_an_unresolvable_annotation_is_a_declaration_error(service: type[TechMicroService], message: str):
    assert declaration_error(service) == message + "Define or import the names it uses at module level."


def test_an_invalid_annotation_is_a_declaration_error():
    assert declaration_error(Broken).startswith("Broken.get: cannot resolve the annotation of 'first': ")


def test_names_of_the_class_body_are_not_in_scope():
    class Service(TechMicroService):
        class Colour(msgspec.Struct):
            name: str

        @entry
        async def post(self, colour: Colour):
            """`Colour` is defined only in the class body."""

    assert "cannot resolve the annotation of 'colour': name 'Colour' is not defined." in declaration_error(Service)


GENERIC = """
from __future__ import annotations
from coworks_async import TechMicroService, entry

class Store[Item, Key: int](TechMicroService):
    @entry(no_auth=True)
    async def post(self, key: Key, item: Item):
        return {"key": key, "item": item}

class Mine(Store[ITEM, int]):
    pass
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax came with Python 3.12")
def test_string_annotations_may_use_the_type_parameters_of_a_class(connect: Connect):
    module: dict[str, Any] = {"__name__": __name__, "ITEM": Item}
    exec(GENERIC, module)  # noqa: S102
    app = module["Mine"]()
    assert list_routes(app) == {"POST /{key}"}
    assert connect(app).post("/7", json={"name": "pen"}).json()["item"]["name"] == "pen"

"""Annotations that are strings: those of a module that starts with `from __future__ import annotations`."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import pytest

from coworks_async import Blueprint, Request, TechMicroService, entry
from tests.clients import Connect
from tests.entries.building import refusal, routes

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


def test_they_are_read_like_any_other(connect: Connect):
    app = Shop()
    assert routes(app) == {"GET /item/{key}", "POST /item", "GET /path/{path:path}", "GET /request"}
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


def test_they_are_read_in_a_blueprint(connect: Connect):
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


def test_they_may_name_the_type_variable_of_a_generic_service(connect: Connect):
    app = ItemStore()
    assert routes(app) == {"POST /", "POST /all"}
    client = connect(app)
    assert client.post("/", json={"name": "pen"}).json() == {"name": "pen", "tags": [], "part": None}
    assert client.post("/all", json={"items": [{"name": "pen"}]}).json()[0]["name"] == "pen"
    assert client.post("/", json={"title": "pen"}).status_code == 422


class Lost(TechMicroService):
    async def get(self, first: int, second: Nowhere = None):  # type: ignore[name-defined] # noqa: F821
        """Has an annotation that names nothing."""


class LostTwice(TechMicroService):
    async def get(self, first: Nowhere, second: int, third: list[Somewhere]):  # type: ignore[name-defined] # noqa: F821
        """Has two of them."""


class Broken(TechMicroService):
    async def get(self, first: int | 5 = 0):  # type: ignore[valid-type]
        """Has an annotation that is no type."""


class Returning(TechMicroService):
    async def get(self) -> Nowhere:  # type: ignore[name-defined] # noqa: F821
        """Returns something of a type that is nowhere."""


@pytest.mark.parametrize(
    ("service", "message"),
    [
        (Lost, "Lost.get: the annotation of 'second' cannot be resolved (name 'Nowhere' is not defined); "),
        (
            LostTwice,
            "LostTwice.get: the annotation of 'first' and 'third' cannot be resolved (name 'Nowhere' is not defined); ",
        ),
        (Returning, "Returning.get: the annotation of 'return' cannot be resolved (name 'Nowhere' is not defined); "),
    ],
)
def test_one_that_cannot_be_resolved_is_refused_by_name(service: type[TechMicroService], message: str):
    assert refusal(service) == message + "define or import its names at the level of the module."


def test_one_that_is_no_type_is_refused_by_name():
    assert refusal(Broken).startswith("Broken.get: the annotation of 'first' cannot be resolved (")


def test_a_name_of_the_class_itself_is_not_seen():
    class Service(TechMicroService):
        class Colour(msgspec.Struct):
            name: str

        @entry
        async def post(self, colour: Colour):
            """The name is only in the body of the class."""

    assert "the annotation of 'colour' cannot be resolved (name 'Colour' is not defined)" in refusal(Service)


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
def test_they_may_name_the_parameters_of_a_class(connect: Connect):
    module: dict[str, Any] = {"__name__": __name__, "ITEM": Item}
    exec(GENERIC, module)  # noqa: S102
    app = module["Mine"]()
    assert routes(app) == {"POST /{key}"}
    assert connect(app).post("/7", json={"name": "pen"}).json()["item"]["name"] == "pen"

"""Type variables of generic services and blueprints."""

from typing import Generic, TypeVar

import msgspec

from coworks_async import Blueprint, TechMicroService, entry
from tests.clients import Connect
from tests.entries.services import declaration_error, list_routes

T = TypeVar("T")
K = TypeVar("K")


class Item(msgspec.Struct):
    name: str


N = TypeVar("N", bound=Item)


class Page(msgspec.Struct, Generic[T]):
    items: list[T]


def test_a_subclass_binds_the_type_variables_of_a_generic_service(connect: Connect):
    class Store(TechMicroService, Generic[K, T]):
        @entry(no_auth=True)
        async def post(self, key: K, item: T):
            return {"key": key, "item": item}

        @entry(no_auth=True)
        async def post_many(self, *, items: list[T] | None, page: dict[str, T] = {}):  # noqa: B006
            return {"items": items, "page": page}

        @entry(no_auth=True)
        async def post_page(self, page: Page[T]):
            return page.items

    class ItemStore(Store[int, Item]):
        pass

    app = ItemStore()
    assert list_routes(app) == {"POST /{key}", "POST /many", "POST /page"}
    client = connect(app)
    pen = {"name": "pen"}
    assert client.post("/7", json=pen).json() == {"key": 7, "item": pen}
    assert client.post("/seven", json=pen).status_code == 422
    assert client.post("/many", json={"items": [pen], "page": {"a": pen}}).json() == {
        "items": [pen],
        "page": {"a": pen},
    }
    assert client.post("/many", json={"items": [{"title": "pen"}]}).status_code == 422
    assert client.post("/page", json={"items": [pen]}).json() == [pen]
    assert client.post("/page", json={"items": [{"title": "pen"}]}).status_code == 422


def test_type_arguments_pass_through_an_intermediate_generic_class(connect: Connect):
    class Store(TechMicroService, Generic[K, T]):
        @entry(no_auth=True)
        async def post(self, key: K, *, value: T):
            return {"key": key, "value": value}

    class Middle(Store[T, list[K]], Generic[K, T]):
        pass

    class Mine(Middle[int, str]):
        pass

    client = connect(Mine())
    assert client.post("/a", json={"value": [1, 2]}).json() == {"key": "a", "value": [1, 2]}
    assert client.post("/a", json={"value": ["one"]}).status_code == 422


def test_two_generic_bases_may_share_a_type_variable(connect: Connect):
    class Readable(Generic[T]):
        @entry(no_auth=True)
        async def get(self, key: T):
            return {"key": key}

    class Writable(Generic[T]):
        @entry(no_auth=True)
        async def post(self, item: T):
            return {"item": item}

    class Service(Readable[int], Writable[Item], TechMicroService):
        pass

    app = Service()
    assert list_routes(app) == {"GET /{key}", "POST /"}
    client = connect(app)
    assert client.get("/7").json() == {"key": 7}
    assert client.post("/", json={"name": "pen"}).json() == {"item": {"name": "pen"}}


def test_a_subclass_binds_the_type_variables_of_a_generic_blueprint(connect: Connect):
    class Pages(Blueprint, Generic[T]):
        @entry(no_auth=True)
        async def get(self, number: T):
            return {"number": number}

    class Numbered(Pages[int]):
        pass

    app = TechMicroService()
    app.register_blueprint(Numbered(), url_prefix="/pages")
    client = connect(app)
    assert client.get("/pages/7").json() == {"number": 7}
    assert client.get("/pages/seven").status_code == 422


def test_an_unbound_type_variable_converts_to_its_bound(connect: Connect):
    class Store(TechMicroService, Generic[N]):
        @entry(no_auth=True)
        async def post(self, item: N):
            return item.name

    app: TechMicroService = Store()
    assert list_routes(app) == {"POST /"}
    assert connect(app).post("/", json={"name": "pen"}).text == "pen"


def test_an_unbound_type_variable_is_a_declaration_error():
    class Store(TechMicroService, Generic[T]):
        @entry
        async def post(self, *, items: list[T]):
            """T has no type."""

    class Middle(Store[T], Generic[T]):
        pass

    for service in (Store, Store[int], Middle):
        assert (
            declaration_error(service)
            .replace("Middle", "Store")
            .endswith(
                "Store.post: the type variable ~T of parameter 'items' has no type. "
                "Derive a class that sets it: class Mine(Store[int])."
            )
        )


def test_an_unbound_type_variable_is_allowed_in_the_return_annotation(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self) -> list[T]:
            return []

    assert connect(Service()).get("/").json() == []

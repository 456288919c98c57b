"""Binding by a compiled plan."""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import msgspec

from coworks_async import Request, TechMicroService, entry
from tests.clients import Connect
from tests.entries.services import create_service


class Cat(msgspec.Struct):
    name: str


class Dog(msgspec.Struct):
    name: str
    good: bool = True


@dataclass
class Bird:
    name: str


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    name: str


def test_except_on_get_a_field_and_a_parameter_may_share_a_name(connect: Connect):
    async def post(self, animal: Dog, name: str = ""):
        return [animal.name, name]

    client = connect(create_service(post=post))
    assert client.post("/?name=query", json={"name": "body"}).json() == ["body", "query"]


def test_one_signature_may_have_every_kind_of_parameter(connect: Connect):
    async def post(
        self, key: int, http: Request, lang="en", /, sort="asc", *path, page__size__=20, filter__=None, **others
    ):
        return [key, http.method, lang, sort, path, page__size__, filter__, others]

    client = connect(create_service(post=post))
    assert client.post("/7").json() == [7, "POST", "en", "asc", [], 20, None, {}]
    response = client.post("/7/a/b?lang=fr&filter[x]=1&colour=red", json={"sort": "desc", "page[size]": 5})
    assert response.json() == [7, "POST", "fr", "desc", ["a", "b"], 5, {"x": "1"}, {"colour": "red"}]


def test_a_positional_only_parameter_may_follow_the_request(connect: Connect):
    async def post(self, http: Request, key: int, /, lang="en"):
        return [http.method, key, lang]

    async def put(self, bird: Bird, key: int, /):
        return [bird.name, key]

    client = connect(create_service(post=post, put=put))
    assert client.post("/7", json={"lang": "fr"}).json() == ["POST", 7, "fr"]
    assert client.put("/7", json={"name": "Tit"}).json() == ["Tit", 7]


def test_a_default_is_the_object_in_the_signature(connect: Connect):
    shared: dict[str, int] = {"calls": 0}

    async def post(self, key, counts: dict[str, int] = shared, *, other=shared):
        assert counts is shared
        assert other is shared
        return "same"

    client = connect(create_service(post=post))
    assert client.post("/a").text == client.post("/a", json={}).text == client.post("/a?").text == "same"


def test_a_body_may_contain_names_with_brackets(connect: Connect):
    async def post(self, *, page__number__: int, page__size__: int = 20):
        return [page__number__, page__size__]

    client = connect(create_service(post=post))
    assert client.post("/", json={"page[number]": 3}).json() == [3, 20]
    assert client.post("/", data={"page[number]": "3", "page[size]": "5"}).json() == [3, 5]
    body = client.post("/", json={"page__number__": 3}).json()
    assert [error["name"] for error in body["errors"]] == ["page[number]", "page__number__"]


def test_a_structured_body_works_beside_required_query_parameters(connect: Connect):
    async def post(self, cat: Cat, *, owner: str):
        return [cat.name, owner]

    client = connect(create_service(post=post))
    assert client.post("/?owner=Ann", json={"name": "Tom"}).json() == ["Tom", "Ann"]
    errors = client.post("/", json={"name": "Tom"}).json()["errors"]
    assert [(error["name"], error["detail"]) for error in errors] == [("owner", "Missing")]


def test_a_strict_structured_body_works_beside_required_query_parameters(connect: Connect):
    async def post(self, item: Strict, *, owner: str):
        return [item.name, owner]

    client = connect(create_service(post=post))
    assert client.post("/?owner=Ann", json={"name": "pen"}).json() == ["pen", "Ann"]
    errors = client.post("/", json={"name": "pen"}).json()["errors"]
    assert [(error["name"], error["detail"]) for error in errors] == [("owner", "Missing")]


def test_an_unknown_key_in_an_otherwise_valid_body_is_an_error(connect: Connect):
    async def post(self, *, name: str, price: int = 0):
        return [name, price]

    client = connect(create_service(post=post))
    assert client.post("/", json={"name": "pen", "price": 3}).json() == ["pen", 3]
    errors = client.post("/", json={"name": "pen", "price": 3, "colour": "red"}).json()["errors"]
    assert errors == [
        {
            "where": "body",
            "name": "colour",
            "expected": "nothing",
            "detail": "Unknown name; accepted names: name, price",
        }
    ]


def test_a_structured_body_decoded_by_msgspec_alone_follows_the_same_rules(connect: Connect):
    async def post(self, item: Strict, lang="en"):
        return [item.name, lang]

    client = connect(create_service(post=post))
    assert client.post("/", json={"name": "pen"}).json() == ["pen", "en"]
    assert client.post("/?lang=fr", json={"name": "pen"}).json() == ["pen", "fr"]
    assert client.post("/", json={"name": "pen", "x": 1}).json()["errors"][0]["name"] == "x"


class Point(NamedTuple):
    x: int
    y: int


def test_a_named_tuple_is_not_structured(connect: Connect):
    async def post(self, *, point: Point):
        return {"x": point.x, "y": point.y}

    client = connect(create_service(post=post))
    assert client.post("/", json={"point": [1, 2]}).json() == {"x": 1, "y": 2}


def test_a_decimal_keeps_the_digits_of_the_body(connect: Connect):
    async def post(self, *, price: Decimal):
        return str(price)

    client = connect(create_service(post=post))
    response = client.post("/", content=b'{"price": 0.10000000000000000001}')
    assert response.text == "0.10000000000000000001"


def test_the_error_of_an_unknown_name_lists_the_accepted_names(connect: Connect):
    async def get(self, lang="en", page__size__=20, filter__=None):
        """Accepts three names."""

    error = connect(create_service(get=get)).get("/?colour=red").json()["errors"][0]
    assert error["detail"] == "Unknown name; accepted names: lang, page[size], filter[...]"


def test_an_entry_without_parameters_rejects_any_name(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            """Has no parameters."""

    response = connect(Service()).get("/?colour=red")
    assert response.status_code == 422
    assert response.json()["errors"] == [
        {"where": "query", "name": "colour", "expected": "nothing", "detail": "Unknown name; no names are accepted"}
    ]

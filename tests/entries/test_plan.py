"""Plans: what each parameter is converted by, compiled when the service is built."""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import msgspec

from coworks_async import Request, TechMicroService, entry
from tests.clients import Connect
from tests.entries.building import service_of


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


def test_elsewhere_a_field_and_a_parameter_may_have_one_name(connect: Connect):
    async def post(self, animal: Dog, name: str = ""):
        return [animal.name, name]

    client = connect(service_of(post=post))
    assert client.post("/?name=query", json={"name": "body"}).json() == ["body", "query"]


def test_every_kind_of_parameter_stands_in_one_signature(connect: Connect):
    async def post(
        self, key: int, http: Request, lang="en", /, sort="asc", *path, page__size__=20, filter__=None, **others
    ):
        return [key, http.method, lang, sort, path, page__size__, filter__, others]

    client = connect(service_of(post=post))
    assert client.post("/7").json() == [7, "POST", "en", "asc", [], 20, None, {}]
    response = client.post("/7/a/b?lang=fr&filter[x]=1&colour=red", json={"sort": "desc", "page[size]": 5})
    assert response.json() == [7, "POST", "fr", "desc", ["a", "b"], 5, {"x": "1"}, {"colour": "red"}]


def test_a_parameter_may_stand_after_the_request_by_position_alone(connect: Connect):
    async def post(self, http: Request, key: int, /, lang="en"):
        return [http.method, key, lang]

    async def put(self, bird: Bird, key: int, /):
        return [bird.name, key]

    client = connect(service_of(post=post, put=put))
    assert client.post("/7", json={"lang": "fr"}).json() == ["POST", 7, "fr"]
    assert client.put("/7", json={"name": "Tit"}).json() == ["Tit", 7]


def test_a_default_is_the_very_object_of_the_signature(connect: Connect):
    shared: dict[str, int] = {"calls": 0}

    async def post(self, key, counts: dict[str, int] = shared, *, other=shared):
        assert counts is shared
        assert other is shared
        return "same"

    client = connect(service_of(post=post))
    assert client.post("/a").text == client.post("/a", json={}).text == client.post("/a?").text == "same"


def test_a_body_is_read_by_names_with_brackets_as_well(connect: Connect):
    async def post(self, *, page__number__: int, page__size__: int = 20):
        return [page__number__, page__size__]

    client = connect(service_of(post=post))
    assert client.post("/", json={"page[number]": 3}).json() == [3, 20]
    assert client.post("/", data={"page[number]": "3", "page[size]": "5"}).json() == [3, 5]
    refused = client.post("/", json={"page__number__": 3}).json()
    assert [error["name"] for error in refused["errors"]] == ["page[number]", "page__number__"]


def test_a_structured_body_stands_beside_names_that_must_be_given(connect: Connect):
    async def post(self, cat: Cat, *, owner: str):
        return [cat.name, owner]

    client = connect(service_of(post=post))
    assert client.post("/?owner=Ann", json={"name": "Tom"}).json() == ["Tom", "Ann"]
    errors = client.post("/", json={"name": "Tom"}).json()["errors"]
    assert [(error["name"], error["detail"]) for error in errors] == [("owner", "Missing")]


def test_a_strict_structured_body_stands_beside_names_that_must_be_given(connect: Connect):
    async def post(self, item: Strict, *, owner: str):
        return [item.name, owner]

    client = connect(service_of(post=post))
    assert client.post("/?owner=Ann", json={"name": "pen"}).json() == ["pen", "Ann"]
    errors = client.post("/", json={"name": "pen"}).json()["errors"]
    assert [(error["name"], error["detail"]) for error in errors] == [("owner", "Missing")]


def test_a_key_that_no_parameter_takes_is_refused_with_a_body_that_is_right_otherwise(connect: Connect):
    async def post(self, *, name: str, price: int = 0):
        return [name, price]

    client = connect(service_of(post=post))
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


def test_a_structured_body_that_msgspec_reads_alone_is_read_by_our_rules(connect: Connect):
    async def post(self, item: Strict, lang="en"):
        return [item.name, lang]

    client = connect(service_of(post=post))
    assert client.post("/", json={"name": "pen"}).json() == ["pen", "en"]
    assert client.post("/?lang=fr", json={"name": "pen"}).json() == ["pen", "fr"]
    assert client.post("/", json={"name": "pen", "x": 1}).json()["errors"][0]["name"] == "x"


class Point(NamedTuple):
    x: int
    y: int


def test_a_tuple_with_names_is_an_array_and_takes_no_whole_body(connect: Connect):
    async def post(self, *, point: Point):
        return {"x": point.x, "y": point.y}

    client = connect(service_of(post=post))
    assert client.post("/", json={"point": [1, 2]}).json() == {"x": 1, "y": 2}


def test_a_decimal_is_read_as_it_was_written(connect: Connect):
    async def post(self, *, price: Decimal):
        return str(price)

    client = connect(service_of(post=post))
    response = client.post("/", content=b'{"price": 0.10000000000000000001}')
    assert response.text == "0.10000000000000000001"


def test_the_names_known_are_listed_to_who_sends_another(connect: Connect):
    async def get(self, lang="en", page__size__=20, filter__=None):
        """Knows three names."""

    error = connect(service_of(get=get)).get("/?colour=red").json()["errors"][0]
    assert error["detail"] == "Unknown name; accepted names: lang, page[size], filter[...]"


def test_an_entry_without_parameters_takes_nothing(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            """Takes nothing."""

    response = connect(Service()).get("/?colour=red")
    assert response.status_code == 422
    assert response.json()["errors"] == [
        {"where": "query", "name": "colour", "expected": "nothing", "detail": "Unknown name; no names are accepted"}
    ]

"""Conversion to pydantic models, without dropping unknown keys."""

from decimal import Decimal
from typing import Any, Literal

import msgspec

from coworks_async import TechMicroService, entry
from tests.clients import Connect
from tests.entries.pydantic_models import (
    Aliased,
    Both,
    Box,
    Cat,
    Checked,
    Dog,
    Forbidding,
    Ignoring,
    Item,
    Keeping,
    Pet,
    Tag,
    Tags,
)
from tests.http_requests import assert_bound, assert_refused, shown, taking_whole

UNKNOWN = ("nothing", "Unknown name")


def test_a_model_takes_the_whole_body_or_the_whole_query(connect: Connect):
    client = connect(taking_whole(Item))
    for response in (
        client.post("/", json={"id": "1", "names": ["a"]}),
        client.post("/", data={"id": "1", "names": ["a"]}),
        client.post("/", files=[("id", (None, "1")), ("names", (None, "a"))]),
        client.get("/?id=1&names=a"),
    ):
        assert_bound(response, Item(id=1, names=["a"]))
    assert_bound(client.get("/?id=1&names=a&names=b"), Item(id=1, names=["a", "b"]))
    assert_bound(client.post("/", json={"id": 1, "tag": {"name": "a"}}), Item(id=1, tag=Tag(name="a")))


def test_an_unknown_key_is_an_error_that_names_it(connect: Connect):
    client = connect(taking_whole(Item))
    for where, response in (
        ("body", client.post("/", json={"id": 1, "nope": 2})),
        ("body", client.post("/", data={"id": 1, "nope": 2})),
        ("query", client.get("/?id=1&nope=2")),
    ):
        assert_refused(response, (where, "nope", *UNKNOWN))


def test_an_explicit_extra_of_a_model_applies(connect: Connect):
    assert_bound(connect(taking_whole(Ignoring)).post("/", json={"id": 1, "nope": 2}), Ignoring(id=1))
    assert_bound(connect(taking_whole(Keeping)).get("/?id=1&nope=2"), Keeping.model_validate({"id": 1, "nope": "2"}))
    error = ("body", "nope", "Forbidding", "Extra inputs are not permitted")
    assert_refused(connect(taking_whole(Forbidding)).post("/", json={"nope": 2}), error)


def test_the_extra_of_a_model_does_not_apply_to_nested_models(connect: Connect):
    response = connect(taking_whole(Ignoring)).post("/", json={"nope": 1, "tag": {"name": "a", "nope": 2}})
    assert_refused(response, ("body", "tag.nope", *UNKNOWN))


def test_a_model_is_converted_by_its_aliases(connect: Connect):
    client = connect(taking_whole(Aliased))
    sent: dict[str, Any]
    for sent in ({"itemId": 5, "one": 6, "deep": [7]}, {"itemId": 5, "first": 6, "deep": [7]}):
        assert_bound(client.post("/", json=sent), Aliased.model_validate(sent))
    assert_refused(client.post("/", json={"item_id": 5}), ("body", "item_id", *UNKNOWN))
    client = connect(taking_whole(Both))
    for sent in ({"itemId": 5}, {"item_id": 5}):
        assert_bound(client.post("/", json=sent), Both.model_validate(sent))


def test_a_second_name_of_one_field_is_an_error(connect: Connect):
    # pydantic alone would take the first and drop the other.
    response = connect(taking_whole(Aliased)).post("/", json={"first": 1, "one": 2})
    assert_refused(response, ("body", "first", *UNKNOWN))
    response = connect(taking_whole(Both)).post("/", json={"item_id": 1, "itemId": 2})
    assert_refused(response, ("body", "item_id", *UNKNOWN))


def test_one_response_lists_every_invalid_field(connect: Connect):
    client = connect(taking_whole(Item))
    integer = "Input should be a valid integer, unable to parse string as an integer"
    response = client.post("/", json={"id": "x", "names": 5, "tag": {}, "nope": 1})
    assert_refused(
        response,
        ("body", "nope", *UNKNOWN),
        ("body", "id", "int", integer),
        ("body", "names", "list[str]", "Input should be a valid list"),
        ("body", "tag.name", "Tag | None", "Field required"),
    )
    assert_refused(client.get("/?id=x"), ("query", "id", "int", integer))


def test_a_body_that_is_not_an_object_fits_only_root_models(connect: Connect):
    error = ("body", "", "Item", "Input should be a valid dictionary or instance of Item")
    assert_refused(connect(taking_whole(Item)).post("/", json=[1]), error)
    client = connect(taking_whole(Tags))
    assert_bound(client.post("/", json=[{"name": "a"}]), Tags([Tag(name="a")]))
    assert_refused(client.post("/", json={"name": "a"}), ("body", "", "Tags", "Input should be a valid list"))
    error = ("body", "", "Tags", "0.name: Field required")
    assert_refused(client.post("/", json=[{}]), error)
    assert_bound(connect(taking_whole(Item | None)).post("/", content=b"null"), None)


def test_an_error_never_contains_the_value(connect: Connect):
    secret = "hunter2"
    response = connect(taking_whole(Checked)).post("/", json={"password": secret})
    assert_refused(response, ("body", "password", "str", "Value error, too short"))
    response = connect(taking_whole(Pet)).post("/", json={"kind": secret})
    assert_refused(response, ("body", "", "Cat | Dog", "Not one of the allowed values"))
    response = connect(taking_whole(Box[Literal["a"]])).post("/", json={"content": secret})
    assert_refused(response, ("body", "content", "one of 'a'", "Input should be 'a'"))


def test_a_union_of_models_converts_to_the_matching_model(connect: Connect):
    client = connect(taking_whole(Pet))
    assert_bound(client.post("/", json={"kind": "cat", "lives": "3"}), Cat(kind="cat", lives=3))
    assert_bound(client.get("/?kind=dog&name=Bo"), Dog(kind="dog", name="Bo"))
    assert_refused(client.get("/?kind=dog&lives=3"), ("query", "lives", *UNKNOWN))


def test_models_nested_in_other_types_are_converted(connect: Connect):
    class Basket(msgspec.Struct):
        items: list[Item]
        price: Decimal = Decimal(0)

    class Shop(TechMicroService):
        @entry(no_auth=True)
        async def post(self, basket: Basket):
            return shown(basket)

        @entry(no_auth=True)
        async def put(self, *, items: list[Item]):
            return shown(items)

    client = connect(Shop())
    item = Item(id=1, tag=Tag(name="a", weight=1.5))
    sent = {"id": 1, "tag": {"name": "a", "weight": 1.5}}
    assert_bound(client.post("/", json={"items": [sent], "price": 0.1}), Basket([item], Decimal("0.1")))
    assert_bound(client.put("/", json=[sent]), [item])
    assert_bound(client.put("/", json={"items": [sent]}), [item])
    for wrong, detail in (
        ({"id": 1, "nope": 1}, "Object contains unknown field `nope`"),
        ({"id": 1, "tag": {"name": "a", "nope": 1}}, "Object contains unknown field `tag.nope`"),
        ({}, "id: Field required"),
        (5, "Input should be a valid dictionary or instance of Item"),
    ):
        response = client.post("/", json={"items": [sent, wrong]})
        assert_refused(response, ("body", "items", "list[Item]", f"{detail} - at `items[1]`"))


def test_kwargs_may_be_models(connect: Connect):
    class Shop(TechMicroService):
        @entry(no_auth=True)
        async def post(self, **items: Item):
            return shown(items)

    client = connect(Shop())
    assert_bound(client.post("/", json={"a": {"id": 1}}), {"a": Item(id=1)})
    error = ("body", "a", "Item", "id: Field required")
    assert_refused(client.post("/", json={"a": {}}), error)
    not_an_object = "Input should be a valid dictionary or instance of Item"
    assert_refused(client.post("/?a=1"), ("query", "a", "Item", not_an_object))


def test_the_other_parameters_come_from_the_query(connect: Connect):
    class Shop(TechMicroService):
        @entry(no_auth=True)
        async def post(self, item: Item, note: str = ""):
            return shown(item, note)

        @entry(no_auth=True)
        async def get(self, item: Item, page: int = 1):
            return shown(item, page)

    client = connect(Shop())
    assert_bound(client.post("/?note=x", json={"id": 1}), Item(id=1), "x")
    assert_bound(client.get("/?page=2&id=1"), Item(id=1), 2)
    assert_refused(
        client.get("/?page=x&nope=1"),
        ("query", "page", "int", "Expected `int`, got `str`"),
        ("query", "nope", *UNKNOWN),
        ("query", "id", "int", "Field required"),
    )

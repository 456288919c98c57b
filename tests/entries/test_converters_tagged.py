"""Conversion to tagged unions, recursive types and array-like Structs."""

from typing import Any

import msgspec

from tests.clients import Connect
from tests.http_requests import assert_bound, assert_refused, taking_whole


class Cat(msgspec.Struct, tag="cat"):
    lives: int


class Dog(msgspec.Struct, tag="dog"):
    name: str = "Rex"
    toys: list[str] = []


class First(msgspec.Struct, tag=1):
    x: int


class Second(msgspec.Struct, tag=2):
    x: str


class Tree(msgspec.Struct):
    value: int
    children: list["Tree"] = []


class Point(msgspec.Struct, array_like=True):
    x: int
    y: int = 0


class Span(msgspec.Struct, array_like=True, tag="span"):
    start: int


class Spot(msgspec.Struct, array_like=True, tag="spot"):
    at: float


def test_a_recursive_type_converts_at_every_level(connect: Connect):
    client = connect(taking_whole(Tree))
    sent: Any = {"value": "1", "children": [{"value": "2", "children": [{"value": "3"}]}]}
    assert_bound(client.post("/", json=sent), Tree(1, [Tree(2, [Tree(3)])]))
    sent = {"value": 1, "children": [{"value": 2, "nope": 3}]}
    assert_refused(
        client.post("/", json=sent), ("body", "children", "list[Tree]", "Object contains unknown field `nope`")
    )


def test_the_tag_chooses_the_struct_of_a_union(connect: Connect):
    client = connect(taking_whole(Cat | Dog))
    for response in (client.post("/", json={"type": "cat", "lives": "9"}), client.get("/?type=cat&lives=9")):
        assert_bound(response, Cat(9))
    assert_bound(client.get("/?type=dog&toys=ball&toys=bone"), Dog(toys=["ball", "bone"]))
    known = "Unknown name; accepted names: type, name, toys"
    assert_refused(client.get("/?type=dog&lives=9"), ("query", "lives", "nothing", known))
    assert_refused(
        client.post("/", json={"type": "cat", "lives": "x"}), ("body", "lives", "int", "Expected `int`, got `str`")
    )


def test_the_error_of_a_missing_or_unknown_tag_does_not_contain_its_value(connect: Connect):
    client = connect(taking_whole(Cat | Dog))
    missing = ("Cat | Dog", "Object missing required field `type`")
    assert_refused(client.post("/", json={"lives": 1}), ("body", "", *missing))
    assert_refused(client.get("/?lives=1"), ("query", "", *missing))
    for secret in ("hunter2", "it's"):
        wrong = ("Cat | Dog", "Not one of the allowed values - at `.type`")
        assert_refused(client.post("/", json={"type": secret}), ("body", "", *wrong))
        assert_refused(client.get("/", params={"type": secret}), ("query", "", *wrong))
    strange: Any
    for strange in ([], {}, [1]):
        response = client.post("/", json={"type": strange})
        assert response.status_code == 422


def test_a_numeric_tag_is_converted_from_a_query(connect: Connect):
    client = connect(taking_whole(First | Second))
    assert_bound(client.get("/?type=2&x=1"), Second("1"))
    assert_bound(client.post("/", json={"type": 1, "x": "1"}), First(1))


def test_nested_tagged_structs_reject_unknown_keys(connect: Connect):
    class Zoo(msgspec.Struct):
        pets: list[Cat | Dog]
        mascot: Cat | None = None
        spans: list[Span | Spot] = []

    client = connect(taking_whole(Zoo))
    sent = {"pets": [{"type": "cat", "lives": "9"}, {"type": "dog"}], "mascot": {"lives": "3"}}
    assert_bound(client.post("/", json=sent), Zoo([Cat(9), Dog()], Cat(3)))
    unknown = "Object contains unknown field `nope`"
    response = client.post("/", json={"pets": [{"type": "dog", "nope": 1}], "mascot": {"lives": 1, "nope": 2}})
    assert_refused(response, ("body", "pets", "list[Cat | Dog]", unknown), ("body", "mascot", "Cat | None", unknown))
    strange: Any
    for strange in ([], {}, 7):
        assert client.post("/", json={"pets": [{"type": strange}]}).status_code == 422
    assert_bound(
        client.post("/", json={"pets": [], "spans": [["span", "1"], ["spot", "2"]]}),
        Zoo([], None, [Span(1), Spot(2.0)]),
    )
    assert_refused(
        client.post("/", json={"pets": [], "spans": [["span", 1, 2]]}),
        ("body", "spans", "list[Span | Spot]", "Expected `array` of at most length 2, got 3"),
    )
    assert client.post("/", json={"pets": [], "spans": [[[]]]}).status_code == 422


def test_an_array_like_struct_rejects_surplus_items(connect: Connect):
    client = connect(taking_whole(Point))
    assert_bound(client.post("/", json=["1", 2]), Point(1, 2))
    assert_bound(client.post("/", json=[1]), Point(1))
    assert_refused(
        client.post("/", json=[1, 2, 3]), ("body", "", "Point", "Expected `array` of at most length 2, got 3")
    )
    assert_refused(client.post("/", json=[1, "x"]), ("body", "", "Point", "Expected `int`, got `str` - at `[1]`"))

"""What a structured type says of its own fields: which are required, what they are called, what it refuses."""

from typing import Required, TypedDict

import msgspec

from tests.clients import Connect
from tests.http_requests import assert_bound, assert_refused, taking_whole


class Patch(TypedDict, total=False):
    id: Required[int]
    note: str | None


class Renamed(msgspec.Struct, rename="camel"):
    item_id: int
    the_name: str = msgspec.field(name="@name", default="")


class Change(msgspec.Struct):
    note: str | msgspec.UnsetType | None = msgspec.UNSET


class Checked(msgspec.Struct):
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")


def test_what_the_class_itself_refuses_is_a_fault_of_the_taking_whole(connect: Connect):
    client = connect(taking_whole(Checked))
    assert_bound(client.post("/", json={"low": 1, "high": 2}), Checked(1, 2))
    assert_refused(client.post("/", json={"low": 3, "high": 2}), ("body", "", "Checked", "low is above high"))
    assert_refused(client.get("/?low=3&high=2"), ("query", "", "Checked", "low is above high"))


def test_a_typed_dict_says_which_keys_are_required(connect: Connect):
    client = connect(taking_whole(Patch))
    assert_bound(client.post("/", json={"id": 1, "note": None}), {"id": 1, "note": None})
    assert_bound(client.post("/", json={"id": 1}), {"id": 1})
    assert_refused(client.post("/", json={"note": "x"}), ("body", "id", "int", "Missing"))


def test_a_struct_is_read_by_the_names_it_gives_to_clients(connect: Connect):
    client = connect(taking_whole(Renamed))
    assert_bound(client.post("/", json={"itemId": "1", "@name": "a"}), Renamed(1, "a"))
    assert_refused(
        client.get("/?item_id=1"),
        ("query", "item_id", "nothing", "Unknown name; accepted names: itemId, @name"),
        ("query", "itemId", "int", "Missing"),
    )


def test_a_struct_tells_what_was_not_sent_from_null(connect: Connect):
    client = connect(taking_whole(Change))
    assert_bound(client.post("/", json={"note": None}), Change(None))
    assert_bound(client.post("/", json={}), Change())


def test_an_error_of_the_class_itself_is_a_500(connect: Connect):
    def broken() -> int:
        raise TypeError("a bug")

    class Broken(msgspec.Struct):
        number: int = msgspec.field(default_factory=broken)

    client = connect(taking_whole(Broken))
    assert client.post("/", json={"number": 1}).status_code == 200
    assert client.post("/", json={}).json() == {"type": "about:blank", "title": "Internal Server Error", "status": 500}

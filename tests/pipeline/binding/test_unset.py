"""`msgspec.UNSET` as a default distinguishes what was not sent from null."""

from dataclasses import dataclass
from typing import Any

import pytest
from msgspec import UNSET, Struct, UnsetType

from coworks_async import TechMicroService, entry
from tests.clients import Connect
from tests.http_requests import assert_bound, assert_rejected, create_item_service, format_values


class Changes(Struct):
    title: str | UnsetType = UNSET
    note: str | UnsetType | None = UNSET


@dataclass
class Update:
    title: str | UnsetType = UNSET
    note: str | UnsetType | None = UNSET


@pytest.mark.parametrize("kind", [Changes, Update])
def test_a_field_that_was_not_sent_is_unset_and_not_null(connect: Connect, kind: Any):
    client = connect(create_item_service(kind))
    assert_bound(client.post("/", json={}), kind(UNSET, UNSET))
    assert_bound(client.post("/", json={"note": None}), kind(UNSET, None))
    assert_bound(client.post("/", json={"title": "t", "note": "n"}), kind("t", "n"))
    assert_bound(client.post("/", data={"title": "t"}), kind("t", UNSET))
    assert_bound(client.get("/?note=n"), kind(UNSET, "n"))
    assert_rejected(client.post("/", json={"title": None}), ("body", "title", "str", "Expected `str`, got `null`"))


class Service(TechMicroService):
    @entry(no_auth=True)
    async def patch(self, code: str, *, note: str | UnsetType | None = UNSET, level: int | UnsetType = UNSET):
        return format_values(code, note, level)

    @entry(no_auth=True)
    async def get(self, level: int | UnsetType = UNSET):
        return format_values(level)


def test_a_parameter_that_was_not_sent_is_unset(connect: Connect):
    client = connect(Service())
    assert_bound(client.patch("/a"), "a", UNSET, UNSET)
    assert_bound(client.patch("/a", json={"note": None}), "a", None, UNSET)
    assert_bound(client.patch("/a", json={"note": None, "level": "7"}), "a", None, 7)
    assert_bound(client.patch("/a?level=7"), "a", UNSET, 7)
    assert_bound(client.patch("/a", data={"note": "n"}), "a", "n", UNSET)
    assert_bound(client.get("/"), UNSET)
    assert_bound(client.get("/?level=7"), 7)
    error = ("level", "int", "Expected `int`, got `null`")
    assert_rejected(client.patch("/a", json={"level": None}), ("body", *error))
    assert_rejected(client.get("/?level=x"), ("query", "level", "int", "Expected `int`, got `str`"))


def test_a_returned_object_omits_what_is_unset(connect: Connect):
    class Echo(TechMicroService):
        @entry(no_auth=True)
        async def patch(self, changes: Changes):
            return changes

        @entry(no_auth=True)
        async def put(self, update: Update):
            return update

    client = connect(Echo())
    for method in ("PATCH", "PUT"):
        assert client.request(method, "/", json={"note": None}).text == '{"note":null}'
        assert client.request(method, "/", json={}).text == "{}"

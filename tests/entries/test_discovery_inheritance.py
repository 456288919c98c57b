"""Entries that a subclass inherits, overrides or removes."""

import functools
from typing import Any

import pytest

from coworks_async import Blueprint, TechMicroService, entry
from tests.clients import Connect
from tests.entries.services import TOKEN, AnyTokenService, declaration_error, list_routes

OVERRIDDEN = (
    "Service.{name} overrides an entry, but the override in {owner} is not decorated. "
    "Add @entry with all its options (no_auth is never inherited), or set {name} = None to remove the entry."
)


def test_entries_are_inherited(connect: Connect):
    class Base(TechMicroService):
        greeting = "Hello"

        @entry(no_auth=True)
        async def get_hello(self):
            return self.greeting

    class Middle(Base):
        @entry(no_auth=True)
        async def get_bye(self):
            return "Bye"

    class Service(Middle):
        greeting = "Good morning"

    client = connect(Service())
    assert client.get("/hello").text == "Good morning"
    assert client.get("/bye").text == "Bye"


def test_an_undecorated_verb_may_be_overridden_undecorated(connect: Connect):
    class Base(AnyTokenService):
        async def get(self):
            return "base"

    class Child(Base):
        async def get(self):
            return "child of " + await super().get()

    assert connect(Base()).get("/", headers=TOKEN).text == "base"
    assert connect(Child()).get("/", headers=TOKEN).text == "child of base"


def test_an_override_does_not_inherit_options(connect: Connect):
    class Base(AnyTokenService):
        @entry(no_auth=True)
        async def get_item(self):
            return "open"

    class Child(Base):
        @entry
        async def get_item(self):
            return "closed"

    client = connect(Child())
    assert client.get("/item").status_code == 401
    assert client.get("/item", headers=TOKEN).text == "closed"


def test_an_override_may_change_the_parameters(connect: Connect):
    class Base(TechMicroService):
        @entry(no_auth=True)
        async def get_item(self):
            return "any item"

    class Child(Base):
        @entry(no_auth=True)
        async def get_item(self, key: int):  # type: ignore[override]
            return {"item": key}

    client = connect(Child())
    assert client.get("/item/7").json() == {"item": 7}
    assert client.get("/item").status_code == 404


class Decorated(AnyTokenService):
    @entry(no_auth=True)
    async def get_item(self):
        """An open entry."""

    @entry(no_auth=True)
    async def get(self):
        """An open entry named as a verb."""


class Undecorated(AnyTokenService):
    async def get(self):
        """An entry by its name."""


class DecoratedMixin:
    @entry(no_auth=True)
    async def get_item(self):
        """An open entry."""


class PlainMixin:
    async def get_item(self):
        """Not an entry by itself."""

    async def get(self):
        """Not an entry by itself."""


async def plain(self):
    """An undecorated method."""


@functools.wraps(Decorated.get_item)
async def wrapping(self):
    """Has a copy of the options that it did not declare."""


@pytest.mark.parametrize(
    ("name", "owner", "bases", "members"),
    [
        ("get_item", "Service", (Decorated,), {"get_item": plain}),
        ("get", "Service", (Decorated,), {"get": plain}),
        ("get_item", "Service", (Decorated,), {"get_item": lambda self: "sync"}),
        ("get_item", "Service", (Decorated,), {"get_item": "no function at all"}),
        ("get_item", "Service", (DecoratedMixin, AnyTokenService), {"get_item": plain}),
        ("get_item", "Service", (AnyTokenService, DecoratedMixin), {"get_item": plain}),
        ("get_item", "PlainMixin", (PlainMixin, Decorated), {"get": None}),
        ("get", "PlainMixin", (PlainMixin, Decorated), {"get_item": None}),
        ("get", "PlainMixin", (PlainMixin, Undecorated), {}),
        ("get", "Undecorated", (Undecorated, Decorated), {}),
        ("get_item", "PlainMixin", (PlainMixin, DecoratedMixin, AnyTokenService), {"get": plain}),
        ("get_item", "Service", (type("Middle", (Decorated,), {}),), {"get_item": plain}),
        ("get_item", "Service", (type("Middle", (Decorated,), {"get_item": None}),), {"get_item": plain}),
        (
            "get_item",
            "Service",
            (type("Middle", (Decorated,), {"get_item": entry(lambda self: 1)}),),
            {"get_item": plain},
        ),
        ("get_item", "Middle", (type("Middle", (Decorated,), {"get_item": plain}),), {}),
        ("get_item", "Service", (Decorated,), {"get_item": wrapping}),
    ],
)
def test_an_undecorated_override_of_an_entry_is_a_declaration_error(
    name: str, owner: str, bases: Any, members: dict[str, Any]
):
    service = type("Service", bases, members)
    assert declaration_error(service) == OVERRIDDEN.format(name=name, owner=owner)


def test_an_undecorated_override_in_a_blueprint_is_a_declaration_error():
    class Pages(Blueprint):
        @entry(no_auth=True)
        async def get(self):
            """An open entry."""

    class Mine(Pages):
        async def get(self):
            """Not decorated."""

    message = declaration_error(TechMicroService().register_blueprint, Mine())
    assert "Mine.get overrides an entry, but the override in " in message


def test_an_override_that_wraps_the_base_method_needs_its_own_decorator(connect: Connect):
    class Base(AnyTokenService):
        @entry(no_auth=True)
        async def get_item(self, key: int):
            return {"item": key}

    class Child(Base):
        @entry
        @functools.wraps(Base.get_item)
        async def get_item(self, *args: Any, **kwargs: Any):  # type: ignore[override]
            return {"child": await super().get_item(*args, **kwargs)}

    client = connect(Child())
    assert client.get("/item/7").status_code == 401
    assert client.get("/item/7", headers=TOKEN).json() == {"child": {"item": 7}}


def test_an_alias_chooses_the_method_of_one_base(connect: Connect):
    class First(AnyTokenService):
        @entry(no_auth=True)
        async def get_item(self):
            return "first"

    class Second(AnyTokenService):
        @entry(no_auth=True)
        async def get_item(self):
            return "second"

    class Service(First, Second):
        get_item = Second.get_item

    assert connect(Service()).get("/item").text == "second"


def test_the_first_of_two_decorated_bases_wins(connect: Connect):
    class First(DecoratedMixin):
        @entry(no_auth=True)
        async def get_item(self):
            return "first"

    class Service(First, Decorated):
        pass

    assert connect(Service()).get("/item").text == "first"


def test_none_removes_an_inherited_entry(connect: Connect):
    class Base(AnyTokenService):
        @entry(no_auth=True)
        async def get_item(self):
            return "item"

        async def get(self):
            return "root"

    class Child(Base):
        get_item = None  # type: ignore[assignment]
        get = None  # type: ignore[assignment]

        @entry(no_auth=True)
        async def get_other(self):
            return "other"

    app = Child()
    assert list_routes(app) == {"GET /other"}
    client = connect(app)
    assert client.get("/item").status_code == client.get("/", headers=TOKEN).status_code == 404
    assert client.get("/other").text == "other"


def test_a_removed_entry_may_be_declared_again(connect: Connect):
    class Base(TechMicroService):
        @entry(no_auth=True)
        async def get_item(self):
            """The first."""

    class Without(Base):
        get_item = None  # type: ignore[assignment]

    class Again(Without):
        @entry(no_auth=True)
        async def get_item(self):  # type: ignore[override]
            return "again"

    assert connect(Again()).get("/item").text == "again"

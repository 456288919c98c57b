"""Which methods of a class are entries, and what inheritance makes of them."""

import functools
from typing import Any, Generic, TypeVar

import pytest

from coworks_async import Blueprint, TechMicroService, entry
from tests.clients import Connect
from tests.entries.building import TOKEN, Open, refusal, routes


@pytest.mark.parametrize("verb", ["get", "post", "put", "patch", "delete", "options"])
def test_a_method_named_exactly_for_a_verb_is_an_entry_undecorated(connect: Connect, verb: str):
    async def method(self):
        return "answered"

    client = connect(type("Service", (Open,), {verb: method})())
    assert client.request(verb.upper(), "/", headers=TOKEN).text == "answered"
    assert client.request(verb.upper(), "/").status_code == 401


def test_an_undecorated_verb_of_a_blueprint_is_an_entry(connect: Connect):
    class Pages(Blueprint):
        async def get(self, number: int):
            return f"page {number}"

    app = Open()
    app.register_blueprint(Pages(), url_prefix="pages")
    assert connect(app).get("/pages/3", headers=TOKEN).text == "page 3"


def test_any_other_undecorated_method_is_no_entry(connect: Connect):
    class Service(Open):
        async def get_item(self):
            """Only a method."""

        async def checkout(self):
            """Only a method."""

        async def get(self):
            return "the entry"

    app = Service()
    assert routes(app) == {"GET /"}
    client = connect(app)
    assert client.get("/item", headers=TOKEN).status_code == 404
    assert client.post("/checkout", headers=TOKEN).status_code == 404


def test_an_undecorated_verb_of_a_mixin_is_no_entry(connect: Connect):
    class Client:
        async def get(self, url):
            """Fetches something, and is nobody's entry."""

    class Before(Client, Open):
        @entry(no_auth=True)
        async def get_item(self):
            return "item"

    class After(Open, Client):
        @entry(no_auth=True)
        async def get_item(self):
            return "item"

    for service in (Before(), After()):
        assert routes(service) == {"GET /item"}
        client = connect(service)
        assert client.get("/anything", headers=TOKEN).status_code == 404
        assert client.get("/item").text == "item"


def test_a_decorated_method_of_a_mixin_is_an_entry(connect: Connect):
    class Health:
        @entry(no_auth=True)
        async def get_health(self):
            return f"{self.name} is well"  # type: ignore[attr-defined]

        @entry(no_auth=True)
        async def get(self):
            return "root"

    class Service(Health, TechMicroService):
        pass

    client = connect(Service(name="shop"))
    assert client.get("/health").text == "shop is well"
    assert client.get("/").text == "root"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"a": 1}, "dict"),
        (staticmethod(lambda: "static"), "staticmethod"),
        (classmethod(lambda cls: "class"), "classmethod"),
        (property(lambda self: "property"), "property"),
        (functools.partial(print), "partial"),
        (len, "builtin_function_or_method"),
        (int, "type"),
    ],
)
def test_what_is_named_for_a_verb_and_is_no_method_is_refused(value: Any, kind: str):
    service = type("Service", (TechMicroService,), {"options": value})
    assert refusal(service) == (
        f"Service.options is a {kind}, which cannot be an entry; make it a plain method, or rename it."
    )


def test_the_order_of_entries_is_that_of_definition_the_bases_first():
    class Base(Open):
        @entry
        async def get_b(self):
            """First."""

        @entry
        async def get_a(self):
            """Second."""

    class Child(Base):
        @entry
        async def get_c(self):
            """Third."""

        @entry
        async def get_b(self):
            """First still."""

    assert [entry.path for entry in Child().entries] == ["/b", "/a", "/c"]


def test_errors_name_the_class_that_is_built_and_not_the_one_that_declares():
    class Base(TechMicroService):
        @entry
        async def get__(self, wrong: complex = 0):
            """A number that no request can hold."""

    class Child(Base):
        pass

    assert "Child.get__: the parameter 'wrong' cannot be converted" in refusal(Child)


Item = TypeVar("Item")


def test_a_generic_class_in_between_changes_nothing(connect: Connect):
    class Base(Open, Generic[Item]):
        async def get(self):
            return "root"

    class Child(Base[int]):
        async def get(self):
            return "child"

    assert connect(Child()).get("/", headers=TOKEN).text == "child"

"""Finding the entries of a class."""

import functools
from typing import Any, Generic, TypeVar

import pytest

from coworks_async import Blueprint, TechMicroService, entry
from coworks_async.entries.discovery import find_undecorated
from tests.clients import Connect
from tests.entries.services import TOKEN, AnyTokenService, declaration_error, list_routes


@pytest.mark.parametrize("verb", ["get", "post", "put", "patch", "delete", "options"])
def test_an_undecorated_method_named_as_a_verb_is_an_entry(connect: Connect, verb: str):
    async def method(self):
        return "response"

    client = connect(type("Service", (AnyTokenService,), {verb: method})())
    assert client.request(verb.upper(), "/", headers=TOKEN).text == "response"
    assert client.request(verb.upper(), "/").status_code == 401


def test_an_undecorated_verb_of_a_blueprint_is_an_entry(connect: Connect):
    class Pages(Blueprint):
        async def get(self, number: int):
            return f"page {number}"

    app = AnyTokenService()
    app.register_blueprint(Pages(), url_prefix="pages")
    assert connect(app).get("/pages/3", headers=TOKEN).text == "page 3"


def test_other_undecorated_methods_are_not_entries(connect: Connect):
    class Service(AnyTokenService):
        async def get_item(self):
            """Not an entry."""

        async def checkout(self):
            """Not an entry."""

        async def get(self):
            return "the entry"

    app = Service()
    assert list_routes(app) == {"GET /"}
    client = connect(app)
    assert client.get("/item", headers=TOKEN).status_code == 404
    assert client.post("/checkout", headers=TOKEN).status_code == 404


def test_an_undecorated_verb_of_a_mixin_is_not_an_entry(connect: Connect):
    class Client:
        async def get(self, url):
            """A method of an HTTP client."""

    class Before(Client, AnyTokenService):
        @entry(no_auth=True)
        async def get_item(self):
            return "item"

    class After(AnyTokenService, Client):
        @entry(no_auth=True)
        async def get_item(self):
            return "item"

    for service in (Before(), After()):
        assert list_routes(service) == {"GET /item"}
        client = connect(service)
        assert client.get("/anything", headers=TOKEN).status_code == 404
        assert client.get("/item").text == "item"


def test_a_decorated_method_of_a_mixin_is_an_entry(connect: Connect):
    class Health:
        @entry(no_auth=True)
        async def get_health(self):
            return f"{self.name} is healthy"  # type: ignore[attr-defined]

        @entry(no_auth=True)
        async def get(self):
            return "root"

    class Service(Health, TechMicroService):
        pass

    client = connect(Service(name="shop"))
    assert client.get("/health").text == "shop is healthy"
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
def test_an_attribute_named_as_a_verb_must_be_a_method(value: Any, kind: str):
    service = type("Service", (TechMicroService,), {"options": value})
    assert declaration_error(service) == (
        f"Service.options: an entry must be a plain method, not a {kind}. Change it or rename it."
    )


def test_entries_are_in_order_of_definition_bases_first():
    class Base(AnyTokenService):
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
            """Still first."""

    assert [entry.path for entry in Child().entries] == ["/b", "/a", "/c"]


def test_errors_name_the_class_that_is_built():
    class Base(TechMicroService):
        @entry
        async def get__(self, wrong: complex = 0):
            """The annotation is not supported."""

    class Child(Base):
        pass

    assert "Child.get__: cannot convert parameter 'wrong'" in declaration_error(Child)


Item = TypeVar("Item")


def test_an_entry_overrides_one_of_a_generic_base(connect: Connect):
    class Base(AnyTokenService, Generic[Item]):
        async def get(self):
            return "root"

    class Child(Base[int]):
        async def get(self):
            return "child"

    assert connect(Child()).get("/", headers=TOKEN).text == "child"


# --- methods that are named like entries


def test_undecorated_methods_named_like_entries_are_found():
    class Mixin:
        def get_mixed(self):
            """Belongs to a mixin, which may have methods of any name."""

    class Base(TechMicroService):
        def get_items(self):
            """Is found."""

        async def post_(self):
            """Is found."""

    class Service(Mixin, Base):
        get_number = 7
        get_lost = staticmethod(len)

        @entry
        async def get_decorated(self):
            """Is an entry."""

        async def put(self):
            """Is an entry."""

        def _get_private(self):
            """Does not start with a verb."""

        def getter(self):
            """Does not start with a verb and an underscore."""

        async def delete_items(self, name):
            """Is found."""

    assert find_undecorated(Service, TechMicroService) == [Base.get_items, Base.post_, Service.delete_items]


def test_an_undecorated_method_that_a_subclass_decorates_or_removes_is_not_found():
    class Base(Blueprint):
        def get_items(self):
            """Is decorated in the subclass."""

        def get_parts(self):
            """Is removed in the subclass."""

    class Items(Base):
        get_parts = None  # type: ignore[assignment]

        @entry
        def get_items(self):
            """Is an entry."""

    assert find_undecorated(Base, Blueprint) == [Base.get_items, Base.get_parts]
    assert find_undecorated(Items, Blueprint) == []

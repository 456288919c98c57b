"""The names of components are unique, and tell of their types."""

from typing import Any, Generic, TypeVar

import msgspec

from coworks_async import TechMicroService, entry
from tests.entries.services import create_service
from tests.openapi.describing import components_of, taking
from tests.openapi.structured import Page, Part

T = TypeVar("T")
U = TypeVar("U")


class Pair(msgspec.Struct, Generic[T, U]):
    x: T
    y: U


# For types that are made when the tests run.
LIST: Any = list
PAGE: Any = Page
PAIR: Any = Pair


def item(module: str) -> Any:
    """Make a type called Item, as another module would."""
    return msgspec.defstruct("Item", [("x", int)], module=module)


def taking_each(*annotations: Any) -> TechMicroService:
    """Return a service with an entry for each type."""
    methods = {}
    for number, annotation in enumerate(annotations):

        async def method(self, *, value):
            return None

        method.__annotations__["value"] = annotation
        methods[f"post_{number}"] = method
    return create_service(**methods)


def test_a_generic_type_is_named_with_its_arguments():
    assert set(components_of(taking(list[Page[Part]]))) == {"Page_Part", "Part"}
    assert components_of(taking(list[Page[Part]]))["Page_Part"]["title"] == "Page[Part]"
    assert set(components_of(taking(list[Pair[int, list[Part]]]))) == {"Pair_int_list_Part", "Part"}
    assert set(components_of(taking(list[Pair[int | None, str]]))) == {"Pair_int_None_str"}


def test_two_types_of_one_name_are_named_with_their_modules():
    service = taking_each(LIST[item("shop.pens")], LIST[item("shop.caps")])
    assert set(components_of(service)) == {"shop.pens.Item", "shop.caps.Item"}


def test_generic_types_of_two_types_of_one_name_are_two():
    service = taking_each(LIST[PAGE[item("pens")]], LIST[PAGE[item("caps")]])
    names = set(components_of(service))
    assert names == {
        "pens.Item",
        "caps.Item",
        "tests.openapi.structured.Page_pens.Item",
        "tests.openapi.structured.Page_caps.Item",
    }
    union = taking_each(LIST[PAIR[int | None, item("pens")]], LIST[PAIR[int | None, item("caps")]])
    assert "tests.openapi.test_components.Pair_int_None_pens.Item" in components_of(union)


def test_two_types_with_all_names_in_common_are_numbered():
    service = taking_each(LIST[item("pens")], LIST[item("pens")])
    assert set(components_of(service)) == {"pens.Item", "pens.Item.2"}


def test_one_type_in_several_entries_is_one_component():
    assert set(components_of(taking_each(list[Part], Part, dict[str, Part]))) == {"Part"}


def test_a_type_that_is_only_written_as_text_is_no_component():
    class Query(TechMicroService):
        @entry
        async def get(self, part: Part):
            return ""

    assert components_of(Query()) == {}


def test_names_have_only_the_characters_that_openapi_allows():
    kind = msgspec.defstruct("Ïtem é", [("x", int)])
    assert set(components_of(taking_each(LIST[kind]))) == {"tem"}

"""Components have unique names that describe their types."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from coworks_async import TechMicroService
from tests.openapi.services import create_input_service, create_service, get_components
from tests.openapi.structured_types import Page, Part

T = TypeVar("T")
U = TypeVar("U")


class Pair(msgspec.Struct, Generic[T, U]):
    x: T
    y: U


# For types that are created while the tests run.
LIST: Any = list
PAGE: Any = Page
PAIR: Any = Pair


def create_item_type(module: str) -> Any:
    """Return a class called Item, as if another module defined it."""
    return msgspec.defstruct("Item", [("x", int)], module=module)


def create_service_with_types(*annotations: Any) -> TechMicroService:
    """Return a service with an entry for each type."""
    methods: dict[str, Callable[..., Any]] = {}
    for number, annotation in enumerate(annotations):

        async def method(self, *, value):
            return None

        method.__annotations__["value"] = annotation
        methods[f"post_{number}"] = method
    return create_service(methods)


def test_the_name_of_a_generic_type_includes_its_arguments():
    components = get_components(create_input_service(list[Page[Part]]))
    assert set(components) == {"Page_Part", "Part"}
    assert components["Page_Part"]["title"] == "Page[Part]"
    assert set(get_components(create_input_service(list[Pair[int, list[Part]]]))) == {"Pair_int_list_Part", "Part"}
    assert set(get_components(create_input_service(list[Pair[int | None, str]]))) == {"Pair_int_None_str"}


def test_classes_with_equal_names_are_named_with_their_modules():
    service = create_service_with_types(LIST[create_item_type("shop.pens")], LIST[create_item_type("shop.caps")])
    assert set(get_components(service)) == {"shop.pens.Item", "shop.caps.Item"}


def test_generic_types_of_classes_with_equal_names_are_named_with_modules():
    pen, cap = create_item_type("pens"), create_item_type("caps")
    assert set(get_components(create_service_with_types(LIST[PAGE[pen]], LIST[PAGE[cap]]))) == {
        "pens.Item",
        "caps.Item",
        "tests.openapi.structured_types.Page_pens.Item",
        "tests.openapi.structured_types.Page_caps.Item",
    }
    union = create_service_with_types(LIST[PAIR[int | None, pen]], LIST[PAIR[int | None, cap]])
    assert "tests.openapi.test_components.Pair_int_None_pens.Item" in get_components(union)


def test_classes_with_equal_names_and_modules_are_numbered():
    service = create_service_with_types(LIST[create_item_type("pens")], LIST[create_item_type("pens")])
    assert set(get_components(service)) == {"pens.Item", "pens.Item.2"}


def test_a_type_used_by_several_entries_is_one_component():
    assert set(get_components(create_service_with_types(list[Part], Part, dict[str, Part]))) == {"Part"}


def test_a_structured_query_is_not_a_component():
    async def get(self, part: Part):
        return ""

    assert get_components(create_service({"get": get})) == {}


def test_names_contain_only_characters_that_openapi_allows():
    kind = msgspec.defstruct("Ïtem é", [("x", int)])
    assert set(get_components(create_service_with_types(LIST[kind]))) == {"tem"}

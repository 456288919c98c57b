"""Conversion to dataclasses, Structs and TypedDicts."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Generic, NotRequired, Required, TypedDict, TypeVar

import msgspec
import pytest
from starlette.datastructures import UploadFile

from coworks_async import DeclarationError, TechMicroService, entry
from tests.clients import Connect
from tests.http_requests import assert_bound, assert_rejected, create_item_service, format_values

T = TypeVar("T")


@dataclass
class Tag:
    name: str
    weight: float = 1.0


@dataclass
class Item:
    id: int
    name: str = "pen"
    tags: list[Tag] = field(default_factory=list)
    price: Decimal | None = None
    created: str = field(init=False, default="today")


class Pen(msgspec.Struct):
    id: int
    colour: Annotated[str, msgspec.Meta(max_length=5)] = "blue"
    tags: list[Tag] = []


class Order(TypedDict):
    id: int
    note: NotRequired[str]
    tag: NotRequired[Annotated[Tag, msgspec.Meta(description="One")]]
    count: NotRequired[Annotated[int, msgspec.Meta(ge=1)]]


class Box(msgspec.Struct, Generic[T]):
    content: T


@dataclass
class Crate(Generic[T]):
    content: T


class Parcel(TypedDict, Generic[T]):
    content: T


@pytest.mark.parametrize("kind", [Item, Pen, Order])
def test_a_json_object_converts_to_the_structured_type(connect: Connect, kind: Any):
    client = connect(create_item_service(kind))
    assert_bound(client.post("/", json={"id": 1}), kind(id=1))
    assert_bound(client.post("/", json={"id": "1"}), kind(id=1))


def test_nested_values_convert(connect: Connect):
    client = connect(create_item_service(Item))
    sent = {"id": "7", "name": "pad", "tags": [{"name": "a", "weight": "2"}, {"name": "b"}], "price": "1.10"}
    assert_bound(client.post("/", json=sent), Item(7, "pad", [Tag("a", 2.0), Tag("b")], Decimal("1.10")))
    client = connect(create_item_service(Order))
    assert_bound(
        client.post("/", json={"id": 1, "tag": {"name": "a"}, "count": "2"}), {"id": 1, "tag": Tag("a"), "count": 2}
    )
    assert_rejected(client.post("/", json={"id": 1, "count": 0}), ("body", "count", "int >= 1", "Expected `int` >= 1"))


def test_a_query_and_a_form_convert_like_json(connect: Connect):
    class Dog(msgspec.Struct):
        name: str = "Rex"
        toys: list[str] = []

    client = connect(create_item_service(Dog))
    for response in (
        client.get("/?name=Bo&toys=ball"),
        client.post("/", data={"name": "Bo", "toys": ["ball"]}),
        client.post("/", files=[("name", (None, "Bo")), ("toys", (None, "ball"))]),
        client.post("/", json={"name": "Bo", "toys": ["ball"]}),
    ):
        assert_bound(response, Dog("Bo", ["ball"]))
    assert_bound(client.get("/"), Dog())


def test_a_field_that_is_a_scalar_or_a_list_takes_one_value_or_several(connect: Connect):
    @dataclass
    class Numbers:
        values: list[int] | bool

    client = connect(create_item_service(Numbers))
    assert_bound(client.get("/?values=5"), Numbers([5]))
    assert_bound(client.get("/?values=on"), Numbers(True))
    assert_bound(client.get("/?values=5&values=6"), Numbers([5, 6]))


@pytest.mark.parametrize("kind", [Item, Pen, Order])
def test_an_unknown_key_is_an_error_that_names_it(connect: Connect, kind: Any):
    client = connect(create_item_service(kind))
    known = {Item: "id, name, tags, price", Pen: "id, colour, tags", Order: "id, note, tag, count"}[kind]
    detail = f"Unknown name; accepted names: {known}"
    assert_rejected(client.post("/", json={"id": 1, "nope": 2}), ("body", "nope", "nothing", detail))
    assert_rejected(client.post("/", data={"id": 1, "nope": 2}), ("body", "nope", "nothing", detail))
    assert_rejected(client.get("/?id=1&nope=2"), ("query", "nope", "nothing", detail))


def test_a_nested_unknown_key_is_an_error(connect: Connect):
    tag = {"name": "a", "nope": 1}
    sent: list[tuple[Any, dict[str, Any], str, str]] = [
        (Item, {"id": 1, "tags": [tag]}, "tags", "list[Tag]"),
        (Pen, {"id": 1, "tags": [{"name": "b"}, tag]}, "tags", "list[Tag]"),
        (Order, {"id": 1, "tag": tag}, "tag", "Tag"),
        (Box[dict[str, Tag]], {"content": {"k": tag}}, "content", "dict[str, Tag]"),
        (Crate[Tag | None], {"content": tag}, "content", "Tag | None"),
        (Parcel[tuple[int, Tag]], {"content": [1, tag]}, "content", "tuple[int, Tag]"),
    ]
    for kind, body, name, expected in sent:
        response = connect(create_item_service(kind)).post("/", json=body)
        assert_rejected(response, ("body", name, expected, "Object contains unknown field `nope`"))


def test_a_non_init_field_cannot_be_sent(connect: Connect):
    client = connect(create_item_service(Item))
    error = ("body", "created", "nothing", "Unknown name; accepted names: id, name, tags, price")
    assert_rejected(client.post("/", json={"id": 1, "created": "x"}), error)
    assert_rejected(
        connect(create_item_service(Box[Item])).post("/", json={"content": {"id": 1, "created": "x"}}),
        ("body", "content", "Item", "Object contains unknown field `created`"),
    )


def test_one_response_lists_every_invalid_field(connect: Connect):
    client = connect(create_item_service(Item))
    wrong = (
        ("nope", "nothing", "Unknown name; accepted names: id, name, tags, price"),
        ("id", "int", "Missing"),
        ("name", "str", "Expected `str`, got `int`"),
        ("tags", "list[Tag]", "Expected `str`, got `int` - at `tags[0].name`"),
    )
    response = client.post("/", json={"nope": 1, "name": 5, "tags": [{"name": 1}]})
    assert_rejected(response, *(("body", *one) for one in wrong))
    assert_rejected(
        client.get("/?id=x&name=a&name=b&price=one"),
        ("query", "id", "int", "Expected `int`, got `str`"),
        ("query", "name", "str", "Given more than once"),
        ("query", "price", "Decimal | None", "Expected `decimal`, got `str`"),
    )


def test_the_constraint_of_a_field_applies(connect: Connect):
    error = ("body", "colour", "str of length <= 5", "Expected `str` of length <= 5")
    assert_rejected(connect(create_item_service(Pen)).post("/", json={"id": 1, "colour": "orange"}), error)


@pytest.mark.parametrize("kind", [Box, Crate, Parcel])
def test_a_generic_type_converts_to_its_type_argument(connect: Connect, kind: Any):
    client = connect(create_item_service(kind[int]))
    assert_bound(client.post("/", json={"content": "5"}), kind(content=5))
    assert_bound(client.get("/?content=5"), kind(content=5))
    assert_rejected(client.post("/", json={"content": "x"}), ("body", "content", "int", "Expected `int`, got `str`"))


def test_a_body_that_is_not_an_object_is_an_error(connect: Connect):
    client = connect(create_item_service(Pen))
    for sent, got in (([1], "array"), ("a", "str"), (5, "int"), (True, "bool")):
        assert_rejected(client.post("/", json=sent), ("body", "", "Pen", f"Expected `object`, got `{got}`"))


def test_a_missing_body_is_an_error_without_a_default(connect: Connect):
    assert_rejected(connect(create_item_service(Pen)).post("/"), ("body", "", "Pen", "Missing"))
    assert_rejected(connect(create_item_service(Pen)).get("/"), ("query", "id", "int", "Missing"))
    client = connect(create_item_service(Pen | None, None))
    for response in (client.post("/"), client.get("/"), client.post("/", content=b"null")):
        assert_bound(response, None)
    assert_bound(client.post("/", json={"id": 1}), Pen(1))


def test_a_union_of_object_and_list_takes_both(connect: Connect):
    client = connect(create_item_service(Tag | list[Tag]))
    assert_bound(client.post("/", json={"name": "a"}), Tag("a"))
    assert_bound(client.post("/", json=[{"name": "a"}, {"name": "b"}]), [Tag("a"), Tag("b")])
    assert_bound(client.post("/", data={"name": "a"}), Tag("a"))


def test_a_class_without_fields_takes_an_empty_object(connect: Connect):
    @dataclass
    class Nothing:
        pass

    client = connect(create_item_service(Nothing))
    assert_bound(client.post("/", json={}), Nothing())
    assert_rejected(client.post("/", json={"nope": 1}), ("body", "", "Nothing", "Object contains unknown field `nope`"))


def test_the_other_parameters_come_from_the_query(connect: Connect):
    class Shop(TechMicroService):
        @entry(no_auth=True)
        async def post(self, shelf: int, item: Item, *, dry: bool, note: str = ""):
            return format_values(shelf, item, dry, note)

    client = connect(Shop())
    assert_bound(client.post("/3?dry=on&note=x", json={"id": 1}), 3, Item(1), True, "x")
    known = "Unknown name; accepted names: id, name, tags, price"
    assert_rejected(
        client.post("/x?nope=1", json={"id": 1, "note": "x"}),
        ("path", "shelf", "int", "Expected `int`, got `str`"),
        ("body", "note", "nothing", known),
        ("query", "dry", "bool", "Missing"),
        ("query", "nope", "nothing", "Unknown name; accepted names: dry, note, id, name, tags, price"),
    )


def test_on_get_a_structured_parameter_takes_the_remaining_names(connect: Connect):
    class Shop(TechMicroService):
        @entry(no_auth=True)
        async def get(self, item: Item, page: int = 1):
            return format_values(item, page)

    client = connect(Shop())
    assert_bound(client.get("/?id=1&page=2&name=x"), Item(1, "x"), 2)
    assert_rejected(
        client.get("/?page=x&nope=1"),
        ("query", "page", "int", "Expected `int`, got `str`"),
        ("query", "nope", "nothing", "Unknown name; accepted names: id, name, tags, price"),
        ("query", "id", "int", "Missing"),
    )


def test_a_field_may_be_a_file(connect: Connect):
    @dataclass
    class Upload:
        title: str
        file: UploadFile

    class Uploads(TechMicroService):
        @entry(no_auth=True)
        async def post(self, upload: Upload):
            return format_values(upload.title, upload.file.filename, await upload.file.read())

    client = connect(Uploads())
    response = client.post("/", data={"title": "a"}, files={"file": ("f.txt", b"abc")})
    assert_bound(response, "a", "f.txt", b"abc")
    wrong = ("body", "file", "UploadFile", "Expected a file, got `str`")
    assert_rejected(client.post("/", json={"title": "a", "file": "x"}), wrong)


def test_a_field_of_an_unsupported_type_is_a_declaration_error():
    @dataclass
    class Strange:
        value: complex

    with pytest.raises(
        DeclarationError,
        match=r"Items\.\w+: cannot convert parameter 'item': the type complex is not",
    ):
        create_item_service(Strange)


class Patch(TypedDict, total=False):
    id: Required[int]
    note: str | None


class Renamed(msgspec.Struct, rename="camel"):
    item_id: int
    the_name: str = msgspec.field(name="@name", default="")


class Change(msgspec.Struct):
    note: str | msgspec.UnsetType | None = msgspec.UNSET


class Range(msgspec.Struct):
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")


def test_an_error_of_post_init_is_an_error_of_the_whole_body(connect: Connect):
    client = connect(create_item_service(Range))
    assert_bound(client.post("/", json={"low": 1, "high": 2}), Range(1, 2))
    assert_rejected(client.post("/", json={"low": 3, "high": 2}), ("body", "", "Range", "low is above high"))
    assert_rejected(client.get("/?low=3&high=2"), ("query", "", "Range", "low is above high"))


def test_required_keys_of_a_typed_dict(connect: Connect):
    client = connect(create_item_service(Patch))
    assert_bound(client.post("/", json={"id": 1, "note": None}), {"id": 1, "note": None})
    assert_bound(client.post("/", json={"id": 1}), {"id": 1})
    assert_rejected(client.post("/", json={"note": "x"}), ("body", "id", "int", "Missing"))


def test_a_struct_is_converted_by_its_encoded_names(connect: Connect):
    client = connect(create_item_service(Renamed))
    assert_bound(client.post("/", json={"itemId": "1", "@name": "a"}), Renamed(1, "a"))
    assert_rejected(
        client.get("/?item_id=1"),
        ("query", "item_id", "nothing", "Unknown name; accepted names: itemId, @name"),
        ("query", "itemId", "int", "Missing"),
    )


def test_unset_differs_from_null(connect: Connect):
    client = connect(create_item_service(Change))
    assert_bound(client.post("/", json={"note": None}), Change(None))
    assert_bound(client.post("/", json={}), Change())


def test_an_error_in_a_default_factory_is_a_500(connect: Connect):
    def broken() -> int:
        raise TypeError("a bug")

    class Broken(msgspec.Struct):
        number: int = msgspec.field(default_factory=broken)

    client = connect(create_item_service(Broken))
    assert client.post("/", json={"number": 1}).status_code == 200
    for content_type in ("application/json", "application/vnd.item+json"):  # fast and full binding
        response = client.post("/", content=b"{}", headers={"content-type": content_type})
        assert response.json() == {"type": "about:blank", "title": "Internal Server Error", "status": 500}

"""Inspecting and formatting of annotations: Annotated, Optional, NewType, type variables."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NewType, Optional, TypeVar, Union

import msgspec
import pydantic
import pytest

from coworks_async.entries.annotations import format_type, is_scalar, is_structured
from tests.clients import Connect
from tests.entries.services import create_service, list_routes

T = TypeVar("T")


class Item(msgspec.Struct):
    name: str


class Other(msgspec.Struct):
    title: str


class Page(msgspec.Struct, Generic[T]):
    items: list[T]


@dataclass
class Pair(Generic[T]):
    first: T
    second: T


class Model(pydantic.BaseModel):
    name: str


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


UserId = NewType("UserId", int)


def test_annotated_is_unwrapped_and_its_constraints_apply(connect: Connect):
    async def get(self, key: Annotated[int, msgspec.Meta(ge=1)], limit: Annotated[int, "a note"] = 10):
        return [key, limit]

    app = create_service(get=get)
    assert list_routes(app) == {"GET /{key}"}
    client = connect(app)
    assert client.get("/1?limit=5").json() == [1, 5]
    assert client.get("/0").json()["errors"][0]["expected"] == "int >= 1"


def test_annotated_may_wrap_a_structured_type(connect: Connect):
    async def post(self, item: Annotated[Item, "a note"]):
        return item.name

    app = create_service(post=post)
    assert list_routes(app) == {"POST /"}
    assert connect(app).post("/", json={"name": "pen"}).text == "pen"


@pytest.mark.parametrize("annotation", [Optional[int], Union[int, None], int | None])  # noqa: UP007, UP045
def test_an_optional_parameter_without_a_default_is_a_path_segment(connect: Connect, annotation: Any):
    async def get(self, key: annotation):
        return {"key": key}

    app = create_service(get=get)
    assert list_routes(app) == {"GET /{key}"}
    assert connect(app).get("/7").json() == {"key": 7}


def test_a_new_type_converts_like_its_supertype(connect: Connect):
    async def get(self, key: UserId):
        return {"key": key}

    app = create_service(get=get)
    assert list_routes(app) == {"GET /{key}"}
    client = connect(app)
    assert client.get("/7").json() == {"key": 7}
    assert client.get("/seven").status_code == 422


def test_a_generic_structured_type_takes_the_whole_body(connect: Connect):
    async def post(self, page: Page[Item]):
        return [type(item).__name__ for item in page.items]

    async def post_pair(self, pair: Pair[int]):
        return [pair.first, pair.second]

    app = create_service(post=post, post_pair=post_pair)
    assert list_routes(app) == {"POST /", "POST /pair"}
    client = connect(app)
    assert client.post("/", json={"items": [{"name": "pen"}]}).json() == ["Item"]
    assert client.post("/", json={"items": [{"name": 1}]}).status_code == 422
    assert client.post("/pair", json={"first": 1, "second": "2"}).json() == [1, 2]
    assert client.post("/pair", json={"first": 1, "second": "two"}).status_code == 422


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax came with Python 3.12")
def test_a_type_alias_is_resolved(connect: Connect):
    module: dict[str, Any] = {"Item": Item}
    exec("type Wanted = Item | None", module)  # noqa: S102

    async def post(self, item=None):
        return "nothing" if item is None else item.name

    post.__annotations__["item"] = module["Wanted"]

    client = connect(create_service(post=post))
    assert client.post("/", json={"name": "pen"}).text == "pen"
    assert client.post("/").text == "nothing"


@pytest.mark.parametrize("annotation", [Item, Item | None, Annotated[Item, 1], Page[Item], Pair[int], Model])
def test_types_with_fields_are_structured(annotation: Any):
    assert is_structured(annotation)


@pytest.mark.parametrize(
    "annotation", [int, str | None, list[Item], dict[str, Item], Colour, Any, Literal["a"], "Item"]
)
def test_types_without_fields_are_not_structured(annotation: Any):
    assert not is_structured(annotation)


@pytest.mark.parametrize("annotation", [list, list[int], Sequence[int], dict[str, int] | None, Annotated[set[int], 1]])
def test_collections_are_not_scalar(annotation: Any):
    assert not is_scalar(annotation)


@pytest.mark.parametrize("annotation", [int, str | None, Colour, Any, Literal["a"], UserId])
def test_types_that_a_string_can_represent_are_scalar(annotation: Any):
    assert is_scalar(annotation)


@pytest.mark.parametrize(
    ("annotation", "shown"),
    [
        (int, "int"),
        (None, "None"),
        (type(None), "None"),
        (Any, "any value"),
        (int | None, "int | None"),
        (Optional[Item], "Item | None"),  # noqa: UP045
        (Union[int, str], "int | str"),  # noqa: UP007
        (list[int], "list[int]"),
        (dict[str, list[Item]], "dict[str, list[Item]]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (Colour, "one of 'red', 'blue'"),
        (Literal["a", 1], "one of 'a', 1"),
        (Page[Item], "Page[Item]"),
        (Annotated[int, msgspec.Meta(ge=1, lt=5)], "int >= 1 < 5"),
        (Annotated[str, msgspec.Meta(min_length=2, pattern="^a")], "str matching ^a of length >= 2"),
        (Annotated[str, msgspec.Meta(max_length=3)], "str of length <= 3"),
        (Annotated[int, msgspec.Meta(gt=0, multiple_of=2), "a note"], "int > 0 multiple of 2"),
        (Annotated[int, "a note"], "int"),
        (UserId, "UserId"),
    ],
)
def test_a_type_is_formatted_in_python_notation(annotation: Any, shown: str):
    assert format_type(annotation) == shown

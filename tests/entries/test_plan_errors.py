"""Annotations and parameters for which no plan can be compiled."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, TypedDict

import msgspec
import pydantic
import pytest

from coworks_async import Blueprint, TechMicroService
from tests.clients import Connect
from tests.entries.services import create_service, declaration_error


class Cat(msgspec.Struct):
    name: str


class Dog(msgspec.Struct):
    name: str
    good: bool = True


@dataclass
class Bird:
    name: str


class Fish(TypedDict):
    name: str


class Ants(pydantic.BaseModel):
    name: str
    count: int = 1


class Odd(msgspec.Struct):
    value: complex


class TaggedCat(msgspec.Struct, tag="cat"):
    name: str


class TaggedDog(msgspec.Struct, tag="dog"):
    name: str


@pytest.mark.parametrize(
    "annotation",
    [
        object,
        complex,
        type,
        Callable,
        Callable[[], int],
        dict[str, object],
        list[complex],
        ClassVar[int],
        5,
        Odd,
        TechMicroService,
    ],
)
def test_an_unsupported_annotation_is_a_declaration_error(annotation: Any):
    async def post(self, *, fine: int = 0, wrong: annotation = None):
        """Has an unsupported annotation."""

    message = declaration_error(create_service, post=post)
    assert message.startswith("Service.post: cannot convert parameter 'wrong': ")
    assert message.endswith(". Change its annotation.")


@pytest.mark.parametrize(
    "annotation",
    [
        Cat | Dog,
        Cat | Bird,
        Bird | Fish,
        list[int] | tuple[int, ...],
        str | bytes,
        str | date,
        date | datetime,
        Decimal | str,
    ],
)
def test_an_ambiguous_union_is_a_declaration_error(annotation: Any):
    async def post(self, *, either: annotation):
        """Has an ambiguous union."""

    message = declaration_error(create_service, post=post)
    assert message.startswith("Service.post: cannot convert parameter 'either': ")
    assert "union" in message
    assert message.endswith(". Change its annotation.")


def test_an_unambiguous_union_is_accepted(connect: Connect):
    async def post(self, animal: TaggedCat | TaggedDog):
        return type(animal).__name__

    async def get(self, *, either: int | str):
        return type(either).__name__

    client = connect(create_service(post=post, get=get))
    assert client.post("/", json={"type": "dog", "name": "Rex"}).text == "TaggedDog"
    assert client.get("/?either=1").text == "int"
    assert client.get("/?either=one").text == "str"


@pytest.mark.parametrize("kind", ["path", "path_rest", "extra"])
def test_an_unsupported_annotation_of_any_kind_of_parameter_is_a_declaration_error(kind: str):
    async def path(self, wrong: complex):
        """A path segment."""

    async def path_rest(self, *wrong: complex):
        """The rest of the path."""

    async def extra(self, **wrong: complex):
        """The remaining names."""

    method = {"path": path, "path_rest": path_rest, "extra": extra}[kind]
    assert declaration_error(create_service, get=method).startswith("Service.get: cannot convert parameter 'wrong': ")


def test_an_unsupported_annotation_in_a_blueprint_is_a_declaration_error():
    class Pages(Blueprint):
        async def get(self, number: complex):
            """Has an unsupported annotation."""

    assert "Pages.get: cannot convert parameter 'number'" in declaration_error(
        TechMicroService().register_blueprint, Pages()
    )


def test_in_lambda_plans_are_compiled_on_first_use(connect: Connect, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "shop")

    async def get(self, key: int, limit: int = 5):
        return [key, limit]

    async def get_wrong(self, key: complex):
        """Has an unsupported annotation, which affects only this entry."""

    app = create_service(get=get, get_wrong=get_wrong)
    assert connect(app).get("/7").json() == [7, 5]
    wrong = next(entry for entry in app.entries if entry.endpoint == "get_wrong")
    assert declaration_error(lambda: wrong.plan).startswith("Service.get_wrong: cannot convert parameter 'key'")


@pytest.mark.parametrize("annotation", [Dog, Ants])
def test_on_get_a_parameter_cannot_hide_a_field(annotation: Any):
    async def get(self, animal: annotation, name: str = ""):
        """The model would never receive the name."""

    assert declaration_error(create_service, get=get) == (
        "Service.get: 'name' is a parameter and a field of 'animal'; on GET both come from the query. Rename one."
    )

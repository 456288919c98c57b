"""Annotations that no plan can be made of."""

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
from tests.entries.building import refusal, service_of


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
def test_an_annotation_that_nothing_converts_to_is_refused_by_name(annotation: Any):
    async def post(self, *, fine: int = 0, wrong: annotation = None):
        """Cannot be called by a request."""

    message = refusal(service_of, post=post)
    assert message.startswith("Service.post: the parameter 'wrong' cannot be converted: ")
    assert message.endswith("; change its annotation.")


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
def test_a_union_that_cannot_be_told_apart_is_refused_by_name(annotation: Any):
    async def post(self, *, either: annotation):
        """Nobody can tell which."""

    message = refusal(service_of, post=post)
    assert message.startswith("Service.post: the parameter 'either' cannot be converted: ")
    assert "union" in message
    assert message.endswith("; change its annotation.")


def test_a_union_that_can_be_told_apart_is_none_of_a_mistake(connect: Connect):
    async def post(self, animal: TaggedCat | TaggedDog):
        return type(animal).__name__

    async def get(self, *, either: int | str):
        return type(either).__name__

    client = connect(service_of(post=post, get=get))
    assert client.post("/", json={"type": "dog", "name": "Rex"}).text == "TaggedDog"
    assert client.get("/?either=1").text == "int"
    assert client.get("/?either=one").text == "str"


@pytest.mark.parametrize("place", ["path", "tail", "rest"])
def test_a_wrong_annotation_is_refused_wherever_it_stands(place: str):
    async def path(self, wrong: complex):
        """In the path."""

    async def tail(self, *wrong: complex):
        """In the rest of the path."""

    async def rest(self, **wrong: complex):
        """In the names that are left."""

    method = {"path": path, "tail": tail, "rest": rest}[place]
    assert refusal(service_of, get=method).startswith("Service.get: the parameter 'wrong' cannot be converted: ")


def test_a_wrong_annotation_in_a_blueprint_is_refused_when_it_is_registered():
    class Pages(Blueprint):
        async def get(self, number: complex):
            """Never served."""

    assert "Pages.get: the parameter 'number'" in refusal(TechMicroService().register_blueprint, Pages())


def test_in_lambda_plans_are_compiled_when_they_are_needed(connect: Connect, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "shop")

    async def get(self, key: int, limit: int = 5):
        return [key, limit]

    async def get_wrong(self, key: complex):
        """A mistake, which costs this entry alone."""

    app = service_of(get=get, get_wrong=get_wrong)
    assert connect(app).get("/7").json() == [7, 5]
    wrong = next(entry for entry in app.entries if entry.endpoint == "get_wrong")
    assert refusal(lambda: wrong.plan).startswith("Service.get_wrong: the parameter 'key' cannot be converted")


@pytest.mark.parametrize("annotation", [Dog, Ants])
def test_on_get_a_field_that_another_parameter_hides_is_refused(annotation: Any):
    async def get(self, animal: annotation, name: str = ""):
        """The name would never reach the animal."""

    assert refusal(service_of, get=get) == (
        "Service.get: 'name' is a parameter and a field of 'animal', "
        "which both come from the query on a GET; rename one."
    )

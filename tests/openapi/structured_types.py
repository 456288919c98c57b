"""Structured types of every kind, by name."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NamedTuple, Required, TypedDict, TypeVar
from uuid import UUID

import msgspec
import pydantic

T = TypeVar("T")


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(Enum):
    LOW = 1
    HIGH = 2


class Part(msgspec.Struct):
    x: int
    y: str = ""


class Node(msgspec.Struct):
    """A tree."""

    x: int
    parts: list["Node"] = []


class Page(msgspec.Struct, Generic[T]):
    x: list[T]
    y: int = 0


@dataclass
class Data:
    x: Annotated[int, msgspec.Meta(ge=0, le=10)]
    y: Colour | None = None
    made: str = field(init=False, default="x")


class Typed(TypedDict, total=False):
    x: Required[Literal[1, "a"]]
    y: dict[int, bool]
    z: set[int]


class Point(NamedTuple):
    x: int
    y: int = 0


class Array(msgspec.Struct, array_like=True):
    x: int
    y: int = 0
    z: float = 0.0


class Cat(msgspec.Struct, tag="cat"):
    x: int | str = 1


class Dog(msgspec.Struct, tag="dog"):
    y: tuple[int, str] | None = None


class Times(msgspec.Struct):
    x: date | None = None
    y: datetime | None = None
    z: Annotated[time, msgspec.Meta(tz=False)] | None = None


class Others(msgspec.Struct):
    x: UUID | None = None
    y: bytes = b""
    z: Point | None = None
    parts: dict[Level, frozenset[Level]] = {}


class Duration(msgspec.Struct):
    x: int
    y: timedelta = timedelta(0)


class Priced(msgspec.Struct):
    x: Decimal
    y: Any = None


class Inner(pydantic.BaseModel):
    x: int = 1

    model_config = pydantic.ConfigDict(strict=True)


class Model(pydantic.BaseModel):
    x: int
    y: Inner | None = None
    parts: list["Model"] = []

    model_config = pydantic.ConfigDict(strict=True)


class Open(pydantic.BaseModel):
    x: Annotated[int, pydantic.Field(strict=True)] = 1

    model_config = pydantic.ConfigDict(extra="allow")


STRUCTURED: dict[str, Any] = {
    "struct": Part,
    "optional": Part | None,
    "tree": Node,
    "generic": Page[Part],
    "data": Data,
    "typed": Typed,
    "array": Array,
    "tagged": Cat | Dog,
    "times": Times,
    "others": Others,
    "duration": Duration,
    "decimal": Priced,
    "model": Model,
    "open": Open,
}

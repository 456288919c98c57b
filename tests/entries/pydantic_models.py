"""Pydantic models for the tests."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Literal, TypeVar

import pydantic
import pydantic.dataclasses
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, RootModel, field_validator
from typing_extensions import TypedDict

T = TypeVar("T")


class Tag(BaseModel):
    name: str
    weight: float = 1.0


class Item(BaseModel):
    id: int
    names: list[str] = []
    tag: Tag | None = None


class Box(BaseModel, Generic[T]):
    content: T


box: Any = Box
"""`Box` for type arguments that mypy cannot check."""


class Other(BaseModel):
    size: int


@dataclass
class Spot:
    x: int
    y: int = field(init=False, default=1)


@pydantic.dataclasses.dataclass
class AliasedPoint:
    x: int = Field(0, alias="X")


class Note(TypedDict, total=False):
    text: str


class Tags(RootModel[list[Tag]]):
    pass


class Named(RootModel[dict[str, Tag]]):
    pass


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str = "Rex"


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


class Ignoring(BaseModel):
    model_config = ConfigDict(extra="ignore")
    id: int = 0
    tag: Tag | None = None


class Keeping(BaseModel):
    model_config = ConfigDict(extra="allow")
    id: int = 0


class Forbidding(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: int = 0


class Aliased(BaseModel):
    item_id: int = Field(0, alias="itemId")
    first: int = Field(0, validation_alias=AliasChoices("one", "first"))
    deep: int = Field(0, validation_alias=AliasPath("deep", 0))


class Both(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    item_id: int = Field(0, alias="itemId")


class Checked(BaseModel):
    password: str

    @field_validator("password")
    @classmethod
    def is_long(cls, value: str) -> str:
        if len(value) < 8:
            raise ValueError("too short")
        return value

"""A service with annotated entries of many kinds, for Schemathesis."""

from collections.abc import AsyncIterator
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta
from starlette.datastructures import UploadFile

from coworks_async import Blueprint, Cookie, Header, TechMicroService, entry

TOKEN = "token"


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Pen(msgspec.Struct):
    colour: Colour
    price: Annotated[float, Meta(ge=0, le=100)] = 1.5
    tags: list[str] = []
    made: date | None = None


class Cat(msgspec.Struct, tag="cat"):
    lives: int = 9


class Dog(msgspec.Struct, tag="dog"):
    name: str


class Items(Blueprint):
    """Path, query and named parameters."""

    @entry
    async def get(
        self, kind: Literal["pen", "cap"] = "pen", tags: list[str] | None = None, used: bool = False
    ) -> dict[str, str | bool | list[str] | None]:
        return {"kind": kind, "tags": tags, "used": used}

    @entry
    async def post(
        self, *, used: bool, sizes: list[int] | None = None, made: date | None = None
    ) -> tuple[list[int], Literal[201]]:
        return sizes or [], 201

    @entry
    async def get_(self, item_id: int, at: datetime | None = None) -> dict[str, int]:
        return {"item_id": item_id}

    @entry
    async def delete_(self, item_id: Annotated[int, Meta(ge=1, le=50)], force: bool = False) -> None:
        return None

    @entry(background=True)
    async def put_(self, item_id: UUID, *, price: Decimal) -> Decimal:
        return price

    @entry
    async def patch_(self, item_id: Annotated[str, Meta(max_length=5)], pen: Pen | None = None) -> Pen | None:
        return pen


class ConformanceService(TechMicroService):
    """Structured parameters, files, text, free names and responses of every kind."""

    def __init__(self) -> None:
        super().__init__(name="conformance")
        self.register_blueprint(Items(), url_prefix="/items")

    async def token_authorizer(self, token: str) -> bool:
        return token == TOKEN

    @entry(no_auth=True)
    async def get(self) -> Literal["open", "closed"]:
        return "open"

    @entry
    async def get_pens(self, pen: Pen) -> list[Pen]:
        return [pen]

    @entry
    async def post_animals(self, animal: Cat | Dog, loud: bool = False) -> Cat | Dog:
        return animal

    @entry
    async def put_text(self, *, text: str, times: Annotated[int, Meta(ge=1, le=3)] = 1) -> str:
        return text * times

    @entry
    async def post_upload(self, *, files: list[UploadFile], level: Literal[1, 2] = 1) -> int:
        return len(files) * level

    @entry
    async def get_search(self, filter__: dict[str, int] | None = None, **others: str) -> dict[str, Any]:
        return {"filter": filter__, "others": others}

    @entry
    async def get_trace(
        self,
        x_level: Annotated[int, Header(), Meta(ge=0)],
        x_kinds: Annotated[list[Literal["pen", "cap"]] | None, Header()] = None,
        theme: Annotated[Literal["light", "dark"], Cookie()] = "light",
    ) -> dict[str, Any]:
        return {"level": x_level, "kinds": x_kinds, "theme": theme}

    @entry
    async def get_rows(self, *path: int) -> AsyncIterator[str]:
        async def rows() -> AsyncIterator[str]:
            for number in path:
                yield f"{number}\n"

        return rows()

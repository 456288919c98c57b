"""A shop with `Admin`."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse

from coworks_async import Blueprint, TechMicroService, entry, request
from coworks_async.blueprints import Admin

TOKEN = {"Authorization": "token"}


@dataclass
class Pen:
    colour: str
    price: float = 1.5


class Items(Blueprint):
    """The items for sale.

    Registered by the shop.
    """

    @entry
    async def get(self, kind: Literal["pen", "cap"] = "pen", tags: list[str] | None = None):
        return {"endpoint": "items.get", "kind": kind, "tags": tags}

    @entry(background=True)
    async def get_(self, item_id: int, big: bool = False):
        """Describe an item.

        :param item_id: its number
        """
        return {"endpoint": "items.get_", "item_id": item_id, "big": big}

    @entry
    async def delete_(self, item_id: int):
        return {"endpoint": "items.delete_"}


class Shop(TechMicroService):
    """A *small* shop."""

    version = "1.2.0"

    def __init__(self, **options: Any) -> None:
        super().__init__(name="pen-shop")
        self.register_blueprint(Items(), url_prefix="/items")
        self.register_blueprint(Admin(**options), url_prefix="/admin")

    async def token_authorizer(self, token: str):
        return token == "token"

    @entry(no_auth=True)
    async def get(self):
        """Return a greeting."""
        return {"endpoint": "get", "number": 12345678901234567890}

    @entry
    async def post_pens(self, pen: Pen):
        return {"endpoint": "post_pens", "pen": pen}

    @entry
    async def put_text(self, *, text: "str", times: "Annotated[int, Meta(ge=1, le=9)]" = 1) -> "str":
        return text * times

    @entry
    async def get_files(self, *path: str):
        return {"endpoint": "get_files", "path": path}

    @entry
    async def post_upload(self, *, file: UploadFile, note: str = ""):
        return {"endpoint": "post_upload", "size": len(await file.read()), "note": note}

    @entry
    async def get_search(self, filter__: dict[str, str] | None = None, **others: str):
        return {"endpoint": "get_search", "filter": filter__, "others": others}

    @entry
    async def get_bytes(self):
        return b"\x00\x01"

    @entry
    async def get_slow(self):
        while not await request.is_disconnected():  # noqa: ASYNC110 - no event signals a disconnect
            await asyncio.sleep(0.02)

    @entry
    async def get_elsewhere(self, *, port: int):
        return RedirectResponse(f"http://127.0.0.1:{port}/")

    @entry(no_auth=True)
    async def get_agent(self):
        return request.headers.get("user-agent")

"""The service with CoWorks Async: routes and validation follow from the signatures."""

from typing import Any

from coworks_async import TechMicroService, entry


class Bench(TechMicroService):
    async def token_authorizer(self, token: str) -> bool:
        return token == "token"

    @entry
    async def get(self) -> str:
        return "Hello world.\n"

    @entry
    async def get_items(self, item_id: int, q: str = "", limit: int = 10) -> dict[str, Any]:
        return {"item_id": item_id, "q": q, "limit": limit}

    @entry
    async def post_items(self, *, name: str, price: float, quantity: int) -> dict[str, Any]:
        return {"name": name, "price": price, "quantity": quantity}


app = Bench(name="bench")

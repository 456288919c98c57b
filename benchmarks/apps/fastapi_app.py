"""The service with FastAPI: a dependency checks the token, pydantic validates the values."""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel


async def check_token(authorization: Annotated[str | None, Header()] = None) -> None:
    if authorization is None:
        raise HTTPException(401, headers={"WWW-Authenticate": "Token"})
    if authorization != "token":
        raise HTTPException(403)


class Item(BaseModel):
    name: str
    price: float
    quantity: int


app = FastAPI(dependencies=[Depends(check_token)])


@app.get("/", response_class=PlainTextResponse)
async def hello() -> str:
    return "Hello world.\n"


@app.get("/items/{item_id}")
async def read_item(item_id: int, q: str = "", limit: int = 10) -> dict[str, Any]:
    return {"item_id": item_id, "q": q, "limit": limit}


@app.post("/items")
async def create_item(item: Item) -> Item:
    return item

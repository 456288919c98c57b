"""The service with Starlette: a function checks the token, the endpoints validate by hand."""

from json import JSONDecodeError
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route


def check_token(request: Request) -> None:
    token = request.headers.get("authorization")
    if token is None:
        raise HTTPException(401, headers={"WWW-Authenticate": "Token"})
    if token != "token":
        raise HTTPException(403)


def parse_int(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise HTTPException(422, f"{name}: not an integer") from None


async def hello(request: Request) -> PlainTextResponse:
    check_token(request)
    return PlainTextResponse("Hello world.\n")


async def read_item(request: Request) -> JSONResponse:
    check_token(request)
    item_id = parse_int("item_id", request.path_params["item_id"])
    query = request.query_params
    q = query.get("q", "")
    limit = parse_int("limit", query["limit"]) if "limit" in query else 10
    return JSONResponse({"item_id": item_id, "q": q, "limit": limit})


async def create_item(request: Request) -> JSONResponse:
    check_token(request)
    name, price, quantity = parse_item(await read_json(request))
    return JSONResponse({"name": name, "price": price, "quantity": quantity})


async def read_json(request: Request) -> Any:
    try:
        return await request.json()
    except (JSONDecodeError, UnicodeDecodeError):
        raise HTTPException(400, "The body is not JSON.") from None


def parse_item(data: Any) -> tuple[str, float, int]:
    if not isinstance(data, dict):
        raise HTTPException(422, "The body is not an object.")
    name, price, quantity = data.get("name"), data.get("price"), data.get("quantity")
    if not isinstance(name, str):
        raise HTTPException(422, "name: not a string")
    if not isinstance(price, int | float) or isinstance(price, bool):
        raise HTTPException(422, "price: not a number")
    if not isinstance(quantity, int) or isinstance(quantity, bool):
        raise HTTPException(422, "quantity: not an integer")
    return name, price, quantity


app = Starlette(
    routes=[
        Route("/", hello, methods=["GET"]),
        Route("/items/{item_id}", read_item, methods=["GET"]),
        Route("/items", create_item, methods=["POST"]),
    ]
)

"""The service as a raw ASGI app with only `json` and `urllib.parse`: the upper limit."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# json.dumps with compact separators would create an encoder in every call.
encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


class HTTPError(Exception):
    """Raised to return an error response."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await run_lifespan(receive, send)
        return
    status, media_type = 200, b"application/json"
    try:
        check_token(scope["headers"])
        method, path = scope["method"], scope["path"]
        if path == "/" and method == "GET":
            body, media_type = b"Hello world.\n", b"text/plain; charset=utf-8"
        elif path.startswith("/items/") and method == "GET":
            body = encode(read_item(path[7:], scope["query_string"])).encode()
        elif path == "/items" and method == "POST":
            body = encode(create_item(await read_body(receive))).encode()
        else:
            raise HTTPError(404, "Not found.")
    except HTTPError as error:
        status, body, media_type = error.status, error.detail.encode(), b"text/plain; charset=utf-8"
    headers = [(b"content-length", b"%d" % len(body)), (b"content-type", media_type)]
    if status == 401:
        headers.append((b"www-authenticate", b"Token"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def run_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


def check_token(headers: list[tuple[bytes, bytes]]) -> None:
    for name, value in headers:
        if name == b"authorization":
            if value != b"token":
                raise HTTPError(403, "The token is wrong.")
            return
    raise HTTPError(401, "The token is missing.")


async def read_body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HTTPError(400, "The client disconnected.")
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def read_item(segment: str, query_string: bytes) -> dict[str, Any]:
    query = dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True))
    return {
        "item_id": parse_int("item_id", segment),
        "q": query.get("q", ""),
        "limit": parse_int("limit", query["limit"]) if "limit" in query else 10,
    }


def parse_int(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise HTTPError(422, f"{name}: not an integer") from None


def create_item(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except ValueError:
        raise HTTPError(400, "The body is not JSON.") from None
    if not isinstance(data, dict):
        raise HTTPError(422, "The body is not an object.")
    name, price, quantity = data.get("name"), data.get("price"), data.get("quantity")
    if not isinstance(name, str):
        raise HTTPError(422, "name: not a string")
    if not isinstance(price, int | float) or isinstance(price, bool):
        raise HTTPError(422, "price: not a number")
    if not isinstance(quantity, int) or isinstance(quantity, bool):
        raise HTTPError(422, "quantity: not an integer")
    return {"name": name, "price": price, "quantity": quantity}

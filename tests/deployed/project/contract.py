"""A service with an entry for each rule of the contract, deployed behind both gateways."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from coworks_async import Blueprint, Cookie, Header, Problem, Request, TechMicroService, entry, request

PNG = bytes(range(256))


@dataclass
class Item:
    name: str
    price: Decimal = Decimal(0)
    tags: tuple[str, ...] = ()


class Shop(Blueprint):
    @entry
    async def get(self):
        return {"blueprint": "shop"}

    @entry(no_auth=True)
    async def get_open(self, item):
        return {"item": item, "url": request.app.url_for("shop.get_open", item=item)}


class Contract(TechMicroService):
    authorizer_calls = 0

    async def token_authorizer(self, token: str):
        self.authorizer_calls += 1
        match token:
            case "token":
                return True
            case "stage-dev" | "stage-prod":
                return token.removeprefix("stage-")
            case "ada":
                return {"user": "ada", "rights": ["read", "write"], "level": 3, "old": None}
            case "reader" | "writer":
                return {"scope": "items:read items:write" if token == "writer" else "items:read"}
            case "expired":
                raise Problem(401, "The token has expired.")
            case "boom":
                raise RuntimeError("the authorizer fails")
        return False

    async def get(self):
        return "Hello.\n"

    @entry
    async def get_items(self, number: int):
        return {"number": number}

    @entry
    async def get_items_all(self):
        return ["static", "wins"]

    @entry
    async def get_days(self, day: date, key: UUID, *, flag: bool, kind: Literal["a", "b"] = "a"):
        return {"day": day, "key": key, "flag": flag, "kind": kind}

    @entry
    async def get_search(self, q="", tags: list[str] | None = None, page__number__: int = 1, **rest):
        return {"q": q, "tags": tags, "page": page__number__, "rest": rest}

    @entry
    async def post_items(self, item: Item):
        return item, 201, {"Location": request.app.url_for("get_items", number=1)}

    @entry
    async def put_items(self, number: int, value: str, *, upper: bool = False):
        return {"number": number, "value": value.upper() if upper else value}

    @entry
    async def patch_items(self, number: int, *, value: int):
        return {"number": number, "value": value}

    @entry
    async def delete_items(self, number: int, reason: str = "none"):
        return {"deleted": number, "reason": reason}

    @entry
    async def post_form(self, name: str = "", count: int = 0):
        return {"name": name, "count": count}

    @entry
    async def post_echo(self, request: Request):
        return await request.body()

    @entry
    async def get_files(self, *path):
        return list(path)

    @entry
    def get_sync(self):
        return "in a thread"

    @entry
    async def get_png(self):
        return Response(PNG, media_type="image/png")

    @entry
    async def get_bytes(self):
        return PNG

    @entry
    async def get_nothing(self):
        return None

    @entry
    async def get_cookies(self):
        response = PlainTextResponse("cookies")
        response.set_cookie("a", "1")
        response.set_cookie("b", "2", httponly=True)
        return response

    @entry
    async def get_auth(self):
        return request.auth

    @entry(scopes={"items:write"})
    async def get_scoped(self):
        return request.auth["scope"]

    @entry
    async def get_headers(self):
        return request.headers.getlist("x-many")

    @entry
    async def get_visitor(
        self,
        session: Annotated[str, Cookie()],
        x_tags: Annotated[list[str] | None, Header()] = None,
        x_level: Annotated[int, Header()] = 0,
    ):
        return {"session": session, "tags": x_tags, "level": x_level}

    @entry
    async def get_teapot(self):
        return "short and stout", 418, {"X-Pot": "tea"}

    @entry
    async def get_conflict(self):
        raise Problem(409, "Already there.")

    @entry
    async def get_broken(self):
        raise ValueError("not part of the response")

    @entry
    async def get_nan(self):
        return {"value": float("nan")}

    @entry
    async def get_stream(self):
        async def lines():
            for number in range(3):
                await asyncio.sleep(0)
                yield f"{number}\n"

        return lines()

    @entry
    async def get_moved(self):
        return RedirectResponse(request.app.url_for("get"), 303)

    @entry
    async def get_self(self):
        return {"inside": request.app.url_for("get_items", number=7, more="x y")}

    @entry(no_auth=True)
    async def get_open(self, text="none"):
        return text

    @entry(no_auth=True)
    async def get_calls(self):
        return self.authorizer_calls

    @entry(no_cors=False)
    async def get_shared(self):
        return {"shared": True}

    @entry(stage="prod")
    async def get_only_prod(self):
        return "prod"


async def own(request: StarletteRequest) -> Response:
    return PlainTextResponse(f"own {request.method} {request.url.path.removeprefix(request.scope['root_path'])}")


logging.getLogger("contract").addHandler(logging.NullHandler())
app = Contract()
app.register_blueprint(Shop(), url_prefix="/shop")
app.mount("/mounted", Starlette(routes=[Route("/inner/{name}", own), Route("/", own)]))
app.router.routes.append(Route("/plain", own, methods=["GET", "POST"]))

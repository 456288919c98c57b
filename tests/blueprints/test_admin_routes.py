"""`/admin/route`: signatures as they are written, and exactly the routes that requests reach."""

import re
from typing import Any

import httpx2
import pytest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from coworks_async import Blueprint, TechMicroService, entry, request
from coworks_async.blueprints import Admin
from coworks_async.blueprints.admin.blueprint import format_signature
from tests.blueprints.admin_service import TOKEN
from tests.clients import Connect


class Methods:
    def bare(self):
        return None

    def plain(self, a: int, *rest: str, b: "int | None" = None, **others: Any) -> "list[str]":
        return []

    def positional(self, a, /, *, b):
        return a, b


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("bare", "()"),
        ("plain", "(a: int, *rest: str, b: int | None = None, **others: Any) -> list[str]"),
        ("positional", "(a, /, *, b)"),
    ],
)
def test_a_signature_is_shown_without_self_and_without_quotes(name: str, signature: str):
    assert format_signature(getattr(Methods(), name)).replace("typing.", "") == signature


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class Items(Blueprint):
    @entry
    async def get(self, kind: str = "pen"):
        return kind

    @entry(no_auth=True)
    async def post(self, *, colour: str):
        return colour

    @entry
    async def get_(self, item_id: int):
        return item_id

    @entry
    async def delete_(self, item_id: int):
        return None

    @entry
    async def get_best(self):
        return "best"

    @entry(stage="prod")
    async def put_best(self):
        return "another"

    @entry
    async def patch_files(self, *path: str):
        return path


class Secret(Blueprint):
    @entry
    async def get(self):
        return "secret"


class Shop(TechMicroService):
    """Own entries, blueprints (one hidden), entries of other stages, and routes that are not entries."""

    def __init__(self) -> None:
        plain = Route("/plain", lambda request: PlainTextResponse("plain"))
        super().__init__(routes=[plain, Mount("/static", PlainTextResponse("static"))])
        self.register_blueprint(Items(), url_prefix="/items")
        self.register_blueprint(Secret(), url_prefix="/secret", hide_routes=True)
        self.register_blueprint(Admin(), url_prefix="/admin")

        @self.after_request
        def add_endpoint(response: Response) -> Response:
            route: Any = request.scope.get("route")
            if hasattr(route, "entry"):
                response.headers["x-endpoint"] = route.entry.endpoint
            return response

    async def token_authorizer(self, token: str):
        return token == "token"

    @entry
    async def get(self):
        return "shop"

    @entry(stage=("dev", "prod"))
    async def get_trial(self):
        return "trial"

    @entry(stage="prod")
    async def get_sale(self):
        return "sale"

    @entry
    async def delete_(self, name: str):
        """Also handles DELETE on `/items` and `/trial`."""


def expected(routes: dict[str, dict[str, Any]], method: str, path: str) -> str | None:
    """Return the listed endpoint with the longest static path that matches."""
    found = [template for template in routes if method in routes[template] and pattern(template).fullmatch(path)]
    best = max(found, key=lambda template: template.partition("{")[0].count("/"), default=None)
    return None if best is None else routes[best][method]["endpoint"]


def pattern(template: str) -> re.Pattern[str]:
    """Return the pattern of a path template, whose `path` parameter may be empty."""
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", re.sub(r"/\{\w+:path\}", "(/.+)?", template)))


def find_endpoint(client: httpx2.Client, method: str, path: str) -> str | None:
    """Return the endpoint that handles a request, if one does."""
    response = client.request(method, path, headers=TOKEN)
    endpoint = response.headers.get("x-endpoint")
    assert endpoint is not None or response.status_code in (404, 405), response.text
    return endpoint


@pytest.mark.parametrize(
    ("stage", "included", "excluded"),
    [
        ("dev", {"get_trial", "admin.get_event"}, {"get_sale", "items.put_best", "secret.get"}),
        ("prod", {"get_trial", "get_sale", "items.put_best"}, {"admin.get_event", "secret.get"}),
    ],
)
def test_exactly_the_routes_that_requests_reach_are_listed(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, stage: str, included: set[str], excluded: set[str]
):
    monkeypatch.setenv("CWS_STAGE", stage)
    client = connect(Shop())
    routes = client.get("/admin/route", headers=TOKEN).json()
    paths = ["/items/files", "/items/files/a/b", "/items/best/x", "/secret", "/sale", "/nowhere/at/all"]
    paths += [re.sub(r"\{\w+(:path)?\}", "7", template) for template in routes]
    endpoints = {(method, path): expected(routes, method, path) for method in METHODS for path in paths}
    assert {one: find_endpoint(client, *one) for one in endpoints} == endpoints
    listed = {route["endpoint"] for methods in routes.values() for route in methods.values()}
    assert set(endpoints.values()) == {*listed, None}
    assert included <= listed
    assert not excluded & listed
    assert not {"/plain", "/static", "/secret"} & set(routes)

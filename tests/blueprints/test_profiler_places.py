"""Where a profiler stands: on which stages, under which name, and among what middlewares and mounts."""

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient as StarletteClient

from coworks_async import DeclarationError
from coworks_async.blueprints import Profiler
from coworks_async.testing import TestClient
from tests.blueprints.profiled import TOKEN, Shop, rows, shop


@pytest.mark.parametrize(
    ("here", "stage", "exists"),
    [
        (None, "dev", True),
        ("v1", "dev", False),
        ("v1", ["dev", "v1"], True),
        ("v1", None, True),
    ],
)
def test_on_other_stages_there_is_neither_an_entry_nor_a_middleware(
    monkeypatch: pytest.MonkeyPatch, here: str | None, stage: Any, exists: bool
):
    if here is not None:
        monkeypatch.setenv("CWS_STAGE", here)
    app = shop(stage=stage)
    assert bool(app.user_middleware) is exists
    assert ("profiler.get" in {entry.endpoint for entry in app.entries}) is exists


def test_by_default_it_exists_on_dev_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CWS_STAGE", "prod")
    assert shop().user_middleware == []


def test_it_may_stand_elsewhere_under_another_name():
    with TestClient(shop(url_prefix="/debug/times", name="times"), headers=TOKEN) as client:
        client.get("/")
        assert "PATH: '/'" in client.get("/debug/times").text
        assert len(client.get("/debug/times/list").json()) == 1


def test_sync_entries_of_services_that_are_mounted_are_profiled_too():
    async def page(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    app = Shop(routes=[Mount("/inner", Shop()), Mount("/plain", page), Route("/route", lambda request: None)])
    Profiler(app)
    with TestClient(app, headers=TOKEN) as client:
        assert client.get("/inner/sync").status_code == 200
        assert "in_a_thread" in rows(client.get("/profile?limit=1000").text)
        assert client.get("/plain/x").status_code == 204
        assert "GET /plain" in client.get("/profile/flame").text


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_what_a_middleware_answers_in_a_task_of_its_own_is_seen_where_that_is_added_later(first: bool):
    """As docs/profiler.md says of Starlette's BaseHTTPMiddleware."""

    async def passes(request: Request, go_on: Any) -> Response:
        response: Response = await go_on(request)
        return response

    app = Shop()
    if first:
        app.add_middleware(BaseHTTPMiddleware, dispatch=passes)
    Profiler(app)
    if not first:
        app.add_middleware(BaseHTTPMiddleware, dispatch=passes)
    with TestClient(app, headers=TOKEN) as client:
        assert client.get("/").text == "Welcome."
        assert ("leaf" in rows(client.get("/profile?limit=1000").text)) is not first


def test_below_another_app_a_path_is_the_services_own():
    outer = Starlette(routes=[Mount("/dev", app=shop())])
    with StarletteClient(outer, headers=TOKEN) as client:
        client.get("/dev/items/pen")
        assert client.get("/dev/profile/list").json()[0]["path"] == "/items/pen"


def test_a_second_one_and_one_that_comes_late_are_mistakes():
    app = shop()
    with pytest.raises(DeclarationError, match="profiler"):
        Profiler(app)
    late = Shop()
    with TestClient(late) as client:
        client.get("/")
        with pytest.raises(DeclarationError, match="first request"):
            Profiler(late)

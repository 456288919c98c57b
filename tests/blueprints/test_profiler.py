"""`/profile`, as one asks for it."""

import asyncio
import gc
import re
import sys
import time
import weakref
from collections import deque
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient as StarletteClient

from coworks_async import DeclarationError, TechMicroService, entry, request
from coworks_async.blueprints import Profiler
from coworks_async.blueprints.profiler_profile import Profile
from coworks_async.testing import TestClient
from tests.blueprints.profiling import held_up
from tests.cli.serving import until
from tests.clients import Connect

TOKEN = {"Authorization": "token"}


def leaf() -> int:
    return sum(range(10))


def rest() -> None:
    """What a stream does at its end."""


held: list[Any] = []
waits: list[float] = []


def in_a_thread() -> None:
    time.sleep(0.002)
    leaf()


class Shop(TechMicroService):
    async def token_authorizer(self, token: str):
        return token == "token"

    @entry
    async def get(self):
        await held_up(waits)
        leaf()
        return "Welcome."

    @entry
    async def get_items(self, name: str):
        return {"item": name}

    @entry
    def get_sync(self):
        in_a_thread()
        return request.url.path

    @entry
    def get_stream(self):
        try:
            for part in "ab":
                leaf()
                yield part
        finally:
            rest()

    @entry
    async def get_stream_async(self):
        try:
            for part in "ab":
                leaf()
                await asyncio.sleep(0)
                yield part
        finally:
            rest()

    @entry
    async def get_held(self):
        shelf: deque[str] = deque()
        shelf.append("pen")
        held.append(weakref.ref(shelf))

    @entry
    async def get_bug(self):
        raise LookupError("no such shelf")


def shop(**options: Any) -> Shop:
    app = Shop()
    Profiler(app, **options)
    return app


def test_the_last_request_is_shown_as_a_table(connect: Connect):
    client = connect(shop())
    client.headers.update(TOKEN)
    assert client.get("/profile").text == "No request was profiled yet.\n"
    assert client.get("/profile/list").json() == []
    assert client.get("/profile/flame").status_code == 404
    assert client.get("/items/pen").json() == {"item": "pen"}
    answer = client.get("/profile")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    lines = answer.text.splitlines()
    assert lines[0] == lines[-1] == "-" * 80
    assert lines[1] == "PATH: '/items/pen'"
    assert re.fullmatch(r"GET, answered 200 in \d+\.\d{3} seconds, \d+\.\d{3} of them waiting\.", lines[2])
    assert lines[3] == "Requests not profiled, since one at a time is: 0."
    assert "   ncalls  tottime  percall  cumtime  percall filename:lineno(function)" in lines
    assert any(line.endswith("(Shop.get_items)") for line in client.get("/profile?limit=1000").text.splitlines())


@pytest.fixture
def client() -> Any:
    with TestClient(shop(), headers=TOKEN) as client:
        yield client


def lines_of(text: str) -> list[str]:
    """The rows of a table."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if "ncalls" in line)
    return [line for line in lines[start + 1 : -1] if line]


def rows(text: str) -> list[str]:
    """The names in a table."""
    return [line.rpartition("(")[2].rstrip(")") for line in lines_of(text)]


def calls_in(text: str) -> dict[str, str]:
    """How often the functions of a table were called, by name."""
    return {name: line.split()[0] for name, line in zip(rows(text), lines_of(text), strict=True)}


def test_the_table_may_be_sorted_and_cut(client: TestClient):
    client.get("/")
    told = client.get("/profile?sort=cumulative&limit=5").text
    assert "Ordered by: cumulative time" in told
    assert len(rows(told)) == 5
    assert len(rows(client.get("/profile").text)) == 30
    assert client.get("/profile?sort=beauty").status_code == 422
    assert client.get("/profile?limit=0").status_code == 422


def test_a_sync_entry_is_profiled_in_its_thread(client: TestClient):
    assert client.get("/sync").text == "/sync"
    told = rows(client.get("/profile?sort=cumulative&limit=1000").text)
    assert {"Shop.get_sync", "in_a_thread", "leaf"} <= set(told)


def test_a_sync_entry_without_a_profile_of_its_request_just_runs(client: TestClient):
    calls = []
    profiler = next(middleware for middleware in client.app.user_middleware).kwargs["profiler"]  # type: ignore[attr-defined]
    assert profiler.begin() is not None
    for path in ("/sync", "/"):
        calls.append(client.get(path).status_code)
    assert (calls, profiler.missed, list(profiler.profiled)) == ([200, 200], 2, [])
    profiler._busy.release()
    client.get("/")
    assert "one at a time is: 2." in client.get("/profile").text


@pytest.mark.parametrize("path", ["/stream", "/stream/async"])
def test_a_generator_is_streamed_as_ever_and_profiled_to_its_end(connect: Connect, path: str):
    client = connect(shop())
    client.headers.update(TOKEN)
    assert client.get(path).text == "ab"
    # The last byte is sent before the generator is closed.
    until(lambda: client.get("/profile/list").json() != [])
    calls = calls_in(client.get("/profile?limit=1000").text)
    assert (calls["leaf"], calls["rest"]) == ("2", "1")


def test_the_list_tells_the_last_requests_and_their_times(client: TestClient):
    client.get("/")
    client.get("/bug")
    client.request("POST", f"/{'x' * 300}")
    third, second, first = client.get("/profile/list").json()
    assert (first["method"], first["path"], first["status"]) == ("GET", "/", 200)
    assert first["seconds"] > first["waiting"] >= round(waits[-1], 6)
    assert (second["path"], second["status"]) == ("/bug", 500)
    assert (third["method"], len(third["path"]), third["status"]) == ("POST", 200, 404)
    assert first["time"] < second["time"] < third["time"]


def test_the_list_is_as_long_as_it_may_be():
    with TestClient(shop(keep=3), headers=TOKEN) as client:
        for number in range(5):
            client.get(f"/items/{number}")
        assert [told["path"] for told in client.get("/profile/list").json()] == ["/items/4", "/items/3", "/items/2"]


def test_the_flame_is_a_page_under_a_policy_of_its_own(client: TestClient):
    client.get("/items/%3Cscript%3Ealert(1)")
    page = client.get("/profile/flame")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'sha256-")
    assert "GET /items/{name}" in page.text
    assert "alert(1)" not in page.text


def test_without_pyinstrument_there_is_a_table_and_no_page(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    client.get("/nowhere")
    monkeypatch.setitem(sys.modules, "pyinstrument.renderers", None)
    page = client.get("/profile/flame")
    assert (page.status_code, "coworks-async[profiler]" in page.json()["detail"]) == (501, True)
    assert "PATH: '/nowhere'" in client.get("/profile").text


def test_the_profile_asks_for_a_token_and_is_never_profiled_itself(client: TestClient):
    for path in ("/profile", "/profile/flame", "/profile/list"):
        assert client.get(path, headers={"Authorization": "other"}).status_code == 403
        client.headers.pop("Authorization", None)
        assert client.get(path).status_code == 401
        client.headers.update(TOKEN)
    assert client.get("/profile/list").json() == []


def test_a_tree_that_was_cut_is_told(client: TestClient):
    client.get("/")
    profiler = client.app.user_middleware[0].kwargs["profiler"]  # type: ignore[attr-defined]
    assert "It called from more than" not in client.get("/profile").text
    profiler.latest[2].recorder.cut = True
    assert "It called from more than 20000 places" in client.get("/profile").text


def test_where_another_profiler_is_on_it_stays_on(client: TestClient):
    profiler = Profiler(Shop())
    seen: list[Any] = []
    sys.setprofile(lambda frame, event, arg: seen.append(event))
    try:
        assert profiler.begin() is None
    finally:
        sys.setprofile(None)
    assert (profiler.missed, "call" in seen) == (1, True)


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


def test_what_comes_after_the_answer_is_a_part_of_its_request():
    async def later() -> None:
        leaf()

    async def page(request: Request) -> Response:
        return PlainTextResponse("page", background=BackgroundTask(later))

    app = Shop(routes=[Route("/page", page)])
    Profiler(app)
    with TestClient(app, headers=TOKEN) as client:
        client.get("/page")
        assert "leaf" in rows(client.get("/profile?limit=1000").text)


def test_a_profile_keeps_nothing_of_what_its_request_held(client: TestClient):
    assert client.get("/held").status_code == 204
    assert "append" in client.get("/profile?limit=1000").text
    gc.collect()
    assert [shelf() for shelf in held] == [None]
    held.clear()


def test_of_hundreds_of_requests_the_calls_of_one_are_kept(client: TestClient):
    def kept() -> int:
        gc.collect()
        return sum(type(each) is Profile for each in gc.get_objects())

    before = kept()
    for number in range(300):
        client.get(f"/items/{number}")
    assert len(client.get("/profile/list").json()) == 50
    assert kept() == before + 1


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


def test_the_answer_is_the_services_own_whatever_happens(client: TestClient):
    assert client.get("/").text == "Welcome."
    assert client.get("/bug").status_code == 500
    assert client.head("/").status_code == 200
    assert sys.getprofile() is None

"""`/profile`, as one asks for it."""

import gc
import re
import sys
from typing import Any

import pytest
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from coworks_async.blueprints import Profiler
from coworks_async.blueprints.profiler_profile import Profile
from coworks_async.testing import TestClient
from tests.blueprints.profiled import TOKEN, Shop, calls_in, held, leaf, rows, shop, waits
from tests.cli.processes import until
from tests.clients import Connect


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


def test_the_answer_is_the_services_own_whatever_happens(client: TestClient):
    assert client.get("/").text == "Welcome."
    assert client.get("/bug").status_code == 500
    assert client.head("/").status_code == 200
    assert sys.getprofile() is None

"""`/profile`, requested by a client."""

import asyncio
import gc
import json
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient as StarletteClient

from coworks_async import DeclarationError, TechMicroService, entry
from coworks_async.blueprints import Profiler, profiler
from coworks_async.blueprints.profiler import Profile
from coworks_async.testing import TestClient, Via
from tests.blueprints.profiled_service import (
    TOKEN,
    Shop,
    create_shop,
    find_profiler,
    latest_profile,
    leaf,
    read_counts,
    read_names,
)
from tests.cli.processes import start_server, until
from tests.clients import Connect
from tests.tools import PATIENCE, requires_tool

DOCS = (Path(__file__).parents[2] / "docs" / "how-to/profiler.md").read_text()


def test_the_last_request_is_shown_as_a_table(connect: Connect):
    client = connect(create_shop())
    client.headers.update(TOKEN)
    assert client.get("/profile").text == "No request has been profiled yet.\n"
    assert client.get("/profile/flame").status_code == 404
    assert client.get("/items/pen").json() == {"item": "pen"}
    response = client.get("/profile")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    lines = response.text.splitlines()
    assert lines[0] == lines[-1] == "-" * 80
    assert lines[1] == "PATH: '/items/pen'"
    assert re.fullmatch(r"GET, status 200, \d+\.\d{3} seconds, \d+\.\d{3} waiting\.", lines[2])
    assert lines[3] == "Concurrent requests not profiled: 0."
    assert "   ncalls  tottime  percall  cumtime  percall filename:lineno(function)" in lines
    assert any(line.endswith("(Shop.get_items)") for line in client.get("/profile?limit=1000").text.splitlines())


@pytest.fixture
def shop() -> Shop:
    return create_shop()


@pytest.fixture
def client(shop: Shop) -> Any:
    with TestClient(shop, headers=TOKEN) as client:
        yield client


def test_the_table_can_be_sorted_and_limited(client: TestClient):
    client.get("/")
    table = client.get("/profile?sort=cumulative&limit=5").text
    assert "Ordered by: cumulative time" in table
    assert len(read_names(table)) == 5
    table = client.get("/profile").text
    assert "Ordered by: internal time, call count" in table
    assert len(read_names(table)) == 30
    assert client.get("/profile?sort=beauty").status_code == 422
    assert client.get("/profile?limit=0").status_code == 422


def test_a_sync_entry_is_profiled_in_its_thread(client: TestClient):
    assert client.get("/sync").text == "/sync"
    names = read_names(client.get("/profile?sort=cumulative&limit=1000").text)
    assert {"Shop.get_sync", "sleep_in_thread", "leaf"} <= set(names)


@pytest.mark.parametrize("path", ["/stream", "/stream/async"])
def test_a_generator_is_streamed_as_usual_and_profiled_to_its_end(connect: Connect, path: str):
    app = create_shop()
    client = connect(app)
    client.headers.update(TOKEN)
    assert client.get(path).text == "ab"
    # The last byte is sent before the generator is closed.
    until(lambda: find_profiler(app).latest is not None)
    counts = read_counts(client.get("/profile?limit=1000").text)
    assert (counts["leaf"], counts["clean_up"]) == ("2", "1")


def test_status_and_times_are_those_of_the_request(client: TestClient, shop: Shop):
    client.get("/")
    profile = latest_profile(shop)
    assert (profile.method, profile.path, profile.status) == ("GET", "/", 200)
    assert profile.seconds > profile.waited >= shop.waits[-1]
    client.get("/bug")
    client.request("POST", "/nowhere/at/all")
    assert client.get("/profile").text.splitlines()[2].startswith("POST, status 404, ")
    assert latest_profile(shop).path == "/nowhere/at/all"


def test_responses_are_the_same_with_a_profiler(client: TestClient):
    assert client.get("/").text == "Welcome."
    assert client.get("/bug").status_code == 500
    assert client.head("/").status_code == 200
    assert sys.getprofile() is None


@pytest.mark.parametrize(("via", "status"), [(None, 200), ("rest", 500), ("http", 500)])
def test_the_status_of_an_aborted_stream_is_that_of_the_client(via: Via | None, status: int):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            yield "first"
            raise ValueError("broken")

    app = Service()
    Profiler(app)
    with TestClient(app, via=via, raise_server_exceptions=False) as client:
        assert client.get("/").status_code == status
    assert latest_profile(app).status == status


def test_the_page_loads_nothing_from_other_hosts(client: TestClient):
    client.get("/items/%3Cscript%3Ealert(1)")
    page = client.get("/profile/flame")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'unsafe-inline'; ")
    assert "http" not in page.headers["content-security-policy"]
    assert "GET /items/%3Cscript%3Ealert%281%29" in page.text
    assert "alert(1)" not in page.text


def test_without_pyinstrument_there_is_a_table_but_no_page(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    client.get("/nowhere")
    monkeypatch.setitem(sys.modules, "pyinstrument.renderers", None)
    page = client.get("/profile/flame")
    assert (page.status_code, "pip install 'coworks-async[profiler]'" in page.json()["detail"]) == (501, True)
    assert "PATH: '/nowhere'" in client.get("/profile").text


def test_the_profile_requires_a_token_and_is_never_profiled_itself(client: TestClient):
    for path in ("/profile", "/profile/flame"):
        assert client.get(path, headers={"Authorization": "other"}).status_code == 403
        client.headers.pop("Authorization", None)
        assert client.get(path).status_code == 401
        client.headers.update(TOKEN)
    assert client.get("/profile").text == "No request has been profiled yet.\n"


def test_a_call_tree_is_limited(client: TestClient, shop: Shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(profiler, "MAX_CALLS", 10)
    client.get("/")
    assert len(list(latest_profile(shop).walk())) == 10
    # Further calls count as part of their caller.
    assert client.get("/profile").status_code == 200


def test_starlettes_background_tasks_are_part_of_their_request():
    async def later() -> None:
        leaf()

    async def page(request: Request) -> Response:
        return PlainTextResponse("page", background=BackgroundTask(later))

    app = Shop(routes=[Route("/page", page)])
    Profiler(app)
    with TestClient(app, headers=TOKEN) as client:
        client.get("/page")
        assert "leaf" in read_names(client.get("/profile?limit=1000").text)


def test_a_profile_keeps_no_objects_of_its_request(client: TestClient, shop: Shop):
    assert client.get("/shelf").status_code == 204
    assert "append" in client.get("/profile?limit=1000").text
    gc.collect()
    assert [shelf() for shelf in shop.shelves] == [None]


def test_only_the_last_profile_is_kept(client: TestClient):
    def count_profiles() -> int:
        gc.collect()
        return sum(type(each) is Profile for each in gc.get_objects())

    before = count_profiles()
    for number in range(20):
        client.get(f"/items/{number}")
    assert count_profiles() == before + 1


def test_only_one_request_is_profiled_at_a_time(client: TestClient, shop: Shop):
    scope = {"type": "http", "method": "GET", "path": "/"}
    profile = find_profiler(shop).begin(scope)
    assert profile is not None
    assert [client.get(path).status_code for path in ("/sync", "/")] == [200, 200]
    assert (find_profiler(shop).missed, find_profiler(shop).latest) == (2, None)
    find_profiler(shop).end(profile)
    client.get("/")
    assert "Concurrent requests not profiled: 2." in client.get("/profile").text


def test_another_active_profiler_is_left_alone(client: TestClient, shop: Shop):
    events: list[Any] = []
    sys.setprofile(lambda frame, event, arg: events.append(event))
    try:
        assert find_profiler(shop).begin({"type": "http", "method": "GET", "path": "/"}) is None
    finally:
        sys.setprofile(None)
    assert (find_profiler(shop).missed, "call" in events) == (1, True)


class Busy(TechMicroService):
    """`get_first` ends after the other entries have started, in other tasks and threads."""

    def __init__(self) -> None:
        super().__init__()
        self.first_started, self.second_started = threading.Event(), threading.Event()

    @entry(no_auth=True)
    async def get_first(self):
        await asyncio.to_thread(self.wait_for_second)
        for _ in range(5):
            await asyncio.sleep(0.001)

    @entry(no_auth=True)
    async def get_second(self):
        await asyncio.to_thread(self.first_started.wait, PATIENCE)
        self.second_started.set()
        for _ in range(5):
            called_by_second()
            await asyncio.sleep(0.001)

    @entry(no_auth=True)
    def get_second_sync(self):
        self.first_started.wait(PATIENCE)
        for _ in range(5):
            called_by_second()
            time.sleep(0.001)

    def wait_for_second(self) -> None:
        self.first_started.set()
        self.second_started.wait(PATIENCE)


def called_by_second() -> None:
    """Called by concurrent requests."""


async def send_get(app: TechMicroService, path: str) -> int:
    messages: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": path, "query_string": b"", "headers": []}
    await app(scope, receive, send)
    return int(messages[0]["status"])


def test_a_profile_contains_no_frames_of_concurrent_requests():
    app = Busy()
    Profiler(app)

    async def main() -> list[int]:
        return list(await asyncio.gather(*(send_get(app, path) for path in ("/first", "/second", "/second/sync"))))

    assert asyncio.run(main()) == [204, 204, 204]
    assert (find_profiler(app).missed, latest_profile(app).path) == (2, "/first")
    table = find_profiler(app).get(limit=1000)
    assert "Busy.get_first" in table
    assert "called_by_second" not in table
    assert "Concurrent requests not profiled: 2." in table


@pytest.mark.parametrize(
    ("current", "stage", "exists"),
    [
        (None, "dev", False),
        ("", "dev", False),
        (None, None, True),
        ("dev", "dev", True),
        ("v1", "dev", False),
        ("v1", ["dev", "v1"], True),
        ("v1", None, True),
    ],
)
def test_on_other_stages_and_without_a_stage_there_is_no_entry_and_no_middleware(
    monkeypatch: pytest.MonkeyPatch, current: str | None, stage: Any, exists: bool
):
    monkeypatch.delenv("CWS_STAGE")
    if current is not None:
        monkeypatch.setenv("CWS_STAGE", current)
    app = create_shop(stage=stage)
    assert bool(app.user_middleware) is exists
    assert ("profiler.get" in {entry.endpoint for entry in app.entries}) is exists


def test_by_default_it_exists_on_dev_only(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CWS_STAGE", "prod")
    assert create_shop().user_middleware == []


def test_it_can_have_another_path_and_another_name():
    app = create_shop(url_prefix="/debug/times", name="times")
    with TestClient(app, headers=TOKEN) as client:
        client.get("/")
        assert "PATH: '/'" in client.get("/debug/times").text
        assert "times.get" in {entry.endpoint for entry in app.entries}


def test_sync_entries_of_mounted_services_are_profiled():
    async def page(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    app = Shop(routes=[Mount("/inner", Shop()), Mount("/plain", page), Route("/route", lambda request: None)])
    Profiler(app)
    with TestClient(app, headers=TOKEN) as client:
        assert client.get("/inner/sync").status_code == 200
        assert "sleep_in_thread" in read_names(client.get("/profile?limit=1000").text)
        assert client.get("/plain/x").status_code == 204
        assert "GET /plain/x" in client.get("/profile/flame").text


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_base_http_middleware_hides_the_entry_unless_it_is_added_after_the_profiler(first: bool):
    async def dispatch(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        return response

    app = Shop()
    if first:
        app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
    Profiler(app)
    if not first:
        app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
    with TestClient(app, headers=TOKEN) as client:
        assert client.get("/").text == "Welcome."
        assert ("leaf" in read_names(client.get("/profile?limit=1000").text)) is not first


def test_the_path_of_a_mounted_service_is_relative_to_its_mount():
    outer = Starlette(routes=[Mount("/dev", app=create_shop())])
    with StarletteClient(outer, headers=TOKEN) as client:
        client.get("/dev/items/pen")
        assert "PATH: '/items/pen'" in client.get("/dev/profile").text


def test_a_second_profiler_and_one_after_the_start_are_errors():
    app = create_shop()
    with pytest.raises(DeclarationError, match="profiler"):
        Profiler(app)
    late = Shop()
    with TestClient(late) as client:
        client.get("/")
        with pytest.raises(DeclarationError, match="service has started"):
            Profiler(late)


ROW = re.compile(r"^\| `GET (?P<url>\S+)`(?:, token `(?P<token>\w+)`)? \| (?P<response>.*) \|$", re.MULTILINE)


def test_the_requests_of_the_docs_page_get_the_documented_responses():
    code = re.search(r"^```python\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
    assert code is not None
    module: dict[str, Any] = {"__name__": "profiler"}
    exec(code[1], module)  # noqa: S102
    rows = list(ROW.finditer(DOCS))
    assert len(rows) == 6
    with TestClient(module["app"]) as client:
        for row in rows:
            headers = {"Authorization": row["token"]} if row["token"] else {}
            response = client.get(row["url"], headers=headers)
            assert response.status_code == (int(row["response"]) if row["response"].isdigit() else 200), row[0]
            if row["response"].startswith("`"):
                assert response.text.strip() == row["response"].strip("`")
            elif "table" in row["response"]:
                assert "PATH: '/'" in response.text
        table = client.get("/profile?limit=3", headers={"Authorization": "token"}).text
    shown = re.search(r"^-{80}\nPATH.*?filename:lineno\(function\)$", DOCS, re.MULTILINE | re.DOTALL)
    assert shown is not None
    assert without_numbers(table).startswith(without_numbers(shown[0]))


def without_numbers(text: str) -> str:
    return re.sub(r"[\d.]+", "0", text)


OPTIONAL = {"aws_xray_sdk", "jinja2", "markdown", "markdown_it", "nh3", "opentelemetry", "pstats", "pyinstrument"}

SERVICE = """
import sys
from coworks_async import TechMicroService, entry


class Hello(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return sorted({name.partition(".")[0] for name in sys.modules})

    async def token_authorizer(self, token):
        return True


app = Hello()
"""

WITH_PROFILER = """
from coworks_async.blueprints import Profiler

Profiler(app)
"""

modes = pytest.mark.parametrize("mode", [(), ("--lambda",)], ids=["uvicorn", "lambda"])


@requires_tool("curl")
@modes
def test_a_service_without_a_profiler_imports_no_optional_module(mode: tuple[str, ...], tmp_path: Path):
    (tmp_path / "hello.py").write_text(SERVICE)
    with start_server("-A", "hello", "run", "--port", "0", *mode, cwd=tmp_path) as served:
        loaded = set(json.loads(served.curl("/")))
    assert "starlette" in loaded
    assert loaded & OPTIONAL == set()


@requires_tool("curl")
@modes
def test_modules_for_the_table_and_the_page_are_imported_when_requested(mode: tuple[str, ...], tmp_path: Path):
    (tmp_path / "hello.py").write_text(SERVICE + WITH_PROFILER)
    with start_server("-A", "hello", "run", "--port", "0", *mode, cwd=tmp_path) as served:
        assert set(json.loads(served.curl("/"))) & OPTIONAL == set()
        assert "PATH: '/'" in served.curl("/profile", "-H", "Authorization:any")
        assert set(json.loads(served.curl("/"))) & OPTIONAL == {"pstats"}
        assert "<html" in served.curl("/profile/flame", "-H", "Authorization:any")
        assert "pyinstrument" in json.loads(served.curl("/"))

"""The order of hooks, and which requests run them."""

import threading

import httpx2
from starlette.exceptions import HTTPException

from coworks_async import Blueprint, TechMicroService, entry
from tests.clients import Connect
from tests.differences import differs
from tests.tools import PATIENCE


class Extra(Blueprint):
    @entry(no_auth=True)
    async def get(self):
        return "extra"


class Service(TechMicroService):
    async def token_authorizer(self, token: str):
        return token == "token"

    @entry(no_auth=True)
    async def get(self):
        return "home"

    @entry(no_auth=True)
    async def get_number(self, number: int):
        return number

    @entry(no_auth=True)
    async def get_forbidden(self):
        raise HTTPException(403)

    @entry(no_auth=True)
    async def get_broken(self):
        raise KeyError("why")

    @entry
    async def get_closed(self):
        return "in"


class HookLog:
    """Lines written by the hooks of a request, and an event for its end."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ended = threading.Event()

    def get(self, client: httpx2.Client, path: str) -> list[str]:
        self.lines.clear()
        self.ended.clear()
        client.get(path)
        # The hooks before the response have run by now. There are none if a gateway responds itself.
        assert self.lines
        assert self.ended.wait(PATIENCE)
        return self.lines


def hooked(log: HookLog) -> TechMicroService:
    """Create a service with all kinds of hooks in each registry, half of them sync."""
    app, extra = Service(), Extra()
    lines = log.lines

    @app.teardown_request
    def ended(error):
        lines.append(f"app teardown {type(error).__name__}")
        log.ended.set()

    for owner, before, after, teardown in [
        ("app", app.before_request, app.after_request, app.teardown_request),
        ("bp-app", extra.before_app_request, extra.after_app_request, extra.teardown_app_request),
        ("bp", extra.before_request, extra.after_request, extra.teardown_request),
    ]:
        register(lines, owner, before, after, teardown)
    app.register_blueprint(extra, url_prefix="/extra")
    return app


def register(lines: list[str], owner: str, before, after, teardown) -> None:
    @before
    async def first():
        lines.append(f"{owner} before 1")

    @before
    def second():
        lines.append(f"{owner} before 2")

    @after
    def late(response):
        lines.append(f"{owner} after 1")
        return response

    @after
    async def early(response):
        lines.append(f"{owner} after 2 {response.status_code}")
        return response

    @teardown
    async def end(error):
        lines.append(f"{owner} teardown")


APP_BEFORE = ["app before 1", "app before 2", "bp-app before 1", "bp-app before 2"]
APP_TEARDOWN = ["bp-app teardown", "app teardown"]


def app_after(status: int) -> list[str]:
    return [f"bp-app after 2 {status}", "bp-app after 1", f"app after 2 {status}", "app after 1"]


def test_before_hooks_run_in_order_and_after_hooks_in_reverse_order(connect: Connect):
    log = HookLog()
    client = connect(hooked(log))
    assert log.get(client, "/") == [*APP_BEFORE, *app_after(200), *APP_TEARDOWN, "app teardown NoneType"]


def test_a_blueprints_hooks_run_inside_the_apps_for_its_own_entries(connect: Connect):
    log = HookLog()
    assert log.get(connect(hooked(log)), "/extra") == [
        *APP_BEFORE,
        "bp before 1",
        "bp before 2",
        "bp after 2 200",
        "bp after 1",
        *app_after(200),
        "bp teardown",
        *APP_TEARDOWN,
        "app teardown NoneType",
    ]


@differs("rest-no-such-route")
def test_errors_run_all_hooks(connect: Connect):
    log = HookLog()
    client = connect(hooked(log))
    for path, status, error in [
        ("/nowhere", 404, "HTTPException"),
        ("/forbidden", 403, "HTTPException"),
        ("/number/x", 422, "UnprocessableContent"),
        ("/broken", 500, "KeyError"),
    ]:
        assert log.get(client, path) == [*APP_BEFORE, *app_after(status), *APP_TEARDOWN, f"app teardown {error}"]


@differs("rest-no-such-route")
def test_a_405_runs_the_apps_hooks(connect: Connect):
    log = HookLog()
    assert connect(hooked(log)).post("/extra").status_code == 405
    assert log.ended.wait(PATIENCE)
    assert log.lines == [*APP_BEFORE, *app_after(405), *APP_TEARDOWN, "app teardown HTTPException"]


def test_a_rejection_by_the_authorizer_runs_no_hook(connect: Connect):
    log = HookLog()
    client = connect(hooked(log))
    for headers in ({}, {"authorization": "other"}):
        assert client.get("/closed", headers=headers).status_code in (401, 403)
    assert client.options("/closed").status_code == 204
    assert log.lines == []
    assert client.get("/closed", headers={"authorization": "token"}).text == "in"
    assert log.lines[0] == "app before 1"

"""The order of hooks: authorize, before, bind, call, after, teardown; and which requests run them."""

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
    async def get_refused(self):
        raise HTTPException(403)

    @entry(no_auth=True)
    async def get_broken(self):
        raise KeyError("why")

    @entry
    async def get_closed(self):
        return "in"


class Steps:
    """The lines that the hooks of a request wrote, and the end of it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ended = threading.Event()

    def of(self, client: httpx2.Client, path: str) -> list[str]:
        self.lines.clear()
        self.ended.clear()
        client.get(path)
        # What ran before the answer is known by now; where a gateway answered alone there is no end to wait for.
        assert self.lines
        assert self.ended.wait(PATIENCE)
        return self.lines


def hooked(steps: Steps) -> TechMicroService:
    """Return a service with hooks of each kind in each place, half of them sync."""
    app, extra = Service(), Extra()
    lines = steps.lines

    @app.teardown_request
    def ended(error):
        lines.append(f"app teardown {type(error).__name__}")
        steps.ended.set()

    for place, before, after, teardown in [
        ("app", app.before_request, app.after_request, app.teardown_request),
        ("bp-app", extra.before_app_request, extra.after_app_request, extra.teardown_app_request),
        ("bp", extra.before_request, extra.after_request, extra.teardown_request),
    ]:
        register(lines, place, before, after, teardown)
    app.register_blueprint(extra, url_prefix="/extra")
    return app


def register(lines: list[str], place: str, before, after, teardown) -> None:
    @before
    async def first():
        lines.append(f"{place} before 1")

    @before
    def second():
        lines.append(f"{place} before 2")

    @after
    def late(response):
        lines.append(f"{place} after 1")
        return response

    @after
    async def early(response):
        lines.append(f"{place} after 2 {response.status_code}")
        return response

    @teardown
    async def end(error):
        lines.append(f"{place} teardown")


APP_BEFORE = ["app before 1", "app before 2", "bp-app before 1", "bp-app before 2"]
APP_TEARDOWN = ["bp-app teardown", "app teardown"]


def app_after(status: int) -> list[str]:
    return [f"bp-app after 2 {status}", "bp-app after 1", f"app after 2 {status}", "app after 1"]


def test_hooks_run_before_in_order_and_after_the_last_registered_first(connect: Connect):
    steps = Steps()
    client = connect(hooked(steps))
    assert steps.of(client, "/") == [*APP_BEFORE, *app_after(200), *APP_TEARDOWN, "app teardown NoneType"]


def test_the_hooks_of_a_blueprint_run_inside_of_the_apps_and_for_its_own_entries(connect: Connect):
    steps = Steps()
    assert steps.of(connect(hooked(steps)), "/extra") == [
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
def test_errors_run_all_the_hooks_too(connect: Connect):
    steps = Steps()
    client = connect(hooked(steps))
    for path, status, error in [
        ("/nowhere", 404, "HTTPException"),
        ("/refused", 403, "HTTPException"),
        ("/number/x", 422, "UnprocessableContent"),
        ("/broken", 500, "KeyError"),
    ]:
        assert steps.of(client, path) == [*APP_BEFORE, *app_after(status), *APP_TEARDOWN, f"app teardown {error}"]


@differs("rest-no-such-route")
def test_a_405_runs_the_apps_hooks(connect: Connect):
    steps = Steps()
    assert connect(hooked(steps)).post("/extra").status_code == 405
    assert steps.ended.wait(PATIENCE)
    assert steps.lines == [*APP_BEFORE, *app_after(405), *APP_TEARDOWN, "app teardown HTTPException"]


def test_a_refusal_of_the_authorizer_runs_no_hook(connect: Connect):
    steps = Steps()
    client = connect(hooked(steps))
    for headers in ({}, {"authorization": "other"}):
        assert client.get("/closed", headers=headers).status_code in (401, 403)
    assert client.options("/closed").status_code == 204
    assert steps.lines == []
    assert client.get("/closed", headers={"authorization": "token"}).text == "in"
    assert steps.lines[0] == "app before 1"

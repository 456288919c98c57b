"""Hooks and error handlers of a blueprint: for its own entries, and for those of the whole app."""

from queue import SimpleQueue

import pytest

from coworks_async import TechMicroService, entry
from tests.clients import Connect
from tests.entries.building import refusal
from tests.entries.pages import Pages
from tests.tools import PATIENCE


@pytest.mark.parametrize(
    "register",
    [
        "before_request",
        "after_request",
        "teardown_request",
        "before_app_request",
        "after_app_request",
        "teardown_app_request",
    ],
)
def test_hooks_are_registered_by_decorators_that_leave_them_as_they_are(register: str):
    pages = Pages()

    def hook(argument=None):
        """Takes what any hook gets."""

    assert getattr(pages, register)(hook) is hook


def test_error_handlers_are_registered_by_decorators_that_leave_them_as_they_are():
    pages = Pages()

    def handler(error):
        """Answers nothing."""

    assert pages.errorhandler(404)(handler) is handler
    assert pages.app_errorhandler(ValueError)(handler) is handler


class Service(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "root"

    @entry(no_auth=True)
    async def get_fail(self):
        raise LookupError


class Failing(Pages):
    @entry(no_auth=True)
    async def get_fail(self):
        raise LookupError


def hooked(seen: list[str], ended: SimpleQueue[str]) -> Service:
    """Build a service with a blueprint at /pages, whose hooks tell when they run; the two have an error in common."""
    pages = Failing()
    pages.before_request(lambda: seen.append("before"))
    pages.before_app_request(lambda: seen.append("before app"))
    pages.teardown_request(lambda error: ended.put("teardown"))
    pages.teardown_app_request(lambda error: ended.put("teardown app"))

    @pages.after_request
    async def after(response):
        seen.append("after")
        return response

    @pages.after_app_request
    async def after_app(response):
        seen.append("after app")
        return response

    pages.errorhandler(LookupError)(lambda error: ("the blueprint's", 418))
    pages.app_errorhandler(LookupError)(lambda error: ("the app's", 409))
    app = Service()
    app.register_blueprint(pages, url_prefix="/pages")
    return app


def test_hooks_of_a_blueprint_run_for_its_own_entries_and_those_of_the_app_for_all(connect: Connect):
    seen: list[str] = []
    ended: SimpleQueue[str] = SimpleQueue()  # which may be after the client has its answer
    client = connect(hooked(seen, ended))
    assert client.get("/").text == "root"
    assert seen == ["before app", "after app"]
    assert ended.get(timeout=PATIENCE) == "teardown app"
    seen.clear()
    assert client.get("/pages/new").text == "new"
    assert seen == ["before app", "before", "after", "after app"]
    assert [ended.get(timeout=PATIENCE), ended.get(timeout=PATIENCE)] == ["teardown", "teardown app"]
    own, other = client.get("/pages/fail"), client.get("/fail")
    assert (own.status_code, own.text) == (418, "the blueprint's")
    assert (other.status_code, other.text) == (409, "the app's")


@pytest.mark.parametrize("late", ["before_request", "after_app_request", "errorhandler"])
def test_hooks_come_before_the_first_request(connect: Connect, late: str):
    pages = Pages()
    app = TechMicroService()
    app.register_blueprint(pages, url_prefix="/pages")
    assert connect(app).get("/pages/7").status_code == 200

    def register():
        target = getattr(pages, late)
        (target(404) if late == "errorhandler" else target)(lambda *arguments: None)

    assert refusal(register).endswith("comes after the first request; register hooks where the app is made.")

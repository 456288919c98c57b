"""Registration of hooks, and the hooks of blueprints."""

from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import pytest

from coworks_async import TechMicroService, entry
from tests.clients import Connect
from tests.entries.services import Pages, declaration_error
from tests.tools import PATIENCE


def takes_nothing():
    """Has the parameters of before_request."""


def takes_one(argument):
    """Has the parameters of the other hooks."""


def takes_two(first, second):
    """Has the parameters of no hook."""


class Hook:
    def __call__(self, argument: object = None) -> None:
        """Takes one argument or no arguments."""

    def method(self, argument: object) -> None:
        """Takes one argument."""


def register(name: str, hook: Callable[..., Any]) -> object:
    target = getattr(TechMicroService(), name)
    return target(404)(hook) if name == "errorhandler" else target(hook)


WITH_ONE = ["after_request", "teardown_request", "errorhandler"]


@pytest.mark.parametrize("name", ["before_request", *WITH_ONE])
@pytest.mark.parametrize(
    "hook", [lambda *arguments: None, lambda argument=1: None, lambda *, key=1, **rest: None, Hook()]
)
def test_any_callable_with_matching_parameters_is_a_hook(name: str, hook: Any):
    if name in WITH_ONE and "key" in getattr(hook, "__code__", takes_one.__code__).co_varnames:
        assert "the hook is called with one argument." in declaration_error(register, name, hook)
    else:
        assert register(name, hook) is hook


@pytest.mark.parametrize("hook", [takes_one, takes_two, Hook().method, dict.fromkeys, "not a function"])
def test_a_before_request_hook_must_take_no_arguments(hook: Any):
    message = declaration_error(register, "before_request", hook)
    assert message.startswith("before_request ")
    assert message.endswith(": the hook is called with no arguments. Change its parameters.")


@pytest.mark.parametrize("name", WITH_ONE)
@pytest.mark.parametrize("hook", [takes_nothing, takes_two, lambda *, key: None, type])
def test_other_hooks_must_take_one_argument(name: str, hook: Any):
    message = declaration_error(register, name, hook)
    assert message == (f"{name} {hook.__qualname__}: the hook is called with one argument. Change its parameters.")


@pytest.mark.parametrize("key", [200, 399, 600, True, "404", None, BaseException, ValueError("an instance"), takes_one])
def test_an_error_handler_must_have_an_error_status_or_an_exception_class(key: Any):
    assert declaration_error(TechMicroService().errorhandler, key) == (
        f"errorhandler({key!r}): must be a status from 400 to 599 or an exception class."
    )


@pytest.mark.parametrize("key", [400, 404, 599, Exception, ValueError])
def test_errorhandler_returns_the_handler(key: Any):
    assert TechMicroService().errorhandler(key)(takes_one) is takes_one


@pytest.mark.parametrize("name", ["before_request", *WITH_ONE])
def test_registering_a_hook_after_the_first_request_is_an_error(connect: Connect, name: str):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return "root"

    app = Service()
    assert connect(app).get("/").text == "root"

    def late():
        target = getattr(app, name)
        (target(404) if name == "errorhandler" else target)(lambda *arguments: None)

    assert declaration_error(late).endswith(
        ": registered after the service has started. Register hooks where the app is created."
    )


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
def test_hook_decorators_return_the_hook(register: str):
    pages = Pages()

    def hook(argument=None):
        """Has the parameters of any hook."""

    assert getattr(pages, register)(hook) is hook


def test_error_handler_decorators_return_the_handler():
    pages = Pages()

    def handler(error):
        """Returns None."""

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


def create_hooked_service(seen: list[str], ended: SimpleQueue[str]) -> Service:
    """Create a service with a blueprint at /pages whose hooks record that they ran. Both handle LookupError."""
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

    pages.errorhandler(LookupError)(lambda error: ("blueprint", 418))
    pages.app_errorhandler(LookupError)(lambda error: ("app", 409))
    app = Service()
    app.register_blueprint(pages, url_prefix="/pages")
    return app


def test_blueprint_hooks_run_for_its_entries_and_app_hooks_for_all_entries(connect: Connect):
    seen: list[str] = []
    ended: SimpleQueue[str] = SimpleQueue()  # may run after the client has its response
    client = connect(create_hooked_service(seen, ended))
    assert client.get("/").text == "root"
    assert seen == ["before app", "after app"]
    assert ended.get(timeout=PATIENCE) == "teardown app"
    seen.clear()
    assert client.get("/pages/new").text == "new"
    assert seen == ["before app", "before", "after", "after app"]
    assert [ended.get(timeout=PATIENCE), ended.get(timeout=PATIENCE)] == ["teardown", "teardown app"]
    own, other = client.get("/pages/fail"), client.get("/fail")
    assert (own.status_code, own.text) == (418, "blueprint")
    assert (other.status_code, other.text) == (409, "app")


@pytest.mark.parametrize("late", ["before_request", "after_app_request", "errorhandler"])
def test_registering_a_blueprint_hook_after_the_first_request_is_an_error(connect: Connect, late: str):
    pages = Pages()
    app = TechMicroService()
    app.register_blueprint(pages, url_prefix="/pages")
    assert connect(app).get("/pages/7").status_code == 200

    def register():
        target = getattr(pages, late)
        (target(404) if late == "errorhandler" else target)(lambda *arguments: None)

    assert declaration_error(register).endswith(
        "registered after the service has started. Register hooks where the app is created."
    )

"""What may be registered as a hook; when hooks run is told by the tests of the pipeline."""

from collections.abc import Callable
from typing import Any

import pytest

from coworks_async import TechMicroService, entry
from tests.clients import Connect
from tests.entries.building import refusal


def takes_none():
    """A hook that takes nothing."""


def takes_one(argument):
    """A hook that takes one argument."""


def takes_two(first, second):
    """A function that is no hook."""


class Hook:
    def __call__(self, argument: object = None) -> None:
        """An object that takes one argument, or none."""

    def method(self, argument: object) -> None:
        """A method that takes one argument."""


def register(name: str, hook: Callable[..., Any]) -> object:
    target = getattr(TechMicroService(), name)
    return target(404)(hook) if name == "errorhandler" else target(hook)


WITH_ONE = ["after_request", "teardown_request", "errorhandler"]


@pytest.mark.parametrize("name", ["before_request", *WITH_ONE])
@pytest.mark.parametrize(
    "hook", [lambda *arguments: None, lambda argument=1: None, lambda *, key=1, **rest: None, Hook()]
)
def test_whatever_can_be_called_so_is_a_hook(name: str, hook: Any):
    if name in WITH_ONE and "key" in getattr(hook, "__code__", takes_one.__code__).co_varnames:
        assert "is called with one argument" in refusal(register, name, hook)
    else:
        assert register(name, hook) is hook


@pytest.mark.parametrize("hook", [takes_one, takes_two, Hook().method, dict.fromkeys, "no function"])
def test_a_before_request_hook_takes_no_argument(hook: Any):
    message = refusal(register, "before_request", hook)
    assert message.startswith("before_request ")
    assert message.endswith(" is called with no argument; change its parameters.")


@pytest.mark.parametrize("name", WITH_ONE)
@pytest.mark.parametrize("hook", [takes_none, takes_two, lambda *, key: None, type])
def test_every_other_hook_takes_one_argument(name: str, hook: Any):
    message = refusal(register, name, hook)
    assert message == f"{name} {hook.__qualname__} is called with one argument; change its parameters."


@pytest.mark.parametrize("key", [200, 399, 600, True, "404", None, BaseException, ValueError("no class"), takes_one])
def test_an_error_handler_is_for_an_error_status_or_a_class_of_exceptions(key: Any):
    assert refusal(TechMicroService().errorhandler, key) == (
        f"errorhandler({key!r}) takes a status from 400 to 599 or a class of exceptions."
    )


@pytest.mark.parametrize("key", [400, 404, 599, Exception, ValueError])
def test_an_error_handler_stays_as_it_is(key: Any):
    assert TechMicroService().errorhandler(key)(takes_one) is takes_one


@pytest.mark.parametrize("name", ["before_request", *WITH_ONE])
def test_hooks_are_registered_before_the_first_request(connect: Connect, name: str):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return "root"

    app = Service()
    assert connect(app).get("/").text == "root"

    def late():
        target = getattr(app, name)
        (target(404) if name == "errorhandler" else target)(lambda *arguments: None)

    assert refusal(late).endswith(" comes after the first request; register hooks where the app is made.")

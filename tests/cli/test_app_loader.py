"""What `-A` may say, and what is said where it is wrong."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from coworks_async.cli.app_loader import is_asgi, is_factory, locate
from tests.cli.conftest import Write
from tests.cli.loading import STARLETTE, load, refusal

# What a spec may be.


def test_a_module_alone_means_its_app(write: Write, project: Path) -> None:
    write("one.py", STARLETTE + "app = Starlette()")
    assert load("one", project) is sys.modules["one"].app


def test_a_name_follows_the_colon(write: Write, project: Path) -> None:
    write("two.py", STARLETTE + "app = None\napi = Starlette()")
    assert load("two:api", project) is sys.modules["two"].api


def test_the_name_may_be_dotted(write: Write, project: Path) -> None:
    write("three.py", STARLETTE + "class Box:\n    api = Starlette()")
    assert load("three:Box.api", project) is sys.modules["three"].Box.api


def test_a_module_in_a_package(write: Write, project: Path) -> None:
    write("pack/__init__.py", "")
    write("pack/beside.py", STARLETTE + "made = Starlette()")
    write("pack/mod.py", "from .beside import made\ndef factory(): return made")
    assert load("pack.mod:factory", project) is sys.modules["pack.beside"].made


def test_a_class_is_a_factory(write: Write, project: Path) -> None:
    write("klass.py", STARLETTE + "class Service(Starlette): pass")
    assert type(load("klass:Service", project)).__name__ == "Service"


def test_the_one_service_of_a_module_needs_no_name(write: Write, project: Path) -> None:
    write(
        "single.py",
        """
        from coworks_async import TechMicroService, entry, request

        class Service(TechMicroService):
            pass

        service = again = Service()
        """,
    )
    assert load("single", project) is sys.modules["single"].service


def test_a_file_is_sought_from_the_current_folder(write: Write, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("deep/er/filed.py", STARLETTE + "import filed_sibling\napp = Starlette()")
    write("deep/er/filed_sibling.py", "")
    monkeypatch.chdir(project)
    assert load("deep/er/filed.py", project / "elsewhere") is sys.modules["filed"].app
    assert load("./deep/er/filed.py:app", project) is sys.modules["filed"].app


def test_a_file_is_sought_from_the_project_next(write: Write, project: Path) -> None:
    write("below.py", STARLETTE + "app = Starlette()")
    assert load("below.py", project) is sys.modules["below"].app


def test_a_file_in_a_package_is_imported_as_its_module(write: Write, project: Path) -> None:
    write("outer/__init__.py", "")
    write("outer/inner/__init__.py", STARLETTE + "app = Starlette()")
    write("outer/inner/mod.py", "from . import app")
    assert load("outer/inner/mod.py", project) is sys.modules["outer.inner.mod"].app
    assert load("outer/inner/__init__.py", project) is sys.modules["outer.inner"].app


def test_a_located_file_is_found_from_any_folder(write: Write, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("anywhere.py", STARLETTE + "api = Starlette()")
    monkeypatch.chdir(project)
    spec = locate("anywhere.py:api", project).spec
    monkeypatch.chdir("/")
    assert load(spec, Path("/")) is sys.modules["anywhere"].api


def test_the_project_comes_first_on_the_import_path(write: Write, project: Path) -> None:
    write("leading.py", STARLETTE + "app = Starlette()")
    sys.path.append(str(project))
    load("leading", project)
    assert sys.path[0] == str(project)
    assert sys.path.count(str(project)) == 1


# What is wrong with a spec.


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", "names no module"),
        (".relative", "names no module"),
        ("double..dot", "names no module"),
        ("simple:", "no name after its colon"),
        ("simple:create_app()", "no name after its colon"),
        ("absent.py", "is not a Python file"),
        ("folder/absent", "is not a Python file"),
    ],
)
def test_a_spec_that_can_name_nothing(spec: str, words: str, project: Path) -> None:
    message = refusal(spec, project)
    assert repr(spec) in message
    assert words in message


def test_a_module_that_is_not_there(project: Path) -> None:
    message = refusal("absent_module:app", project)
    assert "'absent_module'" in message
    assert str(project) in message


def test_a_module_that_is_not_in_its_package(write: Write, project: Path) -> None:
    write("present/__init__.py", "")
    assert "'present.absent'" in refusal("present.absent", project)
    write("plain.py", "")
    assert "'plain.absent'" in refusal("plain.absent", project)


def test_a_name_that_is_not_there_tells_what_is(write: Write, project: Path) -> None:
    write(
        "names.py",
        """
        from starlette.applications import Starlette
        from starlette.routing import Router

        api = Starlette()
        _hidden = Starlette()
        number = 7

        def create_app(): ...
        def helper(argument): ...
        """,
    )
    assert refusal("names:ap", project) == "'names' has no 'ap'. It has: api, create_app."
    assert refusal("names", project) == (
        "'names' has no 'app' and no service: name one by ':'. It has: api, create_app."
    )


def test_a_module_without_any_app(write: Write, project: Path) -> None:
    write("bare.py", "number = 7")
    assert refusal("bare:app", project) == "'bare' has no 'app'. Nothing in it is an app."


def test_several_services_need_a_name(write: Write, project: Path) -> None:
    write(
        "several.py",
        """
        from coworks_async import TechMicroService

        class Service(TechMicroService):
            pass

        first, second = Service(), Service()
        """,
    )
    message = refusal("several", project)
    assert "2 services" in message
    assert "first, second" in message


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("7", "of type int"),
        ("dict(a=1)", "of type dict"),
        ("lambda environ, start_response: []", "something that wants arguments"),
        ("type('Wants', (), {'__init__': lambda self, scope: None})", "something that wants arguments"),
        ("make", "a coroutine function"),
        ("lambda: 7", "of type int"),
    ],
)
def test_what_is_no_app(value: str, words: str, write: Write, project: Path) -> None:
    write("wrong.py", f"async def make(): ...\napp = {value}")
    message = refusal("wrong:app", project)
    assert message.startswith("'wrong:app")
    assert f"is not an ASGI app but {words}" in message


def test_a_file_whose_name_is_taken(write: Write, project: Path) -> None:
    write("typing.py", "app = None")
    message = refusal("typing.py", project)
    assert str(project / "typing.py") in message
    assert str(sys.modules["typing"].__file__) in message


def test_a_file_whose_name_is_built_in(write: Write, project: Path) -> None:
    write("sys.py", "app = None")
    assert "Python is 'sys' already" in refusal("sys.py", project)


# What an app and a factory are.


class App:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


class PlainApp:
    def __call__(self, scope: Any, receive: Any, send: Any) -> Any: ...


async def function_app(scope: Any, receive: Any, send: Any) -> None: ...


async def open_app(*args: Any) -> None: ...


def open_factory(*args: Any) -> App:
    return App()


async def async_factory() -> App:
    return App()


@pytest.mark.parametrize("app", [App(), PlainApp(), function_app, App().__call__, open_app])
def test_an_app_takes_scope_receive_send(app: object) -> None:
    assert is_asgi(app)
    assert not is_factory(app)


@pytest.mark.parametrize("factory", [App, open_factory, lambda: App()])
def test_a_factory_takes_nothing(factory: object) -> None:
    assert is_factory(factory)
    assert not is_asgi(factory)


@pytest.mark.parametrize("value", [None, "app", async_factory, os, lambda one: one, type("X", (), {})()])
def test_the_rest_is_neither(value: object) -> None:
    assert not is_asgi(value)
    assert not is_factory(value)


def test_a_builtin_without_a_signature_is_neither() -> None:
    assert not is_asgi(getattr)
    assert not is_factory(getattr)

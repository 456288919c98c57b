"""Load the app that `-A` names; errors and tracebacks if that fails."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from coworks_async.cli.app_loader import is_asgi, is_factory, load_app, locate_app
from coworks_async.exceptions import CommandError
from tests.cli.conftest import Write

STARLETTE = """
from starlette.applications import Starlette
"""


def load(spec: str, project: Path) -> Any:
    return load_app(locate_app(spec, project))


def get_error(spec: str, project: Path) -> str:
    with pytest.raises(CommandError) as caught:
        load(spec, project)
    message = str(caught.value)
    assert "\n" not in message
    return message


# Specs.


def test_a_module_without_a_name_means_its_app(write: Write, project: Path) -> None:
    write("one.py", STARLETTE + "app = Starlette()")
    assert load("one", project) is sys.modules["one"].app


def test_a_name_follows_a_colon(write: Write, project: Path) -> None:
    write("two.py", STARLETTE + "app = None\napi = Starlette()")
    assert load("two:api", project) is sys.modules["two"].api


def test_a_name_can_be_dotted(write: Write, project: Path) -> None:
    write("three.py", STARLETTE + "class Box:\n    api = Starlette()")
    assert load("three:Box.api", project) is sys.modules["three"].Box.api


def test_a_module_can_be_in_a_package(write: Write, project: Path) -> None:
    write("pack/__init__.py", "")
    write("pack/beside.py", STARLETTE + "made = Starlette()")
    write("pack/mod.py", "from .beside import made\ndef factory(): return made")
    assert load("pack.mod:factory", project) is sys.modules["pack.beside"].made


def test_a_class_is_a_factory(write: Write, project: Path) -> None:
    write("klass.py", STARLETTE + "class Service(Starlette): pass")
    assert type(load("klass:Service", project)).__name__ == "Service"


def test_the_only_service_of_a_module_needs_no_name(write: Write, project: Path) -> None:
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


def test_a_file_is_looked_up_in_the_current_directory(
    write: Write, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("deep/er/filed.py", STARLETTE + "import filed_sibling\napp = Starlette()")
    write("deep/er/filed_sibling.py", "")
    monkeypatch.chdir(project)
    assert load("deep/er/filed.py", project / "elsewhere") is sys.modules["filed"].app
    assert load("./deep/er/filed.py:app", project) is sys.modules["filed"].app


def test_a_file_is_looked_up_in_the_project_directory_next(write: Write, project: Path) -> None:
    write("below.py", STARLETTE + "app = Starlette()")
    assert load("below.py", project) is sys.modules["below"].app


def test_a_file_in_a_package_is_imported_as_its_module(write: Write, project: Path) -> None:
    write("outer/__init__.py", "")
    write("outer/inner/__init__.py", STARLETTE + "app = Starlette()")
    write("outer/inner/mod.py", "from . import app")
    assert load("outer/inner/mod.py", project) is sys.modules["outer.inner.mod"].app
    assert load("outer/inner/__init__.py", project) is sys.modules["outer.inner"].app


def test_the_spec_of_a_located_file_works_in_any_directory(
    write: Write, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("anywhere.py", STARLETTE + "api = Starlette()")
    monkeypatch.chdir(project)
    spec = locate_app("anywhere.py:api", project).spec
    monkeypatch.chdir("/")
    assert load(spec, Path("/")) is sys.modules["anywhere"].api


def test_the_project_directory_is_first_on_the_import_path(write: Write, project: Path) -> None:
    write("leading.py", STARLETTE + "app = Starlette()")
    sys.path.append(str(project))
    load("leading", project)
    assert sys.path[0] == str(project)
    assert sys.path.count(str(project)) == 1


# Invalid specs.


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "Expected 'module', 'module:name' or the path of a file."),
        (".relative", "Expected 'module', "),
        ("double..dot", "Expected 'module', "),
        ("simple:", "Expected 'module:name'."),
        ("simple:create_app()", "Expected 'module:name'."),
        ("absent.py", "no such Python file in "),
        ("folder/absent", "no such Python file in "),
    ],
)
def test_an_invalid_spec(spec: str, message: str, project: Path) -> None:
    error = get_error(spec, project)
    assert repr(spec) in error
    assert message in error


def test_the_error_of_a_missing_file_names_a_folder_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    assert get_error("absent.py", project) == f"App 'absent.py': no such Python file in {project}."


def test_a_missing_module(project: Path) -> None:
    message = get_error("absent_module:app", project)
    assert "'absent_module'" in message
    assert str(project) in message


def test_a_missing_module_of_a_package(write: Write, project: Path) -> None:
    write("present/__init__.py", "")
    assert "'present.absent'" in get_error("present.absent", project)
    write("plain.py", "")
    assert "'plain.absent'" in get_error("plain.absent", project)


def test_a_missing_name_lists_the_apps_of_the_module(write: Write, project: Path) -> None:
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
    assert get_error("names:ap", project) == "'names' has no 'ap'. Choose from: api, create_app."
    assert get_error("names", project) == ("'names' has no 'app' and no service. Choose from: api, create_app.")


def test_a_module_without_any_app(write: Write, project: Path) -> None:
    write("bare.py", "number = 7")
    assert get_error("bare:app", project) == "'bare' has no 'app'. The module contains no app."


def test_one_of_several_services_must_be_named(write: Write, project: Path) -> None:
    write(
        "several.py",
        """
        from coworks_async import TechMicroService

        class Service(TechMicroService):
            pass

        first, second = Service(), Service()
        """,
    )
    message = get_error("several", project)
    assert "2 services" in message
    assert "first, second" in message


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("7", "of type int"),
        ("dict(a=1)", "of type dict"),
        ("lambda environ, start_response: []", "a callable with other parameters"),
        ("type('Wants', (), {'__init__': lambda self, scope: None})", "a callable with other parameters"),
        ("make", "a coroutine function"),
        ("lambda: 7", "of type int"),
    ],
)
def test_a_value_that_is_not_an_app(value: str, kind: str, write: Write, project: Path) -> None:
    write("wrong.py", f"async def make(): ...\napp = {value}")
    message = get_error("wrong:app", project)
    assert message.startswith("'wrong:app")
    assert f"is not an ASGI app but {kind}" in message


def test_a_file_named_like_an_imported_module(write: Write, project: Path) -> None:
    write("typing.py", "app = None")
    message = get_error("typing.py", project)
    assert str(project / "typing.py") in message
    assert str(sys.modules["typing"].__file__) in message


def test_a_file_named_like_a_built_in_module(write: Write, project: Path) -> None:
    write("sys.py", "app = None")
    assert "the name 'sys' is taken by Python itself" in get_error("sys.py", project)


# Apps and factories.


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
def test_a_factory_takes_no_argument(factory: object) -> None:
    assert is_factory(factory)
    assert not is_asgi(factory)


@pytest.mark.parametrize("value", [None, "app", async_factory, os, lambda one: one, type("X", (), {})()])
def test_other_values_are_neither(value: object) -> None:
    assert not is_asgi(value)
    assert not is_factory(value)


def test_a_builtin_without_a_signature_is_neither() -> None:
    assert not is_asgi(getattr)
    assert not is_factory(getattr)


# Tracebacks of the user's code.


def test_an_import_error_in_the_module_shows_its_traceback(
    write: Write, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write("inside.py", "\nimport absent_dependency")
    assert get_error("inside", project) == (
        "Cannot import 'inside': ModuleNotFoundError: No module named 'absent_dependency'"
    )
    assert capsys.readouterr().err == (
        "Traceback (most recent call last):\n"
        f'  File "{file}", line 2, in <module>\n'
        "    import absent_dependency\n"
        "ModuleNotFoundError: No module named 'absent_dependency'\n"
    )


def test_a_syntax_error_shows_its_line(write: Write, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write("broken.py", "def app(:\n")
    assert get_error("broken", project).startswith("Cannot import 'broken': SyntaxError: ")
    shown = capsys.readouterr().err
    assert f'File "{file}", line 1' in shown
    assert "importlib" not in shown
    assert "app_loader.py" not in shown


def test_a_module_that_exits_is_an_error(write: Write, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("leaving.py", "import sys\nsys.exit()")
    assert get_error("leaving", project) == "Cannot import 'leaving': SystemExit"
    assert "sys.exit()" in capsys.readouterr().err


def test_causes_and_exception_groups_are_shown(write: Write, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        "chained.py",
        """
        try:
            import absent_dependency
        except ImportError as error:
            raise ExceptionGroup("first line\\nsecond line", [ValueError("inner")]) from error
        """,
    )
    assert get_error("chained", project) == ("Cannot import 'chained': ExceptionGroup: first line")
    shown = capsys.readouterr().err
    assert "No module named 'absent_dependency'" in shown
    assert "ValueError: inner" in shown
    assert "importlib" not in shown


def test_an_error_in_a_factory_shows_its_traceback(
    write: Write, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write("failing.py", "def make():\n    raise RuntimeError('no database')")
    assert get_error("failing:make", project) == "Cannot create the app with 'failing:make': RuntimeError: no database"
    assert capsys.readouterr().err.splitlines()[1:3] == [
        f'  File "{file}", line 2, in make',
        "    raise RuntimeError('no database')",
    ]


def test_an_error_in_the_module_s_getattr_shows_its_traceback(
    write: Write, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write("lazy.py", "def __getattr__(name):\n    raise RuntimeError(name)")
    assert get_error("lazy:api", project) == "Cannot find 'api' in 'lazy': RuntimeError: api"
    assert "raise RuntimeError(name)" in capsys.readouterr().err


def test_a_declaration_error_is_shown_without_frames_of_this_package(
    write: Write, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(
        "declared.py",
        """
        from coworks_async import TechMicroService, entry

        class Service(TechMicroService):
            @entry
            async def get(self): ...

            @entry
            async def get_(self): ...

        app = Service()
        """,
    )
    assert get_error("declared", project).startswith("Cannot import 'declared': DeclarationError: ")
    shown = capsys.readouterr().err
    assert f'File "{file}"' in shown
    assert f"{os.sep}coworks_async{os.sep}" not in shown

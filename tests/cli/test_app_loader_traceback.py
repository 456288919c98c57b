"""What the user's own code raises while it is loaded: its traceback, then the line."""

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Write
from tests.cli.loading import refusal


def test_an_import_error_inside_the_module_is_the_users(
    write: Write, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write("inside.py", "\nimport absent_dependency")
    assert refusal("inside", project) == (
        "Cannot import 'inside': ModuleNotFoundError: No module named 'absent_dependency'"
    )
    assert capsys.readouterr().err == (
        "Traceback (most recent call last):\n"
        f'  File "{file}", line 2, in <module>\n'
        "    import absent_dependency\n"
        "ModuleNotFoundError: No module named 'absent_dependency'\n"
    )


def test_a_syntax_error_is_shown_where_it_is(write: Write, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write("broken.py", "def app(:\n")
    assert refusal("broken", project).startswith("Cannot import 'broken': SyntaxError: ")
    shown = capsys.readouterr().err
    assert f'File "{file}", line 1' in shown
    assert "importlib" not in shown
    assert "loader.py" not in shown


def test_a_module_that_exits_is_an_error(write: Write, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("leaving.py", "import sys\nsys.exit()")
    assert refusal("leaving", project) == "Cannot import 'leaving': SystemExit"
    assert "sys.exit()" in capsys.readouterr().err


def test_causes_and_groups_are_shown_too(write: Write, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        "chained.py",
        """
        try:
            import absent_dependency
        except ImportError as error:
            raise ExceptionGroup("first line\\nsecond line", [ValueError("inner")]) from error
        """,
    )
    assert refusal("chained", project) == ("Cannot import 'chained': ExceptionGroup: first line")
    shown = capsys.readouterr().err
    assert "No module named 'absent_dependency'" in shown
    assert "ValueError: inner" in shown
    assert "importlib" not in shown


def test_a_factory_that_fails(write: Write, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write("failing.py", "def make():\n    raise RuntimeError('no database')")
    assert refusal("failing:make", project) == "Cannot make the app of 'failing:make': RuntimeError: no database"
    assert capsys.readouterr().err.splitlines()[1:3] == [
        f'  File "{file}", line 2, in make',
        "    raise RuntimeError('no database')",
    ]


def test_a_module_that_makes_its_names_may_fail(
    write: Write, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write("lazy.py", "def __getattr__(name):\n    raise RuntimeError(name)")
    assert refusal("lazy:api", project) == "Cannot find 'api' in 'lazy': RuntimeError: api"
    assert "raise RuntimeError(name)" in capsys.readouterr().err


def test_a_declaration_error_is_shown_without_our_frames(
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
    assert refusal("declared", project).startswith("Cannot import 'declared': DeclarationError: ")
    shown = capsys.readouterr().err
    assert f'File "{file}"' in shown
    assert f"{os.sep}coworks_async{os.sep}" not in shown

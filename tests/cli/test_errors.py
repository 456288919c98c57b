"""How a command that did not go well ends: its lines, its exit code, and when there is a traceback."""

import errno
from pathlib import Path
from typing import Any

import click
import pytest
from click.exceptions import Exit
from click.testing import CliRunner, Result

from coworks_async.cli.errors import one_line_errors, unknown
from coworks_async.exceptions import CommandError, DeployError


def ended(error: BaseException, *, debug: bool = False) -> Result:
    @click.command()
    @click.option("--port", type=int, envvar="PORT")
    def command(port: int | None) -> None:
        with one_line_errors(debug=debug):
            raise error

    return CliRunner().invoke(command)


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (CommandError("Wrong."), 2, "Error: Wrong.\n"),
        (click.UsageError("Wrong."), 2, "Error: Wrong.\n"),
        (click.BadParameter("Wrong."), 2, "Error: Invalid value: Wrong.\n"),
        (DeployError("Failed."), 1, "Error: Failed.\n"),
        (DeployError("Failed.", log=Path("apply.log")), 1, "Error: Failed.\nLog: apply.log\n"),
        (click.ClickException("Told."), 1, "Error: Told.\n"),
        (click.Abort(), 1, "Aborted!\n"),
        (Exit(3), 3, ""),
        (SystemExit(4), 4, ""),
        (OSError(errno.EPIPE, "The reader is gone"), 1, ""),
    ],
)
def test_an_error_is_told_in_lines_without_a_traceback(error: BaseException, code: int, lines: str) -> None:
    result = ended(error)
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", lines)


@pytest.mark.parametrize("error", [CommandError("Wrong."), DeployError("Wrong."), click.UsageError("Wrong.")])
def test_with_debug_the_traceback_comes_before_the_line(error: Exception) -> None:
    result = ended(error, debug=True)
    assert result.exit_code == ended(error).exit_code
    assert result.stderr.startswith("Traceback (most recent call last):\n")
    assert result.stderr.endswith("\nError: Wrong.\n")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("wrong.\nMore"), "ValueError: wrong"),
        (KeyError(), "KeyError"),
        (OSError(13, "no"), "PermissionError"),
    ],
)
def test_any_other_error_shows_its_traceback_and_how_to_report_it(error: Exception, told: str) -> None:
    result = ended(error)
    assert result.exit_code == 1
    assert result.stderr.startswith("Traceback (most recent call last):\n")
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"Error: {told}")
    assert last.endswith("this is a bug: please report it, with the traceback and with what 'cws --version' says.")


def test_one_that_is_told_already_is_left_alone() -> None:
    with pytest.raises(click.ClickException) as caught, one_line_errors(debug=True), one_line_errors(debug=False):
        raise CommandError("Once.")
    assert isinstance(caught.value.__cause__, CommandError)


def refused(environment: dict[str, str] | None = None, default_map: dict[str, Any] | None = None) -> str:
    @click.command()
    @click.option("--port", type=int, envvar=["MY_PORT", "PORT"])
    def command(port: int | None) -> None:
        raise AssertionError

    runner = CliRunner(env=environment or {})
    with runner.isolation(env=environment), pytest.raises(click.ClickException) as caught, one_line_errors(debug=False):
        command.make_context("command", [], default_map=default_map)
    return caught.value.message


def test_a_refused_value_of_the_environment_is_told_by_its_variable() -> None:
    told = "Invalid value for '--port': 'a' is not a valid integer."
    assert refused({"PORT": "a"}) == f"PORT: {told}"
    assert refused({"PORT": "b", "MY_PORT": "a"}) == f"MY_PORT: {told}"


def test_a_refused_value_of_a_command_s_own_defaults_stands_in_no_file() -> None:
    assert refused(default_map={"port": "a"}) == "Invalid value for '--port': 'a' is not a valid integer."


def test_where_nothing_is_known_nothing_is_suggested() -> None:
    assert unknown("There is no option", "a", []) == "There is no option 'a'. Known: none."

"""How errors end a command: their lines, their exit code, and when a traceback is shown."""

import errno
from pathlib import Path
from typing import Any

import click
import pytest
from click.exceptions import Exit
from click.testing import CliRunner, Result

from coworks_async.cli.errors import format_unknown_name, one_line_errors
from coworks_async.exceptions import CanaryError, CommandError, DeployError


def run(error: BaseException, *, debug: bool = False) -> Result:
    """Run a command that raises an error."""

    @click.command()
    def command() -> None:
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
        (CanaryError("Taken back."), 3, "Error: Taken back.\n"),
        (DeployError("Failed.", log=Path("apply.log")), 1, "Error: Failed.\nLog: apply.log\n"),
        (click.ClickException("Failed."), 1, "Error: Failed.\n"),
        (click.Abort(), 1, "Aborted!\n"),
        (Exit(3), 3, ""),
        (SystemExit(4), 4, ""),
        (OSError(errno.EACCES, "No access", "a.txt"), 1, "Error: Cannot access 'a.txt': No access.\n"),
        (OSError(errno.ENOSPC, "Disk full"), 1, "Error: Cannot read or write: Disk full.\n"),
        (OSError(errno.EPIPE, "Broken pipe"), 1, ""),
    ],
)
def test_an_expected_error_has_no_traceback(error: BaseException, code: int, lines: str) -> None:
    result = run(error)
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", lines)


@pytest.mark.parametrize("error", [CommandError("Wrong."), DeployError("Wrong."), click.UsageError("Wrong.")])
def test_debug_shows_the_traceback_before_the_error(error: Exception) -> None:
    result = run(error, debug=True)
    assert result.exit_code == run(error).exit_code
    assert result.stderr.startswith("Traceback (most recent call last):\n")
    assert result.stderr.endswith("\nError: Wrong.\n")


@pytest.mark.parametrize(
    ("error", "summary"),
    [
        (ValueError("wrong.\nMore"), "ValueError: wrong"),
        (KeyError(), "KeyError"),
        (OSError(errno.ENOENT, "no"), "FileNotFoundError"),
    ],
)
def test_an_unexpected_error_shows_its_traceback_and_how_to_report_it(error: Exception, summary: str) -> None:
    result = run(error)
    assert result.exit_code == 1
    assert result.stderr.startswith("Traceback (most recent call last):\n")
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"Error: {summary}")
    assert last.endswith("Please report it with the traceback and the output of 'cws --version'.")


def test_a_formatted_error_is_not_formatted_again() -> None:
    with pytest.raises(click.ClickException) as caught, one_line_errors(debug=True), one_line_errors(debug=False):
        raise CommandError("Once.")
    assert isinstance(caught.value.__cause__, CommandError)


def get_message(environment: dict[str, str] | None = None, default_map: dict[str, Any] | None = None) -> str:
    @click.command()
    @click.option("--port", type=int, envvar=["MY_PORT", "PORT"])
    def command(port: int | None) -> None:
        raise AssertionError

    runner = CliRunner(env=environment or {})
    with runner.isolation(env=environment), pytest.raises(click.ClickException) as caught, one_line_errors(debug=False):
        command.make_context("command", [], default_map=default_map)
    return caught.value.message


def test_an_invalid_variable_is_named() -> None:
    message = "Invalid value for '--port': 'a' is not a valid integer."
    assert get_message({"PORT": "a"}) == f"PORT: {message}"
    assert get_message({"PORT": "b", "MY_PORT": "a"}) == f"MY_PORT: {message}"


def test_an_invalid_default_of_a_custom_command_has_no_location() -> None:
    assert get_message(default_map={"port": "a"}) == "Invalid value for '--port': 'a' is not a valid integer."


def test_an_unknown_name_without_alternatives_has_no_suggestion() -> None:
    assert format_unknown_name("No such option", "a", []) == "No such option 'a'."

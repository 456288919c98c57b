"""The group `cws`: its options, its lazy commands, and how a wrong use is told."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from coworks_async.cli.main import LazyGroup, cws
from coworks_async.cli.project import Project
from coworks_async.exceptions import CommandError
from tests.cli.serving import run_cws


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cws, arguments)


@click.command()
@click.pass_obj
def show(project: Project) -> None:
    """Print the options."""
    click.echo(repr(project))


@click.command()
def refuse() -> None:
    """Refuse."""
    raise CommandError("Never.")


lazy = LazyGroup("lazy", lazy_commands={"show": f"{__name__}:show"}, params=cws.params, callback=cws.callback)
lazy.add_command(refuse)


def shown(*arguments: str, **environment: str) -> Project:
    """The options as a command gets them."""
    seen: list[Project] = []
    group = LazyGroup("seen", lazy_commands={}, params=cws.params, callback=cws.callback)
    group.command("keep")(click.pass_obj(seen.append))
    result = CliRunner(env=environment).invoke(group, [*arguments, "keep"])
    assert result.exit_code == 0, result.output
    return seen[0]


def test_the_help_lists_options_and_commands() -> None:
    result = invoke("--help")
    assert result.exit_code == 0
    options = ("--app", "CWS_APP, FLASK_APP", "--project-dir", "--stage", "--env-file")
    for words in (*options, "  run     Serve the app", "  invoke  Call the Lambda"):
        assert words in result.output


def test_no_argument_shows_the_help() -> None:
    result = invoke()
    assert result.exit_code == 2
    assert result.output == invoke("--help").output


def test_the_help_loads_nothing_heavy(project: Path) -> None:
    code = "from coworks_async.cli import main; import sys; main(['--help'], standalone_mode=False)"
    report = "; print('MODULES', *sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code + report], cwd=project, capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(run.stdout.partition("MODULES ")[2].split())
    assert "click" in loaded
    assert loaded.isdisjoint({"uvicorn", "dotenv", "coworks_async.cli.server", "coworks_async.cli.loader"})


def test_the_version() -> None:
    assert invoke("--version").output == f"cws, version {version('coworks-async')}\n"


def test_commands_are_imported_when_asked_for() -> None:
    result = CliRunner().invoke(lazy, ["--help"])
    assert "refuse" in result.output
    assert "show    Print the options." in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent"], "No such command 'absent'."),
        (["--absent"], "No such option '--absent'."),
        (["-A", "simple"], "Missing command."),
        (["run", "--absent"], "No such option '--absent'."),
        (["run", "extra"], "Got unexpected extra argument (extra)"),
        (["run", "--port", "abc"], "Invalid value for '--port': 'abc' is no number from 0 to 65535."),
        (["run", "--port", "65536"], "Invalid value for '--port': '65536' is no number from 0 to 65535."),
        (["run", "--port", "-1"], "Invalid value for '--port': '-1' is no number from 0 to 65535."),
        (["run", "--workers", "0"], "Invalid value for '--workers': '0' is no number from 1 to 999."),
        (["run", "--reload", "--workers", "2"], "--reload and --workers exclude each other."),
        (["-s", "../v1", "run"], "The stage '../v1' is not a name made of letters, digits, '-' and '_'."),
        (["-s", "", "run"], "The stage '' is not a name made of letters, digits, '-' and '_'."),
    ],
)
def test_a_wrong_use_is_one_line_and_exit_code_2(arguments: list[str], words: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == f"Error: {words}\n"


def test_a_folder_or_a_file_that_is_not_there_is_one_line() -> None:
    for option in ("--project-dir", "--env-file"):
        result = invoke(option, "absent", "run")
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1
        assert option in result.stderr
        assert "'absent' does not exist" in result.stderr


def test_what_a_command_refuses_is_one_line() -> None:
    result = CliRunner().invoke(lazy, ["refuse"])
    assert (result.exit_code, result.stderr) == (2, "Error: Never.\n")


def test_the_project_is_tech_where_there_is_one(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    assert shown().directory == project
    (project / "tech").mkdir()
    assert shown().directory == project / "tech"
    assert shown("-p", ".").directory == project
    assert shown(CWS_PROJECT_DIR=".").directory == project
    assert shown("-p", "tech", CWS_PROJECT_DIR=".").directory == project / "tech"


def test_the_option_wins_over_cws_app_and_that_over_flask_app() -> None:
    assert shown().app_spec() == "app:app"
    assert shown(FLASK_APP="flask").app_spec() == "flask"
    assert shown(FLASK_APP="flask", CWS_APP="cws").app_spec() == "cws"
    assert shown("-A", "option", FLASK_APP="flask", CWS_APP="cws").app_spec() == "option"


def test_the_command_works_from_a_shell(project: Path) -> None:
    done = run_cws("run", "--port", "no", cwd=project)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: Invalid value for '--port': 'no' is no number from 0 to 65535.\n"


def test_without_the_extra_the_command_says_what_to_install(project: Path) -> None:
    code = (
        "import sys; sys.modules['click'] = sys.modules['uvicorn'] = None; import coworks_async.cli as cli; cli.main()"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 2
    assert run.stderr == "Error: cws needs click, uvicorn: pip install 'coworks-async[standard]'\n"

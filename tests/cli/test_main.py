"""The `cws` group: global options, lazy commands, usage errors."""

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from platform import python_version

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from coworks_async.cli.main import COMMANDS, CommandGroup, cws
from coworks_async.cli.project import Project
from coworks_async.exceptions import CommandError, DeployError
from tests.cli.processes import run_cws


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cws, arguments)


@click.command()
@click.pass_obj
def show(project: Project) -> None:
    """Print the options."""
    click.echo(repr(project))


@click.command()
def reject() -> None:
    """Reject."""
    raise CommandError("Never.")


@click.command()
def fail() -> None:
    """Fail."""
    raise DeployError("Not applied.", log=Path("apply.log"))


lazy = CommandGroup(
    "lazy", lazy_commands={"show": (f"{__name__}:show", "Print the options.")}, params=cws.params, callback=cws.callback
)
lazy.add_command(reject)
lazy.add_command(fail)
lazy.add_command(click.Command("secret", hidden=True))


def get_project(*arguments: str, **environment: str) -> Project:
    """Return the global options as a command receives them."""
    seen: list[Project] = []
    group = CommandGroup("seen", lazy_commands=COMMANDS, params=cws.params, callback=cws.callback)
    group.command("keep")(click.pass_obj(seen.append))
    result = CliRunner(env=environment).invoke(group, [*arguments, "keep"])
    assert result.exit_code == 0, result.output
    return seen[0]


def test_the_help_lists_options_and_commands() -> None:
    result = invoke("--help")
    assert result.exit_code == 0
    options = ("--app", "CWS_APP, FLASK_APP", "--project-dir", "--stage", "--env-file")
    shown = " ".join(result.output.split())
    for words in (*options, "run Serve the service", "invoke Call the Lambda"):
        assert words in shown


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_the_help_of_each_command_shows_an_example(command: str) -> None:
    shown = " ".join(invoke(command, "--help").output.split())
    assert re.search(rf"`cws (-\w \w+ )?{command}\b", shown), shown


def test_no_argument_shows_the_help() -> None:
    result = invoke()
    assert result.exit_code == 2
    assert result.output == invoke("--help").output


def test_version_shows_python_and_the_main_packages() -> None:
    packages = ", ".join(f"{name} {version(name)}" for name in ("Starlette", "uvicorn", "Mangum"))
    expected = f"cws, version {version('coworks-async')} (Python {python_version()}, {packages})\n"
    assert invoke("--version").output == expected


def test_the_package_is_a_program_too_for_debuggers() -> None:
    command = [sys.executable, "-m", "coworks_async.cli", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == invoke("--version").output


def test_variables_named_after_version_and_help_have_no_effect() -> None:
    assert CliRunner(env={"CWS_VERSION": "1", "CWS_HELP": "1"}).invoke(lazy, ["show"]).output.startswith("Project(")


def test_the_help_lists_lazy_commands() -> None:
    result = CliRunner().invoke(lazy, ["--help"])
    assert "reject" in result.output
    assert "show    Print the options." in result.output
    assert "secret" not in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--", "--nope"], "No such option '--nope'."),
        (["runn"], "No such command 'runn'. Did you mean 'run'?"),
        (["absent"], f"No such command 'absent'. Choose from: {', '.join(COMMANDS)}."),
        (["--absent"], "No such option '--absent'."),
        (["-A", "simple"], "Missing command."),
        (["run", "--absent"], "No such option '--absent'."),
        (["run", "extra"], "Got unexpected extra argument (extra)"),
        (["run", "--port", "abc"], "Invalid value for '--port': 'abc' is not a number from 0 to 65535."),
        (["run", "--port", "65536"], "Invalid value for '--port': '65536' is not a number from 0 to 65535."),
        (["run", "--port", "-1"], "Invalid value for '--port': '-1' is not a number from 0 to 65535."),
        (["run", "--workers", "0"], "Invalid value for '--workers': '0' is not a number from 1 to 999."),
        (["run", "--reload", "--workers", "2"], "--reload cannot be combined with --workers."),
        (["-s", "../v1", "run"], "Invalid stage '../v1'. Use letters, digits, '-' and '_'."),
        (["-s", "", "run"], "Invalid stage ''. Use letters, digits, '-' and '_'."),
        (["-s", "a b", "--help"], "Invalid stage 'a b'. Use letters, digits, '-' and '_'."),
        (["run", "-s", "v1"], "No such option '-s' of 'run'. Options of cws precede it: 'cws -s ... run'."),
        (["-A"], "Option '-A' requires an argument."),
        (["-s"], "Option '-s' requires an argument."),
        (["--debug=yes", "run"], "Option '--debug' does not take a value."),
        (["--stag", "run"], "No such option '--stag'. Did you mean '--stage'?"),
    ],
)
def test_a_usage_error_is_one_line_with_exit_code_2(arguments: list[str], words: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == f"Error: {words}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-p", "absent", "run"], ("'--project-dir'", "'absent' does not exist")),
        (["-p", "absent", "--help"], ("'--project-dir'", "'absent' does not exist")),
        (["-p", "file", "run"], ("'--project-dir'", "'file' is a file")),
        (["-e", "absent", "run"], ("'--env-file'", "'absent' does not exist")),
        (["-e", ".", "run"], ("'--env-file'", "'.' is a directory")),
        (["-c", "absent", "run"], ("'absent.cws.yml'",)),
        (["-c", "absent.yml", "config"], ("'absent.yml'",)),
        (["-c", "absent", "--help"], ("'absent.cws.yml'",)),
        (["--config-file-suffix", ".absent", "run"], ("'project.absent'",)),
        (["-c", "file", "--config-file-suffix", "", "run"], ("file:1:", "'name: value' lines")),
        (["-c", "tab.yml", "run"], ("tab.yml:2:", "a tab")),
        (["-c", "tab.yml", "--help"], ("tab.yml:2:", "a tab")),
        (["-c", "typo.yml", "run"], ("typo.yml:1:", "Did you mean 'run'?")),
    ],
)
def test_an_invalid_path_or_config_file_is_a_one_line_error(
    arguments: list[str], words: tuple[str, ...], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    (project / "file").write_text("nothing")
    (project / "tab.yml").write_text("commands:\n\trun:\n")
    (project / "typo.yml").write_text("commands: {rum: {}}\n")
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert all(word in result.stderr for word in words), result.stderr


@pytest.mark.parametrize("variable", ["CWS_PROJECT_DIR", "CWS_CONFIG_FILE", "CWS_CONFIG_FILE_SUFFIX", "CWS_STAGE"])
def test_the_variable_of_a_global_option_is_checked_like_the_option(variable: str) -> None:
    result = CliRunner(env={variable: "./absent"}).invoke(cws, ["run"])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "absent" in result.stderr


def test_an_error_names_the_variable_or_the_line_of_the_config_file(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    (project / "project.cws.yml").write_text("commands:\n  run:\n    via: a\n")
    message = "Invalid value for '--via': 'a' is not one of 'rest', 'http', 'http-stage', 'alb', 'url'."
    assert invoke("run").stderr == f"Error: project.cws.yml:3: {message}\n"
    assert CliRunner(env={"CWS_RUN_VIA": "a"}).invoke(cws, ["run"]).stderr == f"Error: CWS_RUN_VIA: {message}\n"
    assert invoke("run", "--via", "a").stderr == f"Error: {message}\n"


def port(*arguments: str, **environment: str) -> str:
    """Return the port of `cws run` from the error for an invalid one."""
    result = CliRunner(env=environment).invoke(cws, [*arguments])
    return result.stderr.rpartition("'--port': '")[2].partition("'")[0]


def test_precedence_is_command_line_then_variable_then_workspace_then_commands(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    text = "commands: {run: {port: common}}\nworkspaces: {prod: {commands: {run: {port: prod}}}}\n"
    (project / "project.cws.yml").write_text(text)
    assert port("run") == "common"
    assert port("-s", "prod", "run") == "prod"
    assert port("run", CWS_STAGE="prod") == "prod"
    assert port("-s", "prod", "run", CWS_RUN_PORT="variable") == "variable"
    assert port("-s", "prod", "run", "--port", "line", CWS_RUN_PORT="variable") == "line"
    (project / ".env").write_text("CWS_STAGE=prod\nCWS_RUN_PORT=file\n")
    assert port("run") == "prod"


def test_the_config_file_is_selected_by_name_or_suffix(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    for name in ("project.cws.yml", "project.other.yml", "team.cws.yml"):
        (project / name).write_text(f"commands: {{run: {{port: {name}}}}}")
    assert port("run") == "project.cws.yml"
    assert port("--config-file-suffix", ".other.yml", "run") == "project.other.yml"
    assert port("run", CWS_CONFIG_FILE_SUFFIX=".other.yml") == "project.other.yml"
    for name in ("team", "team.cws.yml"):
        assert port("-c", name, "run") == port("run", CWS_CONFIG_FILE=name) == "team.cws.yml"


def test_a_group_can_have_no_help_option() -> None:
    group = CommandGroup("bare", lazy_commands={}, add_help_option=False)
    assert CliRunner().invoke(group, ["--help"]).stderr == "Error: No such option '--help'.\n"


def test_the_help_without_arguments_lists_custom_commands(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "project.cws.yml").write_text("commands: {own: {class: a.b}}\n")
    result = CliRunner(env={"CWS_PROJECT_DIR": str(project)}).invoke(cws, [])
    assert result.exit_code == 2
    assert "\n  own " in result.output
    assert "\n  own " in invoke("--help", "-p", str(project)).output


@pytest.mark.parametrize("text", ["version: 3", "commands: [", "commands: {rum: {}}"])
def test_completion_works_whatever_the_config_file_contains(
    text: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    (project / "project.cws.yml").write_text(text)
    completion = ShellComplete(cws, {}, "cws", "_CWS_COMPLETE")
    assert "run" in [item.value for item in completion.get_completions([], "r")]
    assert "--port" in [item.value for item in completion.get_completions(["run"], "--p")]


def test_debug_shows_the_traceback_of_every_error() -> None:
    for arguments in (
        ["absent"],
        ["--absent"],
        ["-p", "absent", "run"],
        ["-s", "../v1", "run"],
        ["run", "--port", "a"],
    ):
        plain, debug = invoke(*arguments), invoke("--debug", *arguments)
        assert debug.exit_code == plain.exit_code == 2
        assert debug.stderr.startswith("Traceback (most recent call last):\n")
        assert debug.stderr.endswith(f"\n{plain.stderr}")


def test_a_deploy_error_has_exit_code_1_and_names_its_log() -> None:
    result = CliRunner().invoke(lazy, ["fail"])
    assert (result.exit_code, result.stderr) == (1, "Error: Not applied.\nLog: apply.log\n")


def test_a_command_error_has_exit_code_2() -> None:
    result = CliRunner().invoke(lazy, ["reject"])
    assert (result.exit_code, result.stderr) == (2, "Error: Never.\n")


def test_the_default_project_directory_is_tech_if_it_exists(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    assert get_project().directory == project
    (project / "tech").mkdir()
    assert get_project().directory == project / "tech"
    assert get_project("-p", ".").directory == project
    assert get_project(CWS_PROJECT_DIR=".").directory == project
    assert get_project("-p", "tech", CWS_PROJECT_DIR=".").directory == project / "tech"


def test_inside_a_project_the_config_file_and_the_project_directory_are_those_of_its_root(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "project.cws.yml").write_text("commands: {run: {port: common}}")
    (project / "team.cws.yml").write_text("commands: {run: {port: team}}")
    for name in ("tech/deep", "tests"):
        (project / name).mkdir(parents=True)
        monkeypatch.chdir(project / name)
        assert (get_project().directory, get_project().root) == (project / "tech", project)
        assert port("run") == "common"
        assert port("-c", "team", "run") == "team"
        assert get_project("-c", "team.cws.yml").root == project
        # A named directory need not be in this project.
        assert get_project("-p", ".").directory == get_project("-p", ".").root == project / name
        assert port("-p", ".", "run", "--port", "line") == "line"


@click.command()
@click.option("--file", type=click.Path())
@click.option("--files", type=click.Path(), multiple=True)
@click.option("--word")
def show_paths(file: str, files: tuple[str, ...], word: str) -> None:
    click.echo(f"{file} {' '.join(files)} {word}")


def test_inside_a_project_paths_in_the_config_file_are_relative_to_its_folder(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = CommandGroup("paths", lazy_commands={}, params=cws.params, callback=cws.callback)
    group.add_command(show_paths, "show")
    (project / "project.cws.yml").write_text("commands: {show: {file: a, files: [b, -], word: c}}")
    (project / "tech").mkdir()
    outputs = []
    for folder in (project, project / "tech"):
        monkeypatch.chdir(folder)
        outputs.append(CliRunner().invoke(group, ["show"]).output)
    assert outputs == ["a b - c\n", f"{project}/a {project}/b - c\n"]
    assert CliRunner().invoke(group, ["show", "--file", "line"]).output == f"line {project}/b - c\n"


def test_the_app_option_overrides_cws_app_which_overrides_flask_app() -> None:
    assert get_project().app_spec() == "app:app"
    assert get_project(FLASK_APP="flask").app_spec() == "flask"
    assert get_project(FLASK_APP="flask", CWS_APP="cws").app_spec() == "cws"
    assert get_project("-A", "option", FLASK_APP="flask", CWS_APP="cws").app_spec() == "option"


def test_cws_runs_as_a_process(project: Path) -> None:
    done = run_cws("run", "--port", "no", cwd=project)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: Invalid value for '--port': 'no' is not a number from 0 to 65535.\n"


def test_a_command_without_a_stage_needs_no_listed_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "project.cws.yml").write_text("stages: [prod]\n")
    monkeypatch.chdir(tmp_path)
    assert invoke("completion", "bash").exit_code == 0
    result = invoke("new", "shop")
    assert (result.exit_code, result.stderr) == (0, "")
    assert invoke("routes").stderr.startswith("Error: project.cws.yml:1: No such stage 'dev'.")

"""Custom commands, which the config file adds by `class`."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from coworks_async.cli.main import cws
from tests.cli.conftest import Write

MODULE = """\
    import sys

    import click
    from coworks_async.cli.commands.run import run


    @click.command()
    @click.option("-a", required=True)
    @click.option("--b")
    @click.pass_obj
    def first(project, a, b):
        '''Print a and b.'''
        click.echo(f"first {a} {b} in {project.directory.name}")


    @click.command()
    @click.option("-a", required=True)
    @click.option("--b")
    def second(a, b):
        click.echo(f"second {a} {b}")


    class Checked(type(run)):
        '''The replaced command with another option.'''

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.params.append(click.Option(["--customer"]))

        def invoke(self, context):
            click.echo(f"{context.params['customer']} at {context.params['port']}")


    class Demanding(click.Command):
        def __init__(self):
            pass


    def function():
        pass


    @click.command()
    def failing():
        raise ValueError("wrong\\nin two lines.")
    """


@pytest.fixture(autouse=True)
def inside(write: Write, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    write("own_commands.py", MODULE)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cws, arguments)


def test_a_command_is_added_and_receives_the_project_and_its_options(write: Write) -> None:
    write("project.cws.yml", "commands: {hello: {class: own_commands.first, a: one, b: two}}")
    assert invoke("hello").output == "first one two in project\n"
    assert invoke("hello", "--b", "line").output == "first one line in project\n"
    assert "hello Print a and b." in " ".join(invoke("--help").output.split())


def test_a_workspace_replaces_the_class_and_keeps_the_common_options(write: Write) -> None:
    write(
        "project.cws.yml",
        """\
        version: 3
        commands:
          test: {class: own_commands.first, b: value, a: default}
        workspaces:
          v1: {commands: {test: {class: own_commands.second, b: value1}}}
        """,
    )
    assert invoke("test").output == "first default value in project\n"
    assert invoke("-s", "v1", "test").output == "second default value1\n"


def test_a_command_is_imported_from_the_project_directory(write: Write, project: Path, tmp_path: Path) -> None:
    write("tech/elsewhere.py", "import click\n\n\n@click.command()\ndef there():\n    click.echo('there')\n")
    write("project.cws.yml", "commands: {hello: {class: elsewhere.there}}")
    assert invoke("hello").output == "there\n"


def test_a_subclass_inherits_the_options_and_the_help_of_the_command_it_replaces(write: Write) -> None:
    write("project.cws.yml", "commands: {run: {class: own_commands.Checked, port: 1, customer: me}}")
    assert invoke("run").output == "me at 1\n"
    shown = invoke("run", "--help").output
    assert "Serve the app over HTTP until Ctrl-C" in shown
    assert "--customer" in shown
    assert "--reload" in shown


def test_a_subclass_with_a_new_name_is_a_command_without_options(write: Write) -> None:
    write("project.cws.yml", "commands: {check: {class: own_commands.Checked}}")
    assert "--customer" in invoke("check", "--help").output


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("absent.cmd", "ModuleNotFoundError: No module named 'absent'"),
        ("own_commands.gone", "AttributeError: module"),
        ("ending.cmd", "SystemExit: 3"),
        ("own_commands.function", "'own_commands.function' is a function, not a click command."),
        ("own_commands.sys", "'own_commands.sys' is a module, not a click command."),
        ("own_commands.Demanding", "TypeError: "),
    ],
)
def test_a_command_that_cannot_be_loaded_is_a_one_line_error_and_breaks_no_other(
    path: str, reason: str, write: Write
) -> None:
    write("ending.py", "import sys\n\nsys.exit(3)\n")
    # The reason is reported, not the option, which is unknown until the command can be loaded.
    write("project.cws.yml", f"commands:\n  own:\n    class: {path}\n    token: s3cr3t\n")
    for arguments in (["own"], ["own", "--help"], ["config"]):
        result = invoke(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith(f"Error: Cannot load command 'own' (project.cws.yml:3): {reason}")
        assert result.stderr.count("\n") == 1
    shown = invoke("--help")
    assert shown.exit_code == 0
    assert "own Cannot load command 'own' (project.cws.yml:3)" in " ".join(shown.output.split())
    assert "Serve the service" in shown.output
    assert invoke("config", "run").exit_code == 0


def test_debug_shows_why_a_command_cannot_be_loaded(write: Write) -> None:
    write("project.cws.yml", "commands: {own: {class: absent.cmd}}")
    assert "ModuleNotFoundError: No module named 'absent'\n\n" in invoke("--debug", "own").stderr


def test_an_error_in_a_custom_command_shows_its_traceback_and_names_the_command(write: Write) -> None:
    write("project.cws.yml", "commands:\n  own:\n    class: own_commands.failing\n")
    result = invoke("own")
    assert result.exit_code == 1
    assert 'raise ValueError("wrong' in result.stderr
    assert result.stderr.splitlines()[-1] == (
        "Error: Custom command 'own' (project.cws.yml:3) failed: ValueError: wrong. The traceback above shows where."
    )

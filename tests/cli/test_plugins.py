"""The commands of a project's own, named by `class` in the project file."""

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
        '''Say a and b.'''
        click.echo(f"first {a} {b} in {project.directory.name}")


    @click.command()
    @click.option("-a", required=True)
    @click.option("--b")
    def second(a, b):
        click.echo(f"second {a} {b}")


    class Checked(type(run)):
        '''The command that is replaced, with one option more.'''

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.params.append(click.Option(["--customer"]))

        def invoke(self, context):
            click.echo(f"{context.params['customer']} at {context.params['port']}")


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


def test_a_command_is_added_and_gets_the_project_and_its_options(write: Write) -> None:
    write("project.cws.yml", "commands: {hello: {class: own_commands.first, a: one, b: two}}")
    assert invoke("hello").output == "first one two in project\n"
    assert invoke("hello", "--b", "line").output == "first one line in project\n"
    assert "hello Say a and b." in " ".join(invoke("--help").output.split())


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


def test_the_command_is_sought_in_the_project_s_folder(write: Write, project: Path, tmp_path: Path) -> None:
    write("tech/elsewhere.py", "import click\n\n\n@click.command()\ndef there():\n    click.echo('there')\n")
    write("project.cws.yml", "commands: {hello: {class: elsewhere.there}}")
    assert invoke("hello").output == "there\n"


def test_a_subclass_of_a_command_takes_over_what_it_replaces(write: Write) -> None:
    write("project.cws.yml", "commands: {run: {class: own_commands.Checked, port: 1, customer: me}}")
    assert invoke("run").output == "me at 1\n"
    told = invoke("run", "--help").output
    assert "Serve the app over HTTP until Ctrl-C" in told
    assert "--customer" in told
    assert "--reload" in told


def test_a_subclass_that_replaces_nothing_is_a_command_by_itself(write: Write) -> None:
    write("project.cws.yml", "commands: {check: {class: own_commands.Checked}}")
    assert "--customer" in invoke("check", "--help").output


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("absent.cmd", "Cannot load 'absent.cmd' for the command 'own': ModuleNotFoundError: No module named 'absent'"),
        ("own_commands.gone", "Cannot load 'own_commands.gone' for the command 'own': AttributeError: module"),
        ("ending.cmd", "Cannot load 'ending.cmd' for the command 'own': SystemExit: 3"),
        ("own_commands.function", "'own_commands.function' for the command 'own' is no click command but a function."),
        ("own_commands.sys", "'own_commands.sys' for the command 'own' is no click command but a module."),
    ],
)
def test_one_that_cannot_be_loaded_is_one_line_and_breaks_nothing_else(path: str, told: str, write: Write) -> None:
    write("ending.py", "import sys\n\nsys.exit(3)\n")
    write("project.cws.yml", f"commands:\n  own:\n    class: {path}\n")
    for arguments in (["own"], ["own", "--help"], ["config"]):
        result = invoke(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith(f"Error: project.cws.yml:3: {told}")
        assert result.stderr.count("\n") == 1
    shown = invoke("--help")
    assert shown.exit_code == 0
    assert "own (cannot be loaded: project.cws.yml:3:" in " ".join(shown.output.split())
    assert "Serve the service" in shown.output
    assert invoke("config", "run").exit_code == 0


def test_what_such_a_command_raises_is_shown_and_the_end_of_it(write: Write) -> None:
    write("project.cws.yml", "commands: {own: {class: own_commands.failing}}")
    result = invoke("own")
    assert result.exit_code == 1
    assert 'raise ValueError("wrong' in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: ValueError: wrong. Unless the traceback ends in code of")

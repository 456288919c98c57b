"""`cws config`: the value of each option and where it is set."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from coworks_async.cli.main import cws
from tests.cli.conftest import Write

FILE = """\
    version: 3
    commands:
      run:
        host: localhost
        port: 8000
    workspaces:
      prod:
        commands:
          run:
            port: 9000
            reload: true
    """


@pytest.fixture(autouse=True)
def inside(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)


def invoke(*arguments: str, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(cws, arguments)


def rows(result: Result) -> dict[str, list[str]]:
    assert result.exit_code == 0, result.output
    return {line.split()[0]: line.split(maxsplit=2)[1:] for line in result.output.splitlines() if line[:2] == "  "}


def test_each_option_is_shown_with_its_source(write: Write) -> None:
    write("project.cws.yml", FILE)
    result = invoke("config", "run", CWS_STAGE="prod", CWS_RUN_WORKERS="2")
    assert result.output.startswith("stage prod, project.cws.yml\n\nrun\n  host ")
    assert rows(result) == {
        "host": ["localhost", "project.cws.yml:4"],
        "port": ["9000", "project.cws.yml:10 (workspace prod)"],
        "reload": ["true", "project.cws.yml:11 (workspace prod)"],
        "workers": ["2", "CWS_RUN_WORKERS"],
        "graceful-timeout": ["3", "default"],
        "limit-concurrency": ["-", "default"],
        "timeout-keep-alive": ["10", "default"],
        "lambda": ["false", "default"],
        "via": ["-", "default"],
        "runtime": ["-", "default"],
        "max-concurrency": ["-", "default"],
    }


def test_without_a_file_defaults_are_shown() -> None:
    result = invoke("config")
    assert result.output.startswith("stage dev, no config file\n")
    for words in ("\nconfig\n", "\ninvoke\n", "\nrun\n"):
        assert words in result.output
    assert rows(invoke("config", "run"))["port"] == ["5000", "default"]


def test_a_list_is_shown_on_one_line(write: Write) -> None:
    write("project.cws.yml", "commands: {invoke: {header: ['A:1', 'B:2'], query: []}}")
    shown = invoke("config", "invoke").output
    assert "  header   A:1, B:2  project.cws.yml:1\n" in shown
    assert "  query    -         project.cws.yml:1\n" in shown


def test_json_contains_the_same_values(write: Write) -> None:
    write("project.cws.yml", FILE)
    shown = json.loads(invoke("-s", "prod", "config", "run", "--json").output)
    assert (shown["stage"], shown["file"], list(shown["commands"])) == ("prod", "project.cws.yml", ["run"])
    assert shown["commands"]["run"]["port"] == {
        "value": "9000",
        "source": "workspace",
        "location": "project.cws.yml:10",
    }
    assert shown["commands"]["run"]["lambda"] == {"value": False, "source": "default", "location": None}


def test_the_environment_files_set_the_stage_and_are_not_shown(write: Write) -> None:
    write("project.cws.yml", FILE)
    write(".env", "CWS_STAGE=prod\nTOKEN=s3cr3t\nCWS_RUN_HOST=s3cr3t\n")
    result = invoke("config")
    assert result.output.startswith("stage prod, ")
    assert "s3cr3t" not in result.output


def test_the_options_of_every_command_are_checked(write: Write) -> None:
    write("project.cws.yml", "commands:\n  invoke: {via: rest}\n  run:\n    prot: 1\n")
    message = "Error: project.cws.yml:4: Command 'run' has no option 'prot'. Did you mean 'port'?\n"
    assert (invoke("config").exit_code, invoke("config").stderr) == (2, message)
    assert invoke("config", "invoke").exit_code == 0


def test_the_values_of_every_stage_are_checked(write: Write) -> None:
    write("project.cws.yml", "workspaces:\n  prod:\n    commands:\n      run:\n        port: abc\n")
    message = "Error: project.cws.yml:5: Invalid value for '--port': 'abc' is not a number from 0 to 65535.\n"
    assert (invoke("config").exit_code, invoke("config").stderr) == (2, message)
    assert invoke("config", "invoke").exit_code == 0


def test_the_values_of_the_variables_are_checked() -> None:
    for variable, value, option in [
        ("CWS_RUN_WORKERS", "many", "--workers"),
        ("CWS_RUN_RELOAD", "perhaps", "--reload"),
        ("CWS_DEPLOY_TAGS", "a=b lonely", "--tags"),
    ]:
        result = invoke("config", **{variable: value})
        assert result.exit_code == 2, result.output
        assert result.stderr.startswith(f"Error: {variable}: Invalid value for '{option}': ")
        assert result.stderr.count("\n") == 1


def test_an_argument_cannot_be_set(write: Write) -> None:
    write("project.cws.yml", "commands:\n  new:\n    name: fromfile\n")
    message = "Error: project.cws.yml:3: Command 'new' has no option 'name'. Choose from: force, template.\n"
    assert (invoke("config", "new").exit_code, invoke("config", "new").stderr) == (2, message)
    assert invoke("new").stderr == message


def test_an_unknown_command_is_a_one_line_error() -> None:
    result = invoke("config", "rum")
    assert (result.exit_code, result.stderr) == (2, "Error: No such command 'rum'. Did you mean 'run'?\n")


def test_a_command_without_options_is_listed() -> None:
    assert invoke("config", "completion").output.splitlines()[-1] == "completion: no options"

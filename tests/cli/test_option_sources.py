"""What the project file and the environment say for a command's options, as the command gets it."""

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from coworks_async.cli.config_file import read_configuration
from coworks_async.cli.option_sources import (
    Effective,
    check_values,
    default_map,
    effective,
    settings_of,
    with_variables,
)
from coworks_async.exceptions import CommandError
from tests.cli.conftest import Write


@click.command()
@click.argument("target", required=False)
@click.option("--port", default="5000")
@click.option("--memory-size", type=int)
@click.option("--layers", "-l", multiple=True)
@click.option("--pair", nargs=2)
@click.option("--pairs", nargs=2, multiple=True)
@click.option("--lambda", "in_lambda", is_flag=True)
@click.option("--json", "form", flag_value="json", default=None)
@click.option("--yaml", "form", flag_value="yaml", default=None)
@click.option("--folder", default=lambda: Path("tech"))
@click.option("--pin", hide_input=True)
@click.option("-x")
def everything(**values: Any) -> None:
    """Take options of every kind."""


@pytest.fixture(autouse=True)
def inside(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)


def settings(write: Write, text: str, stage: str = "dev") -> Any:
    return settings_of(everything, "all", read_configuration(write("project.cws.yml", text)), stage)


def given(write: Write, options: str) -> dict[str, Any]:
    return default_map(everything, settings(write, f"commands: {{all: {{{options}}}}}"))


def refusal(write: Write, options: str) -> str:
    with pytest.raises(CommandError) as caught:
        given(write, options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ("port: 8000", {"port": "8000"}),
        ("port: 010", {"port": "010"}),
        ("memory_size: 512", {"memory_size": "512"}),
        ("memory-size: 512", {"memory_size": "512"}),
        ("layers: [a, 3.10]", {"layers": ["a", "3.10"]}),
        ("layers: a b", {"layers": ["a b"]}),
        ("layers: []", {"layers": []}),
        ("pair: [a, b]", {"pair": ["a", "b"]}),
        ("pairs: [[a, b], [c, d]]", {"pairs": [["a", "b"], ["c", "d"]]}),
        ("lambda: true", {"in_lambda": True}),
        ("lambda: Yes", {"in_lambda": True}),
        ("lambda: off", {"in_lambda": False}),
        ("yaml: true", {"form": "yaml"}),
        ("yaml: false", {"form": None}),
        ("x: a", {"x": "a"}),
        ("port: ~", {}),
        ("port:", {}),
    ],
)
def test_a_value_is_as_the_command_line_would_give_it(options: str, values: dict[str, Any], write: Write) -> None:
    assert given(write, options) == values


@pytest.mark.parametrize(
    ("options", "name", "expected"),
    [
        ("port: [a]", "port", "one value"),
        ("layers: [[a]]", "layers", "one value"),
        ("layers: [~]", "layers", "one value"),
        ("pair: [a]", "pair", "a list of 2"),
        ("pairs: [[a]]", "pairs", "a list of 2"),
        ("lambda: 1", "lambda", "true or false"),
        ("lambda: 'true'", "lambda", "true or false"),
        ("lambda: [true]", "lambda", "true or false"),
    ],
)
def test_a_wrong_type_is_told_with_its_line(options: str, name: str, expected: str, write: Write) -> None:
    told = f"project.cws.yml:1: The value of {name!r} is of a wrong type: expected {expected}."
    assert refusal(write, options) == told


def test_an_unknown_option_is_told_in_the_spelling_of_the_file(write: Write) -> None:
    assert refusal(write, "prot: 1") == ("project.cws.yml:1: 'all' has no option 'prot': did you mean 'port'?")
    assert refusal(write, "memory-sise: 1").endswith("did you mean 'memory-size'?")
    assert refusal(write, "memory_sise: 1").endswith("did you mean 'memory_size'?")
    # The function's name for it is nobody's business.
    assert "'in_lambda'" in refusal(write, "in_lambda: true")


def test_an_argument_is_told_by_the_line_alone(write: Write) -> None:
    assert refusal(write, "target: here").startswith("project.cws.yml:1: 'all' has no option 'target'. Known: folder, ")


def test_an_unknown_option_of_another_stage_is_told_too(write: Write) -> None:
    text = "workspaces:\n  prod:\n    commands:\n      all:\n        prot: 1\n"
    with pytest.raises(CommandError, match=r"^project\.cws\.yml:5: 'all' has no option 'prot'"):
        settings(write, text, "dev")


def test_a_workspace_whose_class_is_another_may_lack_a_common_option(write: Write) -> None:
    text = """\
        commands:
          all: {class: a.b, gone: 1, port: 1}
        workspaces:
          v1: {commands: {all: {class: c.d, layers: [x]}}}
          v2: {commands: {all: {class: e.f, only_there: 1}}}
        """
    assert default_map(everything, settings(write, text, "v1")) == {"port": "1", "layers": ["x"]}
    with pytest.raises(CommandError, match=r"^project\.cws\.yml:2: 'all' has no option 'gone'"):
        settings(write, text, "dev")


def test_null_in_a_workspace_takes_an_option_back(write: Write) -> None:
    text = "commands: {all: {port: 1, x: 2}}\nworkspaces: {v1: {commands: {all: {port: ~}}}}"
    assert default_map(everything, settings(write, text, "v1")) == {"x": "2"}


def test_a_variable_is_named_after_the_command_and_the_long_option(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    probe = click.Command("probe", callback=lambda **values: seen.update(values), params=everything.params)
    environment = {
        "CWS_MY_ALL_MEMORY_SIZE": "512",
        "CWS_MY_ALL_LAMBDA": "1",
        "CWS_MY_ALL_LAYERS": "a b",
        "CWS_MY_ALL_X": "x",
        "CWS_MY_ALL_PORT": "",
    }
    result = CliRunner(env=environment).invoke(with_variables(probe, "my-all"), ["-x", "line"])
    assert result.exit_code == 0, result.output
    assert (seen["memory_size"], seen["in_lambda"], seen["layers"]) == (512, True, ("a", "b"))
    assert (seen["x"], seen["port"]) == ("line", "5000")
    # The command itself is as it was: under another name it has other variables.
    assert probe.params[1].envvar is None


def test_a_variable_of_the_option_s_own_comes_after(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = click.Command("probe", params=[click.Option(["--region"], envvar="AWS_REGION")])
    option = with_variables(probe, "deploy").params[0]
    assert option.envvar == ["CWS_DEPLOY_REGION", "AWS_REGION"]


def test_what_an_option_does_not_take_is_told_with_the_line_or_the_variable(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(text: str) -> str:
        context = click.Context(with_variables(everything, "all"))
        with pytest.raises(CommandError) as caught:
            check_values(context, "all", read_configuration(write("project.cws.yml", text)), "dev")
        return str(caught.value)

    told = "Invalid value for '--memory-size': 'big' is not a valid integer."
    assert refused("commands:\n  all: {x: a, memory-size: big}") == f"project.cws.yml:2: {told}"
    assert refused("workspaces:\n  v1:\n    commands:\n      all: {memory_size: big}") == f"project.cws.yml:4: {told}"
    monkeypatch.setenv("CWS_ALL_MEMORY_SIZE", "big")
    for variable in ("JSON", "LAMBDA", "X"):
        monkeypatch.setenv(f"CWS_ALL_{variable}", "1")
    assert refused("commands: {all: {json: true, lambda: false, pair: [a, b], memory_size: ~}}") == (
        f"CWS_ALL_MEMORY_SIZE: {told}"
    )


def test_what_holds_is_told_with_where_it_stands(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CWS_ALL_MEMORY_SIZE", "512")
    text = """\
        commands:
          all: {x: common, memory_size: 1, json: true, pin: 1234}
        workspaces:
          dev:
            commands:
              all: {layers: [a]}
        """
    found = effective(with_variables(everything, "all"), settings(write, text))
    assert found == {
        "port": Effective("5000", "default"),
        "memory_size": Effective("512", "environment", "CWS_ALL_MEMORY_SIZE"),
        "layers": Effective(["a"], "workspace", "project.cws.yml:6"),
        "pair": Effective(None, "default"),
        "pairs": Effective(None, "default"),
        "lambda": Effective(False, "default"),
        "json": Effective("json", "commands", "project.cws.yml:2"),
        "yaml": Effective(None, "default"),
        "folder": Effective(Path("tech"), "default"),
        "pin": Effective("(hidden)", "commands", "project.cws.yml:2"),
        "x": Effective("common", "commands", "project.cws.yml:2"),
    }

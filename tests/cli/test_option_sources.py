"""Options of a command that are set by the config file or by variables."""

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from coworks_async.cli.config_file import read_config_file
from coworks_async.cli.main import cws
from coworks_async.cli.option_sources import (
    EffectiveOption,
    bind_envvars,
    check_values,
    convert,
    find_settings,
    resolve_options,
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
    """Accept options of every kind."""


@pytest.fixture(autouse=True)
def inside(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)


def read(write: Write, text: str, stage: str = "dev") -> dict[str, Any]:
    """Return the values of a config file for the command `all`."""
    config = read_config_file(write("project.cws.yml", text))
    return {name: convert(*found) for name, found in find_settings(everything, "all", config, stage).items()}


def read_options(write: Write, options: str) -> dict[str, Any]:
    return read(write, f"commands: {{all: {{{options}}}}}")


def get_error(write: Write, options: str) -> str:
    with pytest.raises(CommandError) as caught:
        read_options(write, options)
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
def test_a_value_is_converted_for_click(options: str, values: dict[str, Any], write: Write) -> None:
    assert read_options(write, options) == values


@pytest.mark.parametrize(
    ("options", "name", "expected"),
    [
        ("port: [a]", "port", "a single value"),
        ("layers: [[a]]", "layers", "a single value"),
        ("layers: [~]", "layers", "a single value"),
        ("pair: [a]", "pair", "a list of 2 values"),
        ("pairs: [[a]]", "pairs", "a list of 2 values"),
        ("lambda: 1", "lambda", "true or false"),
        ("lambda: 'true'", "lambda", "true or false"),
        ("lambda: [true]", "lambda", "true or false"),
    ],
)
def test_a_value_of_the_wrong_type_is_an_error_with_its_line(
    options: str, name: str, expected: str, write: Write
) -> None:
    assert get_error(write, options) == f"project.cws.yml:1: Invalid value for {name!r}. Expected {expected}."


def test_an_unknown_option_is_an_error_in_the_spelling_of_the_file(write: Write) -> None:
    assert get_error(write, "prot: 1") == (
        "project.cws.yml:1: Command 'all' has no option 'prot'. Did you mean 'port'?"
    )
    assert get_error(write, "memory-sise: 1").endswith("Did you mean 'memory-size'?")
    assert get_error(write, "memory_sise: 1").endswith("Did you mean 'memory_size'?")
    # The name of the function's parameter is internal.
    assert "'in_lambda'" in get_error(write, "in_lambda: true")


def test_an_argument_cannot_be_set(write: Write) -> None:
    message = get_error(write, "target: here")
    assert message.startswith("project.cws.yml:1: Command 'all' has no option 'target'. Choose from: folder, ")


def test_an_unknown_option_of_another_stage_is_an_error(write: Write) -> None:
    text = "workspaces:\n  prod:\n    commands:\n      all:\n        prot: 1\n"
    with pytest.raises(CommandError, match=r"^project\.cws\.yml:5: Command 'all' has no option 'prot'"):
        read(write, text, "dev")


def test_common_options_are_ignored_in_a_workspace_that_replaces_the_class(write: Write) -> None:
    text = """\
        commands:
          all: {class: a.b, gone: 1, port: 1}
        workspaces:
          v1: {commands: {all: {class: c.d, layers: [x]}}}
          v2: {commands: {all: {class: e.f, only_there: 1}}}
        """
    assert read(write, text, "v1") == {"port": "1", "layers": ["x"]}
    with pytest.raises(CommandError, match=r"^project\.cws\.yml:2: Command 'all' has no option 'gone'"):
        read(write, text, "dev")


def test_null_in_a_workspace_resets_an_option(write: Write) -> None:
    text = "commands: {all: {port: 1, x: 2}}\nworkspaces: {v1: {commands: {all: {port: ~}}}}"
    assert read(write, text, "v1") == {"x": "2"}


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
    result = CliRunner(env=environment).invoke(bind_envvars(probe, "my-all"), ["-x", "line"])
    assert result.exit_code == 0, result.output
    assert (seen["memory_size"], seen["in_lambda"], seen["layers"]) == (512, True, ("a", "b"))
    assert (seen["x"], seen["port"]) == ("line", "5000")
    # The command itself is unchanged.
    assert probe.params[1].envvar is None


def test_the_bound_variable_precedes_the_option_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = click.Command("probe", params=[click.Option(["--region"], envvar="AWS_REGION")])
    option = bind_envvars(probe, "deploy").params[0]
    assert option.envvar == ["CWS_DEPLOY_REGION", "AWS_REGION"]


def test_check_values_names_the_line_or_the_variable(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def get_message(text: str) -> str:
        context = click.Context(bind_envvars(everything, "all"))
        with pytest.raises(CommandError) as caught:
            check_values(context, "all", read_config_file(write("project.cws.yml", text)), "dev")
        return str(caught.value)

    message = "Invalid value for '--memory-size': 'big' is not a valid integer."
    assert get_message("commands:\n  all: {x: a, memory-size: big}") == f"project.cws.yml:2: {message}"
    assert (
        get_message("workspaces:\n  v1:\n    commands:\n      all: {memory_size: big}")
        == f"project.cws.yml:4: {message}"
    )
    monkeypatch.setenv("CWS_ALL_MEMORY_SIZE", "big")
    for variable in ("JSON", "LAMBDA", "X"):
        monkeypatch.setenv(f"CWS_ALL_{variable}", "1")
    assert get_message("commands: {all: {json: true, lambda: false, pair: [a, b], memory_size: ~}}") == (
        f"CWS_ALL_MEMORY_SIZE: {message}"
    )


def test_each_option_is_resolved_with_its_source(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CWS_ALL_MEMORY_SIZE", "512")
    text = """\
        commands:
          all: {x: common, memory_size: 1, json: true, pin: 1234}
        workspaces:
          dev:
            commands:
              all: {layers: [a]}
        """
    config = read_config_file(write("project.cws.yml", text))
    assert resolve_options(bind_envvars(everything, "all"), "all", config, "dev") == {
        "port": EffectiveOption("5000", "default"),
        "memory_size": EffectiveOption("512", "environment", "CWS_ALL_MEMORY_SIZE"),
        "layers": EffectiveOption(["a"], "workspace", "project.cws.yml:6"),
        "pair": EffectiveOption(None, "default"),
        "pairs": EffectiveOption(None, "default"),
        "lambda": EffectiveOption(False, "default"),
        "json": EffectiveOption("json", "commands", "project.cws.yml:2"),
        "yaml": EffectiveOption(None, "default"),
        "folder": EffectiveOption(Path("tech"), "default"),
        "pin": EffectiveOption("(hidden)", "commands", "project.cws.yml:2"),
        "x": EffectiveOption("common", "commands", "project.cws.yml:2"),
    }


def test_an_invalid_value_of_a_flag_is_a_short_error() -> None:
    result = CliRunner(env={"CWS_RUN_RELOAD": "maybe"}).invoke(cws, ["run"])
    line = "Error: CWS_RUN_RELOAD: Invalid value for '--reload': 'maybe' is neither true nor false.\n"
    assert (result.exit_code, result.stderr) == (2, line)


@pytest.mark.parametrize("value", ["1", "true", "yes", "on"])
def test_a_variable_can_set_a_flag(value: str) -> None:
    result = CliRunner(env={"CWS_RUN_RELOAD": value}).invoke(cws, ["run", "--workers", "2"])
    assert (result.exit_code, result.stderr) == (2, "Error: --reload cannot be combined with --workers.\n")

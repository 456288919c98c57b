"""Parse the config file; errors name the line."""

from pathlib import Path

import pytest

from coworks_async.cli.config_file import ConfigFile, Scalar, read_config_file
from coworks_async.exceptions import CommandError
from tests.cli.conftest import Write


@pytest.fixture(autouse=True)
def inside(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the project directory the current one, so that locations are short."""
    monkeypatch.chdir(project)


def read(write: Write, text: str) -> ConfigFile:
    return read_config_file(write("project.cws.yml", text))


def get_error(write: Write, text: str) -> str:
    with pytest.raises(CommandError) as caught:
        read(write, text)
    return str(caught.value)


def values(config: ConfigFile, command: str, stage: str) -> dict[str, object]:
    return {each.name: each.value for section in config.find_sections(command, stage) for each in section.settings}


def test_a_workspace_overrides_the_common_options_in_its_stage(write: Write) -> None:
    text = """\
        version: 3
        commands:
          run:
            host: localhost
            port: 5000
        workspaces:
          prod:
            commands:
              run:
                port: 8000
        """
    config = read(write, text)
    assert values(config, "run", "dev") == {"host": Scalar("localhost", "str"), "port": Scalar("5000", "int")}
    assert values(config, "run", "prod") == {"host": Scalar("localhost", "str"), "port": Scalar("8000", "int")}
    common, workspace = config.find_sections("run", "prod")
    assert [str(each.location) for each in common.settings] == ["project.cws.yml:4", "project.cws.yml:5"]
    assert [(str(each.location), each.workspace) for each in workspace.settings] == [("project.cws.yml:10", "prod")]
    assert config.find_sections("deploy", "dev") == ()


def test_values_stay_as_written(write: Write) -> None:
    text = "commands: {deploy: {python: 3.10, key: no, size: 0x10, day: 2024-01-01, layers: [a, [b]]}}"
    assert values(read(write, text), "deploy", "dev") == {
        "python": Scalar("3.10", "float"),
        "key": Scalar("no", "bool"),
        "size": Scalar("0x10", "int"),
        "day": Scalar("2024-01-01", "timestamp"),
        "layers": (Scalar("a", "str"), (Scalar("b", "str"),)),
    }


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "version: 3", "version: '3'", "commands:", "workspaces:\n  dev:\n  v1: {commands: }"]
)
def test_every_key_is_optional(text: str, write: Write) -> None:
    assert read(write, text) == ConfigFile("project.cws.yml")


def test_anchors_and_merges_are_resolved_and_own_keys_override_merged_ones(write: Write) -> None:
    text = """\
        commands:
          run: &common {host: localhost, port: 5000}
        workspaces:
          v1: {commands: &all {run: &run {<<: *common, port: 1}}}
          v2: {commands: *all}
        """
    config = read(write, text)
    for stage in ("v1", "v2"):
        assert values(config, "run", stage) == {"host": Scalar("localhost", "str"), "port": Scalar("1", "int")}


def test_a_recursive_alias_is_an_error(write: Write) -> None:
    message = get_error(write, "commands: &a\n  run: *a\n")
    assert message == "project.cws.yml:1: Invalid value for 'run'. Expected a value or a list of values."


def test_a_class_adds_a_command_in_the_stages_that_name_it(write: Write) -> None:
    text = """\
        commands:
          hello: {class: command.cmd, b: value}
        workspaces:
          v1: {commands: {hello: {class: command.cmd1}, more: {class: command.more}}}
        """
    config = read(write, text)
    assert config.list_custom_commands("dev") == ["hello"]
    assert config.list_custom_commands("v1") == ["hello", "more"]
    classes = [config.find_class("hello", stage) for stage in ("dev", "v1")]
    assert [each.value for each in classes if each] == [Scalar("command.cmd", "str"), Scalar("command.cmd1", "str")]
    assert config.find_class("more", "dev") is None
    config.check_commands([])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("commands:\n  run:\n\thost: a\n", "3: Invalid YAML: expected spaces, found a tab."),
        ("commands: {\n", "2: Invalid YAML: expected the node content, but found '<stream end>'."),
        ("commands: *run\n", "1: Invalid YAML: found undefined alias 'run'."),
        (
            "commands:\n---\nversion: 3\n",
            "2: Invalid YAML: expected a single document in the stream but found another document.",
        ),
        ("commands: {<<: 3}\n", "1: Invalid YAML: expected a mapping or list of mappings for merging, but found"),
        ("version: 2\n", "1: Unsupported version '2'. Expected 3."),
        ("\nversion: [3]\n", "2: Unsupported version. Expected 3."),
        ("version:\n", "1: Unsupported version ''. Expected 3."),
        ("- run\n", "1: The config file is not a mapping. Expected 'name: value' lines."),
        ("comands: {}\n", "1: Unknown key 'comands'. Did you mean 'commands'?"),
        ("other: {}\n", "1: Unknown key 'other'. Choose from: commands, stages, version, workspaces."),
        ("commands: [run]\n", "1: 'commands' is not a mapping. Expected 'name: value' lines."),
        ("commands: {run: 5000}\n", "1: Command 'run' is not a mapping. Expected 'name: value' lines."),
        ("commands: {run: true}\n", "1: Command 'run' is not a mapping. Expected 'name: value' lines."),
        ("workspaces: dev\n", "1: 'workspaces' is not a mapping. Expected 'name: value' lines."),
        ("workspaces:\n  dev: [a]\n", "2: Workspace 'dev' is not a mapping. Expected 'name: value' lines."),
        ("workspaces:\n  dev:\n    run: {}\n", "3: Unknown key 'run'. Choose from: commands."),
        ("commands: {run: {port: {a: 1}}}\n", "1: Invalid value for 'port'. Expected a value or a list of values."),
        ("commands: {run: {port: !!binary aa}}\n", "1: Invalid value for 'port'."),
        ("commands: {run: {port: !mine aa}}\n", "1: Invalid value for 'port'. Expected a value or a list"),
        ("commands: {run: {[a]: 1}}\n", "1: Invalid key. Expected 'name: value'."),
        ("commands:\n  run:\n    a-b: 1\n    a_b: 2\n", "4: Duplicate key 'a_b', first used on line 3."),
        ("stages:\n", "1: Invalid value for 'stages'. Expected a list of stages."),
        ("stages: []\n", "1: Invalid value for 'stages'. Expected a list of stages."),
        ("stages: [dev, [a]]\n", "1: Invalid value for 'stages'. Expected a list of stages."),
        ("stages: {a: 1}\n", "1: Invalid value for 'stages'. Expected a value or a list of values."),
        ("\nstages: [a b]\n", "2: Invalid stage 'a b'. Use letters, digits, '-' and '_'."),
        ("stages: [dev, local]\n", "1: Invalid stage 'local'. .env.local is the file of one machine"),
        ("workspaces:\n  prd:\nstages: [dev, prod]\n", "2: No such stage 'prd'. Did you mean 'prod'?"),
        ("commands: {a: {class: cmd}}\n", "1: Invalid class of 'a'. Expected 'module.attribute'."),
        ("commands: {a: {class: [b.c]}}\n", "1: Invalid class of 'a'. Expected 'module.attribute'."),
    ],
)
def test_an_error_is_one_line_with_the_line_number(text: str, expected: str, write: Write) -> None:
    message = get_error(write, text)
    assert message.startswith(f"project.cws.yml:{expected}")
    assert "\n" not in message


def test_only_listed_stages_are_accepted(write: Write) -> None:
    config = read(write, "version: 3\nstages: [dev, prod]\nworkspaces: {prod: }\n")
    for stage in ("dev", "prod"):
        config.check_stage(stage)
    with pytest.raises(CommandError) as caught:
        config.check_stage("prd")
    assert str(caught.value) == "project.cws.yml:2: No such stage 'prd'. Did you mean 'prod'?"


def test_stages_can_be_a_single_name(write: Write) -> None:
    with pytest.raises(CommandError, match=r"No such stage 'dev'\. Choose from: 1\.$"):
        read(write, "stages: 1\n").check_stage("dev")


def test_without_stages_every_stage_is_accepted(write: Write) -> None:
    read(write, "version: 3\n").check_stage("prd")


def test_an_invalid_character_is_an_error(write: Write) -> None:
    assert get_error(write, "commands: \x07\n").startswith("project.cws.yml: Invalid YAML: ")


def test_an_unreadable_file_is_an_error(project: Path) -> None:
    with pytest.raises(CommandError, match=r"^Cannot read config file \.: Is a directory\.$"):
        read_config_file(project)
    (project / "project.cws.yml").write_bytes(b"commands: \xff")
    with pytest.raises(CommandError, match=r"^Config file project\.cws\.yml is not valid UTF-8\.$"):
        read_config_file(project / "project.cws.yml")


def test_a_section_of_an_unknown_command_is_an_error(write: Write) -> None:
    text = """\
        commands:
          depoy: {bucket: a}
        """
    with pytest.raises(CommandError) as caught:
        read(write, text).check_commands(["deploy", "run"])
    assert str(caught.value) == (
        "project.cws.yml:2: No such command 'depoy'. Did you mean 'deploy'? A custom command needs a 'class'."
    )


def test_a_custom_command_of_one_workspace_does_not_exist_in_another(write: Write) -> None:
    text = """\
        workspaces:
          v1: {commands: {hello: {class: command.cmd}}}
          v2:
            commands:
              hello: {b: value}
        """
    with pytest.raises(CommandError, match=r"^project\.cws\.yml:5: No such command 'hello'\. Choose from: run\."):
        read(write, text).check_commands(["run"])


def test_the_location_of_a_file_elsewhere_is_its_full_path(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("project.cws.yml", "")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert read_config_file(path).file == str(path)

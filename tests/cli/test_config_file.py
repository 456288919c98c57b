"""The project file: where it is sought, how it is read, and what is wrong with it, by its line."""

from pathlib import Path

import pytest

from coworks_async.cli.config_file import Configuration, Scalar, find_configuration, read_configuration
from coworks_async.exceptions import CommandError
from tests.cli.conftest import Write


@pytest.fixture(autouse=True)
def inside(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The project's folder is the current one, so that places are short."""
    monkeypatch.chdir(project)


def read(write: Write, text: str) -> Configuration:
    return read_configuration(write("project.cws.yml", text))


def refusal(write: Write, text: str) -> str:
    with pytest.raises(CommandError) as caught:
        read(write, text)
    return str(caught.value)


def values(configuration: Configuration, command: str, stage: str) -> dict[str, object]:
    return {one.name: one.value for section in configuration.of(command, stage) for one in section.settings}


def test_a_workspace_counts_over_the_common_options_in_its_stage_alone(write: Write) -> None:
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
    configuration = read(write, text)
    assert values(configuration, "run", "dev") == {"host": Scalar("localhost", "str"), "port": Scalar("5000", "int")}
    assert values(configuration, "run", "prod") == {"host": Scalar("localhost", "str"), "port": Scalar("8000", "int")}
    common, workspace = configuration.of("run", "prod")
    assert [str(one.place) for one in common.settings] == ["project.cws.yml:4", "project.cws.yml:5"]
    assert [(str(one.place), one.workspace) for one in workspace.settings] == [("project.cws.yml:10", "prod")]
    assert configuration.of("deploy", "dev") == ()


def test_a_text_stays_as_it_is_written(write: Write) -> None:
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
def test_everything_may_be_left_out(text: str, write: Write) -> None:
    assert read(write, text) == Configuration("project.cws.yml")


def test_anchors_and_merges_are_taken_and_the_own_key_wins(write: Write) -> None:
    text = """\
        commands:
          run: &common {host: localhost, port: 5000}
        workspaces:
          v1: {commands: &all {run: &run {<<: *common, port: 1}}}
          v2: {commands: *all}
        """
    configuration = read(write, text)
    for stage in ("v1", "v2"):
        assert values(configuration, "run", stage) == {"host": Scalar("localhost", "str"), "port": Scalar("1", "int")}


def test_an_alias_that_holds_itself_ends(write: Write) -> None:
    told = refusal(write, "commands: &a\n  run: *a\n")
    assert told == "project.cws.yml:1: 'run' is a mapping: expected a value or a list of values."


def test_the_class_adds_a_command_in_the_stages_that_name_it(write: Write) -> None:
    text = """\
        commands:
          hello: {class: command.cmd, b: value}
        workspaces:
          v1: {commands: {hello: {class: command.cmd1}, more: {class: command.more}}}
        """
    configuration = read(write, text)
    assert configuration.commands("dev") == ["hello"]
    assert configuration.commands("v1") == ["hello", "more"]
    named = [configuration.class_of("hello", stage) for stage in ("dev", "v1")]
    assert [one.value for one in named if one] == [Scalar("command.cmd", "str"), Scalar("command.cmd1", "str")]
    assert configuration.class_of("more", "dev") is None
    configuration.check_commands([])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("commands:\n  run:\n\thost: a\n", "3: This is no YAML: expected spaces, found a tab."),
        ("commands: {\n", "2: This is no YAML: expected the node content, but found '<stream end>'."),
        ("commands: *run\n", "1: This is no YAML: found undefined alias 'run'."),
        ("commands:\n---\nversion: 3\n", "2: This is no YAML: but found another document."),
        ("commands: {<<: 3}\n", "1: This is no YAML: expected a mapping or list of mappings for merging, but found"),
        ("version: 2\n", "1: The version is '2': expected 3."),
        ("\nversion: [3]\n", "2: The version is a list: expected 3."),
        ("version:\n", "1: The version is empty: expected 3."),
        ("- run\n", "1: The project file is a list: expected 'name: value' lines."),
        ("comands: {}\n", "1: There is no key 'comands': did you mean 'commands'?"),
        ("other: {}\n", "1: There is no key 'other'. Known: commands, version, workspaces."),
        ("commands: [run]\n", "1: 'commands' is a list: expected 'name: value' lines."),
        ("commands: {run: 5000}\n", "1: The command 'run' is a number: expected 'name: value' lines."),
        ("commands: {run: true}\n", "1: The command 'run' is true or false: expected 'name: value' lines."),
        ("workspaces: dev\n", "1: 'workspaces' is a text: expected 'name: value' lines."),
        ("workspaces:\n  dev: [a]\n", "2: The workspace 'dev' is a list: expected 'name: value' lines."),
        ("workspaces:\n  dev:\n    run: {}\n", "3: There is no key 'run'. Known: commands."),
        ("commands: {run: {port: {a: 1}}}\n", "1: 'port' is a mapping: expected a value or a list of values."),
        ("commands: {run: {port: !!binary aa}}\n", "1: 'port' is of the type"),
        ("commands: {run: {port: !mine aa}}\n", "1: 'port' is of the type '!mine': expected a value or a list"),
        ("commands: {run: {[a]: 1}}\n", "1: Expected a name before the colon."),
        ("commands:\n  run:\n    a-b: 1\n    a_b: 2\n", "4: 'a_b' is already on line 3."),
        ("commands: {a: {class: cmd}}\n", "1: The class of 'a' names no command: expected 'module.attribute'."),
        ("commands: {a: {class: [b.c]}}\n", "1: The class of 'a' names no command: expected 'module.attribute'."),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_line(text: str, told: str, write: Write) -> None:
    message = refusal(write, text)
    assert message.startswith(f"project.cws.yml:{told}")
    assert "\n" not in message


def test_a_character_that_no_yaml_may_hold_is_refused(write: Write) -> None:
    assert refusal(write, "commands: \x07\n").startswith("project.cws.yml: This is no YAML: ")


def test_what_cannot_be_read_is_refused(project: Path) -> None:
    with pytest.raises(CommandError, match=r"^The project file \. cannot be read: Is a directory\.$"):
        read_configuration(project)
    (project / "project.cws.yml").write_bytes(b"commands: \xff")
    with pytest.raises(CommandError, match=r"^The project file project\.cws\.yml is not text in UTF-8\.$"):
        read_configuration(project / "project.cws.yml")


def test_a_section_of_an_unknown_command_is_refused(write: Write) -> None:
    text = """\
        commands:
          depoy: {bucket: a}
        """
    with pytest.raises(CommandError) as caught:
        read(write, text).check_commands(["deploy", "run"])
    assert str(caught.value) == (
        "project.cws.yml:2: There is no command 'depoy': did you mean 'deploy'? A command of the project's own needs "
        "a 'class'."
    )


def test_a_workspace_knows_no_command_of_another(write: Write) -> None:
    text = """\
        workspaces:
          v1: {commands: {hello: {class: command.cmd}}}
          v2:
            commands:
              hello: {b: value}
        """
    with pytest.raises(CommandError, match=r"^project\.cws\.yml:5: There is no command 'hello'\. Known: run\."):
        read(write, text).check_commands(["run"])


def test_the_file_is_sought_in_the_project_then_in_the_current_folder(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert find_configuration(project, "project", ".cws.yml", named=False) is None
    for folder in (elsewhere, project):
        (folder / "project.cws.yml").touch()
        assert find_configuration(project, "project", ".cws.yml", named=False) == folder / "project.cws.yml"
    assert read_configuration(project / "project.cws.yml").file == str(project / "project.cws.yml")


def test_the_suffix_is_added_to_a_name_without_one(project: Path) -> None:
    for name in ("project.wrong.yml", "other.cws.yml"):
        (project / name).touch()
    assert find_configuration(project, "project", ".wrong.yml", named=True) == project / "project.wrong.yml"
    assert find_configuration(project, "other", ".cws.yml", named=True) == project / "other.cws.yml"
    assert find_configuration(project, "other.cws.yml", ".cws.yml", named=True) == project / "other.cws.yml"
    assert find_configuration(project, str(project / "other"), ".cws.yml", named=True) == project / "other.cws.yml"


def test_a_named_file_must_be_there(project: Path) -> None:
    with pytest.raises(CommandError, match=r"^There is no project file 'absent\.yml', neither in "):
        find_configuration(project, "absent.yml", ".cws.yml", named=True)

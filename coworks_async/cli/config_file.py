"""Parse the config file `project.cws.yml` into settings with their line numbers.

Values stay as written (`3.10`, `no`): `option_sources` converts them once the type of the option is known.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from coworks_async.cli.errors import format_unknown_name
from coworks_async.cli.project import check_stage, read_text
from coworks_async.exceptions import CommandError

VERSION = "3"

_TAG = "tag:yaml.org,2002:"
_SCALARS = ("str", "int", "float", "bool", "timestamp")


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """A line of the config file, shown as `project.cws.yml:4`."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    def error(self, message: str) -> CommandError:
        return CommandError(f"{self}: {message}")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value: its text and its YAML type (`str`, `int`, `float`, `bool`, `timestamp`)."""

    text: str
    kind: str


Value = Scalar | tuple["Value", ...] | None


@dataclass(frozen=True, slots=True)
class Setting:
    """The value of one option. `workspace` is None in the file's top-level `commands`."""

    name: str
    value: Value
    location: SourceLocation
    workspace: str | None = None

    @property
    def key(self) -> str:
        # Both spellings are accepted.
        return self.name.replace("-", "_")


@dataclass(frozen=True, slots=True)
class Section:
    """One `commands.<name>` mapping. `command_class` is its `class`, if any."""

    command: str
    workspace: str | None
    location: SourceLocation
    settings: tuple[Setting, ...]
    command_class: Setting | None


@dataclass(frozen=True, slots=True)
class Stages:
    """The names of the stages that a project has."""

    names: tuple[str, ...]
    location: SourceLocation

    def check(self, stage: str, location: SourceLocation | None = None) -> None:
        """Raise `CommandError`, at the location of the name, for a stage that is not listed."""
        if stage not in self.names:
            raise (location or self.location).error(format_unknown_name("No such stage", stage, self.names))


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A parsed config file. Without a file, `file` is None and there are no sections.

    Without `stages`, every stage is accepted.
    """

    file: str | None = None
    sections: tuple[Section, ...] = ()
    stages: Stages | None = None

    def check_stage(self, stage: str) -> None:
        if self.stages is not None:
            self.stages.check(stage)

    def find_sections(self, command: str, stage: str) -> tuple[Section, ...]:
        """Return the sections of a command in a stage; later ones override earlier ones."""
        return tuple(each for each in self.sections if each.command == command and each.workspace in (None, stage))

    def find_class(self, command: str, stage: str) -> Setting | None:
        classes = [each.command_class for each in self.find_sections(command, stage) if each.command_class is not None]
        return classes[-1] if classes else None

    def list_custom_commands(self, stage: str) -> list[str]:
        names = dict.fromkeys(each.command for each in self.sections)
        return [name for name in names if self.find_class(name, stage) is not None]

    def check_commands(self, builtin: Iterable[str]) -> None:
        """Raise `CommandError` for a section whose command neither is built in nor has a `class`."""
        builtin = set(builtin)
        for section in self.sections:
            # No stage has an empty name: only the top-level classes count there.
            names = {*builtin, *self.list_custom_commands(section.workspace or "")}
            if section.command not in names:
                message = format_unknown_name("No such command", section.command, names)
                raise section.location.error(f"{message} A custom command needs a 'class'.")


def read_config_file(path: Path) -> ConfigFile:
    file = str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
    return _parse(read_text(Path(file), "config file"), file)


class _Loader(yaml.SafeLoader):
    """Composes nodes; checks the keys of mappings and merges `<<`, which yaml does only while constructing values."""

    def __init__(self, text: str, file: str) -> None:
        super().__init__(text)
        self.name = file

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen: dict[str, int] = {}
        for key, _ in node.value:
            location = _locate(key)
            if not isinstance(key, yaml.ScalarNode):
                raise location.error("Invalid key. Expected 'name: value'.")
            name = key.value.replace("-", "_")
            if name in seen:
                raise location.error(f"Duplicate key {key.value!r}, first used on line {seen[name]}.")
            seen[name] = location.line
        self.flatten_mapping(node)
        return node


def _parse(text: str, file: str) -> ConfigFile:
    try:
        root = _Loader(text, file).get_single_node()
        return _parse_root(root, file) if root is not None else ConfigFile(file)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        problem = str(error.problem)
        if "'\\t'" in problem:
            problem = "expected spaces, found a tab"
        elif problem.startswith("but "):
            # The second half of a sentence.
            problem = f"{error.context} {problem}"
        raise SourceLocation(file, line).error(f"Invalid YAML: {problem}.") from error
    except yaml.YAMLError as error:
        # An invalid character; this error has no line.
        raise CommandError(f"{file}: Invalid YAML: {''.join(str(error).splitlines()[:1])}.") from error
    except RecursionError as error:
        raise CommandError(f"{file}: Invalid YAML: nested too deeply.") from error


def _parse_root(root: yaml.Node, file: str) -> ConfigFile:
    top = _parse_mapping(root, "The config file", ("version", "stages", "commands", "workspaces"))
    if "version" in top:
        version = top["version"][1]
        if version.value != VERSION:
            shown = f" {version.value!r}" if isinstance(version, yaml.ScalarNode) else ""
            raise _locate(version).error(f"Unsupported version{shown}. Expected {VERSION}.")
    stages = _parse_stages(*top["stages"]) if "stages" in top else None
    sections = [*_parse_commands(top["commands"][1], None)] if "commands" in top else []
    if "workspaces" in top:
        sections += _parse_workspaces(top["workspaces"][1], stages)
    return ConfigFile(file, tuple(sections), stages)


def _parse_stages(key: yaml.Node, node: yaml.Node) -> Stages:
    location, items = _locate(key), _parse_value(node, "stages")
    names = [item.text for item in (items if isinstance(items, tuple) else (items,)) if isinstance(item, Scalar)]
    if not names or (isinstance(items, tuple) and len(names) != len(items)):
        raise location.error("Invalid value for 'stages'. Expected a list of stages.")
    for name in names:
        _check_stage(name, location)
    return Stages(tuple(names), location)


def _parse_workspaces(node: yaml.Node, stages: Stages | None) -> Iterator[Section]:
    for stage, (key, value) in _parse_mapping(node, "'workspaces'").items():
        _check_stage(stage, _locate(key))
        if stages is not None:
            stages.check(stage, _locate(key))
        workspace = _parse_mapping(value, f"Workspace {stage!r}", ("commands",))
        if "commands" in workspace:
            yield from _parse_commands(workspace["commands"][1], stage)


def _check_stage(stage: str, location: SourceLocation) -> None:
    try:
        check_stage(stage)
    except CommandError as error:
        raise location.error(str(error)) from error


def _parse_commands(node: yaml.Node, workspace: str | None) -> Iterator[Section]:
    for name, (key, value) in _parse_mapping(node, "'commands'").items():
        settings = {
            option: Setting(option, _parse_value(inner, option), _locate(at), workspace)
            for option, (at, inner) in _parse_mapping(value, f"Command {name!r}").items()
        }
        command_class = settings.pop("class", None)
        if command_class is not None:
            path = command_class.value
            if not isinstance(path, Scalar) or "." not in path.text.strip("."):
                raise command_class.location.error(f"Invalid class of {name!r}. Expected 'module.attribute'.")
        yield Section(name, workspace, _locate(key), tuple(settings.values()), command_class)


def _parse_mapping(
    node: yaml.Node, name: str, known: Sequence[str] | None = None
) -> Mapping[str, tuple[yaml.Node, yaml.Node]]:
    """Return key and value nodes by key. A null is an empty mapping."""
    if node.tag == _TAG + "null":
        return {}
    if node.tag != _TAG + "map":
        raise _locate(node).error(f"{name} is not a mapping. Expected 'name: value' lines.")
    for key, _ in node.value:
        if known is not None and key.value not in known:
            raise _locate(key).error(format_unknown_name("Unknown key", key.value, known))
    # Merged keys come first, so that the mapping's own keys override them.
    return {key.value: (key, value) for key, value in node.value}


def _parse_value(node: yaml.Node, option: str) -> Value:
    kind = node.tag.removeprefix(_TAG)
    if kind == "null":
        return None
    if kind in _SCALARS:
        return Scalar(node.value, kind)
    if kind == "seq":
        return tuple(_parse_value(item, option) for item in node.value)
    raise _locate(node).error(f"Invalid value for {option!r}. Expected a value or a list of values.")


def _locate(node: yaml.Node) -> SourceLocation:
    return SourceLocation(node.start_mark.name, node.start_mark.line + 1)

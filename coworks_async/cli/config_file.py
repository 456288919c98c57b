"""`project.cws.yml`: the options of the commands, for the whole project and over them those of a stage.

It is read as nodes: each knows its line, and a text stays as written (`3.10`, `no`) until its option tells its type.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coworks_async.cli.errors import unknown
from coworks_async.cli.project import check_stage
from coworks_async.exceptions import CommandError

if TYPE_CHECKING:
    import yaml

    _Pairs = Mapping[str, tuple[yaml.Node, yaml.Node]]

VERSION = "3"
DEFAULT_NAME = "project"
DEFAULT_SUFFIX = ".cws.yml"

_TAG = "tag:yaml.org,2002:"
_SCALARS = {
    "str": "a text",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "null": "empty",
    "timestamp": "a date",
}
_KINDS = {**_SCALARS, "map": "a mapping", "seq": "a list"}


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the project file, printed as `project.cws.yml:4`."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    def error(self, message: str) -> CommandError:
        """Make the error of what stands here."""
        return CommandError(f"{self}: {message}")


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value: its text as written, and what YAML takes it for (`str`, `int`, `float`, `bool`, `null`…)."""

    text: str
    kind: str


Value = Scalar | tuple["Value", ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """One option's value; `workspace` is None under the file's own `commands`."""

    name: str
    value: Value
    place: Place
    workspace: str | None = None

    @property
    def key(self) -> str:
        """The name with `_` for `-`: both are written."""
        return self.name.replace("-", "_")


@dataclass(frozen=True, slots=True)
class Section:
    """What one `commands.<name>` holds; `command_class` is its `class`."""

    command: str
    workspace: str | None
    place: Place
    settings: tuple[Setting, ...]
    command_class: Setting | None


@dataclass(frozen=True, slots=True)
class Configuration:
    """A project file, read; without one, an empty one whose `file` is None."""

    file: str | None = None
    sections: tuple[Section, ...] = ()

    def of(self, command: str, stage: str) -> tuple[Section, ...]:
        """Give a command's sections that count in a stage, the later over the earlier."""
        return tuple(one for one in self.sections if one.command == command and one.workspace in (None, stage))

    def class_of(self, command: str, stage: str) -> Setting | None:
        """Give the `class` of a command in a stage, None where the file names none."""
        named = [one.command_class for one in self.of(command, stage) if one.command_class is not None]
        return named[-1] if named else None

    def commands(self, stage: str) -> list[str]:
        """Name the commands that the file adds or replaces in a stage."""
        names = dict.fromkeys(one.command for one in self.sections)
        return [name for name in names if self.class_of(name, stage) is not None]

    def check_commands(self, known: Iterable[str]) -> None:
        """Raise `CommandError` for a section that is neither of a command in `known` nor of one with a `class`."""
        builtin = set(known)
        for section in self.sections:
            own = self.commands(section.workspace) if section.workspace is not None else []
            names = {*builtin, *own, *(one.command for one in self.sections if one.command_class and not one.workspace)}
            if section.command not in names:
                told = unknown("There is no command", section.command, names)
                raise section.place.error(f"{told} A command of the project's own needs a 'class'.")


def find_configuration(directory: Path, name: str, suffix: str, *, named: bool) -> Path | None:
    """Find the project file, in the project's folder, then in the current one.

    Parameters: the project's folder; the file's name, which the suffix is added to unless it ends in `.yml` or
    `.yaml`; the suffix; `named`, whether the user asked for this file.
    Returns its path, None where there is none. Raises `CommandError` where there is none and it is `named`.

        find_configuration(Path("tech"), "project", ".cws.yml", named=False)
    """
    full = name if name.endswith((".yml", ".yaml")) else name + suffix
    for path in (directory / full, Path.cwd() / full):
        if path.is_file():
            return path
    if named:
        raise CommandError(f"There is no project file {full!r}, neither in {directory} nor in {Path.cwd()}.")
    return None


def read_configuration(path: Path) -> Configuration:
    """Read a project file.

    Raises `CommandError`, one line with the file and its line, for what is no YAML, a wrong version, an unknown key.

        read_configuration(Path("project.cws.yml")).of("run", "dev")
    """
    file = _shown(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CommandError(f"The project file {file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"The project file {file} is not text in UTF-8.") from error
    with _yaml_errors(file):
        return Configuration(file, tuple(_sections(text, file)))


def _sections(text: str, file: str) -> Iterator[Section]:
    import yaml

    loader = yaml.SafeLoader(text)
    root = loader.get_single_node()
    mappings = list(_mappings(root, {})) if root is not None else []
    # All of them first: merging puts keys into a mapping that it then has twice.
    for mapping in mappings:
        _check_keys(mapping, file)
    for mapping in mappings:
        loader.flatten_mapping(mapping)
    if root is not None:
        yield from _Reader(file).sections(root)


@contextmanager
def _yaml_errors(file: str) -> Iterator[None]:
    import yaml

    try:
        yield
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        problem = "expected spaces, found a tab" if "'\\t'" in str(error.problem) else error.problem
        raise Place(file, line).error(f"This is no YAML: {problem}.") from error
    except yaml.YAMLError as error:
        # A character that no YAML may hold; it has no mark.
        raise CommandError(f"{file}: This is no YAML: {''.join(str(error).splitlines()[:1])}.") from error
    except RecursionError as error:
        raise CommandError(f"{file}: This is nested too deeply, or in itself by an alias.") from error


def _mappings(node: "yaml.Node", seen: dict[int, "yaml.Node"]) -> Iterator["yaml.MappingNode"]:
    """Walk through the mappings, each once, as an alias may lead back to where it stands."""
    import yaml

    if id(node) in seen or isinstance(node, yaml.ScalarNode):
        return
    seen[id(node)] = node
    if isinstance(node, yaml.MappingNode):
        yield node
    for child in node.value:
        for part in child if isinstance(child, tuple) else (child,):
            yield from _mappings(part, seen)


def _check_keys(mapping: "yaml.MappingNode", file: str) -> None:
    import yaml

    seen: dict[str, int] = {}
    for key, _ in mapping.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise Place(file, line).error("Expected a name before the colon.")
        # An option is the same with `-` and with `_`.
        name = key.value.replace("-", "_")
        if name in seen:
            raise Place(file, line).error(f"{key.value!r} is already on line {seen[name]}.")
        seen[name] = line


@dataclass(frozen=True, slots=True)
class _Reader:
    """The way from nodes to sections; its state is the file's name, which every error begins with."""

    file: str

    def sections(self, root: "yaml.Node") -> Iterator[Section]:
        top = self.pairs(root, "The project file")
        self.check_known(top, ("version", "commands", "workspaces"))
        if "version" in top:
            self.check_version(top["version"][1])
        if "commands" in top:
            yield from self.commands(top["commands"][1], None)
        if "workspaces" in top:
            yield from self.workspaces(top["workspaces"][1])

    def workspaces(self, node: "yaml.Node") -> Iterator[Section]:
        for stage, (key, inner) in self.pairs(node, "'workspaces'").items():
            try:
                check_stage(stage)
            except CommandError as error:
                raise self.place(key).error(str(error)) from error
            workspace = self.pairs(inner, f"The workspace {stage!r}")
            self.check_known(workspace, ("commands",))
            if "commands" in workspace:
                yield from self.commands(workspace["commands"][1], stage)

    def commands(self, node: "yaml.Node", workspace: str | None) -> Iterator[Section]:
        for name, (key, value) in self.pairs(node, "'commands'").items():
            settings = [
                Setting(option, self.value(inner, option), self.place(at), workspace)
                for option, (at, inner) in self.pairs(value, f"The command {name!r}").items()
            ]
            named = next((one for one in settings if one.name == "class"), None)
            if named is not None and not (isinstance(named.value, Scalar) and "." in named.value.text.strip(".")):
                raise named.place.error(f"The class of {name!r} names no command: expected 'module.attribute'.")
            rest = tuple(one for one in settings if one is not named)
            yield Section(name, workspace, self.place(key), rest, named)

    def pairs(self, node: "yaml.Node", what: str) -> "_Pairs":
        """Give a mapping's keys with the nodes of both; nothing at all is an empty one."""
        if node.tag == _TAG + "null":
            return {}
        if node.tag != _TAG + "map":
            raise self.place(node).error(f"{what} is {_described(node)}: expected 'name: value' lines.")
        # A key that was merged in comes first, so that the mapping's own wins.
        return {key.value: (key, value) for key, value in node.value}

    def value(self, node: "yaml.Node", option: str) -> Value:
        kind = node.tag.removeprefix(_TAG)
        if kind in _SCALARS:
            return Scalar(node.value, kind)
        if kind == "seq":
            return tuple(self.value(one, option) for one in node.value)
        raise self.place(node).error(f"{option!r} is {_described(node)}: expected a value or a list of values.")

    def check_known(self, pairs: "_Pairs", known: tuple[str, ...]) -> None:
        for name, (key, _) in pairs.items():
            if name not in known:
                raise self.place(key).error(unknown("There is no key", name, known))

    def check_version(self, node: "yaml.Node") -> None:
        if node.value != VERSION:
            told = repr(node.value) if node.value and node.tag.removeprefix(_TAG) in _SCALARS else _described(node)
            raise self.place(node).error(f"The version is {told}: expected {VERSION}.")

    def place(self, node: "yaml.Node") -> Place:
        return Place(self.file, node.start_mark.line + 1)


def _described(node: "yaml.Node") -> str:
    kind = node.tag.removeprefix(_TAG)
    return _KINDS.get(kind, f"of the type {node.tag!r}")


def _shown(path: Path) -> str:
    """A path as short as it can be from the current folder."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)

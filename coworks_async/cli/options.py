"""Parameter types of all commands, and the options that determine the content of an archive."""

import sys
from collections.abc import Callable, Sequence
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from coworks_async.cli.project import Project
from coworks_async.exceptions import CommandError

if TYPE_CHECKING:
    from coworks_async.cli.app_loader import AppLocation
    from coworks_async.deploy.archive.build import ArchiveOptions
    from coworks_async.deploy.options import Architecture
    from coworks_async.service import TechMicroService

    _ParamType = click.ParamType[Any]
else:
    # Not generic before click 8.4.
    _ParamType = click.ParamType

Command = TypeVar("Command", bound=Callable[..., object])

TERRAFORM_DIRECTORY = "terraform"


class NonEmptyText(_ParamType):
    """A text. An empty one, as an unset shell variable produces, is an error."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text."""
        return _check_not_empty(self, value, param, ctx)


class NonEmptyPath(click.Path):
    """A `Path`. An empty one, which would be the current folder, is an error."""

    def __init__(self, **kinds: bool) -> None:
        super().__init__(path_type=Path, **kinds)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert the text to a path."""
        return super().convert(_check_not_empty(self, value, param, ctx), param, ctx)


class UnsplitText(_ParamType):
    """The text of a repeatable option whose environment variable holds one value, spaces included."""

    name = "text"

    def split_envvar_value(self, rv: str) -> list[str]:
        """Return the variable's text as one value."""
        return [rv]


class IntRange(_ParamType):
    """An integer from `minimum` to `maximum`, with one message for everything else; click's has two."""

    name = "number"

    def __init__(self, minimum: int, maximum: int) -> None:
        self.minimum, self.maximum = minimum, maximum

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Convert the text to an integer."""
        text = str(value)
        if text.isdecimal() and self.minimum <= int(text) <= self.maximum:
            return int(text)
        self.fail(f"{value!r} is not a number from {self.minimum} to {self.maximum}.", param, ctx)


class NameValue(_ParamType):
    """A pair of texts, written `NAME=VALUE`. The name must not be empty."""

    name = "pair"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Split the text."""
        name, separator, content = value.partition("=")
        if not separator or not name:
            self.fail(f"{value!r} is not NAME=VALUE.", param, ctx)
        return name, content


def _check_not_empty(kind: _ParamType, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
    if value == "":
        kind.fail("The value is empty.", param, ctx)
    return value


TEXT = NonEmptyText()

_ARCHIVE_OPTIONS = (
    click.option(
        "--python",
        type=click.Choice(["3.11", "3.12", "3.13", "3.14"]),
        default="3.13",
        show_default=True,
        help="The Lambda's Python version.",
    ),
    click.option(
        "--arch",
        type=click.Choice(["arm64", "x86_64"]),
        default="arm64",
        show_default=True,
        help="The Lambda's processor.",
    ),
    click.option(
        "--ignore",
        type=TEXT,
        metavar="PATTERN",
        multiple=True,
        help="Exclude project files, in .gitignore syntax; repeatable.",
    ),
    click.option(
        "--layer-provides",
        type=TEXT,
        metavar="NAME",
        multiple=True,
        help="Exclude a distribution that a layer contains, with its dependencies; repeatable.",
    ),
    click.option(
        "--module-name",
        type=TEXT,
        metavar="NAME",
        multiple=True,
        help="Include a module or package of this environment; repeatable.",
    ),
)


def archive_options(command: Command) -> Command:
    """Add the archive options to a command: `python`, `arch`, `ignore`, `layer_provides`, `module_name`."""
    for option in reversed(_ARCHIVE_OPTIONS):
        command = option(command)
    return command


def create_archive_options(
    project: Project,
    location: "AppLocation",
    service: "TechMicroService",
    *,
    python: str,
    arch: "Architecture",
    ignore: Sequence[str],
    layer_provides: Sequence[str],
    module_name: Sequence[str],
    terraform_dir: Path | None = None,
) -> "ArchiveOptions":
    """Create the `ArchiveOptions` of a loaded service from the values of the command's options.

    Args:
        terraform_dir: always excluded; by default the project's `terraform`.

    Raises:
        CommandError: the service's module is outside the project's folder.
    """
    # `cws --help` imports this module, and does not need a deploy.
    from coworks_async.cli.app_loader import find_default_name, is_factory
    from coworks_async.deploy.archive.build import ArchiveOptions
    from coworks_async.deploy.archive.staging import find_used_modules

    root = location.import_path[0].resolve()
    if not root.is_relative_to(project.directory):
        raise CommandError(
            f"{location.file} is outside the project's folder {project.directory}: choose another with -p."
        )
    folder = root.relative_to(project.directory).as_posix()
    module = sys.modules[location.module]
    attribute = location.attribute or find_default_name(module)
    never = [terraform_dir or project.directory / TERRAFORM_DIRECTORY]
    if project.env_file is not None:
        never.append(project.env_file)
    return ArchiveOptions(
        directory=project.directory,
        module=location.module,
        attribute=attribute,
        is_factory=is_factory(attrgetter(attribute)(module)),
        import_folder="" if folder == "." else folder,
        python=python,
        architecture=arch,
        ignore=tuple(ignore),
        never=tuple(never),
        layer_provides=tuple(layer_provides),
        module_names=tuple(module_name),
        used_modules=find_used_modules(service, project.directory),
    )

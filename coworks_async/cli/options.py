"""Options that several commands have: those that say what goes into the archive."""

import sys
from collections.abc import Callable, Sequence
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from coworks_async.cli.app_loader import AppLocation, is_factory
from coworks_async.cli.project import Project
from coworks_async.cli.types import TEXT
from coworks_async.exceptions import CommandError

if TYPE_CHECKING:
    from coworks_async.deploy.archive.build import ArchiveOptions
    from coworks_async.deploy.stack import Architecture
    from coworks_async.service import TechMicroService
    from coworks_async.types import ASGIApp

Command = TypeVar("Command", bound=Callable[..., object])

TERRAFORM_DIRECTORY = "terraform"

_ARCHIVE_OPTIONS = (
    click.option(
        "--python",
        type=click.Choice(["3.11", "3.12", "3.13", "3.14"]),
        default="3.13",
        show_default=True,
        help="The Lambda's Python.",
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
        help="Files of the project to leave out, as in a .gitignore; may come again.",
    ),
    click.option(
        "--layer-provides",
        type=TEXT,
        metavar="NAME",
        multiple=True,
        help="A distribution that a layer brings, to leave out with what only it needs; may come again.",
    ),
    click.option(
        "--module-name",
        type=TEXT,
        metavar="NAME",
        multiple=True,
        help="A module or package of this environment to put in; may come again.",
    ),
)


def archive_options(command: Command) -> Command:
    """Give a command the options of the archive: `python`, `arch`, `ignore`, `layer_provides`, `module_name`."""
    for option in reversed(_ARCHIVE_OPTIONS):
        command = option(command)
    return command


def archive_of(
    project: Project,
    location: AppLocation,
    service: "TechMicroService",
    *,
    python: str,
    arch: "Architecture",
    ignore: Sequence[str],
    layer_provides: Sequence[str],
    module_name: Sequence[str],
    terraform_dir: Path | None = None,
) -> "ArchiveOptions":
    """Say what goes into the archive of a service that `load_service` has loaded.

    Parameters: the values of the options; `terraform_dir`, which stays out, is the project's `terraform` by default.

    Raises:
        CommandError: the service's module is not in the project's folder.
    """
    from coworks_async.deploy.archive.build import ArchiveOptions
    from coworks_async.deploy.archive.module_usage import modules_used

    root = location.import_path[0].resolve()
    if not root.is_relative_to(project.directory):
        raise CommandError(f"{location.file} is not in the project's folder {project.directory}: name another by -p.")
    folder = root.relative_to(project.directory).as_posix()
    name, called = _name_of(location, service)
    never = [terraform_dir or project.directory / TERRAFORM_DIRECTORY]
    if project.env_file is not None:
        never.append(project.env_file)
    return ArchiveOptions(
        directory=project.directory,
        module=location.module,
        attribute=name,
        is_factory=called,
        import_folder="" if folder == "." else folder,
        python=python,
        architecture=arch,
        ignore=tuple(ignore),
        never=tuple(never),
        layer_provides=tuple(layer_provides),
        module_names=tuple(module_name),
        modules_used=modules_used(service, project.directory),
    )


def _name_of(location: AppLocation, app: "ASGIApp") -> tuple[str, bool]:
    """Return the name by which `load_app` found the app in its module, and whether it called what has the name."""
    module = sys.modules[location.module]
    if location.attribute is None and not hasattr(module, "app"):
        return next(name for name, value in vars(module).items() if value is app), False
    name = location.attribute or "app"
    return name, is_factory(attrgetter(name)(module))

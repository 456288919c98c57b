"""The commands that the project file adds or replaces by `class: module.attribute`."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from coworks_async.cli.config_file import Scalar, Setting
from coworks_async.exceptions import CommandError


class Unloadable(click.Command):
    """Stands in the help for a command that cannot be imported; any use of it raises the reason."""

    def __init__(self, name: str, reason: CommandError) -> None:
        super().__init__(name, short_help=f"(cannot be loaded: {reason})")
        self.reason = reason

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Raise the reason."""
        raise self.reason


def load_command(
    name: str, named: Setting, directory: Path, replaced: Callable[[], click.Command | None]
) -> click.Command:
    """Import a command of the project's own.

    Parameters: the command's name; its `class`; the project's folder, put first on the import path; what gives the
    command of `cws` that it replaces, None where it replaces none.
    Returns the click command, or one made from the subclass of `click.Command` that is named: of what it replaces it
    gets the callback, the options and the help. An import that fails makes an `Unloadable`.

        load_command("deploy", setting, Path("tech").resolve(), lambda: deploy)
    """
    try:
        found = _import(name, named, directory)
        return _made(name, found, replaced()) if isinstance(found, type) else found
    except CommandError as error:
        return Unloadable(name, error)


def _import(name: str, named: Setting, directory: Path) -> click.Command | type[click.Command]:
    path = named.value.text if isinstance(named.value, Scalar) else ""
    module, _, attribute = path.rpartition(".")
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
    try:
        found = getattr(importlib.import_module(module), attribute)
    # What is imported is the user's, and may end the process or fail in any way.
    except (Exception, SystemExit) as error:
        told = ": ".join(filter(None, (type(error).__name__, "".join(str(error).splitlines()[:1]))))
        raise named.place.error(f"Cannot load {path!r} for the command {name!r}: {told}") from error
    if isinstance(found, click.Command) or (isinstance(found, type) and issubclass(found, click.Command)):
        return found
    raise named.place.error(f"{path!r} for the command {name!r} is no click command but a {type(found).__name__}.")


def _made(name: str, kind: type[click.Command], replaced: click.Command | None) -> click.Command:
    if replaced is None:
        return kind(name)
    return kind(
        name,
        callback=replaced.callback,
        params=list(replaced.params),
        help=replaced.help,
        short_help=replaced.short_help,
        epilog=replaced.epilog,
    )

"""`cws new`: a project that runs, passes its own tests and can be deployed."""

import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template

import click

from coworks_async.exceptions import CommandError

TEMPLATES = ("hello", "crud", "complete")

MAX_NAME = 50
"""How long a service's name may be: Lambda takes 64 characters for a function's, which has the stage's in it too."""

_FOLDER = Path(__file__).parents[1] / "templates"
_SHARED = "common"
# What a template's file has after its name, so that neither Python, git nor a linter takes it for one of their own.
_ENDING = ".tmpl"


@click.command()
@click.argument("name", required=False)
@click.option(
    "-t",
    "--template",
    type=click.Choice(TEMPLATES),
    help=f"What the service does.  [default: {TEMPLATES[0]}]",
)
@click.option("--force", is_flag=True, help="Write into a folder that is not empty, over what is there.")
def new(name: str | None, template: str | None, force: bool) -> None:
    """Make a project in a new folder: `cws new shop`.

    Without a NAME it is made in the current folder. At a terminal, what is left out is asked for.
    """
    if sys.stdin.isatty() and sys.stdout.isatty():
        name = name if name is not None else click.prompt("Folder of the project", default=".")
        template = template or click.prompt("Template", type=click.Choice(TEMPLATES), default=TEMPLATES[0])
    if name == "":
        raise CommandError("The NAME is empty: without one the project is made in the current folder.")
    folder = Path(name or ".").absolute()
    here = folder.resolve() == Path.cwd()
    service = service_name(folder.resolve().name)
    files = project_files(template or TEMPLATES[0], service)
    replaced = _check(folder, files, here=here, force=force)
    _write(folder, files)
    for path in replaced:
        click.echo(f"Replaced {path}")
    click.echo(f"Made the service {service}, {len(files)} files. Go on with:")
    if not here:
        click.echo(f"  cd {_quoted(str(name))}")
    click.echo("  make test\n  cws run")


def service_name(folder: str) -> str:
    """Return the name of a service from its folder's: AWS takes ASCII letters, digits, `-` and `_` in a function's.

    An accent is left out, `-` stands for what else there is; where nothing remains, it is `service`.

    Raises:
        CommandError: it is too long.

    Example:
        >>> service_name("café 2")
        'cafe-2'
    """
    plain = unicodedata.normalize("NFKD", folder)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    name = re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-") or "service"
    if len(name) > MAX_NAME:
        raise CommandError(f"The name {name!r} is {len(name)} characters, and a service's {MAX_NAME} at most.")
    return name


def project_files(template: str, service: str) -> dict[str, str]:
    """Return what a new project consists of: the text of each file, by its path with `/`.

    Parameters:
        template: one of `TEMPLATES`.
        service: the service's name.

    Example:
        >>> sorted(project_files("hello", "shop"))[-2:]
        ['tech/app.py', 'tests/test_app.py']
    """
    import secrets

    # A token that no other project has: a stage that is deployed as it is made is not open to all who read the docs.
    values = {"name": service, "token": secrets.token_urlsafe(24)}
    found = {path: text for folder in (_SHARED, template) for path, text in _texts(_FOLDER / folder)}
    return {path: Template(text).substitute(values) for path, text in sorted(found.items())}


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    for path in folder.rglob(f"*{_ENDING}"):
        yield path.relative_to(folder).as_posix().removesuffix(_ENDING), path.read_text(encoding="utf-8")


def _check(folder: Path, files: Mapping[str, str], *, here: bool, force: bool) -> list[str]:
    """Return the files that will be replaced; raises `CommandError` where there is one that may not be."""
    shown = "The current folder" if here else f"The folder {folder.name!r}"
    try:
        if folder.exists() and not folder.is_dir():
            raise CommandError(f"{folder.name!r} is a file: name a new folder.")
        # A repository that was just made, or cloned, is as good as empty.
        if not here and not force and folder.is_dir() and any(each.name != ".git" for each in folder.iterdir()):
            raise CommandError(f"{shown} is not empty: name a new one, or add --force.")
        there = [path for path in files if (folder / path).exists() or (folder / path).is_symlink()]
    except OSError as error:
        raise _unusable(error, folder) from error
    if there and not force:
        raise CommandError(f"{shown} has {', '.join(there)} already: --force replaces that.")
    return there


def _write(folder: Path, files: Mapping[str, str]) -> None:
    try:
        for path, text in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            # What a link leads to, perhaps elsewhere, is nobody's to replace.
            if file.is_symlink():
                file.unlink()
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _unusable(error, folder) from error


def _unusable(error: OSError, folder: Path) -> CommandError:
    return CommandError(f"{error.filename or folder} cannot be written: {error.strerror}.")


def _quoted(name: str) -> str:
    from shlex import quote

    # What begins with a dash would be an option of `cd`.
    return quote(f"./{name}" if name.startswith("-") else name)

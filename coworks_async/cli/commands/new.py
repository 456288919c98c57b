"""`cws new`: create a project that runs, passes its own tests and can be deployed."""

import os
import re
import secrets
import sys
import unicodedata
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path
from shlex import quote
from string import Template

import click

from coworks_async.cli.requirement import format_requirement
from coworks_async.exceptions import CommandError

TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "hello": (),
    "crud": (),
    "complete": ("admin", "profiler", "xray"),
    "website": (),
    "assistant": (),
}
"""The extras of CoWorks that each template requires."""

DEFAULT_TEMPLATE = "hello"

# A Lambda function's name has at most 64 characters and includes the stage.
MAX_NAME = 50

_FOLDER = Path(__file__).parents[1] / "templates"
# Keeps Python, git and linters from treating the templates as project files.
_SUFFIX = ".tmpl"


@click.command()
@click.argument("name", required=False)
@click.option(
    "-t", "--template", type=click.Choice(TEMPLATES), help=f"The kind of service.  [default: {DEFAULT_TEMPLATE}]"
)
@click.option("--force", is_flag=True, help="Write into a directory that is not empty and replace existing files.")
def new(name: str | None, template: str | None, force: bool) -> None:
    """Create a project in a new directory: `cws new shop`.

    On a terminal, prompt for what is omitted. Otherwise NAME defaults to the current directory, which must be empty.
    """
    if sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty():
        name = name if name is not None else click.prompt("Directory of the project", default=".")
        template = template or click.prompt("Template", type=click.Choice(TEMPLATES), default=DEFAULT_TEMPLATE)
    if name == "":
        raise CommandError("NAME is empty. Use '.' for the current directory.")
    folder = Path(name or ".").absolute()
    here = folder.resolve() == Path.cwd()
    service = create_service_name(folder.resolve().name)
    files = render_project(template or DEFAULT_TEMPLATE, service)
    try:
        _check_folder(folder, here=here, may_contain_files=force or (here and name is not None))
        replaced = _find_conflicts(folder, files, force=force)
        _write(folder, files)
    except OSError as error:
        raise CommandError(f"Cannot write {error.filename or folder}: {error.strerror}.") from error
    for path in replaced:
        click.echo(f"Replaced {path}")
    click.echo(f"Created service {service} ({len(files)} files). Next steps:")
    if not here:
        # A name that starts with a dash would be an option of `cd`.
        click.echo(f"  cd {quote(f'./{name}' if str(name).startswith('-') else str(name))}")
    click.echo("  make test\n  cws run")


def create_service_name(folder: str) -> str:
    """Return a service name for a directory name: `cafe-2` for `café 2`, `service` if nothing remains."""
    decomposed = unicodedata.normalize("NFKD", folder)
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    name = re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-") or "service"
    if len(name) > MAX_NAME:
        raise CommandError(f"The service name {name!r} has {len(name)} characters. The maximum is {MAX_NAME}.")
    return name


def render_project(template: str, service: str) -> dict[str, str]:
    """Return the text of each file of a new project, by its path with `/`."""
    # Random secrets, so that a stage deployed without changes is not open to readers of the docs.
    values = {"name": service, "token": secrets.token_urlsafe(24), "password": secrets.token_urlsafe(24)}
    values["requirement"] = format_requirement(distribution("coworks-async"), TEMPLATES[template])
    texts = {}
    for root in (_FOLDER / "common", _FOLDER / template):
        for path in root.rglob(f"*{_SUFFIX}"):
            texts[path.relative_to(root).as_posix().removesuffix(_SUFFIX)] = path.read_text(encoding="utf-8")
    return {path: Template(text).substitute(values) for path, text in sorted(texts.items())}


def _check_folder(folder: Path, *, here: bool, may_contain_files: bool) -> None:
    """Check that the project's directory is new or empty, unless it may contain files."""
    if folder.exists() and not folder.is_dir():
        raise CommandError(f"{folder.name!r} is a file. Choose another directory.")
    # A directory with only `.git` is a new or cloned repository.
    if may_contain_files or not folder.is_dir() or all(each.name == ".git" for each in folder.iterdir()):
        return
    if here:
        raise CommandError(
            "The current directory is not empty. Name a new directory, or use 'cws new .' to create the project here."
        )
    raise CommandError(f"Directory {folder.name!r} is not empty. Choose another one or use --force.")


def _find_conflicts(folder: Path, files: Mapping[str, str], *, force: bool) -> list[str]:
    """Return the existing files that will be replaced; an error without `--force`."""
    existing = [path for path in files if (folder / path).exists() or (folder / path).is_symlink()]
    if existing and not force:
        raise CommandError(
            f"The current directory already contains {', '.join(existing)}. Use --force to replace them."
        )
    return existing


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        is_secret = file.name.startswith(".env")
        # Replace a link and not its target, which may be outside of the project; and a file that others may read.
        if is_secret or file.is_symlink():
            file.unlink(missing_ok=True)
        with open(file, "w", encoding="utf-8", opener=_open_private if is_secret else None) as output:
            output.write(text)


def _open_private(path: str, flags: int) -> int:
    """Create a file that only the user can read."""
    return os.open(path, flags, 0o600)

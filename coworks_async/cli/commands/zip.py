"""`cws zip`: the archive of the service alone."""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coworks_async.cli.app_loader import load_service
from coworks_async.cli.errors import on_interrupt
from coworks_async.cli.options import archive_of, archive_options
from coworks_async.cli.project import Project
from coworks_async.cli.types import FilePath
from coworks_async.exceptions import CommandError

if TYPE_CHECKING:
    from coworks_async.deploy.archive.build import Archive, ArchiveOptions
    from coworks_async.deploy.stack import Architecture


@click.command("zip")
@click.option(
    "-o",
    "--output",
    type=FilePath(dir_okay=False),
    help="The file to write.  [default: <name of the service>.zip in the current folder]",
)
@archive_options
@click.option("--list", "listed", is_flag=True, help="Print what is in it, too.")
@click.pass_obj
@on_interrupt("no archive is written")
def zip_(
    project: Project,
    output: Path | None,
    python: str,
    arch: "Architecture",
    ignore: Sequence[str],
    layer_provides: Sequence[str],
    module_name: Sequence[str],
    listed: bool,
) -> None:
    """Build the archive that a deploy uploads, and print what it weighs: `cws -A simple zip --list`."""
    from coworks_async.deploy.archive.build import build_archive
    from coworks_async.deploy.stack import slug

    if output is not None:
        _check_folder(output)
    # What the service prints while it is imported is no part of the report.
    with redirect_stdout(sys.stderr):
        service, location, _ = load_service(project)
    options = archive_of(
        project,
        location,
        service,
        python=python,
        arch=arch,
        ignore=ignore,
        layer_provides=layer_provides,
        module_name=module_name,
    )
    archive = build_archive(options, output or Path(f"{slug(service.name)}.zip"))
    click.echo("\n".join(_report(archive, options, listed)))


def _check_folder(output: Path) -> None:
    """Check, before the build, which takes a while, that a file can be written where the archive goes."""
    from tempfile import TemporaryFile

    try:
        # Only a try tells: the system's own folders refuse even who may do anything.
        with TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        raise CommandError(f"The archive '{output}' cannot be written: {error.strerror}.") from error


def _report(archive: "Archive", options: "ArchiveOptions", listed: bool) -> list[str]:
    from coworks_async.deploy.archive.build import LARGEST, megabytes

    sizes = f"{megabytes(archive.size)}, {megabytes(archive.unpacked)} unpacked"
    lines = [f"{archive.path}: {sizes}, for Python {options.python} on {options.architecture}"]
    lines += [f"{megabytes(part.size):>10}  {part.name}" for part in archive.parts[:LARGEST]]
    lines += [f"Content hash {archive.content_hash}"]
    lines += [f"Note: {note}" for note in archive.notes]
    if listed:
        lines += [f"{member.size:>10}  {member.path}" for member in archive.members]
    return lines

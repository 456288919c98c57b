"""`cws zip`: build the archive of the service."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from zipfile import is_zipfile

import click

from coworks_async.cli.app_loader import AppLocation, find_default_name, is_factory, load_service
from coworks_async.cli.errors import on_interrupt
from coworks_async.cli.options import NonEmptyPath, archive_options
from coworks_async.cli.project import Project, terraform_directory
from coworks_async.deploy.archive.build import (
    REPORTED_PARTS,
    Archive,
    ArchiveOptions,
    build_archive,
    format_size,
    sum_parts,
)
from coworks_async.deploy.archive.staging import find_used_modules
from coworks_async.deploy.stack import slug
from coworks_async.exceptions import CommandError
from coworks_async.extras import require
from coworks_async.service import TechMicroService

SBOM_SUFFIX = ".cdx.json"


@click.command("zip")
@click.option(
    "-o",
    "--output",
    type=NonEmptyPath(dir_okay=False),
    help="The file to write.  [default: <name of the service>.zip in the current folder]",
)
@archive_options
@click.option("--list", "list_members", is_flag=True, help="List the files in the archive.")
@click.option(
    "--sbom",
    type=NonEmptyPath(dir_okay=False),
    metavar="FILE",
    help="Also write the packages in the archive to this file, in CycloneDX's JSON format.",
)
@click.pass_obj
@on_interrupt("No archive was written.")
def zip_(project: Project, /, output: Path | None, list_members: bool, sbom: Path | None, **options: Any) -> None:
    """Build the archive that a deploy uploads, and print its size: `cws -A simple zip --list`."""
    if sbom is not None:
        _check_sbom(sbom)
    if output is not None:
        _check_writable(output)
    # The report must not contain what the service prints when it is imported.
    with redirect_stdout(sys.stderr):
        service, location, _ = load_service(project, local=False, resolve=False)
    if output is None:
        output = Path(f"{slug(service.name)}.zip")
        _check_writable(output)
    content = create_archive_options(project, location, service, options)
    archive = build_archive(content, output)
    click.echo("\n".join(_format_report(archive, content, list_members)))
    if sbom is not None:
        # Only here: its library is in an optional extra.
        from coworks_async.deploy.archive.sbom import write_sbom

        write_sbom(archive, service.name, sbom)
        click.echo(f"SBOM {sbom}: {len(archive.packages)} packages")


def create_archive_options(
    project: Project,
    location: AppLocation,
    service: TechMicroService,
    options: Mapping[str, Any],
    terraform_dir: Path | None = None,
) -> ArchiveOptions:
    """Create the archive options of a loaded service from the values of a command's `archive_options`."""
    root = location.import_path[0].resolve()
    if not root.is_relative_to(project.directory):
        raise CommandError(
            f"{location.file} is outside the project's folder {project.directory}: choose another with -p."
        )
    folder = root.relative_to(project.directory).as_posix()
    module = sys.modules[location.module]
    attribute = location.attribute or find_default_name(module)
    return ArchiveOptions(
        directory=project.directory,
        module=location.module,
        attribute=attribute,
        is_factory=is_factory(attrgetter(attribute)(module)),
        import_folder="" if folder == "." else folder,
        top=project.root,
        python=options["python"],
        architecture=options["arch"],
        runtime=options["runtime"],
        ignore=options["ignore"],
        never=(terraform_directory(project, terraform_dir), *filter(None, [project.env_file])),
        allow_secrets=options["allow_secret"],
        layer_provides=options["layer_provides"],
        module_names=options["module_name"],
        used_modules=find_used_modules(service, project.directory),
    )


def _check_sbom(path: Path) -> None:
    """Fail before the build if the list of packages cannot be written."""
    try:
        require("--sbom", "cyclonedx", "sbom")
    except ImportError as error:
        raise CommandError(f"{error}.") from error
    if not path.name.endswith(SBOM_SUFFIX):
        # Archives do not contain files with this suffix, and no source file is replaced.
        raise CommandError(f"--sbom: the name of {str(path)!r} must end with {SBOM_SUFFIX}.")
    _check_folder(path, "SBOM")


def _check_writable(output: Path) -> None:
    """Fail before the build, which takes a while, if the archive cannot be written."""
    if output.is_dir():
        raise CommandError(f"The archive '{output}' cannot be written: it is a directory. Choose a file with -o.")
    if output.is_file() and output.stat().st_size and not is_zipfile(output):
        # It may be a source file of the service.
        raise CommandError(f"The archive '{output}' would replace a file that is no zip file. Choose another with -o.")
    _check_folder(output, "archive")


def _check_folder(path: Path, content: str) -> None:
    try:
        # Permission bits are not enough: even root cannot write to a read-only file system.
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise CommandError(f"The {content} '{path}' cannot be written: {error.strerror}.") from error


def _format_report(archive: Archive, options: ArchiveOptions, list_members: bool) -> Iterator[str]:
    sizes = f"{format_size(archive.size)}, {format_size(archive.unpacked)} unpacked"
    yield f"{archive.path}: {sizes}, for Python {options.python} on {options.architecture}"
    for name, size in sum_parts(archive.members)[:REPORTED_PARTS]:
        yield f"{format_size(size):>10}  {name}"
    yield f"Content hash {archive.content_hash}"
    for note in archive.notes:
        yield f"Note: {note}"
    if list_members:
        for member in archive.members:
            yield f"{member.size:>10}  {member.path}"

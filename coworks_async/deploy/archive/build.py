"""Build the deployment archive of a service: a zip file that is the same for the same sources.

The files are first laid out in a temporary folder as Lambda unpacks them (dependencies, then `--module-name`, then the
project, then the entry module, the programs of the native runtime and `.pyc` files), and then packed.
"""

import hashlib
import shutil
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from coworks_async.deploy.archive.bytecode import compile_modules
from coworks_async.deploy.archive.dependencies import Installer, find_requirements
from coworks_async.deploy.archive.native import write_programs
from coworks_async.deploy.archive.packages import Package, read_packages
from coworks_async.deploy.archive.secret_files import check_private_keys
from coworks_async.deploy.archive.source_files import file_errors, find_project_files
from coworks_async.deploy.archive.staging import (
    check_name_conflicts,
    copy_module,
    find_extras,
    find_missing_packages,
    remove_unused_files,
    write_entry_module,
)
from coworks_async.deploy.options import Architecture, Runtime
from coworks_async.exceptions import DeployError

MB = 1024 * 1024

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_SIZE = 50 * MB
MAX_UNPACKED_SIZE = 250 * MB

REPORTED_PARTS = 5


@dataclass(frozen=True, slots=True)
class ArchiveOptions:
    """The service of an archive, and what the archive contains."""

    directory: Path  # Absolute path of the project.
    module: str
    attribute: str  # Dotted name of the service, or of its factory, in the module.
    is_factory: bool = False
    import_folder: str = ""  # Folder that is added to `sys.path`, relative to the project.
    top: Path = field(default_factory=Path.cwd)  # Last parent folder searched for requirements.
    python: str = "3.13"
    architecture: Architecture = "arm64"
    runtime: Runtime = "buffered"
    ignore: tuple[str, ...] = ()  # Additional `.gitignore` patterns.
    never: tuple[Path, ...] = ()  # Files and folders that are always excluded.
    allow_secrets: tuple[str, ...] = ()  # Paths in the archive of files that may contain a private key.
    layer_provides: tuple[str, ...] = ()  # Distributions that layers contain.
    module_names: tuple[str, ...] = ()  # Modules and packages of this environment to include.
    used_modules: frozenset[str] = frozenset()  # See `find_used_modules`; they select the extras of CoWorks.
    compiled: bool = True  # Whether to add `.pyc` files.


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the archive: its unpacked size, the SHA-256 of its content, and its mode."""

    path: str
    size: int
    digest: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive on this machine, and the notes to show the user."""

    path: Path
    content_hash: str  # The same for the same sources, on any machine.
    size: int
    unpacked: int
    members: tuple[Member, ...]  # Sorted by path.
    packages: tuple[Package, ...] = ()  # Sorted by name.
    notes: tuple[str, ...] = ()


def build_archive(options: ArchiveOptions, output: Path, log: Path | None = None) -> Archive:
    """Build the archive of a service. An existing output is replaced when the new one is complete.

    If uv fails, its output is written to `log`, by default `output` with the suffix `.log`.
    """
    with TemporaryDirectory(prefix="cws-") as folder:
        work, tree = Path(folder), Path(folder, "task")
        tree.mkdir()
        files = find_project_files(options.directory, ignore=options.ignore, never=(*options.never, output))
        requirements = find_requirements(options.directory, options.top)
        log = log or output.with_suffix(".log")
        installer = Installer(options.python, options.architecture, requirements, work, log)
        installer.install(tree, options.layer_provides, find_extras(options.used_modules))
        packages = read_packages(tree)
        remove_unused_files(tree)
        copied: dict[str, Path] = {}
        for name in options.module_names:
            copied |= copy_module(name, tree)
        check_private_keys(files | copied, options.allow_secrets)
        check_name_conflicts(files, tree)
        for path, source in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            with file_errors(source):
                shutil.copyfile(source, tree / path)
                shutil.copymode(source, tree / path)
        write_entry_module(tree, options.module, options.attribute, options.is_factory, options.import_folder)
        if options.runtime == "native":
            write_programs(tree, options.python)
        # A layer may contain any package.
        missing = () if options.layer_provides else find_missing_packages(tree, options.used_modules)
        notes = [
            f"The service uses {name}, which is not in the archive: add it to the project's requirements."
            for name in missing
        ]
        notes += compile_modules(tree, options.python) if options.compiled else []
        return replace(_pack(tree, work / "archive.zip", output, notes), packages=packages)


def _pack(tree: Path, temporary: Path, output: Path, notes: Sequence[str]) -> Archive:
    members = tuple(sorted(_read_members(tree), key=lambda member: member.path))
    unpacked = sum(member.size for member in members)
    _check_size("unpacked", unpacked, MAX_UNPACKED_SIZE, members)
    _write_zip(tree, members, temporary)
    size = temporary.stat().st_size
    _check_size("zipped", size, MAX_SIZE, members)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(temporary, output)
    except OSError as error:
        raise DeployError(f"The archive {output} cannot be written: {error.strerror}.") from error
    return Archive(output, hash_content(members), size, unpacked, members, notes=tuple(notes))


def _read_members(tree: Path) -> Iterator[Member]:
    for path in tree.rglob("*"):
        if path.is_file():
            stat = path.stat()
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            # Readable for the user that Lambda runs as.
            mode = 0o755 if stat.st_mode & 0o100 else 0o644
            yield Member(path.relative_to(tree).as_posix(), stat.st_size, digest, mode)


def _write_zip(tree: Path, members: Iterable[Member], path: Path) -> None:
    """Write a zip file whose bytes depend on the members only."""
    with zipfile.ZipFile(path, "w") as archive:
        for member in members:
            # The earliest date of the format, and "created on Unix", without which the mode is ignored.
            info = zipfile.ZipInfo(member.path, (1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, (0o100000 | member.mode) << 16
            info.compress_type, info.file_size = zipfile.ZIP_DEFLATED, member.size
            with (tree / member.path).open("rb") as source, archive.open(info, "w") as destination:
                shutil.copyfileobj(source, destination)


def hash_content(members: Iterable[Member]) -> str:
    """Hash path, mode and content of each member.

    Only the path of a `.pyc` file is hashed: its content follows from its source and the Python version in its name,
    but may differ by a byte between patch releases.
    """
    content = hashlib.sha256()
    for member in members:
        digest = "-" if "__pycache__/" in member.path else member.digest
        content.update(f"{member.path}\0{member.mode:o}\0{digest}\n".encode())
    return content.hexdigest()


def sum_parts(members: Iterable[Member]) -> list[tuple[str, int]]:
    """Sum sizes by top-level package or module, largest first. A module includes its `.pyc` file."""
    sizes = Counter[str]()
    for member in members:
        first, _, rest = member.path.partition("/")
        name = f"{rest.partition('.')[0]}.py" if first == "__pycache__" else first
        sizes[name] += member.size
    return sorted(sizes.items(), key=lambda item: (-item[1], item[0]))


def format_size(size: int) -> str:
    """Format a size with AWS's units: 1 MB is 1,048,576 bytes."""
    return f"{size / MB:.1f} MB" if size >= MB / 10 else f"{size / 1024:.0f} KB"


def _check_size(state: str, size: int, limit: int, members: Iterable[Member]) -> None:
    if size > limit:
        parts = sum_parts(members)[:REPORTED_PARTS]
        raise DeployError(
            f"The archive has {format_size(size)} {state}, Lambda's limit is {format_size(limit)}. The largest parts, "
            f"unpacked: {', '.join(f'{name} {format_size(part)}' for name, part in parts)}. Exclude files in "
            ".cwsignore, or provide packages in a layer (--layer-provides)."
        )

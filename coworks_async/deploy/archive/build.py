"""Build the deployment archive of a service: a zip file that is the same for the same sources.

The files are first laid out in a temporary folder as Lambda unpacks them (dependencies, then `--module-name`, then the
project, then the entry module and `.pyc` files), and then packed.
"""

import hashlib
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from coworks_async.deploy.archive.bytecode import compile_modules
from coworks_async.deploy.archive.dependencies import Installer, LambdaPlatform, find_requirements
from coworks_async.deploy.archive.source_files import file_errors, find_project_files
from coworks_async.deploy.archive.staging import (
    check_name_conflicts,
    copy_module,
    find_extras,
    find_missing_packages,
    remove_unused_files,
    write_entry_module,
)
from coworks_async.deploy.options import Architecture
from coworks_async.exceptions import DeployError

MB = 1024 * 1024

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_SIZE = 50 * MB
MAX_UNPACKED_SIZE = 250 * MB

REPORTED_PARTS = 5
"""Number of parts reported."""


@dataclass(frozen=True, slots=True)
class ArchiveOptions:
    """Contents of an archive.

    Attributes:
        directory: absolute path of the project.
        module: module of the service.
        attribute: dotted name of the service in the module.
        is_factory: whether the attribute is called to create the service.
        import_folder: folder that is added to `sys.path`, relative to the project.
        top: last parent folder searched for requirements.
        python: version of the Lambda runtime.
        architecture: processor of the Lambda.
        ignore: additional `.gitignore` patterns.
        never: files and folders that are always excluded.
        layer_provides: distributions that layers contain.
        module_names: modules and packages of this environment to include.
        used_modules: see `find_used_modules`; they select the extras of CoWorks.
        compiled: whether to add `.pyc` files.
    """

    directory: Path
    module: str
    attribute: str
    is_factory: bool = False
    import_folder: str = ""
    top: Path = field(default_factory=Path.cwd)
    python: str = "3.13"
    architecture: Architecture = "arm64"
    ignore: tuple[str, ...] = ()
    never: tuple[Path, ...] = ()
    layer_provides: tuple[str, ...] = ()
    module_names: tuple[str, ...] = ()
    used_modules: frozenset[str] = frozenset()
    compiled: bool = True


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the archive.

    Attributes:
        size: unpacked.
        digest: SHA-256 of the content.
    """

    path: str
    size: int
    digest: str
    is_executable: bool = False

    @property
    def mode(self) -> int:
        """File mode, readable for the user that Lambda runs as."""
        return 0o755 if self.is_executable else 0o644


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive on this machine.

    Attributes:
        content_hash: the same for the same sources, on any machine.
        size: size of the file.
        unpacked: total size of the members.
        members: sorted by path.
        notes: sentences to show the user.
    """

    path: Path
    content_hash: str
    size: int
    unpacked: int
    members: tuple[Member, ...]
    notes: tuple[str, ...] = ()

    @property
    def parts(self) -> dict[str, int]:
        """Unpacked size of each top-level package or module, largest first."""
        return sum_parts(self.members)


def build_archive(options: ArchiveOptions, output: Path, log: Path | None = None) -> Archive:
    """Build the archive of a service.

    Args:
        output: the file to write. An existing one is replaced when the new one is complete.
        log: file for uv's output if uv fails; by default `output` with the suffix `.log`.

    Raises:
        CommandError: an option is invalid.
        DeployError: a dependency cannot be installed, a file cannot be read or packed, or the archive is too large.

    Example:
        >>> build_archive(ArchiveOptions(Path("tech").resolve(), "simple", "app"), Path("simple.zip")).content_hash[:8]
        '5d0c1b6e'
    """
    platform = LambdaPlatform(options.python, options.architecture)
    with TemporaryDirectory(prefix="cws-") as folder:
        work, tree = Path(folder), Path(folder, "task")
        tree.mkdir()
        files = find_project_files(options.directory, ignore=options.ignore, never=(*options.never, output))
        requirements = find_requirements(options.directory, options.top)
        installer = Installer(platform, work, log or output.with_suffix(".log"))
        installer.install(requirements, tree, options.layer_provides, find_extras(options.used_modules))
        remove_unused_files(tree)
        for name in options.module_names:
            copy_module(name, tree)
        check_name_conflicts(files, tree)
        for file in files:
            _copy(file.source, tree / file.path)
        write_entry_module(tree, options.module, options.attribute, options.is_factory, options.import_folder)
        notes = list(_missing_package_notes(tree, options))
        notes += compile_modules(tree, options.python) if options.compiled else []
        return _pack(tree, work / "archive.zip", output, notes)


def _copy(source: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    with file_errors(source):
        shutil.copyfile(source, destination)
        shutil.copymode(source, destination)


def _missing_package_notes(tree: Path, options: ArchiveOptions) -> Iterator[str]:
    # A layer may contain any package.
    if not options.layer_provides:
        for name in find_missing_packages(tree, options.used_modules):
            yield f"The service uses {name}, which is not in the archive: add it to the project's requirements."


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
    return Archive(output, _hash_content(members), size, unpacked, members, tuple(notes))


def _read_members(tree: Path) -> Iterator[Member]:
    for path in tree.rglob("*"):
        if path.is_file():
            stat = path.stat()
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            yield Member(path.relative_to(tree).as_posix(), stat.st_size, digest, bool(stat.st_mode & 0o100))


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


def _hash_content(members: Iterable[Member]) -> str:
    """Hash path, mode and content of each member.

    Only the path of a `.pyc` file is hashed: its content follows from its source and the Python version in its name,
    but may differ by a byte between patch releases.
    """
    content = hashlib.sha256()
    for member in members:
        digest = "-" if "__pycache__/" in member.path else member.digest
        content.update(f"{member.path}\0{member.mode:o}\0{digest}\n".encode())
    return content.hexdigest()


def sum_parts(members: Iterable[Member]) -> dict[str, int]:
    """Sum sizes by top-level package or module, largest first. A module includes its `.pyc` file."""
    sizes: dict[str, int] = {}
    for member in members:
        first, _, rest = member.path.partition("/")
        name = f"{rest.partition('.')[0]}.py" if first == "__pycache__" else first
        sizes[name] = sizes.get(name, 0) + member.size
    return dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0])))


def format_size(size: int) -> str:
    """Format a size with AWS's units: 1 MB is 1,048,576 bytes."""
    return f"{size / MB:.1f} MB" if size >= MB / 10 else f"{size / 1024:.0f} KB"


def _check_size(state: str, size: int, limit: int, members: Iterable[Member]) -> None:
    if size > limit:
        parts = list(sum_parts(members).items())[:REPORTED_PARTS]
        raise DeployError(
            f"The archive has {format_size(size)} {state}, Lambda's limit is {format_size(limit)}. The largest parts, "
            f"unpacked: {', '.join(f'{name} {format_size(part)}' for name, part in parts)}. Exclude files in "
            ".cwsignore, or provide packages in a layer (--layer-provides)."
        )

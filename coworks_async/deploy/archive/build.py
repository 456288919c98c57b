"""The archive of a service: all that Lambda needs to run it, the same bytes for the same sources.

A folder is laid out as Lambda will unpack it (dependencies, then modules named by hand, then the project, the entry
module, the `.pyc` files), and packed.
"""

import hashlib
import shutil
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from coworks_async.deploy.archive.bytecode import compile_modules
from coworks_async.deploy.archive.dependencies import RUNTIME_BRINGS, Installer, Target
from coworks_async.deploy.archive.module_usage import absent_from, extras_for
from coworks_async.deploy.archive.requirements import find_requirements
from coworks_async.deploy.archive.source_files import project_files, reading
from coworks_async.deploy.archive.staging import check_names, copy_module, put_entry, remove_unneeded
from coworks_async.deploy.stack import Architecture
from coworks_async.exceptions import DeployError

MB = 1024 * 1024

MAX_SIZE = 50 * MB
MAX_UNPACKED = 250 * MB
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

LARGEST = 5
"""How many parts are told of."""


@dataclass(frozen=True, slots=True)
class ArchiveOptions:
    """What goes into an archive.

    Attributes:
        directory: the project's folder, absolute.
        module: the module of the service.
        attribute: its dotted name in the module.
        is_factory: it is called to make the service.
        import_folder: the folder in the project, as a relative path, from which the module is imported.
        top: the last folder above the project's in which its dependencies are sought.
        python: of the Lambda.
        ignore: patterns of the project's files that are left out, as in a `.gitignore`.
        never: files and folders of the project that are left out in any case.
        layer_provides: distributions that layers bring.
        module_names: modules and packages of this environment that are put in.
        modules_used: those of others that the service uses: the extras of CoWorks that they need are put in, and what
            the archive lacks of them is told.
        compiled: with `.pyc` files.
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
    modules_used: frozenset[str] = frozenset()
    compiled: bool = True


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the archive. `size` is that of the unpacked file, `is_executable` all that is kept of its mode."""

    path: str
    size: int
    digest: str
    is_executable: bool = False

    @property
    def mode(self) -> int:
        """The mode, which has to let Lambda's user read."""
        return 0o755 if self.is_executable else 0o644


@dataclass(frozen=True, slots=True)
class Part:
    """What stands at the archive's top, a package or a module say, and its size unpacked."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive on this machine.

    Attributes:
        content_hash: the same for the same sources, whenever, wherever and by whomever it is built.
        size: of the file; `unpacked`, of all that is in it.
        members: sorted by path.
        notes: what the user should know, each a sentence.
    """

    path: Path
    content_hash: str
    size: int
    unpacked: int
    members: tuple[Member, ...]
    notes: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """What it is made of, the largest first."""
        return parts_of(self.members)


def build_archive(options: ArchiveOptions, output: Path, log: Path | None = None) -> Archive:
    """Build the archive of a service.

    Parameters:
        output: the file to write; an older one stands until the new one is whole.
        log: where all that uv says is kept when it fails; beside the output, ending in `.log`, by default.

    Raises:
        CommandError: an option is wrong.
        DeployError: a dependency cannot be had, a file cannot be read or put in, or the archive is too large.

    Example:
        >>> build_archive(ArchiveOptions(Path("tech").resolve(), "simple", "app"), Path("simple.zip")).content_hash[:8]
        '5d0c1b6e'
    """
    target = Target(options.python, options.architecture)
    with TemporaryDirectory(prefix="cws-") as folder:
        work, tree = Path(folder), Path(folder, "task")
        tree.mkdir()
        never = (*options.never, output)
        files = project_files(options.directory, ignore=options.ignore, never=never)
        requirements = find_requirements(options.directory, options.top)
        installer = Installer(target, work, log or output.with_suffix(".log"))
        installer.install(requirements, tree, options.layer_provides, extras_for(options.modules_used))
        remove_unneeded(tree)
        for name in options.module_names:
            copy_module(name, tree)
        check_names(files, tree)
        for file in files:
            _copy(file.source, tree / file.path)
        put_entry(tree, options.module, options.attribute, options.is_factory, options.import_folder)
        notes = [
            f"The service uses {name}, which is not in the archive: name what brings it in the project's requirements, "
            "or by --layer-provides where a layer does."
            for name in absent_from(tree, options.modules_used, (*RUNTIME_BRINGS, *options.layer_provides))
        ]
        notes += compile_modules(tree, options.python) if options.compiled else []
        return _packed(tree, work / "archive.zip", output, notes)


def _copy(source: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    with reading(source):
        shutil.copyfile(source, destination)
        shutil.copymode(source, destination)


def _packed(tree: Path, made: Path, output: Path, notes: Sequence[str]) -> Archive:
    members = _members(tree)
    unpacked = sum(member.size for member in members)
    _check_size("unpacked", unpacked, MAX_UNPACKED, members)
    _write(tree, members, made)
    size = made.stat().st_size
    _check_size("zipped", size, MAX_SIZE, members)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, output)
    except OSError as error:
        raise DeployError(f"The archive {output} cannot be written: {error.strerror}.") from error
    return Archive(output, _content_hash(members), size, unpacked, members, tuple(notes))


def _members(tree: Path) -> tuple[Member, ...]:
    found: list[Member] = []
    for path in tree.rglob("*"):
        if path.is_file():
            told = path.stat()
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            name = path.relative_to(tree).as_posix()
            found.append(Member(name, told.st_size, digest, bool(told.st_mode & 0o100)))
    return tuple(sorted(found, key=lambda member: member.path))


def _write(tree: Path, members: Iterable[Member], path: Path) -> None:
    """Write a zip file whose bytes depend on the members alone."""
    with zipfile.ZipFile(path, "w") as archive:
        for member in members:
            # The earliest date that a zip file can hold; made on a Unix, by which the mode counts.
            told = zipfile.ZipInfo(member.path, (1980, 1, 1, 0, 0, 0))
            told.create_system, told.external_attr = 3, (0o100000 | member.mode) << 16
            told.compress_type, told.file_size = zipfile.ZIP_DEFLATED, member.size
            with (tree / member.path).open("rb") as source, archive.open(told, "w") as destination:
                shutil.copyfileobj(source, destination)


def _content_hash(members: Iterable[Member]) -> str:
    """Hash path, mode and content of each member.

    A `.pyc` counts by its path alone: its content follows from its source and from the version of Python that its name
    tells, but may differ by a byte from one patch release to the next.
    """
    content = hashlib.sha256()
    for member in members:
        digest = "-" if "__pycache__/" in member.path else member.digest
        content.update(f"{member.path}\0{member.mode:o}\0{digest}\n".encode())
    return content.hexdigest()


def parts_of(members: Iterable[Member]) -> tuple[Part, ...]:
    """Sum members up by what stands at the top; a module's `.pyc` belongs to the module."""
    sizes: dict[str, int] = {}
    for member in members:
        first, _, rest = member.path.partition("/")
        name = f"{rest.partition('.')[0]}.py" if first == "__pycache__" else first
        sizes[name] = sizes.get(name, 0) + member.size
    return tuple(Part(name, size) for name, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])))


def megabytes(size: int) -> str:
    """Say a size as AWS counts it, by 1,048,576 bytes."""
    return f"{size / MB:.1f} MB" if size >= MB / 10 else f"{size / 1024:.0f} KB"


def _check_size(state: str, size: int, limit: int, members: Iterable[Member]) -> None:
    if size <= limit:
        return
    largest = ", ".join(f"{part.name} {megabytes(part.size)}" for part in parts_of(members)[:LARGEST])
    raise DeployError(
        f"The archive has {megabytes(size)} {state}, and {megabytes(limit)} is the most. The largest parts, unpacked: "
        f"{largest}. Leave some out by .cwsignore, or have a layer bring them (--layer-provides)."
    )

"""The project's own files that go into the archive.

What decides, the later over the earlier: the `.gitignore` files from the repository's root down to the file's folder,
what no service runs on (`DEFAULTS`), the `.cwsignore` files of the project, the patterns of `--ignore`; and over all of
them what never leaves this machine (`NEVER`).
"""

import os
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coworks_async.deploy.archive.gitignore import IgnoreFile, ignore_file
from coworks_async.deploy.stack import ENTRY_MODULE
from coworks_async.exceptions import CommandError, DeployError

DEFAULTS = (
    # Tests.
    "tests/",
    "test_*.py",
    "*_test.py",
    "conftest.py",
    # What tools leave behind.
    "__pycache__/",
    "*.py[cod]",
    "*.egg-info/",
    ".coverage",
    ".coverage.*",
    "htmlcov/",
    ".hypothesis/",
    ".import_linter_cache/",
    ".mypy_cache/",
    ".nox/",
    ".pytest_cache/",
    ".ruff_cache/",
    ".tox/",
    "node_modules/",
    # What developers need, and the Lambda does not.
    ".DS_Store",
    ".cwsignore",
    ".github/",
    ".gitattributes",
    ".gitignore",
    ".gitlab-ci.yml",
    ".gitmodules",
    ".idea/",
    ".pre-commit-config.yaml",
    ".vscode/",
    "pyproject.toml",
    "requirements*.txt",
    "uv.lock",
)
"""Left out unless a line of the project's puts it back in, such as `!tests/` in `.cwsignore`."""

NEVER = (
    ".git",
    ".hg/",
    ".svn/",
    # Secrets.
    ".env*",
    "*.env",
    ".aws/",
    "**/.docker/config.json",
    ".git-credentials",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".ssh/",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_rsa",
    # Terraform's: states and values hold secrets as well.
    ".terraform/",
    ".terraform.lock.hcl",
    ".terraformrc",
    ".tofurc",
    "*.tf",
    "*.tf.json",
    "*.tfstate",
    "*.tfstate.*",
    "*.tfvars",
    "*.tfvars.json",
    "*.tfplan",
    # The configuration of `cws`.
    "*.cws.yaml",
    "*.cws.yml",
)
"""Left out whatever the project's files say, in upper case as in lower, and whatever a link to it is called."""


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """A file of the project: its path in the archive, and where it is."""

    path: str
    source: Path


def project_files(directory: Path, *, ignore: Iterable[str] = (), never: Iterable[Path] = ()) -> list[ProjectFile]:
    """List the files of a project that go into the archive, sorted by path.

    A symbolic link counts as what it leads to. Virtual environments and archives that `cws` made are left out.

    Parameters:
        ignore: more patterns in the syntax of `.gitignore`, from the project's folder.
        never: files and folders that are left out whatever they are called.

    Raises:
        CommandError: a pattern is none.
        DeployError: a link leads out of the project, or something cannot be read.

    Example:
        >>> [each.path for each in project_files(Path("samples/docs/tech"))]
        ['first.py', 'simple.py']
    """
    directory = directory.resolve()
    return sorted(_Walk(directory, ignore, never).files(directory, ()), key=lambda each: each.path)


@dataclass(frozen=True, slots=True)
class _Rules:
    """The ignore files of one folder."""

    git: IgnoreFile
    cws: IgnoreFile


class _Walk:
    """One walk through a project's folders, which reads their ignore files as it meets them."""

    def __init__(self, directory: Path, ignore: Iterable[str], never: Iterable[Path]) -> None:
        self.directory = directory
        # Paths are asked for as seen from here: the `.gitignore` files above the project count too.
        self.root = next((each for each in (directory, *directory.parents) if (each / ".git").exists()), directory)
        base = directory.relative_to(self.root).as_posix()
        above = [each for each in reversed(directory.parents) if each.is_relative_to(self.root)]
        self.above = [self.read(each, ".gitignore") for each in above]
        self.defaults = ignore_file(base, DEFAULTS)
        try:
            self.option = ignore_file(base, ignore, strict=True)
        except ValueError as error:
            raise CommandError(f"--ignore takes patterns as in a .gitignore, which {str(error)!r} is not.") from error
        self.never = ignore_file(base.casefold(), NEVER)
        self.excluded = {os.path.realpath(path) for path in never}

    def files(self, folder: Path, trail: tuple[str, ...], above: tuple[_Rules, ...] = ()) -> Iterator[ProjectFile]:
        """Yield the files of a folder; `trail` are the real folders that it is in, since a link may lead back."""
        with reading(folder):
            names = sorted(os.listdir(folder))
        rules = (*above, _Rules(self.read(folder, ".gitignore"), self.read(folder, ".cwsignore")))
        trail = (*trail, os.path.realpath(folder))
        for path in (folder / name for name in names):
            if self.leaves_out(path, rules):
                continue
            self.check(path, trail)
            if path.is_dir():
                yield from self.files(path, trail, rules)
            elif path.is_file():
                yield ProjectFile(path.relative_to(self.directory).as_posix(), path)

    def leaves_out(self, path: Path, rules: tuple[_Rules, ...]) -> bool:
        """Tell whether an entry stays out of the archive."""
        name, is_folder = path.relative_to(self.root).as_posix(), path.is_dir()
        # One path, but for a link.
        if any(map(self.never_leaves, {path, Path(os.path.realpath(path))})):
            return True
        git, cws = [each.git for each in rules], [each.cws for each in rules]
        files = reversed([*self.above, *git, self.defaults, *cws, self.option])
        verdicts = (file.excludes(name, is_folder) for file in files)
        if next((verdict for verdict in verdicts if verdict is not None), False):
            return True
        # Unlike a path's own `is_file`, no error for a folder that may not be read: it is told when it is listed.
        return os.path.isfile(path / "pyvenv.cfg") if is_folder else is_archive(path)

    def never_leaves(self, path: Path) -> bool:
        """Tell whether an entry, or a folder that it is in, never leaves this machine: a link may lead below one."""
        if not path.is_relative_to(self.directory):
            # What leads out of the project is refused.
            return False
        inside = path.relative_to(self.directory).parts
        for entry in (self.directory.joinpath(*inside[:count]) for count in range(1, len(inside) + 1)):
            name = entry.relative_to(self.root).as_posix().casefold()
            if os.path.realpath(entry) in self.excluded or self.never.excludes(name, entry.is_dir()):
                return True
        return False

    def check(self, path: Path, trail: tuple[str, ...]) -> None:
        """Refuse what cannot be in an archive."""
        name, real = path.relative_to(self.directory).as_posix(), os.path.realpath(path)
        remedy = "remove it, or name it in .cwsignore."
        if not _is_unicode(name):
            raise DeployError(f"The name {name!r} is not in UTF-8: rename it, or name it in .cwsignore.")
        if not path.exists():
            raise DeployError(f"The link {name} of the project leads nowhere: {remedy}")
        if real in trail:
            raise DeployError(f"The link {name} of the project leads back to a folder that it is in: {remedy}")
        if not Path(real).is_relative_to(self.directory):
            raise DeployError(f"The link {name} leads out of the project's folder, to {real}: {remedy}")

    def read(self, folder: Path, name: str) -> IgnoreFile:
        """Read an ignore file, perhaps of no lines where there is none."""
        path, base = folder / name, folder.relative_to(self.root).as_posix()
        if not path.is_file():
            return ignore_file(base, ())
        with reading(path):
            # Bytes that are no UTF-8 become what they are in the names of files.
            text = path.read_text(encoding="utf-8", errors="surrogateescape")
        return ignore_file(base, text.removeprefix("\ufeff").split("\n"))


def _is_unicode(name: str) -> bool:
    """Tell whether a name is text: bytes of it that are none have become surrogates."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def is_archive(path: Path) -> bool:
    """Tell whether a file is an archive that `cws` made."""
    if path.suffix != ".zip" or not path.is_file():
        return False
    with reading(path):
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return f"{ENTRY_MODULE}.py" in archive.namelist()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn an error of the file system's into one line that names the file."""
    try:
        yield
    except OSError as error:
        raise DeployError(f"{error.filename or path} cannot be read: {error.strerror}.") from error

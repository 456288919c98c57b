"""Find the project's files that go into the archive.

Files are excluded by these rules, in increasing priority: the `.gitignore` files from the repository's root down to the
file's folder, `DEFAULTS`, the project's `.cwsignore` files, and `--ignore`. Each may include again what an earlier one
excludes. `NEVER` overrides them all.
"""

import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from coworks_async.deploy.stack import ENTRY_MODULE
from coworks_async.exceptions import CommandError, DeployError

DEFAULTS = (
    # Tests.
    "tests/",
    "test_*.py",
    "*_test.py",
    "conftest.py",
    # Files that tools create.
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
    # Written by `cws zip --sbom`.
    "*.cdx.json",
    # Files of the development environment.
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
"""Excluded unless `.cwsignore` or `--ignore` includes them again with a line such as `!tests/`."""

NEVER = (
    ".git",
    ".hg/",
    ".svn/",
    # Environment files, also the copies that editors and tools make.
    ".env*",
    "*.env",
    "*.env~",
    "*.env.bak",
    "*.env.backup",
    "*.env.local",
    "*.env.old",
    "*.env.orig",
    "*.env.save",
    "*.env.sw[a-p]",
    # Credentials of clouds and clusters.
    ".aws/",
    ".azure/",
    ".boto",
    ".databrickscfg",
    "**/.docker/config.json",
    ".dockercfg",
    ".kube/",
    "kubeconfig",
    "*.kubeconfig",
    ".oci/",
    ".s3cfg",
    ".vault-token",
    "**/.config/gcloud/",
    "**/gcloud/*.db",
    "**/gcloud/legacy_credentials/",
    "application_default_credentials.json",
    # Credentials of databases, servers, package indexes and version control.
    ".git-credentials",
    "**/.cargo/credentials*",
    "**/.config/gh/",
    "**/.gem/credentials",
    ".htpasswd",
    ".my.cnf",
    ".mylogin.cnf",
    ".netrc",
    "_netrc",
    ".npmrc",
    ".pgpass",
    "pgpass.conf",
    ".pypirc",
    "secrets.toml",
    ".secrets.toml",
    # Keys and key stores. A `.pem` file may be a certificate: its content decides.
    ".gnupg/",
    ".password-store/",
    ".ssh/",
    "id_dsa",
    "id_ecdsa",
    "id_ecdsa_sk",
    "id_ed25519",
    "id_ed25519_sk",
    "id_rsa",
    "*.jks",
    "*.kdbx",
    "*.key",
    "*.keystore",
    "*.p12",
    "*.pfx",
    "*.ppk",
    # Histories of shells and editors, which contain what was typed.
    ".*_history",
    "fish_history",
    ".histfile",
    ".lesshst",
    ".viminfo",
    # Terraform: states and variables contain secrets.
    ".terraform/",
    ".terraform.lock.hcl",
    ".terraform.d/",
    ".terraformrc",
    "terraform.rc",
    ".tofurc",
    "*.tf",
    "*.tf.json",
    "*.tfstate",
    "*.tfstate.*",
    "*.tfvars",
    "*.tfvars.json",
    "*.tfplan",
    # Configuration of `cws`.
    "*.cws.yaml",
    "*.cws.yml",
)
"""Always excluded, case-insensitively, and also when a link with another name points to them."""


class IgnoreFile:
    """The patterns of one ignore file, in git's syntax.

    pathspec compiles each pattern. Matching is done here, one entry at a time as git does: pathspec matches a path
    together with its parents, which differs from git for `*`, `!*/`, `!*.py`. https://git-scm.com/docs/gitignore
    """

    def __init__(self, base: str, lines: Iterable[str], *, strict: bool = False) -> None:
        # Folder of the file, relative to the root of the walk (`.` for the root).
        self.prefix = "" if base == "." else f"{base}/"
        self.patterns = [pattern for line in lines if (pattern := _parse_pattern(line, strict=strict)) is not None]

    def excludes(self, path: str, is_folder: bool) -> bool | None:
        """Return whether the last matching pattern excludes the entry (True) or includes it (False), else None."""
        if not path.startswith(self.prefix):
            return None
        for regex, excludes, folders_only in reversed(self.patterns):
            match = regex.search(path[len(self.prefix) :]) if is_folder or not folders_only else None
            # pathspec's group `ps_d` matches if the pattern matches a parent only.
            if match is not None and match.groupdict().get("ps_d") is None:
                return excludes
        return None


def _parse_pattern(line: str, *, strict: bool) -> tuple[re.Pattern[str], bool, bool] | None:
    """Return the pattern's expression, whether it excludes, and whether it is for folders only.

    A line that is not a valid pattern matches nothing, as in git, or raises a `ValueError` with this line if `strict`.
    """
    # Trailing spaces are ignored unless escaped.
    text = re.sub(r"(?<!\\) +$", "", line.rstrip("\r\n"))
    try:
        parsed = GitIgnoreSpecPattern(text.removesuffix("/"))
    except (ValueError, re.error) as error:
        if strict:
            raise ValueError(line) from error
        return None
    if parsed.include is None or parsed.regex is None:
        return None
    return parsed.regex, parsed.include, text.endswith("/")


def find_project_files(directory: Path, *, ignore: Iterable[str] = (), never: Iterable[Path] = ()) -> dict[str, Path]:
    """Return the project's files for the archive by their paths in it, sorted.

    Symbolic links are followed. Virtual environments and archives built by `cws` are excluded.
    """
    walk = _ProjectWalk(directory.resolve(), ignore, never)
    return dict(sorted(walk.files(walk.directory, git=walk.parents_git)))


class _ProjectWalk:
    """One walk through a project's folders, which reads their ignore files on the way."""

    def __init__(self, directory: Path, ignore: Iterable[str], never: Iterable[Path]) -> None:
        self.directory = directory
        # Patterns match paths relative to the repository, whose `.gitignore` files above the project apply too.
        self.root = next((each for each in (directory, *directory.parents) if (each / ".git").exists()), directory)
        base = directory.relative_to(self.root).as_posix()
        parents = [each for each in reversed(directory.parents) if each.is_relative_to(self.root)]
        self.parents_git = tuple(self.read_ignore_file(each, ".gitignore") for each in parents)
        self.defaults = IgnoreFile(base, DEFAULTS)
        try:
            self.option = IgnoreFile(base, ignore, strict=True)
        except ValueError as error:
            raise CommandError(f"--ignore: {str(error)!r} is not a valid .gitignore pattern.") from error
        self.never = IgnoreFile(base.casefold(), NEVER)
        self.never_paths = {os.path.realpath(path) for path in never}

    def files(
        self,
        folder: Path,
        parents: tuple[str, ...] = (),  # Real paths, to detect links to them.
        git: tuple[IgnoreFile, ...] = (),
        cws: tuple[IgnoreFile, ...] = (),
    ) -> Iterator[tuple[str, Path]]:
        """Yield the files of a folder and its subfolders. The other arguments describe the folders above it."""
        with file_errors(folder):
            names = sorted(os.listdir(folder))
        git = (*git, self.read_ignore_file(folder, ".gitignore"))
        cws = (*cws, self.read_ignore_file(folder, ".cwsignore"))
        parents = (*parents, os.path.realpath(folder))
        for path in (folder / name for name in names):
            if self.excludes(path, [*git, self.defaults, *cws, self.option]):
                continue
            self.check(path, parents)
            if path.is_dir():
                yield from self.files(path, parents, git, cws)
            elif path.is_file():
                yield path.relative_to(self.directory).as_posix(), path

    def excludes(self, path: Path, ignore_files: Sequence[IgnoreFile]) -> bool:
        name, is_folder = path.relative_to(self.root).as_posix(), path.is_dir()
        # The two paths differ for a link only.
        if any(map(self.never_includes, {path, Path(os.path.realpath(path))})):
            return True
        verdicts = (file.excludes(name, is_folder) for file in reversed(ignore_files))
        if next((verdict for verdict in verdicts if verdict is not None), False):
            return True
        # `Path.is_file` would raise for a folder without read permission, which is reported when it is listed.
        return os.path.isfile(path / "pyvenv.cfg") if is_folder else _is_cws_archive(path)

    def never_includes(self, path: Path) -> bool:
        """Return whether `NEVER` or a path of `never` matches the entry or, since links exist, a folder above it."""
        if not path.is_relative_to(self.directory):
            # `check` rejects it.
            return False
        parts = path.relative_to(self.directory).parts
        for entry in (self.directory.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)):
            name = entry.relative_to(self.root).as_posix().casefold()
            if os.path.realpath(entry) in self.never_paths or self.never.excludes(name, entry.is_dir()):
                return True
        return False

    def check(self, path: Path, parents: tuple[str, ...]) -> None:
        name, real = path.relative_to(self.directory).as_posix(), os.path.realpath(path)
        remedy = "remove it, or add it to .cwsignore."
        try:
            name.encode()
        except UnicodeEncodeError as error:
            # Python decodes undecodable bytes of a file name as surrogates.
            raise DeployError(
                f"The file name {name!r} is not valid UTF-8: rename it, or add it to .cwsignore."
            ) from error
        if not path.exists():
            raise DeployError(f"The link {name} is broken: {remedy}")
        if real in parents:
            raise DeployError(f"The link {name} points to a folder that contains it: {remedy}")
        if not Path(real).is_relative_to(self.directory):
            raise DeployError(f"The link {name} points outside the project, to {real}: {remedy}")

    def read_ignore_file(self, folder: Path, name: str) -> IgnoreFile:
        path, base = folder / name, folder.relative_to(self.root).as_posix()
        check_target(path)
        if not path.is_file():
            return IgnoreFile(base, ())
        with file_errors(path):
            # Undecodable bytes are decoded as in file names, so that they match these.
            text = path.read_text(encoding="utf-8", errors="surrogateescape")
        return IgnoreFile(base, text.removeprefix("\ufeff").split("\n"))


def _is_cws_archive(path: Path) -> bool:
    """Return whether a file is an archive built by `cws`."""
    if path.suffix != ".zip" or not path.is_file():
        return False
    with file_errors(path):
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return f"{ENTRY_MODULE}.py" in archive.namelist()


def check_target(path: Path) -> None:
    """Raise `DeployError` if the path is a link without a target, which would count as a missing file."""
    if path.is_symlink() and not path.exists():
        raise DeployError(f"The link {path} is broken: remove it, or create its target {os.readlink(path)}.")


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` into a `DeployError` that names the file."""
    try:
        yield
    except OSError as error:
        raise DeployError(f"{error.filename or path} cannot be read: {error.strerror}.") from error

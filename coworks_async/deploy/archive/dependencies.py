"""Install the dependencies of a project, and CoWorks itself, for Lambda's platform.

uv installs them instead of pip, because it resolves for another Python and platform, environment markers included.
https://docs.astral.sh/uv/pip/compatibility/
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from uv import find_uv_bin

from coworks_async.deploy.archive.source_files import check_target
from coworks_async.deploy.archive.staging import COWORKS, build_coworks_wheel
from coworks_async.deploy.options import Architecture
from coworks_async.exceptions import CommandError, DeployError

# The newest manylinux tags that uv knows and the runtime can load: Python 3.11 runs on Amazon Linux 2 (glibc 2.26),
# later versions on Amazon Linux 2023 (glibc 2.34).
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
# https://docs.aws.amazon.com/linux/al2023/ug/glibc-gcc-and-binutils.html
MANYLINUX = {"3.11": "2_17", "3.12": "2_34", "3.13": "2_34", "3.14": "2_34"}

MACHINES: dict[Architecture, str] = {"arm64": "aarch64", "x86_64": "x86_64"}

RUNTIME_DISTRIBUTIONS = ("boto3", "botocore", "s3transfer")
"""Distributions of the Lambda runtime. Their dependencies are excluded too, unless something else requires them."""

MAX_MESSAGE = 400
"""Longest part of uv's output in an error message, in characters."""

_DISTRIBUTION_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_COWORKS_EXTRAS = re.compile(r"\s*coworks[-_.]+async\s*\[([^\]]*)\]", re.IGNORECASE)


def uv_platform(python: str, architecture: Architecture) -> str:
    """Return the value of uv's `--python-platform` for the runtime of a Lambda."""
    if python not in MANYLINUX:
        raise CommandError(f"Python {python!r} is not supported. Choose one of {', '.join(MANYLINUX)}.")
    return f"{MACHINES[architecture]}-manylinux_{MANYLINUX[python]}"


def find_requirements(directory: Path, top: Path) -> Path | None:
    """Find the file that pins or lists the dependencies: `uv.lock`, `pyproject.toml` or `requirements.txt`.

    The project's folder is searched first, then its parent folders up to `top`.
    """
    for folder in (directory, *(each for each in directory.parents if each.is_relative_to(top))):
        for name in ("pyproject.toml", "uv.lock", "requirements.txt"):
            check_target(folder / name)
        # A `pyproject.toml` may configure tools only.
        if "dependencies" in _read_toml(folder / "pyproject.toml").get("project", {}):
            lock = folder / "uv.lock"
            return lock if lock.is_file() else folder / "pyproject.toml"
        if (folder / "requirements.txt").is_file():
            return folder / "requirements.txt"
    return None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DeployError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise DeployError(f"{path} cannot be read: {error}.") from error


def find_listed_extras(requirements: Path) -> set[str]:
    """Return the extras of CoWorks that the file, or a file that it includes, requires."""
    if requirements.name == "requirements.txt":
        return _find_included_extras(requirements, set())
    return _parse_extras(_read_toml(requirements.with_name("pyproject.toml"))["project"]["dependencies"])


def _find_included_extras(file: Path, seen: set[Path]) -> set[str]:
    if file in seen or not file.is_file():
        # uv reports a missing file.
        return set()
    seen.add(file)
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    included = [match[1] for line in lines if (match := re.match(r"\s*(?:-r|--requirement)[\s=]*(\S+)", line))]
    found = [_find_included_extras((file.parent / path).resolve(), seen) for path in included]
    return _parse_extras(lines).union(*found)


def _find_installed_extras(folder: Path) -> set[str]:
    """Return the extras of CoWorks that installed distributions require."""
    texts = [path.read_text(encoding="utf-8") for path in folder.glob("*.dist-info/METADATA")]
    return _parse_extras(line.removeprefix("Requires-Dist:") for text in texts for line in text.splitlines())


def _parse_extras(requirements: Iterable[str]) -> set[str]:
    found = [match[1] for line in requirements if (match := _COWORKS_EXTRAS.match(line))]
    return {extra.strip().lower() for extras in found for extra in extras.split(",")} - {""}


@dataclass(slots=True)
class Installer:
    """Installer of a project's dependencies and of CoWorks, for the platform of a Lambda."""

    python: str
    architecture: Architecture
    requirements: Path | None
    work: Path  # Folder for the files that uv reads.
    log: Path  # File for uv's output if it fails.
    # Distributions without a wheel that uv has to build; uv reports them one at a time.
    built: list[str] = field(default_factory=list)

    def install(self, folder: Path, layer_provides: Iterable[str] = (), extras: Iterable[str] = ()) -> None:
        """Install everything into a folder, except the distributions of layers and what only these require.

        `extras` are the extras of CoWorks to install besides the required ones.
        """
        excluded = {*RUNTIME_DISTRIBUTIONS, *map(_normalize_name, layer_provides)}
        options = ["--excludes", self._write("excludes.txt", excluded)]
        if self.requirements is not None and self.requirements.name == "uv.lock":
            options += ["--requirements", str(self.requirements.with_name("pyproject.toml"))]
            options += ["--constraints", self._export_lock()]
        elif self.requirements is not None:
            options += ["--requirements", str(self.requirements)]
        if COWORKS in excluded:
            if self.requirements is not None:
                self._install(folder, options)
            return
        wheel = build_coworks_wheel(self.work)
        wanted = {*extras, *(find_listed_extras(self.requirements) if self.requirements is not None else ())}
        while True:
            # An override replaces every requirement of CoWorks, together with the extras that it names.
            override = self._write("own.txt", [f"{COWORKS}[{','.join(sorted(wanted))}] @ {wheel.as_uri()}"])
            self._install(folder, [*options, "--overrides", override, "--requirements", override])
            more = _find_installed_extras(folder) - wanted
            if not more:
                return
            wanted |= more

    def _install(self, folder: Path, options: Sequence[str]) -> None:
        """Install wheels; repeat, and build the distributions for which uv finds no wheel."""
        command = ["pip", "install", "--target", str(folder), "--python", sys.executable, "--no-editable"]
        command += ["--python-version", self.python, "--python-platform", uv_platform(self.python, self.architecture)]
        command += ["--only-binary", ":all:", *options]
        while True:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            # A required folder or repository may be built, anew each time.
            allowed = [word for name in self.built for word in ("--no-binary", name, "--refresh-package", name)]
            done = self._run_uv([*command, *allowed])
            found = set(find_source_distributions(done.stderr)).difference(self.built)
            if not found and done.returncode:
                raise self._failure(done.stderr)
            if not found:
                return
            self.built += sorted(found)

    def _export_lock(self) -> str:
        pins = self.work / "pins.txt"
        command = ["export", "--locked", "--no-default-groups", "--no-emit-project", "--no-emit-local"]
        command += ["--no-emit-package", COWORKS, "--no-header", "--no-annotate", "--output-file", str(pins)]
        done = self._run_uv(command)
        if done.returncode:
            raise self._failure(done.stderr)
        return str(pins)

    def _run_uv(self, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        try:
            program = find_uv_bin()
        except FileNotFoundError as error:
            raise DeployError(
                "Cannot find uv, which installs the dependencies: "
                f"run 'pip install --force-reinstall uv' in {sys.prefix}."
            ) from error
        # uv reads its configuration in the folder of the requirements.
        folder = self.requirements.parent if self.requirements is not None else None
        environment = os.environ | {"NO_COLOR": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
        return subprocess.run(  # noqa: S603
            [program, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )

    def _failure(self, output: str) -> DeployError:
        source = self.requirements.name if self.requirements is not None else COWORKS
        cause = explain_failure(output, f"Python {self.python} on {self.architecture}")
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            self.log.write_text(redact_credentials(output), encoding="utf-8")
        except OSError as error:
            return DeployError(f"{source}: {cause} The log {self.log} cannot be written: {error.strerror}.")
        return DeployError(f"{source}: {cause}", self.log)

    def _write(self, name: str, lines: Iterable[str]) -> str:
        path = self.work / name
        path.write_text("".join(f"{line}\n" for line in sorted(lines)))
        return str(path)


def _normalize_name(name: str) -> str:
    """Return a distribution name as package indexes write it (PEP 503)."""
    if _DISTRIBUTION_NAME.fullmatch(name) is None:
        raise CommandError(f"--layer-provides: {name!r} is not a valid distribution name.")
    return re.sub(r"[-_.]+", "-", name).lower()


# uv wraps long lines.
_UNBUILT = re.compile(r"attempted\W+to\W+build\W+`([^`]+)`")
_BUILT_FROM_FOLDER = re.compile(r"^ \+ ([^=\s]+)==\S+ \(from file://\S+(?<!\.whl)\)$", re.MULTILINE)

_NAME = r"(?P<name>[A-Za-z0-9][\w.\[\],-]*)"
_VERSION = r"(?:[=<>!~][^\s,`]+)?"

# The first match counts: uv reports a wrong hash as a failed download, for example.
_KNOWN_FAILURES = (
    (
        rf"{_NAME}{_VERSION} was not found in the (?:package registry|provided package locations)",
        "{name} is not in the package index.",
    ),
    (
        rf"{_NAME}{_VERSION} was not found in the cache",
        "{name} is not in uv's cache, and uv's network access is disabled (UV_OFFLINE). Enable it.",
    ),
    (
        rf"{_NAME}{_VERSION} ha(?:s|ve) no (?:usable )?wheels",
        "{name} has no wheel for {platform}. Use another version, or provide it in a layer (--layer-provides {name}).",
    ),
    (rf"there is no version of {_NAME}(?P<version>[=<>!~][^\s,]+)", "{name} has no version {version}."),
    # The project depends on it, or the user requires it. Other dependencies are shown with their version.
    (
        rf"only {_NAME}[=<>]\S+ is available and (?:you require|[\w.-]+ depends on) (?P=name)(?P<version>\S+),",
        "{name} has no version {version}.",
    ),
    (rf"Hash mismatch for `{_NAME}{_VERSION}`", "{name} does not match its pinned hash."),
    (r"lockfile at `uv.lock` needs to be updated", "it does not match pyproject.toml. Run 'uv lock'."),
    (
        r"error: Building source distributions is disabled",
        "a requirement in 'dependencies' is invalid, or 'dynamic' lists dependencies. Correct the table [project].",
    ),
    (
        rf"`{_NAME} @ .* cause: Git operation failed.* (?:cause:|stderr) (?:fatal: )?(?P<reason>.+)",
        "cannot fetch {name} from its Git repository: {reason}.",
    ),
    (r"Failed to (?:fetch|download).* cause: (?P<reason>.+)", "cannot reach the package index: {reason}."),
)


def find_source_distributions(output: str) -> list[str]:
    """Return the names of distributions that uv must build, or took from its cache without checking for changes."""
    return _UNBUILT.findall(output) + _BUILT_FROM_FOLDER.findall(output)


def explain_failure(output: str, platform: str) -> str:
    """Return one line that explains why uv failed, in uv's words if the cause is not a known one."""
    text = " ".join(redact_credentials(output).split())
    for pattern, message in _KNOWN_FAILURES:
        if match := re.search(pattern, text):
            found = {name: value.rstrip(".") for name, value in match.groupdict().items()}
            return message.format(platform=platform, **found)
    words = text.partition("error: ")[2].partition(" hint: ")[0].replace(" cause: ", ": ").rstrip(" ^")
    words = words.removeprefix("No solution found when resolving dependencies: ")
    words = words if len(words) <= MAX_MESSAGE else f"{words[:MAX_MESSAGE]}…"
    return words or "uv failed without an error message."


def redact_credentials(output: str) -> str:
    """Replace the credentials in URLs: all up to the last `@`, since uv also prints URLs with an unescaped `@` or `/`.

    The repository in `https://host/repository@revision` is replaced too.
    """
    return re.sub(r"(?<=://)[^\s/]\S*@", "****@", output)

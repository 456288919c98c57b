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


@dataclass(frozen=True, slots=True)
class LambdaPlatform:
    """The platform that dependencies are installed for.

    Raises:
        CommandError: the Python version is not supported.
    """

    python: str
    architecture: Architecture

    def __post_init__(self) -> None:
        if self.python not in MANYLINUX:
            raise CommandError(f"Python {self.python!r} is not supported. Choose one of {', '.join(MANYLINUX)}.")

    @property
    def uv_name(self) -> str:
        """Value of uv's `--python-platform`."""
        return f"{MACHINES[self.architecture]}-manylinux_{MANYLINUX[self.python]}"

    def __str__(self) -> str:
        return f"Python {self.python} on {self.architecture}"


@dataclass(frozen=True, slots=True)
class RequirementsFile:
    """The file that lists a project's dependencies.

    Attributes:
        is_locked: whether a `uv.lock` beside it pins them.
    """

    path: Path
    is_locked: bool = False

    @property
    def name(self) -> str:
        """Name of the file in messages."""
        return "uv.lock" if self.is_locked else self.path.name

    def find_extras(self, distribution: str) -> set[str]:
        """Return the extras of a distribution that the file, or a file that it includes, requires."""
        if self.path.name == "pyproject.toml":
            return parse_extras(_read_toml(self.path)["project"]["dependencies"], distribution)
        return _find_extras_in_list(self.path, distribution, set())


def find_requirements(directory: Path, top: Path) -> RequirementsFile | None:
    """Find the file that lists the dependencies: `pyproject.toml`, perhaps with a `uv.lock`, or `requirements.txt`.

    Args:
        directory: folder of the project, searched first.
        top: last parent folder searched.

    Raises:
        DeployError: a `pyproject.toml` cannot be read.
    """
    for folder in (directory, *(each for each in directory.parents if each.is_relative_to(top))):
        # A `pyproject.toml` may configure tools only.
        if "dependencies" in _read_toml(folder / "pyproject.toml").get("project", {}):
            return RequirementsFile(folder / "pyproject.toml", is_locked=(folder / "uv.lock").is_file())
        if (folder / "requirements.txt").is_file():
            return RequirementsFile(folder / "requirements.txt")
    return None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DeployError(f"{path} cannot be read: {error}.") from error


def parse_extras(requirements: Iterable[str], distribution: str) -> set[str]:
    """Return the extras of a distribution that requirement lines name.

    Example:
        >>> sorted(parse_extras(["coworks-async[admin,xray]>=0.1", "starlette[full]"], "coworks-async"))
        ['admin', 'xray']
    """
    pattern = re.compile(rf"\s*{re.sub('[-_.]+', '[-_.]+', distribution)}\s*\[([^\]]*)\]", re.IGNORECASE)
    found = [match[1] for line in requirements if (match := pattern.match(line))]
    return {extra.strip().lower() for extras in found for extra in extras.split(",")} - {""}


def _find_extras_in_list(file: Path, distribution: str, seen: set[Path]) -> set[str]:
    if file in seen or not file.is_file():
        # uv reports a missing file.
        return set()
    seen.add(file)
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    included = [match[1] for line in lines if (match := re.match(r"\s*(?:-r|--requirement)[\s=]*(\S+)", line))]
    found = [_find_extras_in_list((file.parent / path).resolve(), distribution, seen) for path in included]
    return parse_extras(lines, distribution).union(*found)


@dataclass(slots=True)
class Installer:
    """Installs dependencies with uv.

    Attributes:
        work: folder for the files that uv reads.
        log: file for uv's output if it fails.
        built: distributions without a wheel that uv has to build; uv reports them one at a time.
    """

    platform: LambdaPlatform
    work: Path
    log: Path
    built: list[str] = field(default_factory=list)

    def install(
        self,
        requirements: RequirementsFile | None,
        folder: Path,
        layer_provides: Iterable[str] = (),
        extras: Iterable[str] = (),
    ) -> None:
        """Install the project's dependencies and CoWorks into a folder.

        Args:
            layer_provides: distributions to exclude, with the dependencies that only they require.
            extras: extras of CoWorks to install besides the required ones.

        Raises:
            CommandError: a name in `layer_provides` is not a distribution name.
            DeployError: a dependency cannot be installed.
        """
        excluded = {*RUNTIME_DISTRIBUTIONS, *map(_normalize_name, layer_provides)}
        options = ["--excludes", self._write("excludes.txt", excluded)]
        if requirements is not None:
            options += ["--requirements", str(requirements.path)]
            if requirements.is_locked:
                options += ["--constraints", self._export_lock(requirements)]
        if COWORKS in excluded:
            if requirements is not None:
                self._install(requirements, folder, options)
            return
        wheel = build_coworks_wheel(self.work)
        wanted = {*extras, *(requirements.find_extras(COWORKS) if requirements is not None else ())}
        while True:
            # An override replaces every requirement of CoWorks, together with the extras that it names.
            override = self._write("own.txt", [f"{COWORKS}[{','.join(sorted(wanted))}] @ {wheel.as_uri()}"])
            self._install(requirements, folder, [*options, "--overrides", override, "--requirements", override])
            more = _find_required_extras(folder) - wanted
            if not more:
                return
            wanted |= more

    def _install(self, requirements: RequirementsFile | None, folder: Path, options: Sequence[str]) -> None:
        """Install wheels, and repeat with those source distributions built that uv reports."""
        command = ["pip", "install", "--target", str(folder), "--python", sys.executable, "--no-editable"]
        command += ["--python-version", self.platform.python, "--python-platform", self.platform.uv_name]
        command += ["--only-binary", ":all:", *options]
        while True:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            # A required folder or repository may be built, anew each time.
            allowed = [word for name in self.built for word in ("--no-binary", name, "--refresh-package", name)]
            done = _run_uv([*command, *allowed], requirements)
            found = set(find_source_distributions(done.stderr)).difference(self.built)
            if not found and done.returncode:
                raise self._failure(done.stderr, requirements)
            if not found:
                return
            self.built += sorted(found)

    def _export_lock(self, requirements: RequirementsFile) -> str:
        pins = self.work / "pins.txt"
        command = ["export", "--locked", "--no-default-groups", "--no-emit-project", "--no-emit-local"]
        command += ["--no-emit-package", COWORKS, "--no-header", "--no-annotate", "--output-file", str(pins)]
        done = _run_uv(command, requirements)
        if done.returncode:
            raise self._failure(done.stderr, requirements)
        return str(pins)

    def _failure(self, output: str, requirements: RequirementsFile | None) -> DeployError:
        source = requirements.name if requirements is not None else COWORKS
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.write_text(redact_credentials(output))
        return DeployError(f"{source}: {explain_failure(output, self.platform)}", self.log)

    def _write(self, name: str, lines: Iterable[str]) -> str:
        path = self.work / name
        path.write_text("".join(f"{line}\n" for line in sorted(lines)))
        return str(path)


def _normalize_name(name: str) -> str:
    """Return a distribution name as package indexes write it (PEP 503)."""
    if _DISTRIBUTION_NAME.fullmatch(name) is None:
        raise CommandError(f"--layer-provides: {name!r} is not a valid distribution name.")
    return re.sub(r"[-_.]+", "-", name).lower()


def _find_required_extras(folder: Path) -> set[str]:
    """Return the extras of CoWorks that installed distributions require."""
    texts = [path.read_text(encoding="utf-8") for path in folder.glob("*.dist-info/METADATA")]
    return parse_extras((line.removeprefix("Requires-Dist:") for text in texts for line in text.splitlines()), COWORKS)


def _run_uv(command: Sequence[str], requirements: RequirementsFile | None) -> "subprocess.CompletedProcess[str]":
    try:
        program = find_uv_bin()
    except FileNotFoundError as error:
        raise DeployError(
            f"Cannot find uv, which installs the dependencies: run 'pip install --force-reinstall uv' in {sys.prefix}."
        ) from error
    # uv reads its configuration in the folder of the requirements.
    folder = requirements.path.parent if requirements is not None else None
    environment = os.environ | {"NO_COLOR": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
    return subprocess.run(  # noqa: S603
        [program, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


# uv wraps long lines.
_UNBUILT = re.compile(r"attempted\W+to\W+build\W+`([^`]+)`")
_BUILT_FROM_FOLDER = re.compile(r"^ \+ ([^=\s]+)==\S+ \(from file://\S+(?<!\.whl)\)$", re.MULTILINE)

_NAME = r"(?P<name>[A-Za-z0-9][\w.\[\],-]*)"
_VERSION = r"(?:[=<>!~][^\s,`]+)?"

# The first match counts: uv reports a wrong hash as a failed download, for example.
_KNOWN_FAILURES = (
    (
        rf"{_NAME}{_VERSION} was not found in the (?:package registry|cache|provided package locations)",
        "{name} is not in the package index.",
    ),
    (
        rf"{_NAME}{_VERSION} has no (?:usable )?wheels",
        "{name} has no wheel for {platform}. Use another version, or provide it in a layer (--layer-provides {name}).",
    ),
    (rf"there is no version of {_NAME}(?P<version>[=<>!~][^\s,]+)", "{name} has no version {version}."),
    (rf"Hash mismatch for `{_NAME}{_VERSION}`", "{name} does not match its pinned hash."),
    (r"lockfile at `uv.lock` needs to be updated", "it does not match pyproject.toml. Run 'uv lock'."),
    (r"Failed to (?:fetch|download).* cause: (?P<reason>.+)", "cannot reach the package index: {reason}."),
)


def find_source_distributions(output: str) -> list[str]:
    """Return the names of distributions that uv must build, or took from its cache without checking for changes."""
    return _UNBUILT.findall(output) + _BUILT_FROM_FOLDER.findall(output)


def explain_failure(output: str, platform: LambdaPlatform) -> str:
    """Return one line that explains why uv failed, in uv's words if the cause is not a known one."""
    text = " ".join(redact_credentials(output).split())
    for pattern, message in _KNOWN_FAILURES:
        if match := re.search(pattern, text):
            return message.format(platform=platform, **match.groupdict())
    words = text.partition("error: ")[2].partition(" hint: ")[0].replace(" cause: ", ": ").rstrip(" ^")
    words = words.removeprefix("No solution found when resolving dependencies: ")
    words = words if len(words) <= MAX_MESSAGE else f"{words[:MAX_MESSAGE]}…"
    return words or "uv failed without an error message."


def redact_credentials(output: str) -> str:
    """Replace the credentials in URLs."""
    return re.sub(r"(?<=://)[^/\s@]+@", "****@", output)

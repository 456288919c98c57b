"""The dependencies of a project, installed for the Lambda's platform by uv.

uv, and not pip, since it resolves for a Python and a platform that are not its own: environment markers too.
https://docs.astral.sh/uv/pip/compatibility/
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coworks_async.deploy.archive import self_wheel
from coworks_async.deploy.archive.module_usage import normalized
from coworks_async.deploy.archive.requirements import Requirements, extras_in, extras_of
from coworks_async.deploy.archive.uv_errors import redacted, to_build, why
from coworks_async.deploy.stack import Architecture
from coworks_async.exceptions import CommandError, DeployError

PYTHONS = ("3.11", "3.12", "3.13", "3.14")

# The runtime of Python 3.11 is on Amazon Linux 2 with glibc 2.26, the later ones on Amazon Linux 2023 with glibc 2.34.
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
# https://docs.aws.amazon.com/linux/al2023/ug/glibc-gcc-and-binutils.html
# 2.17 is the newest below 2.26 that uv knows.
GLIBC = {"3.11": "2_17"}
NEWER_GLIBC = "2_34"

MACHINES: dict[Architecture, str] = {"arm64": "aarch64", "x86_64": "x86_64"}

RUNTIME_BRINGS = ("boto3", "botocore", "s3transfer")
"""What the Lambda's runtime has; what else they need stays out with them unless something asks for it."""

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Target:
    """What the dependencies are to run on.

    Raises:
        CommandError: Lambda has no such Python, or we do not know it.
    """

    python: str
    architecture: Architecture

    def __post_init__(self) -> None:
        if self.python not in PYTHONS:
            raise CommandError(f"Python {self.python!r} cannot be deployed to: choose one of {', '.join(PYTHONS)}.")

    @property
    def platform(self) -> str:
        """The platform as uv calls it."""
        return f"{MACHINES[self.architecture]}-manylinux_{GLIBC.get(self.python, NEWER_GLIBC)}"

    def __str__(self) -> str:
        return f"Python {self.python} on {self.architecture}"


@dataclass(slots=True)
class Installer:
    """Installs dependencies with uv.

    Attributes:
        work: a folder for the files that uv reads.
        log: where everything that uv says is kept when it fails.
        built: the distributions that are no wheels and have to be built, as uv names them one by one.
    """

    target: Target
    work: Path
    log: Path
    built: list[str] = field(default_factory=list)

    def install(
        self,
        requirements: Requirements | None,
        folder: Path,
        layer_provides: Iterable[str] = (),
        extras: Iterable[str] = (),
    ) -> None:
        """Install the project's dependencies and CoWorks itself into a folder.

        Parameters:
            layer_provides: distributions that layers bring: left out, with what only they need.
            extras: of CoWorks, besides those that the requirements name.

        Raises:
            CommandError: a name of those is none.
            DeployError: in one line, which dependency cannot be had, and why.
        """
        excluded = {*RUNTIME_BRINGS, *map(_checked, layer_provides)}
        options = ["--excludes", self._write("excludes.txt", excluded)]
        if requirements is not None:
            options += ["--requirements", str(requirements.file)]
            if requirements.locked:
                options += ["--constraints", self._pins(requirements)]
        if self_wheel.NAME in excluded:
            if requirements is not None:
                self._install(requirements, folder, options)
            return
        wheel = self_wheel.own_wheel(self.work)
        wanted = {*extras, *(extras_of(requirements, self_wheel.NAME) if requirements is not None else ())}
        while True:
            # What stands here is taken for whatever else names it, without the extras that are asked for there.
            line = f"{self_wheel.NAME}[{','.join(sorted(wanted))}] @ {wheel.as_uri()}"
            ours = self._write("own.txt", [line])
            self._install(requirements, folder, [*options, "--overrides", ours, "--requirements", ours])
            more = _extras_of_installed(folder) - wanted
            if not more:
                return
            wanted |= more

    def _install(self, requirements: Requirements | None, folder: Path, options: Sequence[str]) -> None:
        """Install anew until nothing is left that has to be built and has not been."""
        command = ["pip", "install", "--target", str(folder), "--python", sys.executable, "--no-editable"]
        command += ["--python-version", self.target.python, "--python-platform", self.target.platform]
        command += ["--only-binary", ":all:", *options]
        while True:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            allowed = [word for name in self.built for word in ("--no-binary", name, "--refresh-package", name)]
            done = _uv([*command, *allowed], requirements)
            # A folder or a repository that a requirement names: it may be built, and is each time.
            found = set(to_build(done.stderr)).difference(self.built)
            if not found and done.returncode:
                raise self._failure(done.stderr, requirements)
            if not found:
                return
            self.built += sorted(found)

    def _pins(self, requirements: Requirements) -> str:
        """Write what the lock pins, with its hashes."""
        pins = self.work / "pins.txt"
        command = ["export", "--locked", "--no-default-groups", "--no-emit-project", "--no-emit-local"]
        command += ["--no-emit-package", self_wheel.NAME, "--no-header", "--no-annotate", "--output-file", str(pins)]
        done = _uv(command, requirements)
        if done.returncode:
            raise self._failure(done.stderr, requirements)
        return str(pins)

    def _failure(self, said: str, requirements: Requirements | None) -> DeployError:
        name = requirements.name if requirements is not None else self_wheel.NAME
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.write_text(redacted(said))
        return DeployError(why(said, name, str(self.target)), self.log)

    def _write(self, name: str, lines: Iterable[str]) -> str:
        path = self.work / name
        path.write_text("".join(f"{line}\n" for line in sorted(lines)))
        return str(path)


def _extras_of_installed(folder: Path) -> set[str]:
    """Return the extras of CoWorks that installed distributions ask for."""
    texts = [path.read_text(encoding="utf-8") for path in folder.glob("*.dist-info/METADATA")]
    lines = [line.removeprefix("Requires-Dist:") for text in texts for line in text.splitlines()]
    return extras_in(lines, self_wheel.NAME)


def _uv(command: Sequence[str], requirements: Requirements | None) -> "subprocess.CompletedProcess[str]":
    # In the project's folder, where its configuration of uv is; never a download of a Python.
    folder = requirements.file.parent if requirements is not None else None
    environment = os.environ | {"NO_COLOR": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
    return subprocess.run(  # noqa: S603
        [_program(), *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def _program() -> str:
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError) as error:
        raise DeployError(
            "uv, which installs the dependencies, is not where its package puts it: run 'pip install --force-reinstall "
            f"uv' in the environment of {sys.prefix}."
        ) from error


def _checked(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise CommandError(f"--layer-provides takes the name of a distribution, which {name!r} is not.")
    return normalized(name)

"""The sdist and the wheel of this checkout, and new virtual environments to install them in."""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from uv import find_uv_bin

from tests.tools import find_tool

ROOT = Path(__file__).parents[1]

# Variables that would make processes in another environment use this checkout or its tools.
_FOREIGN = ("COVERAGE_", "CWS_", "MAKE", "PYTEST_", "PYTHONPATH", "VIRTUAL_ENV")


@dataclass(frozen=True)
class VirtualEnvironment:
    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def distribution_info(self) -> Path:
        """The folder with the records of the installed CoWorks."""
        [folder] = self.folder.glob("lib/python*/site-packages/coworks_async-*.dist-info")
        return folder

    def run(self, *command: str, cwd: Path | None = None) -> str:
        """Run a command in the activated environment and return its output. A failure fails the test."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        variables |= {
            "VIRTUAL_ENV": str(self.folder),
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        done = subprocess.run(
            command, cwd=cwd or self.folder, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def pip_install(self, *arguments: str, cwd: Path | None = None) -> None:
        self.run(str(self.python), "-m", "pip", "install", "--quiet", *arguments, cwd=cwd)

    def uv_install(self, *arguments: str, cwd: Path | None = None) -> None:
        self.run(find_uv_bin(), "pip", "install", "--quiet", "--python", str(self.python), *arguments, cwd=cwd)


def create_environment(folder: Path, *, with_pip: bool) -> VirtualEnvironment:
    """Create a virtual environment without packages, except pip on request."""
    venv.create(folder, with_pip=with_pip, symlinks=True)
    return VirtualEnvironment(folder)


@dataclass(frozen=True)
class Built:
    """The files that `make dist` builds.

    Attributes:
        checkout: a copy of this checkout, committed to a git repository.
        output: the output of `make dist`.
    """

    checkout: Path
    sdist: Path
    wheel: Path
    output: str


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Run `make dist` in a copy of this checkout, once for each test process."""
    folder = tmp_path_factory.mktemp("built")
    checkout = Path(shutil.copytree(ROOT, folder / "coworks-async", ignore=_ignore))
    identity = ("-c", "user.name=tests", "-c", "user.email=tests@example.org")
    for words in (["init", "--quiet"], ["add", "--all"], [*identity, "commit", "--quiet", "--message", "Copy"]):
        subprocess.run([find_tool("git"), *words], cwd=checkout, check=True)
    return make_dist(checkout)


def make_dist(checkout: Path, umask: int = 0o022) -> Built:
    """Run `make dist` in a git repository with the sources, without installing anything."""
    # The stamps and EDITABLE show that the environment of the tests has all tools. Otherwise `make` would install the
    # copy in it.
    folder = checkout.parent
    for name in (".run", ".dev"):
        (folder / name).touch()
    variables = [f"VENV={folder}", f"BIN={Path(sys.executable).parent}", "EDITABLE=yes"]
    done = subprocess.run(
        [find_tool("make"), "dist", *variables], cwd=checkout, umask=umask, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [sdist], [wheel] = checkout.glob("dist/*.tar.gz"), checkout.glob("dist/*.whl")
    return Built(checkout, sdist, wheel, done.stdout)


def _ignore(folder: str, names: Iterable[str]) -> set[str]:
    """Return the files of a folder that git ignores or manages, for `shutil.copytree`."""
    ignored = {"__pycache__", ".terraform", *(name for name in names if name.startswith(".venv"))}
    if Path(folder) == ROOT:
        ignored |= {name for name in names if name.startswith(".") and name != ".gitignore"} | {"build", "dist"}
    return ignored

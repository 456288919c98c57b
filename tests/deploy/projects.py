"""A project with requirements, and the installation of its dependencies."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from uv import find_uv_bin

from coworks_async.deploy.archive.dependencies import Installer, find_requirements

Install = Callable[..., list[str]]

PROJECT = """
[project]
name = "orders"
version = "1"
requires-python = ">=3.11"
dependencies = [{}]

[dependency-groups]
dev = ["tool"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Create the empty folder of a project."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def install(project: Path, tmp_path: Path) -> Install:
    """Return a function that installs the project's dependencies and lists the top of the folder, without metadata."""

    def install(python: str = "3.13", layer_provides: tuple[str, ...] = ("coworks-async",)) -> list[str]:
        work, tree = tmp_path / "work", tmp_path / "tree"
        for folder in (work, tree):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        requirements = find_requirements(project, project)
        Installer(python, "arm64", requirements, work, tmp_path / "logs" / "archive.log").install(tree, layer_provides)
        names = sorted(path.name for path in tree.iterdir() if path.suffix != ".dist-info")
        return [name for name in names if name not in (".lock", "bin")]

    return install


def require(project: Path, *lines: str) -> None:
    (project / "requirements.txt").write_text("".join(f"{line}\n" for line in lines))


def uv(*command: str, cwd: Path) -> None:
    subprocess.run([find_uv_bin(), *command], cwd=cwd, check=True, capture_output=True)

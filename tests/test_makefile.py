"""The Makefile installs CoWorks Async again if its environment does not contain the editable install."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.tools import find_tool, requires_tool

ROOT = Path(__file__).parents[1]

EDITABLE: dict[str, Any] = {"url": "file:///clone", "dir_info": {"editable": True}}


def list_commands(clone: Path, target: str) -> str:
    """Return the commands that `make` would run."""
    # `make check` runs the tests, and its child would print the directory.
    command = [find_tool("make"), "--no-print-directory", "--dry-run", target]
    return subprocess.run(command, cwd=clone, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose environment was installed by `make test`."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "locks", tmp_path / "locks")
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    time.sleep(0.01)  # make compares times
    for stamp in (".run", ".dev"):
        (tmp_path / ".venv" / stamp).touch()
        time.sleep(0.01)
    return tmp_path


def record_origin(clone: Path, text: str | None) -> None:
    info = clone / ".venv" / "lib" / "python3.11" / "site-packages" / "coworks_async-0.1.0.dist-info"
    info.mkdir(parents=True)
    if text is not None:
        (info / "direct_url.json").write_text(text)


@requires_tool("make")
@pytest.mark.parametrize("separators", [(", ", ": "), (",", ":")], ids=["pip", "uv"])
@pytest.mark.parametrize("target", ["run", "test"])
def test_an_editable_install_is_kept(clone: Path, target: str, separators: tuple[str, str]):
    record_origin(clone, json.dumps(EDITABLE, separators=separators))
    assert "pip" not in list_commands(clone, target)


@requires_tool("make")
@pytest.mark.parametrize(
    "origin",
    [{"url": "file:///clone/dist/coworks.whl", "archive_info": {}}, {"url": "file:///clone", "dir_info": {}}, None],
    ids=["wheel", "folder", "index"],
)
@pytest.mark.parametrize("target", ["run", "test"])
def test_another_install_is_replaced_by_an_editable_one(clone: Path, target: str, origin: dict[str, Any] | None):
    record_origin(clone, None if origin is None else json.dumps(origin))
    assert "install --quiet --no-deps --no-build-isolation --editable ." in list_commands(clone, target)


@requires_tool("make")
def test_setup_installs_the_tools_and_adds_the_checks_to_git_commit(clone: Path):
    record_origin(clone, json.dumps(EDITABLE))
    assert list_commands(clone, "setup") == ".venv/bin/pre-commit install\n"
    (clone / ".venv" / ".dev").unlink()
    assert "--requirement locks/dev.txt" in list_commands(clone, "setup")


@requires_tool("make")
@pytest.mark.parametrize("name", ["pyproject.toml", "locks/run.txt"])
def test_a_newer_pyproject_or_lock_is_installed_again(clone: Path, name: str):
    record_origin(clone, json.dumps(EDITABLE))
    (clone / name).touch()
    assert "--editable" in list_commands(clone, "run")


@requires_tool("make")
def test_every_package_is_installed_from_a_lock_with_hashes(clone: Path):
    record_origin(clone, json.dumps(EDITABLE))
    for name in ("run", "dev"):
        (clone / "locks" / f"{name}.txt").touch()
    commands = [line.partition(" install --quiet ")[2] for line in list_commands(clone, "test").splitlines()]
    assert [command for command in commands if command] == [
        "--require-hashes --requirement locks/run.txt",
        "--no-deps --no-build-isolation --editable .",
        "--require-hashes --requirement locks/dev.txt",
    ]

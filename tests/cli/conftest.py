"""What the tests of the commands share: a folder for a project, and a process left as it was found."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.deploy.conftest import account, emulator, new_account, toolchain

__all__ = ["account", "emulator", "new_account", "toolchain"]

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of the project, its text dedented."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
        return path

    (tmp_path / "project").mkdir()
    return write


@pytest.fixture
def project(write: Write, tmp_path: Path) -> Path:
    return tmp_path / "project"


@pytest.fixture(autouse=True)
def same_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Undo what a command does to the process it runs in, when that is the tests' own."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    environment, modules = dict(os.environ), set(sys.modules)
    yield
    os.environ.clear()
    os.environ.update(environment)
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]

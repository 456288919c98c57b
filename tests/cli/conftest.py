"""Fixtures for the tests of the commands: a project directory, a terminal, and a restored process."""

import os
import select
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
    """Return a function that writes a file of the project, with its text dedented."""

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
def restored_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Undo the changes of a command to the test process."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    environment, modules = dict(os.environ), set(sys.modules)
    yield
    os.environ.clear()
    os.environ.update(environment)
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


class Terminal:
    """A pseudo-terminal of 100 columns. `file` is the side of the program."""

    def __init__(self) -> None:
        self.controller, terminal = os.openpty()
        self.file = os.fdopen(terminal, "w")

    def read(self) -> str:
        """Return everything written so far."""
        self.file.flush()
        parts = []
        # One read returns about 4,000 bytes.
        while select.select([self.controller], [], [], 0)[0]:
            parts.append(os.read(self.controller, 4096))
        return b"".join(parts).decode()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    terminal = Terminal()
    yield terminal
    terminal.file.close()
    os.close(terminal.controller)

"""Check the blocks of a page: run its Python code and its transcripts, and validate its other files."""

import contextlib
import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hcl2
import yaml
from click.testing import CliRunner

from coworks_async.cli.main import cws
from tests.docs.pages import ROOT, Block, find_folder, read_blocks
from tests.docs.shell import Shell, matches, read_commands

TEXT = ("", "text")
"""The languages of blocks that are no code, such as a tree of files."""

RUN = ("python", "console")
"""The languages that are executed; the others are validated."""

CONFIG_FILE = "project.cws.yml"


@dataclass
class Counts:
    """The blocks of some pages, by what is done with them."""

    executed: int = 0
    validated: int = 0
    text: int = 0
    exempted: list[Block] = field(default_factory=list)

    def add(self, block: Block) -> None:
        if block.exemption:
            self.exempted.append(block)
        elif block.language in RUN:
            self.executed += 1
        elif block.language in TEXT:
            self.text += 1
        else:
            self.validated += 1


class PageRun:
    """One reading of a page: the namespace of its code, its folder, and its shell.

    A block with a title is written as a file, relative to the shell's directory, which the commands below use. Other
    Python code runs in one namespace, as does a file below the last command. Code without a title that creates `app` is
    written as `app.py`, so that the commands find it.

    Args:
        page: the page.
        folder: an empty folder, for the page's files and a home directory.
        programs: the folder of `cws` and `python3`.
        variables: environment variables of its commands.
    """

    def __init__(
        self,
        page: Path,
        folder: Path,
        programs: Path = Path(sys.executable).parent,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.page = page
        self.folder = folder / "project"
        self.home = folder / "home"
        self.programs = programs
        self.variables = variables or {}
        self.home.mkdir()
        # Where the pages expect the clone.
        (self.home / "coworks-async").symlink_to(ROOT)
        source = find_folder(page)
        if source is None:
            self.folder.mkdir()
        else:
            shutil.copytree(source, self.folder, ignore=shutil.ignore_patterns("__pycache__", ".venv", "terraform"))
        self.namespace: dict[str, Any] = {"__name__": "app"}

    def run(self) -> None:
        """Check all blocks of the page in its order; the first wrong one raises."""
        blocks = [block for block in read_blocks(self.page) if not block.exemption]
        last_command = max((block.line for block in blocks if block.language == "console"), default=0)
        with Shell(self.folder, self.home, self.programs, self.variables) as shell, make_importable(self.folder):
            for block in blocks:
                if block.title:
                    write_file(shell.directory / block.title, block.source)
                if block.language == "python":
                    if not block.title or block.line > last_command:
                        self._run_code(block)
                elif block.language == "console":
                    run_transcript(shell, block)
                elif block.language not in TEXT:
                    validate(block)
                else:
                    assert not block.source.startswith("$ "), f"{block.location}: a transcript is a console block"

    def _run_code(self, block: Block) -> None:
        code = compile("\n" * block.line + block.source, str(self.page), "exec", dont_inherit=True)
        self.namespace.pop("app", None)
        exec(code, self.namespace)  # noqa: S102
        if "app" in self.namespace and not block.title:
            write_file(self.folder / "app.py", block.source)


def write_file(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@contextlib.contextmanager
def make_importable(folder: Path) -> Iterator[None]:
    """Let code import the modules of a page, as `cws` does, and forget them afterwards: other pages reuse the names."""
    search_path, known = sys.path[:], set(sys.modules)
    sys.path[:0] = [str(folder / "tech"), str(folder)]
    try:
        yield
    finally:
        sys.path[:] = search_path
        for name in set(sys.modules) - known:
            file = getattr(sys.modules[name], "__file__", None)
            if file is not None and Path(file).is_relative_to(folder):
                del sys.modules[name]


def run_transcript(shell: Shell, block: Block) -> None:
    """Run the commands of a transcript and compare what they print."""
    for command in read_commands(block.source, block.line):
        printed = shell.run(command.text)
        shell.learn_api_id(printed, command.output)
        assert matches(printed, command.output), (
            f"{block.page.name}:{command.line}: $ {command.text}\n--- expected\n{command.output}--- printed\n{printed}"
        )


def validate(block: Block) -> None:
    """Check that a block is valid in its language."""
    assert block.language in VALIDATORS, f"{block.location}: unknown language {block.language!r}"
    VALIDATORS[block.language](block)


def _validate_yaml(block: Block) -> None:
    assert yaml.safe_load(block.source) is not None, block.location
    if block.title.endswith(CONFIG_FILE) or block.source.startswith("version: 3"):
        with TemporaryDirectory() as folder, contextlib.chdir(folder):
            Path(CONFIG_FILE).write_text(block.source)
            Path("app.py").write_text("from coworks_async import TechMicroService\n\napp = TechMicroService()\n")
            result = CliRunner().invoke(cws, ["config"])
        assert result.exit_code == 0, f"{block.location}: {result.stderr}"


def _validate_shell(block: Block) -> None:
    done = subprocess.run(["bash", "-n"], input=block.source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{block.location}: {done.stderr}"


def _validate_script(block: Block) -> None:
    done = subprocess.run(["node", "--check", "-"], input=block.source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{block.location}: {done.stderr}"


VALIDATORS: Mapping[str, Callable[[Block], object]] = {
    "bash": _validate_shell,
    "js": _validate_script,
    "hcl": lambda block: hcl2.loads(block.source),
    "json": lambda block: json.loads(block.source),
    "toml": lambda block: tomllib.loads(block.source),
    "yaml": _validate_yaml,
}

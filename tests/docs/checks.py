"""Check the blocks of a page: run its Python code and its transcripts, and validate its other files."""

import contextlib
import itertools
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import hcl2
import yaml
from click.testing import CliRunner
from dotenv.parser import parse_stream

from coworks_async.cli.main import cws
from scripts.command_reference import cws as reference
from tests.actionlint import lint_workflow
from tests.docs.pages import ROOT, Block, find_folder, read_blocks
from tests.docs.shell import Shell, matches, read_commands

TEXT = ("", "text")
"""The languages of blocks that are no code, such as a tree of files."""

RUN = ("python", "console")
"""The languages that are executed; the others are validated."""

CONFIG_FILE = "project.cws.yml"
WORKFLOWS = ".github/workflows/"

_TEST_FILE = re.compile(r"tests/[\w/]+\.py")
_END_OF_COMMAND = ("|", "&&", ";", ">", ">>", "<", "&")


@dataclass
class Counts:
    """The blocks of some pages, by what is done with them."""

    executed: int = 0
    validated: int = 0
    text: int = 0
    tested: list[Block] = field(default_factory=list)
    exempted: list[Block] = field(default_factory=list)

    def add(self, block: Block) -> None:
        if block.exemption:
            self.exempted.append(block)
        elif block.test:
            self.tested.append(block)
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
        blocks = read_blocks(self.page)
        last_command = max((block.line for block in blocks if block.language == "console"), default=0)
        with Shell(self.folder, self.home, self.programs, self.variables) as shell, make_importable(self.folder):
            for block in blocks:
                if block.title:
                    write_file(shell.directory / block.title, block.source)
                if not block.is_checked:
                    continue
                if block.language == "python":
                    if (not block.title or block.line > last_command) and self._run_code(block):
                        # The next command serves the new app.
                        shell.stop_server()
                elif block.language == "console":
                    run_transcript(shell, block)
                elif block.language not in TEXT:
                    with contextlib.chdir(self.folder):
                        validate(block)
                else:
                    assert not block.source.startswith("$ "), f"{block.location}: a transcript is a console block"

    def _run_code(self, block: Block) -> bool:
        """Run the code of a block; return whether it wrote a new app."""
        code = compile("\n" * block.line + block.source, str(self.page), "exec", dont_inherit=True)
        previous = self.namespace.get("app")
        exec(code, self.namespace)  # noqa: S102
        if self.namespace.get("app") is previous or block.title:
            return False
        write_file(self.folder / "app.py", block.source)
        return True


def write_file(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    # Python would use the bytecode of a previous text that has the same size and second.
    shutil.rmtree(file.parent / "__pycache__", ignore_errors=True)


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
        printed = shell.run(command)
        shell.learn_api_id(printed, command.output)
        assert matches(printed, command.printed), (
            f"{block.page.name}:{command.line}: $ {command.text}\n--- expected\n{command.output}--- printed\n{printed}"
        )


def check_options(text: str) -> None:
    """Check that a command `cws …` has the options that it is called with. A command of a project is not checked."""
    words = list(itertools.takewhile(lambda word: word not in _END_OF_COMMAND, shlex.split(text, comments=True)))
    _, words, _ = reference.make_parser(click.Context(reference)).parse_args(words[words.index("cws") + 1 :])
    if words and words[0] in reference.commands:
        command = reference.commands[words[0]]
        command.make_parser(click.Context(command)).parse_args(words[1:])


def read_workflow_commands(workflow: str) -> list[str]:
    """Return the commands `cws …` of a workflow, with a word in place of each expression."""
    steps = [step for job in yaml.safe_load(workflow)["jobs"].values() for step in job.get("steps", ())]
    lines = [line for step in steps for line in step.get("run", "").splitlines()]
    return [re.sub(r"\$\{\{.*?\}\}", "x", line) for line in lines if line.startswith("cws ")]


def check_named_tests(page: Path) -> None:
    """Check that each test that exempts a block exists; one that is named as the page's own must read the page."""
    for block in read_blocks(page):
        for name in _TEST_FILE.findall(block.exemption):
            assert (ROOT / name).is_file(), f"{block.location}: {name} does not exist"
        if block.test:
            test = ROOT / block.test
            assert test.is_file(), f"{block.location}: {block.test} does not exist"
            assert page.name in test.read_text(), f"{block.location}: {block.test} does not read {page.name}"


def validate(block: Block) -> None:
    """Check that a block is valid in its language."""
    assert block.language in VALIDATORS, f"{block.location}: unknown language {block.language!r}"
    VALIDATORS[block.language](block)


def _validate_yaml(block: Block) -> None:
    assert yaml.safe_load(block.source) is not None, block.location
    if block.title.endswith(CONFIG_FILE) or block.source.startswith("version: 3"):
        # The modules of its commands are those of the page.
        with TemporaryDirectory() as folder:
            copy = Path(shutil.copytree(Path.cwd(), folder, dirs_exist_ok=True))
            (copy / CONFIG_FILE).write_text(block.source)
            with contextlib.chdir(copy):
                result = CliRunner().invoke(cws, ["config"])
        assert result.exit_code == 0, f"{block.location}: {result.stderr}"
    if block.title.startswith(WORKFLOWS):
        findings = lint_workflow(block.source)
        assert not findings, f"{block.location}: {findings}"
        for command in read_workflow_commands(block.source):
            check_options(command)


def _validate_shell(block: Block) -> None:
    done = subprocess.run(["bash", "-n"], input=block.source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{block.location}: {done.stderr}"


def _validate_script(block: Block) -> None:
    done = subprocess.run(["node", "--check", "-"], input=block.source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{block.location}: {done.stderr}"


def _validate_environment(block: Block) -> None:
    """Check an environment file, the only kind of `ini` block."""
    lines = parse_stream(StringIO(block.source))
    wrong = [each.original.line for each in lines if each.error or (each.key and each.value is None)]
    assert not wrong, f"{block.location}: wrong lines {wrong}"


VALIDATORS: Mapping[str, Callable[[Block], object]] = {
    "bash": _validate_shell,
    "js": _validate_script,
    "ini": _validate_environment,
    "hcl": lambda block: hcl2.loads(block.source),
    "json": lambda block: json.loads(block.source),
    "toml": lambda block: tomllib.loads(block.source),
    "yaml": _validate_yaml,
}

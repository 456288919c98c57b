"""The blocks of the documentation are correct: code and transcripts run, other files are valid."""

import re
from contextlib import suppress
from pathlib import Path

import click
import pytest

from tests.docs.checks import RUN, TEXT, VALIDATORS, PageRun, check_named_tests, check_options
from tests.docs.pages import ROOT, list_pages, read_blocks
from tests.docs.shell import read_commands
from tests.tools import requires_tool

COMMAND = re.compile(r"`(cws [^`]+)`")
"""A command in the text."""

page = pytest.mark.parametrize("page", list_pages(), ids=lambda path: str(path.relative_to(ROOT)))


@requires_tool("curl", "make", "node", "npm")
@page
def test_the_blocks_of_the_page_are_correct(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = PageRun(page, tmp_path)
    monkeypatch.chdir(run.folder)
    run.run()


@page
def test_every_block_of_the_page_names_its_language(page: Path):
    unknown = [block.location for block in read_blocks(page) if block.language not in {*RUN, *TEXT, *VALIDATORS}]
    assert not unknown


@page
def test_every_command_of_the_page_has_these_options(page: Path):
    """Those of exempted transcripts and of the text, too."""
    for block in read_blocks(page):
        if block.language == "console":
            for command in read_commands(block.source, block.line):
                if re.match(r"(?:\w+=\S+ )*cws ", command.text):
                    check_options(command.text)
    for text in COMMAND.findall(page.read_text()):
        # The text may name an option without its value.
        with suppress(click.BadOptionUsage):
            check_options(text)


@page
def test_every_test_that_the_page_names_reads_it(page: Path):
    check_named_tests(page)

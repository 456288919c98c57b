"""The blocks of the documentation are correct: code and transcripts run, other files are valid."""

from pathlib import Path

import pytest

from tests.docs.checks import RUN, TEXT, VALIDATORS, PageRun
from tests.docs.pages import ROOT, list_pages, read_blocks

page = pytest.mark.parametrize("page", list_pages(), ids=lambda path: str(path.relative_to(ROOT)))


@page
def test_the_blocks_of_the_page_are_correct(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = PageRun(page, tmp_path)
    monkeypatch.chdir(run.folder)
    run.run()


@page
def test_every_block_of_the_page_names_its_language(page: Path):
    unknown = [block.location for block in read_blocks(page) if block.language not in {*RUN, *TEXT, *VALIDATORS}]
    assert not unknown

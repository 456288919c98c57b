"""Read the fenced blocks of a Markdown page.

The info string of a block is a language and optional attributes: ```` ```python title="app.py" ````. A comment before a
block exempts it: `<!-- not run: it needs an AWS account -->`. So does `<!-- tested by: tests/FILE -->`, which names
another test that reads the page; alone below the title of a page, it is for all blocks. A line `--8<-- "FILE"` includes
a file of the repository.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from sybil import Document, Lexeme
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TUTORIAL = DOCS / "start" / "tutorial.md"
"""Typed in a new environment, with a deploy: an end-to-end test."""

_INFO = re.compile(r"[ \t]*(?P<language>[\w+-]*)[ \t]*(?P<attributes>[^\n]*)\n")
_TITLE = re.compile(r'title="([^"]+)"')
_EXEMPTION = re.compile(r"<!-- not run: ((?:(?!-->).)+) -->\s*\Z", re.DOTALL)
_TEST = re.compile(r"<!-- tested by: (\S+) -->\s*\Z")
_TEST_OF_PAGE = re.compile(r"\A# [^\n]*\n+<!-- tested by: (\S+) -->\n\n")
_SNIPPET = re.compile(r'^--8<-- "([^"]+)"$', re.MULTILINE)
_FOLDER = re.compile(r"<!-- folder: (\S+) -->")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        line: the line of its opening fence.
        title: the file that it shows, or "".
        exemption: the reason why it is neither run nor validated here, or "".
        test: the file of another test that checks it, or "".
    """

    page: Path
    line: int
    language: str
    title: str
    source: str
    exemption: str
    test: str

    @property
    def is_checked(self) -> bool:
        """Whether the block is run or validated, not exempted."""
        return not self.exemption and not self.test

    @property
    def location(self) -> str:
        name = self.page.relative_to(ROOT) if self.page.is_relative_to(ROOT) else self.page.name
        return f"{name}:{self.line}"


def list_pages() -> list[Path]:
    """Return the pages of the documentation and the other Markdown files that users read."""
    return [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "SECURITY.md",
        ROOT / "CODE_OF_CONDUCT.md",
        *sorted(set(DOCS.rglob("*.md")) - {TUTORIAL}),
        *sorted(ROOT.glob("samples/*/README.md")),
        *sorted(ROOT.glob("terraform/modules/*/README.md")),
    ]


def read_blocks(page: Path) -> list[Block]:
    """Return the blocks of a page in its order."""
    document = Document(page.read_text(encoding="utf-8"), str(page))
    blocks = []
    for region in RawFencedCodeBlockLexer(_INFO)(document):
        before = document.text[: region.start]
        title = _TITLE.search(str(region.lexemes["attributes"]))
        exemption = _EXEMPTION.search(before)
        test = _TEST.search(before) or _TEST_OF_PAGE.search(before)
        source = region.lexemes["source"]
        assert isinstance(source, Lexeme)
        blocks.append(
            Block(
                page,
                before.count("\n") + 1,
                str(region.lexemes["language"]),
                title[1] if title else "",
                _SNIPPET.sub(lambda match: (ROOT / match[1]).read_text(encoding="utf-8").rstrip("\n"), str(source)),
                exemption[1] if exemption else "",
                test[1] if test else "",
            )
        )
    return blocks


def find_folder(page: Path) -> Path | None:
    """Return the folder of the repository in which the commands of a page run: `<!-- folder: samples/docs -->`."""
    found = _FOLDER.search(page.read_text(encoding="utf-8"))
    return ROOT / found[1] if found else None

"""Read the declarations of a module and the tables of its README."""

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r'^(?:variable|output) "(\w+)" \{\n(.*?)^\}', re.DOTALL | re.MULTILINE)
_ATTRIBUTE = r"^  {name}\s*= (.*(?:\n {{3,}}.*|\n  [}}\])].*)*)"


@dataclass(frozen=True)
class Declaration:
    """A variable or an output.

    Attributes:
        type: with single spaces; empty for an output.
        default: as written; None if the variable is required.
    """

    name: str
    description: str
    type: str
    default: str | None


def read_declarations(file: Path) -> list[Declaration]:
    """Return the declarations of a file, in its order."""
    return [
        Declaration(
            name,
            re.sub(r'\\"', '"', (_attribute(body, "description") or "")[1:-1]),
            re.sub(r"\s+", " ", _attribute(body, "type") or ""),
            _attribute(body, "default"),
        )
        for name, body in _BLOCK.findall(file.read_text())
    ]


def _attribute(body: str, name: str) -> str | None:
    found = re.search(_ATTRIBUTE.format(name=name), body, re.MULTILINE)
    return found[1] if found else None


def read_table(readme: Path, title: str) -> list[list[str]]:
    """Return the rows of the table below a title, without its header."""
    text = readme.read_text().split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[2:]]

"""What a module's `variables.tf` and `outputs.tf` declare, as far as its README tells it."""

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r'^(?:variable|output) "(\w+)" \{\n(.*?)^\}', re.DOTALL | re.MULTILINE)
_ATTRIBUTE = r"^  {name}\s*= (.*(?:\n {{3,}}.*|\n  [}}\])].*)*)"


@dataclass(frozen=True)
class Declared:
    """One variable or output.

    Attributes:
        type: without its blanks; empty for an output.
        default: as it is written; None where a value has to be told.
    """

    name: str
    description: str
    type: str
    default: str | None


def declared(file: Path) -> list[Declared]:
    """Return what a file declares, in its order."""
    return [
        Declared(
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


def table(readme: Path, title: str) -> list[list[str]]:
    """Return the rows of the table below a title, without its head."""
    text = readme.read_text().split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[2:]]

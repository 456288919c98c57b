"""Draw the layers of the package for CONTRIBUTING.md: `.venv/bin/python scripts/layers.py`.

The layers are those that `make lint` checks, in `pyproject.toml`.
"""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "img"

_WIDTH = 760
_BOX = 40
_ROW = 62
_MARGIN = 20
_FRAME = 30
"""The height of the frame's title."""

_LAMBDA = "Lambda loads nothing that only tools and extensions need"
"""The contract whose modules are in the frame."""


@dataclass(frozen=True)
class Colours:
    """The colours of a theme, as in the other pictures of the site."""

    background: str
    box: str
    line: str
    text: str
    accent: str


THEMES = {
    # GitHub shows this picture on a dark page too, so it has a background.
    "light": Colours("#ffffff", "#f5f8fc", "#7a8ba3", "#1b2a3d", "#0b5cad"),
    "dark": Colours("none", "#262a35", "#6d7f99", "#e6ebf3", "#7cb7ff"),
}


def _read_contracts() -> dict[str, dict[str, Any]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {contract["name"]: contract for contract in project["tool"]["importlinter"]["contracts"]}


def read_layers() -> list[list[str]]:
    """Return the modules of each layer, from the top down."""
    layers = _read_contracts()["Imports point down"]["layers"]
    return [[name.strip(" ()") for name in layer.split("|")] for layer in layers]


def read_lambda_modules() -> set[str]:
    """Return the modules that Lambda loads."""
    return {name.rpartition(".")[2] for name in _read_contracts()[_LAMBDA]["source_modules"]}


def draw(colours: Colours) -> str:
    """Return the picture as SVG."""
    layers = read_layers()
    loaded = read_lambda_modules()
    first = next(index for index, layer in enumerate(layers) if loaded.intersection(layer))
    tops = [_MARGIN + index * _ROW + (_FRAME if index >= first else 0) for index in range(len(layers))]
    height = tops[-1] + _BOX + 2 * _MARGIN
    frame = tops[first] - _FRAME
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f'<rect width="{_WIDTH}" height="{height}" rx="10" fill="{colours.background}"/>',
        f'<rect x="{_MARGIN}" y="{frame}" width="{_WIDTH - 2 * _MARGIN}" height="{height - frame - _MARGIN}" rx="10" '
        f'fill="none" stroke="{colours.accent}" stroke-width="1.5"/>',
        f'<text x="{2 * _MARGIN}" y="{frame + 20}" font-family="system-ui,sans-serif" font-size="14" '
        f'font-weight="600" fill="{colours.accent}">always loaded in Lambda</text>',
    ]
    for layer, top in zip(layers, tops, strict=True):
        lines += _draw_layer(layer, top, colours)
    for above, below in pairwise(tops):
        lines.append(_draw_arrow(above + _BOX, below - 2, colours))
    return "\n".join([*lines, "</svg>\n"])


def _draw_layer(modules: Sequence[str], top: int, colours: Colours) -> Iterator[str]:
    left, right, gap = 2 * _MARGIN, _WIDTH - 2 * _MARGIN, 16
    width = (right - left - gap * (len(modules) - 1)) / len(modules)
    for index, name in enumerate(modules):
        x = left + index * (width + gap)
        yield (
            f'<rect x="{x:.1f}" y="{top}" width="{width:.1f}" height="{_BOX}" rx="8" fill="{colours.box}" '
            f'stroke="{colours.line}" stroke-width="1.5"/>'
        )
        yield (
            f'<text x="{x + width / 2:.1f}" y="{top + 25}" '
            f'font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace" font-size="15" font-weight="600" '
            f'fill="{colours.text}" text-anchor="middle">{name}</text>'
        )


def _draw_arrow(start: int, end: int, colours: Colours) -> str:
    x = _WIDTH // 2
    path = f"M{x} {start} L{x} {end} M{x - 6} {end - 8} L{x} {end} L{x + 6} {end - 8}"
    return f'<path d="{path}" fill="none" stroke="{colours.line}" stroke-width="1.5"/>'


def main() -> None:
    """Write the picture for the light and the dark theme."""
    for theme, colours in THEMES.items():
        (FOLDER / f"layers-{theme}.svg").write_text(draw(colours), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Bar charts of the benchmarks, drawn as SVG from the tables that the benchmarks print."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

_ROW = re.compile(r"^\|(.+)\|$")
_PANEL = 250
_BAR = 22
_LABEL_LINE = 16
_TOP = 48


@dataclass(frozen=True)
class Table:
    """A table of numbers.

    Attributes:
        unit: the heading of the first column, such as `µs per request`.
        columns: the headings of the others.
        rows: the numbers of each row, by its label.
    """

    unit: str
    columns: list[str]
    rows: dict[str, list[float]]


def parse_table(text: str) -> Table | None:
    """Return a Markdown table, without its rows of ratios (in bold); None if it has other cells than numbers."""
    lines = [match[1] for line in text.strip().splitlines() if (match := _ROW.match(line.strip()))]
    heading, _, *body = [[cell.strip() for cell in line.split("|")] for line in lines]
    rows = {row[0]: row[1:] for row in body if not row[0].startswith("**")}
    if not all(re.fullmatch(r"[\d,.]+", cell) for cells in rows.values() for cell in cells):
        return None
    numbers = {label: [float(cell.replace(",", "")) for cell in cells] for label, cells in rows.items()}
    return Table(heading[0], heading[1:], numbers)


def draw(table: Table) -> str:
    """Return an inline SVG with a panel for each column. It uses the colours of the page's theme."""
    height = _TOP + 4 + (_BAR + _LABEL_LINE) * len(table.rows)
    panels = "".join(_draw_panel(table, index) for index in range(len(table.columns)))
    summary = escape(f"{table.unit}: {', '.join(table.rows)}", quote=True)
    return (
        '<div class="plots">'
        f'<svg class="plot" role="img" aria-label="{summary}" viewBox="0 0 {_PANEL * len(table.columns)} {height}" '
        f'xmlns="http://www.w3.org/2000/svg">'
        f'<text class="plot-label" x="0" y="12">{escape(table.unit)}</text>{panels}</svg></div>'
    )


def _draw_panel(table: Table, index: int) -> str:
    largest = max(values[index] for values in table.rows.values()) or 1.0
    left, parts = index * _PANEL, []
    parts.append(f'<text class="plot-title" x="{left}" y="36">{escape(table.columns[index])}</text>')
    for row, (label, values) in enumerate(table.rows.items()):
        top = _TOP + row * (_BAR + _LABEL_LINE)
        width = max(2.0, values[index] / largest * (_PANEL - 80))
        kind = "plot-own" if label.startswith("coworks_async") else "plot-other"
        parts.append(f'<text class="plot-label" x="{left}" y="{top + 11}">{escape(label)}</text>')
        parts.append(f'<rect class="{kind}" x="{left}" y="{top + 15}" width="{width:.1f}" height="{_BAR - 8}" rx="2"/>')
        value = f"{values[index]:,.0f}" if largest >= 1000 else f"{values[index]:g}"
        parts.append(f'<text class="plot-value" x="{left + width + 6:.1f}" y="{top + 27}">{value}</text>')
    return "".join(parts)


_TABLE = re.compile(r"(?:^\|.*\|\n)+", re.MULTILINE)


def add_plots(markdown: str) -> str:
    """Return a page with a chart before each table of numbers that compares implementations."""
    return "".join(_iterate_parts(markdown))


def _iterate_parts(markdown: str) -> Iterator[str]:
    end = 0
    for match in _TABLE.finditer(markdown):
        yield markdown[end : match.start()]
        table = parse_table(match[0])
        for part in _split(table) if table is not None else ():
            yield f"{draw(part)}\n\n"
        yield match[0]
        end = match.end()
    yield markdown[end:]


def _split(table: Table) -> Iterator[Table]:
    """Yield tables whose rows can be compared.

    Rows like `starlette, requests/s` are grouped by their unit, rows like `REST API, starlette` by their gateway.
    """
    groups: dict[str, dict[str, list[float]]] = {}
    for label, values in table.rows.items():
        first, _, rest = label.partition(", ")
        if rest.startswith("requests/s"):
            name, unit = first, rest
        elif first.endswith(" API"):
            name, unit = rest, f"{first}, {table.unit}"
        else:
            name, unit = label, table.unit
        groups.setdefault(unit, {})[name] = values
    # On a shared machine, the rate of the processor's time is the one to compare.
    if "requests/s of processor time" in groups:
        del groups["requests/s"]
    for unit, rows in groups.items():
        if any("starlette" in name for name in rows):
            yield Table(unit, table.columns, rows)

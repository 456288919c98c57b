"""The numbers of the README are those of the benchmarks. Its code and commands are run as those of other pages."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
ROWS = {
    "requests per second over HTTP": ("README.md", "HTTP, Python 3.11", "**coworks_async / {}**"),
    "time per request in process": ("README.md", "In process, Python 3.11", "**coworks_async / {}**"),
    "time per Lambda event of a REST API, with Mangum": (
        "AWS.md",
        "Python 3.11",
        "**REST API, coworks_async / {}**",
    ),
}
NAMES = {
    "README.md": ("starlette", "fastapi"),
    "AWS.md": ("starlette, Mangum(app)", 'fastapi, lifespan="off"'),
}


def read_ratios(page: str, title: str, label: str) -> list[float]:
    """Return the ratios of a row in a section of a page."""
    section = (ROOT / "benchmarks" / page).read_text().split(f"### {title}\n", 1)[1].split("\n### ", 1)[0]
    [row] = [line for line in section.splitlines() if line.startswith(f"| {label} |")]
    return [float(number) for number in re.findall(r"\*\*([\d.]+)\*\*", row.removeprefix(f"| {label} |"))]


@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_the_comparison_is_what_the_benchmark_measured(row: str):
    page, title, label = ROWS[row]
    ranges = [read_ratios(page, title, label.format(name)) for name in NAMES[page]]
    cells = " | ".join(
        f"{min(values):.2f} to {max(values):.2f}" if min(values) != max(values) else f"{values[0]:.2f}"
        for values in ranges
    )
    assert f"| {row} | {cells} |\n" in README

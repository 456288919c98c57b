"""The table of `make parity`: the contract's tests by groups, over every transport.

A plugin of pytest: `pytest -p tests.parity`. It runs the tests that take `connect` and no others. A cell is how many
passed of those that ran; `+2` are known differences (`docs/lambda-differences.md`), shown to be so.
"""

from collections import Counter
from pathlib import PurePath

import pytest

from tests.clients import CHOSEN

Cell = tuple[str, str]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    contract = [item for item in items if "connect" in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(contract)])
    items[:] = contract
    for item in contract:
        transport = item.callspec.params["connect"]  # type: ignore[attr-defined]
        item.user_properties.append(("transport", transport))


class Table:
    """Counts the reports of tests, and draws them."""

    def __init__(self) -> None:
        self.passed: Counter[Cell] = Counter()
        self.run: Counter[Cell] = Counter()
        self.differ: Counter[Cell] = Counter()

    def add(self, report: pytest.TestReport) -> None:
        transport = dict(report.user_properties).get("transport")
        decisive = report.when == "call" or report.outcome == "failed"
        if transport is None or not decisive:
            return
        cell = str(PurePath(report.nodeid.partition("::")[0]).with_suffix("")), str(transport)
        if hasattr(report, "wasxfail") and report.skipped:
            self.differ[cell] += 1
        elif not report.skipped:
            self.run[cell] += 1
            self.passed[cell] += report.passed

    def lines(self) -> list[str]:
        groups = sorted({group for group, _ in self.run | self.differ})
        rows = [["group", *CHOSEN], *([group.removeprefix("tests/"), *map_cells(self, group)] for group in groups)]
        rows.append(["all", *map_cells(self, None)])
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        rows.insert(1, ["-" * width for width in widths])
        return [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
        ]


def map_cells(table: Table, group: str | None) -> list[str]:
    """Return a row's cells: of one group, or of all."""
    return [_cell(table, group, transport) for transport in CHOSEN]


def _cell(table: Table, group: str | None, transport: str) -> str:
    def count(counter: Counter[Cell]) -> int:
        return sum(number for cell, number in counter.items() if cell[1] == transport and group in (None, cell[0]))

    differ = count(table.differ)
    return f"{count(table.passed)}/{count(table.run)}" + (f" +{differ}" if differ else "")


TABLE = Table()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    TABLE.add(report)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line("")
    for line in TABLE.lines():
        terminalreporter.write_line(line)

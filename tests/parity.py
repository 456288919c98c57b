"""The table of `make parity`: contract tests by file and transport.

A pytest plugin: `pytest -p tests.parity`. It runs only the tests that use `connect`, and the requests to deployed
services (`tests/deployed`). A cell shows how many tests passed of those that ran; `+2` counts known differences
(`docs/concepts/gateway-differences.md`), which must fail.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

import pytest

from tests.clients import CHOSEN

Cell = tuple[str, str]


DEPLOYED = ("deployed-rest", "deployed-http")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    cells = {item: cell for item in items if (cell := _cell_of(item)) is not None}
    config.hook.pytest_deselected(items=[item for item in items if item not in cells])
    items[:] = cells
    for item, cell in cells.items():
        item.user_properties.append(("parity", cell))


def _cell_of(item: pytest.Item) -> Cell | None:
    """Return the test file and the transport of a contract test, or None."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    if "connect" in params:
        file = PurePath(item.nodeid.partition("::")[0])
        return str(file.relative_to("tests").with_suffix("")), params["connect"]
    if {"contract", "sent"} <= params.keys():
        return params["sent"].group, f"deployed-{params['contract']}"
    return None


class Table:
    """Counts test reports and formats them as a table."""

    def __init__(self) -> None:
        self.passed: Counter[Cell] = Counter()
        self.run: Counter[Cell] = Counter()
        self.differ: Counter[Cell] = Counter()

    def add(self, report: pytest.TestReport) -> None:
        parity = dict(report.user_properties).get("parity")
        decisive = report.when == "call" or report.outcome == "failed"
        if not isinstance(parity, Sequence) or not decisive:
            return
        group, transport = parity  # a list if it came from another process
        differs = hasattr(report, "wasxfail") and report.skipped
        if differs or not report.skipped:
            self.count((group, transport), passed=report.passed, differs=differs)

    def count(self, cell: Cell, *, passed: bool, differs: bool) -> None:
        if differs:
            self.differ[cell] += 1
        else:
            self.run[cell] += 1
            self.passed[cell] += passed

    def lines(self, transports: Sequence[str]) -> list[str]:
        """Return the lines of the table, with a column for each transport."""
        groups = sorted({group for group, _ in self.run | self.differ})
        rows = [["group", *transports]]
        rows += [[group, *(self.cell(each, group) for each in transports)] for group in groups]
        rows.append(["all", *(self.cell(each) for each in transports)])
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        rows.insert(1, ["-" * width for width in widths])
        return [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
        ]

    def cell(self, transport: str, group: str | None = None) -> str:
        """Return the cell of one group, or of all groups."""

        def count(counter: Counter[Cell]) -> int:
            return sum(number for cell, number in counter.items() if cell[1] == transport and group in (None, cell[0]))

        run, differ = count(self.run), count(self.differ)
        if not run + differ:
            return "-"
        return f"{count(self.passed)}/{run}" + (f" +{differ}" if differ else "")


TABLE = Table()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    TABLE.add(report)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line("")
    seen = {transport for _, transport in TABLE.run | TABLE.differ}
    for line in TABLE.lines([*CHOSEN, *(each for each in DEPLOYED if each in seen)]):
        terminalreporter.write_line(line)

"""`cws routes`: the entries of a service as a table, as JSON, or as an OpenAPI document."""

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from coworks_async.cli.options import TEXT
from coworks_async.cli.project import Project
from coworks_async.cli.service import load_service
from coworks_async.exceptions import CommandError

if TYPE_CHECKING:
    from coworks_async.entries.entry import Entry
    from coworks_async.service import TechMicroService


@dataclass(frozen=True, slots=True)
class Row:
    """What is told of an entry; `stage` names the stages where it exists, and is empty where that is all."""

    method: str
    path: str
    endpoint: str
    auth: bool
    stage: tuple[str, ...]
    blueprint: str | None

    def cells(self) -> tuple[str, ...]:
        """Return it as text, column by column."""
        auth = "token" if self.auth else "open"
        return self.method, self.path, self.endpoint, auth, ",".join(self.stage) or "all", self.blueprint or "-"


COLUMNS = ("method", "path", "endpoint", "auth", "stage", "blueprint")


@click.command()
@click.option(
    "--sort", type=click.Choice(COLUMNS), default="path", show_default=True, help="The column to sort the rows by."
)
@click.option("--json", "as_json", is_flag=True, help="Print the entries as JSON.")
@click.option(
    "--openapi",
    "document",
    type=TEXT,
    metavar="FILE",
    help="Write an OpenAPI document instead: JSON, or YAML for a .yaml or .yml file; '-' is the standard output.",
)
@click.pass_obj
def routes(project: Project, sort: str, as_json: bool, document: str | None) -> None:
    """List the entries of the service: `cws routes --sort endpoint`.

    With --openapi the document that describes them is written: `cws routes --openapi openapi.json`.
    """
    if as_json and document is not None:
        raise CommandError("--json lists the entries, --openapi describes them: take one of the two.")
    output = sys.stdout
    # What the service prints while it is imported is no part of the table.
    with redirect_stdout(sys.stderr):
        service, _, _ = load_service(project, "entries")
    if document is not None:
        _write_document(service, document, output)
        return
    rows = sorted(map(_row, service.entries), key=lambda row: _order(row, sort))
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2), output)
    else:
        _print_table([row.cells() for row in rows], output)


def _row(entry: "Entry") -> Row:
    return Row(
        method=entry.method,
        path=entry.path,
        endpoint=entry.endpoint,
        auth=not entry.no_auth,
        stage=tuple(sorted(entry.options.stages or ())),
        blueprint=entry.blueprint,
    )


def _order(row: Row, column: str) -> tuple[str, ...]:
    return row.cells()[COLUMNS.index(column)], row.path, row.method


def _print_table(rows: Sequence[Sequence[str]], output: TextIO) -> None:
    """Print a table that fits the terminal; where there is none, plain columns that a program can read."""
    if output.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table(*(name.capitalize() for name in COLUMNS), box=None, pad_edge=False)
        for row in rows:
            table.add_row(*row, style="yellow" if row[COLUMNS.index("auth")] == "open" else None)
        Console(file=output, markup=False, highlight=False).print(table)
        return
    lines = [COLUMNS, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip(), output)


def _write_document(service: "TechMicroService", name: str, output: TextIO) -> None:
    from coworks_async.openapi import openapi

    text = _encoded(openapi(service), name)
    if name == "-":
        click.echo(text, output, nl=False)
        return
    try:
        Path(name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"The document {name!r} cannot be written: {error.strerror}.") from error


def _encoded(document: dict[str, Any], name: str) -> str:
    if name.lower().endswith((".yaml", ".yml")):
        import yaml

        return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

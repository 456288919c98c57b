"""`cws routes`: list the entries of a service as a table or as JSON, or write its OpenAPI document."""

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import click
import yaml
from rich.console import Console
from rich.table import Table

from coworks_async.cli.app_loader import load_service
from coworks_async.cli.options import TEXT
from coworks_async.cli.project import Project
from coworks_async.cli.service_warnings import list_undecorated, locate, warn_undecorated
from coworks_async.entries.entry import Entry
from coworks_async.exceptions import CommandError
from coworks_async.openapi import openapi
from coworks_async.service import TechMicroService

COLUMNS = ("method", "path", "endpoint", "auth", "stage", "blueprint")


@click.command()
@click.option(
    "--sort", type=click.Choice(COLUMNS), default="path", show_default=True, help="The column to sort the rows by."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--openapi",
    "document",
    type=TEXT,
    metavar="FILE",
    help="Write the OpenAPI document: YAML to a .yaml or .yml file, else JSON. '-' is stdout.",
)
@click.option("--undecorated", is_flag=True, help="List the methods that are named like entries, but not decorated.")
@click.pass_obj
def routes(project: Project, sort: str, as_json: bool, document: str | None, undecorated: bool) -> None:
    """List the entries of the service: `cws routes --sort endpoint`.

    Or write its OpenAPI document: `cws routes --openapi openapi.json`.
    """
    for option, is_given in (("--json", as_json), ("--undecorated", undecorated)):
        if is_given and document is not None:
            raise CommandError(f"{option} cannot be combined with --openapi.")
    # Only the result goes to stdout, not what the service prints.
    with redirect_stdout(sys.stderr):
        service, _, _ = load_service(project, "entries", resolve=False)
    if undecorated:
        _print_undecorated(service, as_json=as_json)
        return
    warn_undecorated(service)
    if document is not None:
        _write_document(openapi(service), document)
        return
    column = COLUMNS.index(sort)
    entries = sorted(service.entries, key=lambda entry: (_get_columns(entry)[column], entry.path, entry.method))
    if as_json:
        click.echo(_format_json(entries))
    elif sys.stdout.isatty():
        _print_table(list(map(_get_columns, entries)))
    else:
        _print_columns([COLUMNS, *map(_get_columns, entries)])


def _get_columns(entry: Entry) -> tuple[str, ...]:
    auth = "open" if entry.no_auth else "token"
    stages = ",".join(sorted(entry.options.stages or ())) or "all"
    return entry.method, entry.path, entry.endpoint, auth, stages, entry.blueprint or "-"


def _format_json(entries: Sequence[Entry]) -> str:
    rows = [
        {
            "method": entry.method,
            "path": entry.path,
            "endpoint": entry.endpoint,
            "auth": not entry.no_auth,
            "stage": sorted(entry.options.stages or ()),
            "blueprint": entry.blueprint,
        }
        for entry in entries
    ]
    return json.dumps(rows, indent=2)


def _print_undecorated(service: TechMicroService, *, as_json: bool) -> None:
    rows = [(method.__qualname__, locate(method)) for method in list_undecorated(service)]
    if as_json:
        click.echo(json.dumps([{"method": name, "location": location} for name, location in rows], indent=2))
    else:
        _print_columns([("method", "location"), *rows])


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    table = Table(*(name.capitalize() for name in COLUMNS), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row, style="yellow" if row[COLUMNS.index("auth")] == "open" else None)
    Console(markup=False, highlight=False).print(table)


def _print_columns(lines: Sequence[Sequence[str]]) -> None:
    """Print columns that other programs can read."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _write_document(document: dict[str, Any], name: str) -> None:
    if name.lower().endswith((".yaml", ".yml")):
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    else:
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if name == "-":
        click.echo(text, nl=False)
        return
    try:
        Path(name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"Cannot write {name!r}: {error.strerror}.") from error

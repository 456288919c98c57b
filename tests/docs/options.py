"""Check the tables of options in pages against the commands and classes that they describe.

A comment above a table names what it describes: `<!-- options: cws run -->`, or a class, whose options are the
parameters of `__init__`: `<!-- options: coworks_async.extensions.JWT -->`. Options after the command limit the table to
these: `<!-- options: cws --stage -->`.

Each row describes one option or several. The column `default` must contain the default of the command; if the command
has none, the text is free. The column `variable`, if there is one, contains the environment variables.
"""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pydoc import locate

import click

from scripts.command_reference import cws

_TABLE = re.compile(r"(?:<!-- options: (?P<source>[^>]+?) -->\s*)?^(?P<table>\| option.*\n(?:\|.*\n)+)", re.MULTILINE)
_NAME = re.compile(r"`(-{0,2}\w[\w-]*)")
_CODE = re.compile(r"`([^`]*)`")
_CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Option:
    """An option of a command, or a parameter of a class.

    Attributes:
        names: all its names.
        default: what a table must show, or None if its text is free.
        variables: its environment variables.
    """

    names: frozenset[str]
    default: str | None = None
    variables: frozenset[str] = frozenset()


def check_tables(page: Path) -> int:
    """Check the tables of options of a page; return their number. The first wrong one raises."""
    count = 0
    for found in _TABLE.finditer(page.read_text(encoding="utf-8")):
        header, _, *rows = ([cell.strip() for cell in _CELL.split(line)[1:-1]] for line in found["table"].splitlines())
        if not all(row[0].startswith("`") for row in rows):
            continue  # kinds of options
        assert found["source"], f"{page.name}: name the command above this table:\n{found['table']}"
        _check_table(f"{page.name}, options of {found['source']}", list_options(found["source"]), header, rows)
        count += 1
    return count


def list_options(source: str) -> list[Option]:
    """Return the options that a comment names."""
    program, *words = source.split()
    if program != "cws":
        parameters = inspect.signature(locate(program)).parameters.values()  # type: ignore[arg-type]
        return [Option(frozenset({each.name})) for each in parameters if each.kind is each.KEYWORD_ONLY]
    names = {word for word in words if word.startswith("-")}
    [command] = [cws.commands[word] for word in words if word not in names] or [cws]
    options = [_describe(each) for each in command.params if isinstance(each, click.Option)]
    return [option for option in options if not names or names & option.names]


def _describe(option: click.Option) -> Option:
    envvars = option.envvar or ()
    return Option(
        frozenset([*option.opts, *option.secondary_opts]),
        _format_default(option),
        frozenset([envvars] if isinstance(envvars, str) else envvars),
    )


def _format_default(option: click.Option) -> str | None:
    if option.required:
        return "required"
    default = option.to_info_dict()["default"]
    if not option.expose_value:
        return None  # it ends the command, like --version
    if option.is_flag:
        return "on" if default else "off"
    return f"`{default}`" if default and not option.multiple else None


def _check_table(location: str, options: list[Option], header: list[str], rows: list[list[str]]) -> None:
    by_name: Mapping[str, Option] = {name: option for option in options for name in option.names}
    documented: set[str] = set()
    for row in rows:
        names = _NAME.findall(row[0])
        documented |= set(names)
        assert by_name.keys() >= set(names), f"{location}: {set(names) - by_name.keys()} do not exist"
        described = list(dict.fromkeys(by_name[name] for name in names))
        if "default" in header:
            _check_defaults(location, described, row[header.index("default")])
        if "variable" in header:
            variables = set(_CODE.findall(row[header.index("variable")]))
            [expected] = {option.variables for option in described}
            assert variables == expected, f"{location}: {row[0]}: {variables} instead of {expected}"
    assert documented == by_name.keys(), f"{location}: {by_name.keys() - documented} are missing"


def _check_defaults(location: str, options: list[Option], cell: str) -> None:
    cells = cell.split(", ") if len(options) > 1 else [cell]
    cells = cells if len(cells) == len(options) else [cell] * len(options)
    for option, shown in zip(options, cells, strict=True):
        expected = option.default
        assert expected is None or shown == expected, f"{location}: {set(option.names)}: {shown} instead of {expected}"

"""`cws config`: show the value of each option and where it is set."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

import click

from coworks_async.cli.config_file import ConfigFile
from coworks_async.cli.errors import BrokenCommand, format_unknown_name
from coworks_async.cli.main import get_config
from coworks_async.cli.option_sources import EffectiveOption, check_values, resolve_options
from coworks_async.cli.project import Project, find_stage
from coworks_async.exceptions import CommandError

Options = Mapping[str, Mapping[str, EffectiveOption]]
"""Options by command and name."""


@click.command()
@click.argument("command", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def config(context: click.Context, command: str | None, as_json: bool) -> None:
    """Show the value of each option and where it is set: `cws config run`.

    Without COMMAND, show the options of all commands. Values in the config file and in variables are checked.
    """
    root, project = context.find_root(), cast(Project, context.obj)
    stage, file = find_stage(project), get_config(root) or ConfigFile()
    names = [command] if command is not None else cast(click.Group, root.command).list_commands(root)
    found = {name: _resolve(root, name, file, stage) for name in names}
    click.echo(_format_json(found, file, stage) if as_json else _format_text(found, file, stage))


def _resolve(root: click.Context, name: str, file: ConfigFile, stage: str) -> dict[str, EffectiveOption]:
    group = cast(click.Group, root.command)
    command = group.get_command(root, name)
    if command is None:
        raise CommandError(format_unknown_name("No such command", name, group.list_commands(root)))
    if isinstance(command, BrokenCommand):
        raise command.reason
    options = resolve_options(command, name, file, stage)
    check_values(click.Context(command, root, name), name, file, stage)
    return options


def _format_json(found: Options, file: ConfigFile, stage: str) -> str:
    commands = {name: {key: asdict(option) for key, option in options.items()} for name, options in found.items()}
    return json.dumps({"stage": stage, "file": file.file, "commands": commands}, indent=2, default=str)


def _format_text(found: Options, file: ConfigFile, stage: str) -> str:
    tables = {
        name: [
            (key.replace("_", "-"), _format_value(option.value), _format_source(option, stage))
            for key, option in options.items()
        ]
        for name, options in found.items()
    }
    rows = [row for table in tables.values() for row in table]
    first, second = (max((len(row[column]) for row in rows), default=0) for column in (0, 1))
    lines = [f"stage {stage}, {file.file or 'no config file'}"]
    for name, table in tables.items():
        lines += ["", name if table else f"{name}: no options"]
        lines += [f"  {key:{first}}  {value:{second}}  {source}" for key, value, source in table]
    return "\n".join(lines)


def _format_value(value: Any) -> str:
    if value is None or value in ((), []):
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(_format_value, value))
    return str(value)


def _format_source(option: EffectiveOption, stage: str) -> str:
    if option.location is None:
        return option.source
    return f"{option.location} (workspace {stage})" if option.source == "workspace" else option.location

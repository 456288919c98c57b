"""`cws config`: what each option is, and where that stands."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click

from coworks_async.cli.config_file import Configuration
from coworks_async.cli.errors import unknown
from coworks_async.cli.main import CommandGroup, configuration_of
from coworks_async.cli.option_sources import Effective, check_values, effective, settings_of
from coworks_async.cli.plugins import Unloadable
from coworks_async.cli.project import Project, stage_of
from coworks_async.exceptions import CommandError


@click.command()
@click.argument("command", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_context
def config(context: click.Context, command: str | None, as_json: bool) -> None:
    """Print each option's value and where it stands.

    Of all commands, or of the one that is named: `cws config run`. It is what holds when the command line says
    nothing else; the whole project file is checked, and so are the variables.
    """
    parent = context.parent
    if parent is None or not isinstance(parent.command, CommandGroup):
        raise CommandError("'config' is a command of cws.")
    project: Project = context.obj
    stage, configuration = stage_of(project), configuration_of(parent)
    group = parent.command
    names = [command] if command is not None else group.list_commands(parent)
    found = {name: _options(group, parent, name, configuration, stage) for name in names}
    click.echo(_as_json(found, configuration, stage) if as_json else _as_text(found, configuration, stage))


def _options(
    group: CommandGroup, parent: click.Context, name: str, configuration: Configuration, stage: str
) -> dict[str, Effective]:
    command = group.get_command(parent, name)
    if command is None:
        raise CommandError(unknown("There is no command", name, group.list_commands(parent)))
    if isinstance(command, Unloadable):
        raise command.reason
    settings = settings_of(command, name, configuration, stage)
    check_values(click.Context(command, parent, name), name, configuration, stage)
    return effective(command, settings)


def _as_json(found: Mapping[str, Mapping[str, Effective]], configuration: Configuration, stage: str) -> str:
    commands = {name: {key: asdict(one) for key, one in options.items()} for name, options in found.items()}
    return json.dumps({"stage": stage, "file": configuration.file, "commands": commands}, indent=2, default=str)


def _as_text(found: Mapping[str, Mapping[str, Effective]], configuration: Configuration, stage: str) -> str:
    lines = [f"stage {stage}, {configuration.file or 'no project file'}"]
    rows = [
        (name, key.replace("_", "-"), _shown(one.value), _origin(one, stage))
        for name, options in found.items()
        for key, one in options.items()
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (1, 2)]
    for name, options in found.items():
        lines += ["", name if options else f"{name}: no options"]
        lines += [
            f"  {key:{widths[0]}}  {value:{widths[1]}}  {origin}" for of, key, value, origin in rows if of == name
        ]
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if value is None or value in ((), []):
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    return str(value)


def _origin(one: Effective, stage: str) -> str:
    if one.place is None:
        return one.source
    return f"{one.place} (workspace {stage})" if one.source == "workspace" else one.place

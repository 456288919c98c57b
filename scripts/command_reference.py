"""The commands of `cws` as a plain click group, for the reference of the site: it depends on no project."""

from importlib import import_module

import click

from coworks_async.cli.main import COMMANDS
from coworks_async.cli.main import cws as project_group
from coworks_async.cli.option_sources import bind_envvars


def load(name: str) -> click.Command:
    module, _, attribute = COMMANDS[name][0].partition(":")
    return bind_envvars(getattr(import_module(module), attribute), name)


cws = click.Group("cws", {name: load(name) for name in COMMANDS}, params=project_group.params, help=project_group.help)

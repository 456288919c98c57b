"""The group `cws`: the options that every command shares, and where the commands are."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError

from coworks_async.cli.project import (
    APP_VARIABLE,
    DEFAULT_APP,
    DEFAULT_STAGE,
    DIRECTORY_VARIABLE,
    STAGE_VARIABLE,
    Project,
    check_stage,
    default_directory,
)
from coworks_async.exceptions import CommandError

COMMANDS: Mapping[str, str] = {
    "invoke": "coworks_async.cli.invoke:invoke",
    "run": "coworks_async.cli.run:run",
}


class WrongUse(click.ClickException):
    """A wrong use of a command, printed as one line, without the usage that click would put above it."""

    exit_code = 2


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn every wrong use, whoever found it, into a `WrongUse`."""
    try:
        yield
    except NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        raise WrongUse(error.format_message()) from error
    except CommandError as error:
        raise WrongUse(str(error)) from error


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for.

    `lazy_commands` maps a command's name to `"module:attribute"`. `--help` imports them all for their first lines, so
    the module of a command imports what is heavy inside its functions.
    """

    def __init__(self, *args: Any, lazy_commands: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy_commands = lazy_commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self.lazy_commands})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy_commands:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.lazy_commands[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        with one_line_errors():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with one_line_errors():
            return super().invoke(ctx)


@click.group(cls=LazyGroup, lazy_commands=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-A",
    "--app",
    metavar="APP",
    envvar=[APP_VARIABLE, "FLASK_APP"],
    show_envvar=True,
    help=f"The service: 'module', 'module:name', 'module:factory' or a file's path.  [default: {DEFAULT_APP}]",
)
@click.option(
    "-p",
    "--project-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar=DIRECTORY_VARIABLE,
    show_envvar=True,
    default=default_directory,
    show_default="'tech' where there is one, else '.'",
    help="The folder of the service's modules, put first on the import path.",
)
@click.option(
    "-s",
    "--stage",
    envvar=STAGE_VARIABLE,
    show_envvar=True,
    help=f"The stage the service runs as.  [default: {DEFAULT_STAGE}]",
)
@click.option(
    "-e",
    "--env-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="One more file of variables, over '.env' and '.env.<stage>'.",
)
@click.version_option(package_name="coworks-async", prog_name="cws")
@click.pass_context
def cws(context: click.Context, app: str | None, project_dir: Path, stage: str | None, env_file: Path | None) -> None:
    """Run the services of CoWorks Async."""
    if stage is not None:
        os.environ[STAGE_VARIABLE] = check_stage(stage)
    context.obj = Project(directory=project_dir.resolve(), app=app, env_file=env_file)

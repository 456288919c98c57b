"""The group `cws`: the options that every command shares, and where the commands are."""

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import click
from click.core import ParameterSource
from click.exceptions import NoArgsIsHelpError

from coworks_async.cli.config_file import (
    DEFAULT_NAME,
    DEFAULT_SUFFIX,
    Configuration,
    find_configuration,
    read_configuration,
)
from coworks_async.cli.errors import PLACES, one_line_errors, unknown
from coworks_async.cli.options import TEXT
from coworks_async.cli.project import (
    APP_VARIABLE,
    DEFAULT_APP,
    DEFAULT_STAGE,
    DIRECTORY_VARIABLE,
    STAGE_VARIABLE,
    Project,
    check_stage,
    default_directory,
    stage_of,
)
from coworks_async.exceptions import CommandError

# name: ("module:attribute", short help). `cws --help` imports no command.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "completion": ("coworks_async.cli.commands.completion:completion", "Print a completion script for your shell."),
    "config": ("coworks_async.cli.commands.config:config", "Show each option's value and where it is set."),
    "deploy": ("coworks_async.cli.commands.deploy:deploy", "Deploy a stage of the service to AWS."),
    "deployed": ("coworks_async.cli.commands.deployed:deployed", "List the deployed stages of the service."),
    "destroy": ("coworks_async.cli.commands.destroy:destroy", "Delete a deployed stage."),
    "invoke": ("coworks_async.cli.commands.invoke:invoke", "Call the Lambda handler once, locally."),
    "new": ("coworks_async.cli.commands.new:new", "Create a project."),
    "routes": ("coworks_async.cli.commands.routes:routes", "List the entries of the service."),
    "run": ("coworks_async.cli.commands.run:run", "Serve the service with uvicorn."),
    "shell": ("coworks_async.cli.commands.shell:shell", "Start a Python shell with the service loaded."),
    "zip": ("coworks_async.cli.commands.zip:zip_", "Build the deployment archive."),
}

_CONFIGURATION = "coworks_async.configuration"


class CommandGroup(click.Group):
    """The commands of `cws`, imported when they are used, and those that the project file adds or replaces."""

    def __init__(self, *args: Any, lazy_commands: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy_commands = lazy_commands
        # Where there is no argument `parse_args` shows the help itself, once it knows which project it is for.
        self.no_args_is_help = False

    def list_commands(self, ctx: click.Context) -> list[str]:
        configuration = configuration_of(ctx)
        # The stage is asked for only where it matters: `.env` may have to be read for it.
        own = configuration.commands(stage_of(project_of(ctx))) if configuration.sections else ()
        return sorted({*self.builtin_commands(ctx), *own})

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = []
        for name in self.list_commands(ctx):
            command = self._own_command(ctx, name)
            if command is None and name in self.lazy_commands:
                rows.append((name, self.lazy_commands[name][1]))
                continue
            command = command or super().get_command(ctx, name)
            if command is not None and not command.hidden:
                rows.append((name, command.get_short_help_str(formatter.width)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def builtin_commands(self, ctx: click.Context) -> list[str]:
        """List the commands there are without a project file."""
        return sorted({*super().list_commands(ctx), *self.lazy_commands})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = self._own_command(ctx, cmd_name) or self.builtin_command(ctx, cmd_name)
        if command is None:
            return None
        from coworks_async.cli.option_sources import with_variables

        return with_variables(command, cmd_name)

    def builtin_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Give the command that there is without a project file."""
        if name not in self.lazy_commands:
            return super().get_command(ctx, name)
        module, _, attribute = self.lazy_commands[name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def _own_command(self, ctx: click.Context, name: str) -> click.Command | None:
        configuration, project = configuration_of(ctx), project_of(ctx)
        named = configuration.class_of(name, stage_of(project)) if configuration.sections else None
        if named is None:
            return None
        from coworks_async.cli.plugins import load_command

        return load_command(name, named, project.directory, lambda: self.builtin_command(ctx, name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        given = args[0]
        try:
            name, command, rest = super().resolve_command(ctx, args)
        except click.UsageError as error:
            # What begins with a dash is an option that click has named.
            if given.startswith("-"):
                raise
            raise CommandError(unknown("There is no command", given, self.list_commands(ctx))) from error
        configuration = configuration_of(ctx)
        if name is not None and command is not None and configuration.sections and not ctx.resilient_parsing:
            from coworks_async.cli.option_sources import default_map, settings_of

            settings = settings_of(command, name, configuration, stage_of(project_of(ctx)))
            ctx.default_map = {name: default_map(command, settings)}
            ctx.meta[PLACES] = {parameter: setting.place for parameter, setting in settings.items()}
        return name, command, rest

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option = super().get_help_option(ctx)
        if option is not None:
            # After the options that tell which project's commands there are to list, which are eager.
            option.is_eager = False
        return option

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        nothing = not args and not ctx.resilient_parsing
        rest = super().parse_args(ctx, args)
        if nothing:
            raise NoArgsIsHelpError(ctx)
        return rest

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        # Before it is parsed, so that what is wrong with the other options shows its traceback too.
        with one_line_errors(debug="--debug" in args):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with one_line_errors(debug=ctx.params.get("debug", False)):
            return super().invoke(ctx)


def project_of(context: click.Context) -> Project:
    """Give the project that the global options tell; `context` is the group's."""
    values = context.params
    directory = values.get("project_dir") or default_directory()
    return Project(directory=Path(directory).resolve(), app=values.get("app"), env_file=values.get("env_file"))


def configuration_of(context: click.Context) -> Configuration:
    """Give the project file's content, read at the first call; `context` is the group's.

    Raises `CommandError` where the file is wrong, or asked for and not there.
    """
    if _CONFIGURATION not in context.meta:
        context.meta[_CONFIGURATION] = _read_configuration(context)
    configuration: Configuration = context.meta[_CONFIGURATION]
    return configuration


def _read_configuration(context: click.Context) -> Configuration:
    # Where the shell completes a line, what it does not name has no value.
    name, suffix = context.params.get("config_file"), context.params.get("config_file_suffix")
    sources = [context.get_parameter_source(option) for option in ("config_file", "config_file_suffix")]
    try:
        path = find_configuration(
            project_of(context).directory,
            DEFAULT_NAME if name is None else name,
            DEFAULT_SUFFIX if suffix is None else suffix,
            named=any(source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT) for source in sources),
        )
        if path is None:
            return Configuration()
        configuration = read_configuration(path)
        configuration.check_commands(cast(CommandGroup, context.command).builtin_commands(context))
        return configuration
    except CommandError:
        if context.resilient_parsing:
            # The shell completes a line: no place to tell of a mistake.
            return Configuration()
        raise


def _use_stage(context: click.Context, parameter: click.Parameter, stage: str | None) -> str | None:
    """Set the stage for all that follows, the import of a command of the project's own too."""
    if stage is not None:
        os.environ[STAGE_VARIABLE] = check_stage(stage)
    return stage


def _print_version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from importlib.metadata import version
    from platform import python_version

    packages = ", ".join(f"{name} {version(name.lower())}" for name in ("Starlette", "uvicorn", "Mangum"))
    click.echo(f"cws, version {version('coworks-async')} (Python {python_version()}, {packages})")
    context.exit()


@click.group(cls=CommandGroup, lazy_commands=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-A",
    "--app",
    type=TEXT,
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
    is_eager=True,
    help="The folder of the service's modules, put first on the import path.",
)
@click.option(
    "-c",
    "--config-file",
    type=TEXT,
    metavar="NAME",
    envvar="CWS_CONFIG_FILE",
    show_envvar=True,
    default=DEFAULT_NAME,
    show_default=True,
    is_eager=True,
    help="The project file, sought in the project's folder, then in the current one.",
)
@click.option(
    "--config-file-suffix",
    metavar="SUFFIX",
    envvar="CWS_CONFIG_FILE_SUFFIX",
    show_envvar=True,
    default=DEFAULT_SUFFIX,
    show_default=True,
    is_eager=True,
    help="What is added to the name of the project file, unless it ends in '.yml' or '.yaml'.",
)
@click.option(
    "-s",
    "--stage",
    envvar=STAGE_VARIABLE,
    show_envvar=True,
    callback=_use_stage,
    is_eager=True,
    help=f"The stage the service runs as.  [default: {DEFAULT_STAGE}]",
)
@click.option(
    "-e",
    "--env-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="One more file of variables, over '.env' and '.env.<stage>'.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of every error.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version, and those of Python and of what serves, and exit.",
)
@click.pass_context
def cws(context: click.Context, /, **options: Any) -> None:
    """Run the services of CoWorks Async."""
    context.obj = project_of(context)

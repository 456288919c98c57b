"""The `cws` group: global options and lazily imported commands.

`cws --help`, completion and usage errors must be fast: they import only this module, `errors`, `option_sources`,
`options` and `project`, which imports `aws.references`. The commands and the other modules that they share are imported
when a command is used.
"""

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
from click.core import ParameterSource
from click.exceptions import NoArgsIsHelpError
from click.shell_completion import CompletionItem

from coworks_async.cli.errors import CUSTOM_COMMAND, LOCATIONS, BrokenCommand, format_unknown_name, one_line_errors
from coworks_async.cli.option_sources import bind_envvars, convert, find_settings
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
    find_config_file,
    find_root,
    find_stage,
    get_config_name,
)
from coworks_async.exceptions import CommandError

if TYPE_CHECKING:
    from coworks_async.cli.config_file import ConfigFile

# name: ("module:attribute", short help)
COMMANDS: Mapping[str, tuple[str, str]] = {
    "completion": ("coworks_async.cli.commands.completion:completion", "Print a completion script for your shell."),
    "config": ("coworks_async.cli.commands.config:config", "Show each option's value and where it is set."),
    "deploy": ("coworks_async.cli.commands.deploy:deploy", "Deploy a stage of the service to AWS."),
    "deployed": ("coworks_async.cli.commands.deployed:deployed", "List the deployed stages of the service."),
    "destroy": ("coworks_async.cli.commands.destroy:destroy", "Delete a deployed stage."),
    "invoke": ("coworks_async.cli.commands.invoke:invoke", "Call the Lambda handler with one request."),
    "logs": ("coworks_async.cli.commands.logs:logs", "Show the log lines of a deployed stage."),
    "new": ("coworks_async.cli.commands.new:new", "Create a project."),
    "prune": ("coworks_async.cli.commands.prune:prune", "Destroy the stages whose time has passed."),
    "rollback": ("coworks_async.cli.commands.rollback:rollback", "Make an earlier version of a stage live."),
    "routes": ("coworks_async.cli.commands.routes:routes", "List the entries of the service."),
    "run": ("coworks_async.cli.commands.run:run", "Serve the service with uvicorn."),
    "shell": ("coworks_async.cli.commands.shell:shell", "Start a Python shell with the service loaded."),
    "zip": ("coworks_async.cli.commands.zip:zip_", "Build the deployment archive."),
}

_WITHOUT_STAGE = ("completion", "new")
"""Commands that work without a stage, so that the default one need not exist."""

DEFAULT_CONFIG_FILE = "project"

_CONFIG = "coworks_async.config"
"""Key in a context's `meta`: the config file, or None without one."""


class CommandGroup(click.Group):
    """A group that imports a command when it is used. The config file can add and replace commands."""

    def __init__(self, *args: Any, lazy_commands: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy_commands = lazy_commands
        # `parse_args` shows the help instead, after it has read the options that select the config file.
        self.no_args_is_help = False

    def list_builtin_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self.lazy_commands})

    def list_commands(self, ctx: click.Context) -> list[str]:
        config = get_config(ctx)
        # The stage is read only if needed: it may be in `.env`.
        custom = config.list_custom_commands(find_stage(get_project(ctx))) if config is not None else ()
        return sorted({*self.list_builtin_commands(ctx), *custom})

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(self._list_short_help(ctx, formatter.width))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        # Click's own method imports every command for its help.
        rows = [(name, text) for name, text in self._list_short_help(ctx) if name.startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*(CompletionItem(name, help=text) for name, text in rows), *options]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = self._load_custom(ctx, cmd_name) or self._load_builtin(ctx, cmd_name)
        return bind_envvars(command, cmd_name) if command is not None else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        typed, config = args[0], get_config(ctx)
        if config is not None and not ctx.resilient_parsing and typed not in _WITHOUT_STAGE:
            _check_listed_stage(config, get_project(ctx))
        try:
            name, command, rest = super().resolve_command(ctx, args)
        except click.UsageError as error:
            # For an unknown option, click's message is good.
            if typed.startswith("-"):
                raise
            raise CommandError(format_unknown_name("No such command", typed, self.list_commands(ctx))) from error
        if name is not None and command is not None and config is not None and not ctx.resilient_parsing:
            if isinstance(command, BrokenCommand):
                raise command.reason
            project = get_project(ctx)
            stage = find_stage(project)
            settings = find_settings(command, name, config, stage)
            values = {key: (option, convert(option, setting)) for key, (option, setting) in settings.items()}
            ctx.default_map = {name: {key: _locate_path(*found, project.root) for key, found in values.items()}}
            ctx.meta[LOCATIONS] = {key: setting.location for key, (_, setting) in settings.items()}
            custom = config.find_class(name, stage)
            if custom is not None:
                ctx.meta[CUSTOM_COMMAND] = f"{name!r} ({custom.location})"
        return name, command, rest

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option = super().get_help_option(ctx)
        if option is not None:
            # Processed after the options that select the config file, which are eager.
            option.is_eager = False
        return option

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        show_help = not args and not ctx.resilient_parsing
        rest = super().parse_args(ctx, args)
        if show_help:
            raise NoArgsIsHelpError(ctx)
        return rest

    def main(self, *args: Any, **extra: Any) -> Any:
        # None if they are closed, as by `>&-`. Python's `print` then does nothing, but other code fails.
        if sys.stdout is None:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        if sys.stderr is None:
            sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        try:
            Path.cwd()
        except FileNotFoundError:
            # Here, because the completion of a command line needs it too.
            click.echo("Error: The current folder has been deleted. Change to another one.", err=True)
            sys.exit(2)
        return super().main(*args, **extra)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        # `--debug` is not parsed yet, and must also apply to errors in the options before it.
        with one_line_errors(debug="--debug" in args):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with one_line_errors(debug=ctx.params.get("debug", False)):
            try:
                return super().invoke(ctx)
            except click.NoSuchOption as error:
                self._explain_global_option(ctx, error)
                raise

    def _explain_global_option(self, ctx: click.Context, error: click.NoSuchOption) -> None:
        """Raise `CommandError` if an option of this group is used after the name of a command."""
        if any(error.option_name in parameter.opts for parameter in self.params):
            name, command = error.option_name, ctx.invoked_subcommand
            raise CommandError(
                f"No such option {name!r} of {command!r}. Options of cws precede it: 'cws {name} ... {command}'."
            ) from error

    def _list_short_help(self, ctx: click.Context, width: int = 80) -> list[tuple[str, str]]:
        rows = []
        for name in self.list_commands(ctx):
            command = self._load_custom(ctx, name) or super().get_command(ctx, name)
            if command is None:
                rows.append((name, self.lazy_commands[name][1]))
            elif not command.hidden:
                rows.append((name, command.get_short_help_str(width)))
        return rows

    def _load_builtin(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.lazy_commands:
            return super().get_command(ctx, name)
        module, _, attribute = self.lazy_commands[name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def _load_custom(self, ctx: click.Context, name: str) -> click.Command | None:
        config, project = get_config(ctx), get_project(ctx)
        setting = config.find_class(name, find_stage(project)) if config is not None else None
        if setting is None:
            return None
        # Imports Starlette, which the help needs only for a custom command.
        from coworks_async.cli.app_loader import load_command

        return load_command(name, setting, project.directory, self._load_builtin(ctx, name))


def get_project(context: click.Context) -> Project:
    values = context.params
    directory, root = values.get("project_dir"), Path.cwd()
    if directory is None:
        root = find_root(_get_config_name(context))
        directory = default_directory(root)
    return Project(directory.resolve(), values.get("app"), values.get("env_file"), root)


def _get_config_name(context: click.Context) -> str:
    # While a shell completes a line, an invalid value is None.
    name = context.params["config_file"] or DEFAULT_CONFIG_FILE
    return get_config_name(name, context.params["config_file_suffix"])


def _locate_path(option: click.Option, value: Any, root: Path) -> Any:
    """Return a value of the config file. Paths in a file above the current directory are relative to that file."""
    if not isinstance(option.type, click.Path) or root == Path.cwd():
        return value
    if isinstance(value, list):
        return [_locate_path(option, each, root) for each in value]
    # A dash is the standard input.
    return value if value == "-" else str(root / value)


def get_config(context: click.Context) -> "ConfigFile | None":
    """Return the config file of the group's context, or None without one. It is read once."""
    if _CONFIG not in context.meta:
        try:
            context.meta[_CONFIG] = _read_config(context)
        except CommandError:
            # A shell that completes a line cannot show an error.
            if not context.resilient_parsing:
                raise
            context.meta[_CONFIG] = None
    config: ConfigFile | None = context.meta[_CONFIG]
    return config


def _read_config(context: click.Context) -> "ConfigFile | None":
    sources = [context.get_parameter_source(option) for option in ("config_file", "config_file_suffix")]
    required = any(source is not ParameterSource.DEFAULT for source in sources)
    path = find_config_file(get_project(context), _get_config_name(context), required=required)
    if path is None:
        return None
    # Imports yaml, which a project without a config file does not need.
    from coworks_async.cli.config_file import read_config_file

    config = read_config_file(path)
    config.check_commands(cast(CommandGroup, context.command).list_builtin_commands(context))
    return config


def _check_listed_stage(config: "ConfigFile", project: Project) -> None:
    """Raise `CommandError` for a stage that the config file does not list; explain the default one."""
    stage = find_stage(project)
    try:
        config.check_stage(stage)
    except CommandError as error:
        if stage != DEFAULT_STAGE:
            raise
        raise CommandError(f"{error} {stage!r} is the default: set another with -s or {STAGE_VARIABLE}.") from error


def _set_stage(context: click.Context, parameter: click.Parameter, stage: str | None) -> str | None:
    # Before anything is imported, custom commands included.
    if stage is not None:
        os.environ[STAGE_VARIABLE] = check_stage(stage)
    return stage


def _print_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if not value or context.resilient_parsing:
        return
    # Slow to import.
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
    help=f"The app: 'module', 'module:name', 'module:factory' or the path of a file.  [default: {DEFAULT_APP}]",
)
@click.option(
    "-p",
    "--project-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar=DIRECTORY_VARIABLE,
    show_envvar=True,
    show_default="'tech' if it exists, else '.'",
    is_eager=True,
    help="The directory of the service's modules, put first on the import path.",
)
@click.option(
    "-c",
    "--config-file",
    type=TEXT,
    metavar="NAME",
    envvar="CWS_CONFIG_FILE",
    show_envvar=True,
    default=DEFAULT_CONFIG_FILE,
    show_default=True,
    is_eager=True,
    help="The config file, in the project directory, the current one or above it.",
)
@click.option(
    "--config-file-suffix",
    metavar="SUFFIX",
    envvar="CWS_CONFIG_FILE_SUFFIX",
    show_envvar=True,
    default=".cws.yml",
    show_default=True,
    is_eager=True,
    help="Appended to the name of the config file unless it ends in '.yml' or '.yaml'.",
)
@click.option(
    "-s",
    "--stage",
    envvar=STAGE_VARIABLE,
    show_envvar=True,
    callback=_set_stage,
    is_eager=True,
    help=f"The stage of the service.  [default: {DEFAULT_STAGE}]",
)
@click.option(
    "-e",
    "--env-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An additional environment file, which overrides '.env' and '.env.<stage>'.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of every error.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the versions of cws, Python, Starlette, uvicorn and Mangum, and exit.",
)
@click.pass_context
def cws(context: click.Context, /, **options: Any) -> None:
    """Run and deploy the services of CoWorks Async."""
    context.obj = get_project(context)

"""Options of a command from variables, the config file and defaults. Click itself parses the command line."""

import copy
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from coworks_async.cli.errors import find_envvar, format_unknown_name, list_envvars
from coworks_async.cli.options import FLAG
from coworks_async.exceptions import CommandError

if TYPE_CHECKING:
    # Not at run time: it imports yaml, which `cws --help` does not need.
    from coworks_async.cli.config_file import ConfigFile, Section, Setting, Value

PREFIX = "CWS"

# What YAML 1.1 reads as true and PyYAML accepts.
_TRUE = ("true", "yes", "on")


@dataclass(frozen=True, slots=True)
class EffectiveOption:
    """The value of an option that is not on the command line, and where it is set.

    `source` is `default`, `environment`, `commands` or `workspace`; `location` is a variable or a line of the file.
    """

    value: Any
    source: str
    location: str | None = None


def bind_envvars(command: click.Command, name: str) -> click.Command:
    """Return a copy of a command whose options can be set by `CWS_<COMMAND>_<OPTION>`.

    Click's `auto_envvar_prefix` would use the name of the function's parameter, which cannot be `lambda`.
    """
    bound = copy.copy(command)
    bound.params = [copy.copy(parameter) for parameter in command.params]
    for option in _get_options(bound):
        variable = "_".join((PREFIX, name, _get_keys(option)[0])).replace("-", "_").upper()
        option.envvar = [variable, *list_envvars(option)]
        if option.is_bool_flag:
            option.type = FLAG
    return bound


def find_settings(
    command: click.Command, name: str, config: "ConfigFile", stage: str
) -> "dict[str, tuple[click.Option, Setting]]":
    """Return the options that the config file sets in a stage, with their settings, by parameter name.

    An unknown option of this command is an error in any stage.
    """
    known = {key: option for option in _get_options(command) for key in _get_keys(option)}
    for section in _list_sections(name, config, stage):
        for setting in section.settings:
            if setting.key not in known:
                names = [key.replace("_", "-") if "-" in setting.name else key for key in known]
                raise setting.location.error(
                    format_unknown_name(f"Command {name!r} has no option", setting.name, names)
                )
    found = {
        str(known[setting.key].name): (known[setting.key], setting)
        for section in config.find_sections(name, stage)
        for setting in section.settings
        # A stage may replace the class of the command by one without this option.
        if setting.key in known
    }
    # `null` in a workspace resets an option to its default.
    return {name: (option, setting) for name, (option, setting) in found.items() if setting.value is not None}


def convert(option: click.Option, setting: "Setting") -> Any:
    """Return the value of a setting as click expects it in a `default_map`."""
    if option.is_flag:
        value = setting.value
        if value is None or isinstance(value, tuple) or value.kind != "bool":
            raise _type_error(setting, "true or false")
        on = value.text.lower() in _TRUE
        return on if option.is_bool_flag else option.flag_value if on else None
    if option.nargs == 1:
        return _to_texts(setting, setting.value) if option.multiple else _to_text(setting, setting.value)
    if option.multiple:
        return [_to_texts(setting, item, option.nargs) for item in _to_items(setting.value)]
    return _to_texts(setting, setting.value, option.nargs)


def resolve_options(command: click.Command, name: str, config: "ConfigFile", stage: str) -> dict[str, EffectiveOption]:
    """Return the options of a command by their name in the config file, as they are without a command line."""
    settings = find_settings(command, name, config, stage)
    return {_get_keys(option)[0]: _resolve(option, settings) for option in _get_options(command)}


def check_values(context: click.Context, name: str, config: "ConfigFile", stage: str) -> None:
    """Check the values of the context's command: those of the config file, in every stage, and of variables."""
    options = {key: option for option in _get_options(context.command) for key in _get_keys(option)}
    for section in _list_sections(name, config, stage):
        for setting in section.settings:
            if setting.value is not None:
                option = options[setting.key]
                _check_value(context, option, convert(option, setting), str(setting.location))
    for option in options.values():
        variable = find_envvar(option)
        if variable is not None:
            _check_value(context, option, option.value_from_envvar(context), variable)


def _check_value(context: click.Context, option: click.Option, value: Any, location: str) -> None:
    try:
        option.type_cast_value(context, value)
    except click.BadParameter as error:
        raise CommandError(f"{location}: {error.format_message()}") from error


def _get_keys(option: click.Option) -> list[str]:
    """Return the names of an option in the config file: its long names, or else its short one."""
    long = [name.removeprefix("--").replace("-", "_") for name in option.opts if name.startswith("--")]
    return long or [str(option.name)]


def _get_options(command: click.Command) -> list[click.Option]:
    return [parameter for parameter in command.params if isinstance(parameter, click.Option)]


def _list_sections(name: str, config: "ConfigFile", stage: str) -> "Iterator[Section]":
    """Yield the sections of a command in every stage where it has the same class as in this one."""

    def class_in(stage: str) -> "Value | None":
        setting = config.find_class(name, stage)
        return setting.value if setting is not None else None

    for section in config.sections:
        if section.command == name and class_in(section.workspace or "") == class_in(stage):
            yield section


def _resolve(option: click.Option, settings: "Mapping[str, tuple[click.Option, Setting]]") -> EffectiveOption:
    variable = find_envvar(option)
    # Flags like `--json` and `--yaml` may share one parameter.
    owner, setting = settings.get(str(option.name), (None, None))
    if variable is not None:
        found = EffectiveOption(os.environ[variable], "environment", variable)
    elif setting is not None and owner is option:
        source = "workspace" if setting.workspace else "commands"
        found = EffectiveOption(convert(option, setting), source, str(setting.location))
    else:
        found = EffectiveOption(_get_default(option), "default")
    return replace(found, value="(hidden)") if option.hide_input and found.value is not None else found


def _get_default(option: click.Option) -> Any:
    default = option.default() if callable(option.default) else option.default
    # An option without a default has a sentinel that differs between versions of click.
    if isinstance(default, str | int | float | list | tuple | Path):
        return default
    return False if option.is_bool_flag else None


def _to_items(value: "Value") -> "tuple[Value, ...]":
    return value if isinstance(value, tuple) else (value,)


def _to_texts(setting: "Setting", value: "Value", count: int | None = None) -> list[str]:
    texts = [_to_text(setting, item) for item in _to_items(value)]
    if count not in (None, len(texts)):
        raise _type_error(setting, f"a list of {count} values")
    return texts


def _to_text(setting: "Setting", value: "Value") -> str:
    if value is None or isinstance(value, tuple):
        raise _type_error(setting, "a single value")
    return value.text


def _type_error(setting: "Setting", expected: str) -> CommandError:
    return setting.location.error(f"Invalid value for {setting.name!r}. Expected {expected}.")

"""What the project file and the environment say for the options of a command, in click's terms."""

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from coworks_async.cli.config_file import Configuration, Scalar, Section, Setting, Value
from coworks_async.cli.errors import set_variable, unknown, variables
from coworks_async.exceptions import CommandError

PREFIX = "CWS"

# What YAML 1.1 writes for true; PyYAML reads no other.
_TRUE = ("true", "yes", "on")


@dataclass(frozen=True, slots=True)
class Effective:
    """What an option is unless the command line says otherwise, and where that stands.

    `source` is `default`, `environment`, `commands` or `workspace`; `place` a variable's name or a line of the file.
    """

    value: Any
    source: str
    place: str | None = None


def keys(parameter: click.Parameter) -> list[str]:
    """List the names that a parameter has in the project file: its long options, else its own name."""
    long = [name.removeprefix("--").replace("-", "_") for name in parameter.opts if name.startswith("--")]
    return long or [str(parameter.name)]


def with_variables(command: click.Command, name: str) -> click.Command:
    """Give a copy of a command whose options may be set by `CWS_<COMMAND>_<OPTION>`, before variables of their own.

    Not click's `auto_envvar_prefix`, which names a variable after the function's parameter: for `--lambda` this may
    be no `lambda`.
    """
    bound = copy.copy(command)
    bound.params = [copy.copy(parameter) for parameter in command.params]
    for parameter in bound.params:
        if isinstance(parameter, click.Option):
            variable = "_".join((PREFIX, name, keys(parameter)[0])).replace("-", "_").upper()
            parameter.envvar = [variable, *variables(parameter)]
    return bound


def settings_of(command: click.Command, name: str, configuration: Configuration, stage: str) -> dict[str, Setting]:
    """Give what the project file sets in a stage, by the names of the command's parameters.

    All sections of the command are checked, those of other stages too; raises `CommandError` for an option that the
    command does not have.
    """
    known = {key: str(option.name) for option in _options(command) for key in keys(option)}
    for section in configuration.sections:
        if section.command == name and _is_of(section, configuration, stage):
            _check_options(section, known)
    found = {
        known[setting.key]: setting
        for section in configuration.of(name, stage)
        for setting in section.settings
        # A workspace whose class is another one may lack an option of the common section.
        if setting.key in known
    }
    # `null` in a workspace takes the option back to its default.
    return {parameter: one for parameter, one in found.items() if not _null(one)}


def default_map(command: click.Command, settings: Mapping[str, Setting]) -> dict[str, Any]:
    """Give the settings as click's `default_map` for the command; raises `CommandError` for a wrong type.

    default_map(run, settings_of(run, "run", configuration, "dev"))
    """
    values: dict[str, Any] = {}
    for option in _options(command):
        setting = settings.get(str(option.name))
        if setting is not None and setting.key in keys(option):
            values[str(option.name)] = _converted(option, setting)
    return values


def effective(command: click.Command, settings: Mapping[str, Setting]) -> dict[str, Effective]:
    """Tell for each option of a command what holds, by the option's name in the project file."""
    values = default_map(command, settings)
    return {keys(option)[0]: _effective(option, settings, values) for option in _options(command)}


def check_values(context: click.Context, name: str, configuration: Configuration, stage: str) -> None:
    """Check that the options of the context's command take what the file, in every stage, and the environment say.

    Raises `CommandError`, which begins with the line of the file or with the variable.
    """
    options = {key: option for option in _options(context.command) for key in keys(option)}
    for section in configuration.sections:
        if section.command == name and _is_of(section, configuration, stage):
            for setting in section.settings:
                if not _null(setting):
                    option = options[setting.key]
                    _check_value(context, option, _converted(option, setting), str(setting.place))
    for option in options.values():
        variable = set_variable(option)
        if variable is not None:
            _check_value(context, option, option.value_from_envvar(context), variable)


def _check_value(context: click.Context, option: click.Option, value: Any, place: str) -> None:
    try:
        option.type_cast_value(context, value)
    except click.BadParameter as error:
        raise CommandError(f"{place}: {error.format_message()}") from error


def _options(command: click.Command) -> list[click.Option]:
    """List the options of a command: an argument is what a use of it is about, which the line alone tells."""
    return [parameter for parameter in command.params if isinstance(parameter, click.Option)]


def _effective(parameter: click.Option, settings: Mapping[str, Setting], values: Mapping[str, Any]) -> Effective:
    name = str(parameter.name)
    variable = set_variable(parameter)
    setting = settings.get(name)
    if variable is not None:
        found = Effective(os.environ[variable], "environment", variable)
    elif setting is not None and setting.key in keys(parameter):
        found = Effective(values[name], "workspace" if setting.workspace else "commands", str(setting.place))
    else:
        found = Effective(_default(parameter), "default")
    # What is typed unseen, as a password is, is not shown either.
    return replace(found, value="(hidden)") if found.value is not None and parameter.hide_input else found


def _default(parameter: click.Option) -> Any:
    default = parameter.default() if callable(parameter.default) else parameter.default
    # Without a default click has a mark of its own, which differs between its versions.
    if isinstance(default, str | int | float | list | tuple | Path):
        return default
    return False if parameter.is_bool_flag else None


def _is_of(section: Section, configuration: Configuration, stage: str) -> bool:
    """Tell whether a section is for the class of command that the stage has."""

    def named(setting: Setting | None) -> Value | None:
        return setting.value if setting is not None else None

    theirs = configuration.class_of(section.command, section.workspace or "")
    return named(theirs) == named(configuration.class_of(section.command, stage))


def _check_options(section: Section, known: Mapping[str, str]) -> None:
    for setting in section.settings:
        if setting.key not in known:
            shown = [key.replace("_", "-") if "-" in setting.name else key for key in known]
            raise setting.place.error(unknown(f"{section.command!r} has no option", setting.name, shown))


def _null(setting: Setting) -> bool:
    return isinstance(setting.value, Scalar) and setting.value.kind == "null"


def _converted(option: click.Option, setting: Setting) -> Any:
    """Give the value as click takes it: text as on the command line, a list of it, or a boolean."""
    if option.is_flag:
        on = _boolean(setting)
        if option.is_bool_flag:
            return on
        return option.flag_value if on else None
    if option.nargs == 1:
        return _texts(setting, setting.value) if option.multiple else _text(setting, setting.value)
    if option.multiple:
        return [_texts(setting, one, option.nargs) for one in _items(setting.value)]
    return _texts(setting, setting.value, option.nargs)


def _boolean(setting: Setting) -> bool:
    if isinstance(setting.value, Scalar) and setting.value.kind == "bool":
        return setting.value.text.lower() in _TRUE
    raise _wrong(setting, "true or false")


def _text(setting: Setting, value: Value) -> str:
    if isinstance(value, Scalar) and value.kind != "null":
        return value.text
    raise _wrong(setting, "one value")


def _texts(setting: Setting, value: Value, count: int = -1) -> list[str]:
    texts = [_text(setting, one) for one in _items(value)]
    if count not in (-1, len(texts)):
        raise _wrong(setting, f"a list of {count}")
    return texts


def _items(value: Value) -> Sequence[Value]:
    """One value does for a list of one."""
    return (value,) if isinstance(value, Scalar) else value


def _wrong(setting: Setting, expected: str) -> CommandError:
    return setting.place.error(f"The value of {setting.name!r} is of a wrong type: expected {expected}.")

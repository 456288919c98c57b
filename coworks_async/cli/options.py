"""Parameter types of all commands, and the options that several commands share."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from coworks_async.cli.project import TERRAFORM_DIRECTORY

if TYPE_CHECKING:
    _ParamType = click.ParamType[Any]
else:
    # Not generic before click 8.4.
    _ParamType = click.ParamType

Command = TypeVar("Command", bound=Callable[..., object])

EMULATOR_URL = "http://127.0.0.1:4566"

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class NonEmptyText(_ParamType):
    """A text. An empty one, as an unset shell variable produces, is an error."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("The value is empty.", param, ctx)
        return value


TEXT = NonEmptyText()


class NonEmptyPath(click.Path):
    """A `Path`. An empty one, which would be the current folder, is an error."""

    def __init__(self, **kinds: bool) -> None:
        super().__init__(path_type=Path, **kinds)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(TEXT.convert(value, param, ctx), param, ctx)


class UnsplitText(_ParamType):
    """The text of a repeatable option whose environment variable holds one value, spaces included."""

    name = "text"

    def split_envvar_value(self, rv: str) -> list[str]:
        return [rv]


class Flag(click.types.BoolParamType):
    """The value of a flag in a variable, with a message that does not list all accepted spellings."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is neither true nor false.", param, ctx)


FLAG = Flag()


class IntRange(_ParamType):
    """An integer from `minimum` to `maximum`, with one message for everything else; click's has two."""

    name = "number"

    def __init__(self, minimum: int, maximum: int) -> None:
        self.minimum, self.maximum = minimum, maximum

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        if text.isdecimal() and self.minimum <= int(text) <= self.maximum:
            return int(text)
        self.fail(f"{value!r} is not a number from {self.minimum} to {self.maximum}.", param, ctx)


class Duration(_ParamType):
    """A number of seconds, written as a number and a unit: `30s`, `10m`, `2h`, `1d`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number, unit = value[:-1], value[-1:]
        if number.isdecimal() and len(number) <= 6 and unit in _SECONDS:
            return int(number) * _SECONDS[unit]
        self.fail(f"{value!r} is not a duration such as 30s, 10m, 2h or 1d.", param, ctx)


class Pattern(_ParamType):
    """A text that matches a regular expression as a whole; `expected` describes it."""

    name = "text"

    def __init__(self, pattern: str, expected: str) -> None:
        self.pattern, self.expected = re.compile(pattern), expected

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not self.pattern.fullmatch(value):
            self.fail(f"{value!r} is not {self.expected}.", param, ctx)
        return value


class NameValue(_ParamType):
    """A pair of texts, written `NAME=VALUE`. The name must not be empty."""

    name = "pair"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name, separator, content = value.partition("=")
        if not separator or not name:
            self.fail(f"{value!r} is not NAME=VALUE.", param, ctx)
        return name, content


def _share(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Return a decorator that adds options to a command."""

    def add_options(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add_options


# Options that choose an AWS account.
account_options = _share(
    click.option("--profile-name", "--profile", type=TEXT, metavar="NAME", help="Profile of your AWS configuration."),
    click.option("--region", type=TEXT, help="AWS region.  [default: AWS_REGION, else the profile's]"),
    click.option(
        "--local",
        type=TEXT,
        metavar="[URL]",
        is_flag=False,
        flag_value=EMULATOR_URL,
        help=f"Use an AWS emulator.  [default URL: {EMULATOR_URL}]",
    ),
)

# Options of Terraform and its state. One workspace contains the state of one stage.
_workspace = click.option("--workspace", type=TEXT, help="Workspace in Terraform Cloud.  [default: <service>-<stage>]")
_terraform = (
    click.option("--terraform", type=click.Choice(["terraform", "tofu"]), help="Program to run."),
    click.option(
        "--terraform-dir",
        type=NonEmptyPath(file_okay=False),
        help=f"Directory of your Terraform files and of the stages.  [default: {TERRAFORM_DIRECTORY} in the project]",
    ),
    click.option("--tf-bucket", type=TEXT, metavar="BUCKET", help="Store Terraform's state in S3."),
    click.option(
        "--terraform-cloud", type=TEXT, metavar="ORGANIZATION", help="Store Terraform's state in Terraform Cloud."
    ),
    click.option("--break-lock", is_flag=True, help="Replace the lock that a killed deploy has left."),
    click.option("--gateway", type=click.Choice(["rest", "http"]), default="rest", show_default=True, help="API type."),
)
terraform_options = _share(*_terraform[:4], _workspace, *_terraform[4:])
terraform_options_of_stages = _share(*_terraform)

# Options that determine the content of an archive.
archive_options = _share(
    click.option(
        "--python",
        type=click.Choice(["3.11", "3.12", "3.13", "3.14"]),
        default="3.13",
        show_default=True,
        help="The function's Python version.",
    ),
    click.option(
        "--arch",
        type=click.Choice(["arm64", "x86_64"]),
        default="arm64",
        show_default=True,
        help="The function's processor.",
    ),
    click.option(
        "--runtime",
        type=click.Choice(["buffered", "native"]),
        default="buffered",
        show_default=True,
        help="The program that runs the function: AWS's Python runtime, or that of CoWorks.",
    ),
    click.option(
        "--ignore",
        type=TEXT,
        metavar="PATTERN",
        multiple=True,
        help="Exclude project files, in .gitignore syntax; repeatable.",
    ),
    click.option(
        "--layer-provides",
        type=TEXT,
        metavar="NAME",
        multiple=True,
        help="Exclude a distribution that a layer contains, with its dependencies; repeatable.",
    ),
    click.option(
        "--module-name",
        type=TEXT,
        metavar="NAME",
        multiple=True,
        help="Include a module or package of this environment; repeatable.",
    ),
    click.option(
        "--allow-secret",
        type=TEXT,
        metavar="PATH",
        multiple=True,
        help="Include this file although it contains a private key; repeatable.",
    ),
)

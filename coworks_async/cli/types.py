"""The types of the options' values: what none of click's own refuses, or says as plainly."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    _Type = click.ParamType[Any]
else:
    # Before 8.4 click's is no generic.
    _Type = click.ParamType


class Text(_Type):
    """A text; an empty one, as an unset variable of a script's makes it, is refused."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Give the text back."""
        return _filled(self, value, param, ctx)


class FilePath(click.Path):
    """A path, as a `Path`; an empty one, which would be the current folder, is refused."""

    def __init__(self, **kinds: bool) -> None:
        super().__init__(path_type=Path, **kinds)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Make the path of the text."""
        return super().convert(_filled(self, value, param, ctx), param, ctx)


class Whole(_Type):
    """A text of an option that may come again, of which a variable gives one: blanks are part of it."""

    name = "text"

    def split_envvar_value(self, rv: str) -> list[str]:
        """Leave a variable's text whole."""
        return [rv]


class Number(_Type):
    """A whole number from `low` to `high`."""

    name = "number"

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Make the number of the text."""
        text = str(value)
        if text.isdecimal() and self.low <= int(text) <= self.high:
            return int(text)
        self.fail(f"{value!r} is no number from {self.low} to {self.high}.", param, ctx)


class Pair(_Type):
    """Two texts, as in `NAME=VALUE`; the name is not empty."""

    name = "pair"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Take the text apart."""
        name, found, content = value.partition("=")
        if not found or not name:
            self.fail(f"{name!r} is no NAME=VALUE.", param, ctx)
        return name, content


def _filled(kind: _Type, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
    if value == "":
        kind.fail("It is empty.", param, ctx)
    return value


TEXT = Text()

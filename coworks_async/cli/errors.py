"""How the end of a command that did not go well is told: one line, and a traceback only where it helps."""

import errno
import os
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import click
from click.core import ParameterSource
from click.exceptions import NoArgsIsHelpError

from coworks_async.exceptions import CommandError, DeployError

PLACES = "coworks_async.places"
"""The key in a context's `meta` of a dict: where in the project file the value of each parameter stands."""

_REPORT = (
    "Unless the traceback ends in code of your own, this is a bug: please report it, with the traceback and with what "
    "'cws --version' says."
)


class OneLine(click.ClickException):
    """An error that ends the command, printed without the usage that click would put above it.

    Attributes:
        debug: whether the traceback of what it was raised from is printed first.
    """

    def __init__(self, message: str, *, debug: bool) -> None:
        super().__init__(message)
        self.debug = debug

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it, by default to the standard error."""
        if self.debug and self.__cause__ is not None:
            click.echo("".join(traceback.format_exception(self.__cause__)), file, nl=False, err=True)
        click.echo(f"Error: {self.format_message()}", file, err=True)


class WrongUse(OneLine):
    """A wrong use of a command."""

    exit_code = 2


class Failure(OneLine):
    """Something that failed; a second line names the file that says more, where there is one."""

    def __init__(self, error: DeployError, *, debug: bool) -> None:
        super().__init__(str(error), debug=debug)
        self.log = error.log

    def show(self, file: IO[Any] | None = None) -> None:
        """Print both lines."""
        super().show(file)
        if self.log is not None:
            click.echo(f"Log: {self.log}", file, err=True)


@contextmanager
def one_line_errors(*, debug: bool) -> Iterator[None]:
    """Turn every error, whoever found it, into a `OneLine`; with `debug` they all show their traceback.

    with one_line_errors(debug=False):
        raise CommandError("--via names the gateway of --lambda, which is missing.")
    """
    try:
        yield
    except (NoArgsIsHelpError, OneLine):
        raise
    except click.UsageError as error:
        raise WrongUse(_origin(error) + error.format_message(), debug=debug) from error
    except CommandError as error:
        raise WrongUse(str(error), debug=debug) from error
    except DeployError as error:
        raise Failure(error, debug=debug) from error
    # What click ends a command with itself.
    except (click.ClickException, click.Abort, click.exceptions.Exit):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            # The reader has gone, as in `cws routes | head`; click ends quietly.
            raise
        raise OneLine(_unexpected(error), debug=True) from error


def _unexpected(error: Exception) -> str:
    told = ": ".join(filter(None, (type(error).__name__, "".join(str(error).splitlines()[:1]))))
    return f"{told.removesuffix('.')}. {_REPORT}"


def _origin(error: click.UsageError) -> str:
    """Tell where a refused value comes from, where that is not the command line."""
    if not isinstance(error, click.BadParameter) or error.param is None or error.ctx is None:
        return ""
    source = error.ctx.get_parameter_source(str(error.param.name))
    if source is ParameterSource.DEFAULT_MAP:
        # A command of the user's may bring a default map of its own, which stands in no file.
        place = error.ctx.meta.get(PLACES, {}).get(error.param.name)
        return f"{place}: " if place is not None else ""
    if source is ParameterSource.ENVIRONMENT:
        variable = set_variable(error.param)
        return f"{variable}: " if variable is not None else ""
    return ""


def variables(parameter: click.Parameter) -> list[str]:
    """List the environment variables that may set a parameter, the first set one counts."""
    names = parameter.envvar or []
    return [names] if isinstance(names, str) else list(names)


def set_variable(parameter: click.Parameter) -> str | None:
    """Name the environment variable that sets a parameter; an empty one sets nothing."""
    return next((name for name in variables(parameter) if os.environ.get(name)), None)


def unknown(told: str, name: str, known: Iterable[str]) -> str:
    """Say after `told` which name is not known, and which one was meant, or all that are known.

    unknown("'deploy' has no option", "buket", ["bucket", "key"])
    """
    from difflib import get_close_matches

    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    if near:
        return f"{told} {name!r}: did you mean {near[0]!r}?"
    return f"{told} {name!r}. Known: {', '.join(names) or 'none'}."


@contextmanager
def interruptions(told: str) -> Iterator[None]:
    """Say what is done and what is not, where Ctrl-C comes while `cws` itself is at work; a decorator, too."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise DeployError(f"Interrupted. {told}") from error

"""Format command errors: one line, with a traceback only for bugs and under `--debug`."""

import errno
import os
import signal
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NoReturn

import click
from click.core import ParameterSource
from click.exceptions import NoArgsIsHelpError

from coworks_async.exceptions import CanaryError, CommandError, DeployError, DeployInterrupted

LOCATIONS = "coworks_async.locations"
"""Key in a context's `meta`: the location in the config file of each parameter's value, by parameter name."""

# Errors of files, which are not bugs. A missing file may be one.
_ENVIRONMENT_ERRORS = (
    errno.EACCES,
    errno.EDQUOT,
    errno.EISDIR,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
)

CUSTOM_COMMAND = "coworks_async.custom_command"
"""Key in a context's `meta`: name and location of the custom command that runs, for error messages."""

_BUG_REPORT = (
    "Unless the traceback ends in your own code, this is a bug in CoWorks Async. Please report it with the traceback "
    "and the output of 'cws --version'."
)


class OneLineError(click.ClickException):
    """An error printed as one line, without the usage text that click puts above it.

    The traceback of its cause precedes the line, and the path of a log follows it, if there are any to show.
    """

    def __init__(self, message: str, *, show_traceback: bool, log: Path | None = None) -> None:
        super().__init__(message)
        self.show_traceback = show_traceback
        self.log = log

    def show(self, file: IO[Any] | None = None) -> None:
        if self.show_traceback and self.__cause__ is not None:
            click.echo("".join(traceback.format_exception(self.__cause__)), file, nl=False, err=True)
        click.echo(f"Error: {self.format_message()}", file, err=True)
        if self.log is not None:
            click.echo(f"Log: {self.log}", file, err=True)


class OneLineUsageError(OneLineError):
    exit_code = 2


class OneLineCanaryError(OneLineError):
    exit_code = 3


class BrokenCommand(click.Command):
    """A command that cannot be loaded. The help lists it; the group raises `reason` when it is used."""

    def __init__(self, name: str, reason: CommandError) -> None:
        super().__init__(name, short_help=str(reason))
        self.reason = reason


@contextmanager
def one_line_errors(*, debug: bool) -> Iterator[None]:
    """Turn every error into a `OneLineError`. With `debug`, all of them show a traceback."""
    try:
        yield
    except (NoArgsIsHelpError, OneLineError):
        raise
    except click.UsageError as error:
        raise OneLineUsageError(_format_source(error) + error.format_message(), show_traceback=debug) from error
    except CommandError as error:
        raise OneLineUsageError(str(error), show_traceback=debug) from error
    except CanaryError as error:
        raise OneLineCanaryError(str(error), show_traceback=debug) from error
    except DeployError as error:
        raise OneLineError(str(error), show_traceback=debug, log=error.log) from error
    except (click.ClickException, click.Abort, click.exceptions.Exit):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            # The reader of a pipe has exited, as in `cws routes | head`. Click exits silently.
            raise
        if isinstance(error, OSError) and error.errno in _ENVIRONMENT_ERRORS:
            _discard_output()
            raise OneLineError(_format_os_error(error), show_traceback=debug) from error
        raise OneLineError(_format_unexpected(error), show_traceback=True) from error


@contextmanager
def on_interrupt(outcome: str) -> Iterator[None]:
    """Report what was and was not done if Ctrl-C or SIGTERM interrupts the block. Also a decorator."""
    # By default SIGTERM ends the process before temporary files are deleted.
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt as error:
        raise DeployInterrupted(f"Interrupted. {outcome}") from error
    finally:
        signal.signal(signal.SIGTERM, previous)


def abort(*_: object) -> NoReturn:
    """End the process at once, even while threads run. It can be used as a signal handler."""
    # Not `sys.stderr`: the signal may have interrupted a write to it.
    with suppress(OSError):
        os.write(2, b"\nAborted!\n")
    os._exit(1)


def summarize(error: BaseException) -> str:
    """Return the type of an exception and the first line of its message."""
    return ": ".join(filter(None, (type(error).__name__, "".join(str(error).splitlines()[:1]))))


def format_unknown_name(problem: str, name: str, known: Iterable[str]) -> str:
    """Return an error message that suggests the closest known name, or else lists all of them."""
    # Slow to import, and needed only after a typing mistake.
    from difflib import get_close_matches

    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    if near:
        return f"{problem} {name!r}. Did you mean {near[0]!r}?"
    return f"{problem} {name!r}." + (f" Choose from: {', '.join(names)}." if names else "")


def list_envvars(parameter: click.Parameter) -> list[str]:
    names = parameter.envvar or []
    return [names] if isinstance(names, str) else list(names)


def find_envvar(parameter: click.Parameter) -> str | None:
    """Return the environment variable that sets a parameter, if any. Empty variables do not count."""
    return next((name for name in list_envvars(parameter) if os.environ.get(name)), None)


def _format_unexpected(error: Exception) -> str:
    """Return how to report an error, or which custom command raised it."""
    summary = summarize(error).removesuffix(".")
    ctx = click.get_current_context(silent=True)
    custom = ctx.meta.get(CUSTOM_COMMAND) if ctx is not None else None
    if custom is None:
        return f"{summary}. {_BUG_REPORT}"
    return f"Custom command {custom} failed: {summary}. The traceback above shows where."


def _format_os_error(error: OSError) -> str:
    # An error of a write has no file name.
    problem = "Cannot read or write" if error.filename is None else f"Cannot access {str(error.filename)!r}"
    return f"{problem}: {error.strerror}."


def _discard_output() -> None:
    """Redirect the standard output if it cannot be written: Python would report that again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _format_source(error: click.UsageError) -> str:
    """Return the variable or the config file location of a rejected value, as a prefix for the message."""
    if not isinstance(error, click.BadParameter) or error.param is None or error.ctx is None:
        return ""
    source = error.ctx.get_parameter_source(str(error.param.name))
    found = None
    if source is ParameterSource.DEFAULT_MAP:
        # A custom command may have a default map that does not come from the config file.
        found = error.ctx.meta.get(LOCATIONS, {}).get(error.param.name)
    elif source is ParameterSource.ENVIRONMENT:
        found = find_envvar(error.param)
    return f"{found}: " if found is not None else ""

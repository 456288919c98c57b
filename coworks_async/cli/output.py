"""Show the progress of a deploy, and the service's log.

On a terminal, progress is a live bar. Elsewhere, as in the log of a CI run, it is a line every ten seconds.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import IO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)
from rich.table import Column

from coworks_async.deploy.terraform.errors import Diagnostic
from coworks_async.deploy.terraform.output import (
    ChangeFailed,
    ChangeFinished,
    ChangeStarted,
    EventListener,
    Notice,
    PlanSummary,
    TerraformEvent,
)
from coworks_async.pipeline.access_log import StructuredMessage
from coworks_async.pipeline.json_log import JsonFormatter, configure_json_log

INTERVAL = 10.0
"""Seconds between two lines of progress outside of a terminal."""

_VERBS = {"create": "creating", "update": "changing", "delete": "deleting"}

_LOG_FORMAT = "%(levelname)s:     %(name)s: %(message)s"

# Loggers whose lower levels repeat what the user sees elsewhere: the response to a malformed form, uvicorn's reloads.
_QUIET = (("python_multipart", logging.NOTSET, logging.ERROR), ("watchfiles", logging.NOTSET, logging.WARNING))


@contextmanager
def terraform_progress(
    title: str, file: IO[str] | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[EventListener]:
    """Show a title and the progress of a Terraform run; yield a function that takes the events.

    The bar of a terminal disappears at the end; the title stays. Warnings, failures and notices are printed as lines.
    """
    console = _create_console(file)
    console.print(title)
    state, is_due, start = _TerraformState(console), _create_timer(clock), clock()
    # One line: Rich would wrap a long address.
    text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
    with _open_bar(console, BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn(), text) as bar:
        task = bar.add_task(state.describe(), total=None)

        def watch(event: TerraformEvent) -> None:
            state.update(event)
            bar.update(task, total=state.total, completed=state.done, description=state.describe())
            if bar.disable and is_due():
                count = "" if state.total is None else f"{state.done} of {state.total}, "
                console.print(f"  {count}{clock() - start:.0f} s: {state.describe()}".rstrip(": "))

        yield watch


@contextmanager
def upload_progress(
    title: str, total: int, file: IO[str] | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[int], None]]:
    """Show the progress of an upload; yield a function that takes the size of each part sent, in any thread."""
    console, is_due = _create_console(file), _create_timer(clock)
    text = TextColumn("{task.description}", markup=False)
    with _open_bar(console, text, BarColumn(), DownloadColumn(), TransferSpeedColumn()) as bar:
        task = bar.add_task(title, total=total)

        def advance(size: int) -> None:
            bar.advance(task, size)
            if bar.disable and is_due():
                console.print(f"  {title}: {bar.tasks[0].completed / 1e6:.1f} of {total / 1e6:.1f} MB")

        yield advance


class _TerraformState:
    """Counts the resources of a Terraform run and tracks those in progress."""

    def __init__(self, console: Console) -> None:
        self.total: int | None = None
        self.done = 0
        # By action and address: a replacement starts two actions on one address. The order is that of their start.
        self.running: dict[tuple[str, str], None] = {}
        self._console = console

    def update(self, event: TerraformEvent) -> None:
        match event:
            case PlanSummary():
                self.total = event.total
            case ChangeStarted():
                self.running[event.action, event.address] = None
            case ChangeFinished():
                self.done += 1
                self.running.pop((event.action, event.address), None)
            case ChangeFailed():
                self.running.pop((event.action, event.address), None)
                self._console.print(f"  failed to {event.action} {event.address}")
            case Diagnostic():
                location = f" ({event.where})" if event.where else ""
                self._console.print(f"  {event.severity}: {' '.join(event.summary.split())}{location}")
            case Notice():
                self._console.print(event.text)

    def describe(self) -> str:
        if not self.running:
            return "planning" if self.total is None else ""
        (action, address), *others = self.running
        more = f" and {len(others)} more" if others else ""
        return f"{_VERBS.get(action, action)} {address}{more}"


def _create_timer(clock: Callable[[], float]) -> Callable[[], bool]:
    """Return a function that returns True once per `INTERVAL`."""
    last = clock()

    def is_due() -> bool:
        nonlocal last
        if clock() - last < INTERVAL:
            return False
        last = clock()
        return True

    return is_due


def _create_console(file: IO[str] | None) -> Console:
    # Addresses contain brackets, which are not markup. Lines are not wrapped, so that they can be copied.
    return Console(file=file, highlight=False, markup=False, emoji=False, soft_wrap=True)


@contextmanager
def _open_bar(console: Console, *columns: ProgressColumn) -> Iterator[Progress]:
    """Show a bar. It is disabled outside of a terminal."""
    # Rich's own `is_terminal` is also true with FORCE_COLOR, as in the log of a CI run.
    is_terminal = console.file.isatty() and not console.is_dumb_terminal
    bar = Progress(*columns, console=console, transient=True, disable=not is_terminal)
    # Before Rich 14.3, a disabled bar prints an empty line when it is closed.
    with bar if is_terminal else nullcontext():
        yield bar


class DedupeFilter(logging.Filter):
    """Drops records that a handler of another logger shows, and Lambda's access log.

    The access log would repeat uvicorn's under `cws run` and the response under `cws invoke`.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        logger = logging.getLogger(record.name)
        while logger.parent is not None:
            if any(not isinstance(handler, logging.NullHandler) for handler in logger.handlers):
                return False
            logger = logger.parent
        return not isinstance(record.msg, StructuredMessage)


def configure_service_log(app: object) -> None:
    """Log from INFO on to stderr, unless the root logger has a handler. Call it after the app is imported.

    The format is JSON if the app is a service with `log_format = "json"`.
    """
    if getattr(app, "has_json_log", False):
        configure_json_log()
    root = logging.getLogger()
    if any(not isinstance(handler.formatter, JsonFormatter) for handler in root.handlers):
        return
    if not root.handlers:
        handler = logging.StreamHandler()
        handler.addFilter(DedupeFilter())
        handler.setFormatter(logging.Formatter(_LOG_FORMAT))
        root.addHandler(handler)
    for name, default, level in (("root", logging.WARNING, logging.INFO), *_QUIET):
        # The service may have set another level.
        if logging.getLogger(name).level == default:
            logging.getLogger(name).setLevel(level)

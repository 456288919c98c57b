"""What a user sees while a deploy works: a live bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from coworks_async.deploy.terraform.errors import Diagnostic
from coworks_async.deploy.terraform.output import (
    ChangeFailed,
    ChangeFinished,
    ChangeStarted,
    EventListener,
    Message,
    PlanSummary,
    TerraformEvent,
)

if TYPE_CHECKING:
    from rich.console import Console

INTERVAL = 10.0
"""How many seconds there are at least between two lines on what is no terminal: a CI's log, say."""

_DOING = {"create": "creating", "update": "changing", "delete": "deleting"}


@contextmanager
def terraform_progress(
    title: str, file: IO[str] | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[EventListener]:
    """Show the progress of Terraform below a title, and yield what takes the events.

    On a terminal it is a bar with the count of the total, the seconds and what is under way; it goes away at the end,
    the title stays. Elsewhere the title is followed by a line each ten seconds at most. Warnings, what failed and
    notices are lines in both cases. NO_COLOR and TERM=dumb are honoured. It goes to `file`, or the standard output.

        with terraform_progress("Terraform apply (Create API routes)") as watch:
            terraform.apply(plan, watch)
    """
    console = _console(file)
    console.print(title)
    with _terminal(console) if _is_live(console) else _plain(console, clock) as watch:
        yield watch


@contextmanager
def upload_progress(
    title: str, total: int, file: IO[str] | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[int], None]]:
    """Show how many bytes of a total are sent, and yield what takes the number of each part, in any thread.

    On a terminal it is a bar that goes away at the end, elsewhere a line each ten seconds at most: nothing where the
    upload is quick.
    """
    console = _console(file)
    if _is_live(console):
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(title, total=total)
            yield lambda sent: progress.advance(task, sent)
        return
    due, done = _Due(clock), 0

    def sent(number: int) -> None:
        nonlocal done
        done += number
        if due():
            console.print(f"  {title}: {done / 1e6:.1f} of {total / 1e6:.1f} MB")

    yield sent


class _State:
    """How far Terraform is, from its events: what both ways of showing it have in common."""

    def __init__(self, console: "Console") -> None:
        self.total: int | None = None
        self.done = 0
        self.under_way: list[ChangeStarted] = []
        self._console = console

    def take(self, event: TerraformEvent) -> None:
        """Follow an event, and print what is worth a line."""
        match event:
            case PlanSummary():
                self.total = event.total
            case ChangeStarted():
                self.under_way.append(event)
            case ChangeFinished():
                self.done += 1
                self._ended(event)
            case ChangeFailed():
                self._ended(event)
                self._console.print(f"  failed to {event.action} {event.address}")
            case Diagnostic():
                self._console.print(f"  {event.severity}: {' '.join(event.summary.split())}{_where(event)}")
            case Message():
                self._console.print(event.text)

    def doing(self) -> str:
        """Say what is under way: the oldest, and how many others."""
        if not self.under_way:
            return "planning" if self.total is None else ""
        first, others = self.under_way[0], len(self.under_way) - 1
        more = f" and {others} more" if others else ""
        return f"{_DOING.get(first.action, first.action)} {first.address}{more}"

    def _ended(self, event: ChangeFinished | ChangeFailed) -> None:
        # A replacement is begun twice at one address.
        self.under_way = [
            each for each in self.under_way if (each.action, each.address) != (event.action, event.address)
        ]


@contextmanager
def _terminal(console: "Console") -> Iterator[EventListener]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    # Whatever is under way has one line; Rich would break it.
    doing = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
    columns = (BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn(), doing)
    state = _State(console)
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(state.doing(), total=None)

        def watch(event: TerraformEvent) -> None:
            state.take(event)
            progress.update(task, total=state.total, completed=state.done, description=state.doing())

        yield watch


@contextmanager
def _plain(console: "Console", clock: Callable[[], float]) -> Iterator[EventListener]:
    state, due, begun = _State(console), _Due(clock), clock()

    def watch(event: TerraformEvent) -> None:
        state.take(event)
        if due():
            count = "" if state.total is None else f"{state.done} of {state.total}, "
            console.print(f"  {count}{clock() - begun:.0f} s: {state.doing()}".rstrip(": "))

    yield watch


class _Due:
    """True once every `INTERVAL`, not at once."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = clock()

    def __call__(self) -> bool:
        if self._clock() - self._last < INTERVAL:
            return False
        self._last = self._clock()
        return True


def _console(file: IO[str] | None) -> "Console":
    from rich.console import Console

    # Addresses are no markup, and a line is never broken where it may be copied or searched.
    return Console(file=file, highlight=False, markup=False, emoji=False, soft_wrap=True)


def _is_live(console: "Console") -> bool:
    # Not `is_terminal`, which FORCE_COLOR makes true in a CI's log.
    return console.file.isatty() and not console.is_dumb_terminal


def _where(event: Diagnostic) -> str:
    return f" ({event.where})" if event.where else ""

"""What is seen of a deploy's progress, on a terminal and in a log."""

import io
import os
import re
import select
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from coworks_async.cli.output import INTERVAL, terraform_progress, upload_progress
from coworks_async.deploy.terraform.errors import Diagnostic
from coworks_async.deploy.terraform.output import (
    ChangeFailed,
    ChangeFinished,
    ChangeStarted,
    EventListener,
    Message,
    PlannedChange,
    PlanSummary,
    Tick,
)

TITLE = "Terraform apply (Create API routes)"
METHOD = 'module.api.aws_api_gateway_method.method["GET /[red]"]'


@dataclass
class Clock:
    """A clock that a test sets."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def log_of(act: Callable[[EventListener, Clock], None]) -> str:
    """What stands in a log at the end."""
    file, clock = io.StringIO(), Clock()
    with terraform_progress(TITLE, file, clock) as watch:
        act(watch, clock)
    return file.getvalue()


def test_a_quick_step_is_its_title_in_a_log() -> None:
    def act(watch: EventListener, clock: Clock) -> None:
        for event in (
            PlannedChange("create", METHOD),
            PlanSummary(1, 0, 0),
            ChangeStarted("create", METHOD),
            ChangeFinished("create", METHOD),
        ):
            watch(event)

    assert log_of(act) == f"{TITLE}\n"


def test_a_long_step_is_a_line_each_ten_seconds_in_a_log() -> None:
    def act(watch: EventListener, clock: Clock) -> None:
        for second in range(45):
            clock.now = float(second)
            if second == 15:
                watch(PlanSummary(3, 0, 0))
                watch(ChangeStarted("create", METHOD))
                watch(ChangeStarted("delete", "a.b"))
            if second == 25:
                watch(ChangeFinished("create", METHOD))
            if second == 35:
                watch(ChangeFinished("delete", "a.b"))
            watch(Tick())

    assert log_of(act) == (
        f"{TITLE}\n"
        "  10 s: planning\n"
        f"  0 of 3, 20 s: creating {METHOD} and 1 more\n"
        "  1 of 3, 30 s: deleting a.b\n"
        "  2 of 3, 40 s\n"
    )


def test_warnings_failures_and_notices_are_lines_at_once() -> None:
    def act(watch: EventListener, clock: Clock) -> None:
        watch(Diagnostic("warning", "Argument is\ndeprecated", "Detail.", "own.tf line 3"))
        watch(Diagnostic("warning", "Hm"))
        watch(ChangeStarted("update", METHOD))
        watch(ChangeFailed("update", METHOD))
        watch(Message("Interrupted."))

    assert log_of(act) == (
        f"{TITLE}\n"
        "  warning: Argument is deprecated (own.tf line 3)\n"
        "  warning: Hm\n"
        f"  failed to update {METHOD}\n"
        "Interrupted.\n"
    )


def test_what_is_replaced_is_under_way_until_both_are_done() -> None:
    def act(watch: EventListener, clock: Clock) -> None:
        watch(PlanSummary(1, 0, 1))
        for event in (ChangeStarted("delete", "a.b"), ChangeFinished("delete", "a.b"), ChangeStarted("create", "a.b")):
            watch(event)
        clock.now = INTERVAL
        watch(Tick())

    assert log_of(act) == f"{TITLE}\n  1 of 2, 10 s: creating a.b\n"


def test_force_color_makes_no_terminal_of_a_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with terraform_progress(TITLE) as watch:
        watch(Message(f"{'long ' * 40}:smile: [bold]"))
    assert capsys.readouterr().out == f"{TITLE}\n{'long ' * 40}:smile: [bold]\n"


class Terminal:
    """A terminal of 100 columns, and all that was written to it."""

    def __init__(self) -> None:
        self.ours, theirs = os.openpty()
        self.file = os.fdopen(theirs, "w")

    def written(self) -> str:
        self.file.flush()
        parts = []
        # A terminal gives some 4,000 bytes at a time.
        while select.select([self.ours], [], [], 0)[0]:
            parts.append(os.read(self.ours, 4096))
        return b"".join(parts).decode()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    terminal = Terminal()
    yield terminal
    terminal.file.close()
    os.close(terminal.ours)


def screen(written: str) -> list[str]:
    """The lines that are left on the screen, of what Rich writes: text, line ends, lines erased and gone up to."""
    lines, row = [""], 0
    for part in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", written):
        if part == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif part == "\x1b[1A":
            row -= 1
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part[0] not in "\x1b\r":
            lines[row] += part
    return [line for line in lines if line]


def test_a_terminal_shows_count_seconds_and_what_is_under_way_and_keeps_the_title(terminal: Terminal) -> None:
    with terraform_progress(TITLE, terminal.file) as watch:
        watch(PlanSummary(12, 0, 0))
        watch(ChangeStarted("create", METHOD))
        watch(ChangeFinished("create", METHOD))
        watch(ChangeStarted("create", "aws_lambda_function.service"))
        watch(Diagnostic("warning", "Hm"))
    written = terminal.written()
    plain = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", written)
    assert re.search(r"━+ +1/12 0:00:\d\d creating aws_lambda_function\.service", plain)
    assert screen(written) == [TITLE, "  warning: Hm"]


def test_two_steps_leave_their_two_titles_on_the_screen(terminal: Terminal) -> None:
    for title in ("one", "two"):
        with terraform_progress(title, terminal.file) as watch:
            watch(PlanSummary(1, 0, 0))
    assert screen(terminal.written()) == ["one", "two"]


def test_an_address_of_any_length_stays_on_one_line(terminal: Terminal) -> None:
    with terraform_progress(TITLE, terminal.file) as watch:
        watch(ChangeStarted("create", "x" * 300))
    assert "…" in terminal.written()


def test_no_color_is_honoured(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with terraform_progress(TITLE, terminal.file) as watch:
        watch(PlanSummary(2, 0, 0))
    # Colours are 30 to 48 and 90 to 107.
    assert not re.findall(r"\x1b\[(?:\d+;)*(?:3\d|4\d|9\d|10\d)(?:;\d+)*m", terminal.written())


def test_a_dumb_terminal_gets_the_lines_of_a_log(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with terraform_progress(TITLE, terminal.file) as watch:
        watch(PlanSummary(2, 0, 0))
        watch(ChangeStarted("create", METHOD))
    assert terminal.written() == f"{TITLE}\r\n"


def send(uploading: AbstractContextManager[Callable[[int], None]], clock: Clock, seconds: int) -> None:
    with uploading as sent:
        for second in range(seconds):
            clock.now = float(second)
            sent(100_000)


def test_a_quick_upload_is_no_line_in_a_log_and_a_long_one_some() -> None:
    for seconds, lines in ((5, ""), (25, "  Upload: 1.1 of 2.5 MB\n  Upload: 2.1 of 2.5 MB\n")):
        file, clock = io.StringIO(), Clock()
        send(upload_progress("Upload", 2_500_000, file, clock), clock, seconds)
        assert file.getvalue() == lines


def test_an_upload_is_a_bar_of_bytes_on_a_terminal_that_goes_away(terminal: Terminal) -> None:
    with upload_progress("Upload of [app]", 2_000_000, terminal.file) as sent, ThreadPoolExecutor(4) as threads:
        list(threads.map(sent, [100_000] * 20))
    written = terminal.written()
    plain = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", written)
    assert "Upload of [app]" in plain
    assert "2.0/2.0 MB" in plain
    assert screen(written) == []


def test_an_upload_is_shown_on_the_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    send(upload_progress("Upload", 2_000_000, clock=clock), clock, 11)
    assert capsys.readouterr().out == "  Upload: 1.1 of 2.0 MB\n"

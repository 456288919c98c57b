"""Progress of Terraform and of uploads, on a terminal and in a log."""

import io
import re
from collections.abc import Callable
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
    Notice,
    PlannedChange,
    PlanSummary,
    Tick,
)
from tests.cli.conftest import Terminal

TITLE = "Terraform apply (Create API routes)"
METHOD = 'module.api.aws_api_gateway_method.method["GET /[red]"]'


@dataclass
class Clock:
    """A clock set by the test."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def write_log(act: Callable[[EventListener, Clock], None]) -> str:
    """Return the output without a terminal."""
    file, clock = io.StringIO(), Clock()
    with terraform_progress(TITLE, file, clock) as watch:
        act(watch, clock)
    return file.getvalue()


def test_the_log_of_a_quick_step_is_its_title() -> None:
    def act(watch: EventListener, clock: Clock) -> None:
        for event in (
            PlannedChange("create", METHOD),
            PlanSummary(1, 0, 0),
            ChangeStarted("create", METHOD),
            ChangeFinished("create", METHOD),
        ):
            watch(event)

    assert write_log(act) == f"{TITLE}\n"


def test_the_log_of_a_long_step_has_a_line_every_ten_seconds() -> None:
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

    assert write_log(act) == (
        f"{TITLE}\n"
        "  10 s: planning\n"
        f"  0 of 3, 20 s: creating {METHOD} and 1 more\n"
        "  1 of 3, 30 s: deleting a.b\n"
        "  2 of 3, 40 s\n"
    )


def test_warnings_failures_and_notices_are_printed_at_once() -> None:
    def act(watch: EventListener, clock: Clock) -> None:
        watch(Diagnostic("warning", "Argument is\ndeprecated", "Detail.", "own.tf line 3"))
        watch(Diagnostic("warning", "Hm"))
        watch(ChangeStarted("update", METHOD))
        watch(ChangeFailed("update", METHOD))
        watch(Notice("Interrupted."))

    assert write_log(act) == (
        f"{TITLE}\n"
        "  warning: Argument is deprecated (own.tf line 3)\n"
        "  warning: Hm\n"
        f"  failed to update {METHOD}\n"
        "Interrupted.\n"
    )


def test_a_replacement_is_in_progress_until_both_actions_are_done() -> None:
    def act(watch: EventListener, clock: Clock) -> None:
        watch(PlanSummary(1, 0, 1))
        for event in (ChangeStarted("delete", "a.b"), ChangeFinished("delete", "a.b"), ChangeStarted("create", "a.b")):
            watch(event)
        clock.now = INTERVAL
        watch(Tick())

    assert write_log(act) == f"{TITLE}\n  1 of 2, 10 s: creating a.b\n"


def test_force_color_does_not_make_a_log_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with terraform_progress(TITLE) as watch:
        watch(Notice(f"{'long ' * 40}:smile: [bold]"))
    assert capsys.readouterr().out == f"{TITLE}\n{'long ' * 40}:smile: [bold]\n"


def render(written: str) -> list[str]:
    """Return the lines that remain on the screen after Rich has moved the cursor and erased lines."""
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


def test_a_terminal_shows_count_time_and_resource_and_keeps_the_title(terminal: Terminal) -> None:
    with terraform_progress(TITLE, terminal.file) as watch:
        watch(PlanSummary(12, 0, 0))
        watch(ChangeStarted("create", METHOD))
        watch(ChangeFinished("create", METHOD))
        watch(ChangeStarted("create", "aws_lambda_function.service"))
        watch(Diagnostic("warning", "Hm"))
    written = terminal.read()
    plain = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", written)
    assert re.search(r"━+ +1/12 0:00:\d\d creating aws_lambda_function\.service", plain)
    assert render(written) == [TITLE, "  warning: Hm"]


def test_the_titles_of_two_steps_remain_on_the_screen(terminal: Terminal) -> None:
    for title in ("one", "two"):
        with terraform_progress(title, terminal.file) as watch:
            watch(PlanSummary(1, 0, 0))
    assert render(terminal.read()) == ["one", "two"]


def test_a_long_address_is_truncated_to_one_line(terminal: Terminal) -> None:
    with terraform_progress(TITLE, terminal.file) as watch:
        watch(ChangeStarted("create", "x" * 300))
    assert "…" in terminal.read()


def test_no_color_is_honoured(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with terraform_progress(TITLE, terminal.file) as watch:
        watch(PlanSummary(2, 0, 0))
    # Colors are 30 to 48 and 90 to 107.
    assert not re.findall(r"\x1b\[(?:\d+;)*(?:3\d|4\d|9\d|10\d)(?:;\d+)*m", terminal.read())


def test_a_dumb_terminal_gets_the_lines_of_a_log(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with terraform_progress(TITLE, terminal.file) as watch:
        watch(PlanSummary(2, 0, 0))
        watch(ChangeStarted("create", METHOD))
    assert terminal.read() == f"{TITLE}\r\n"


def upload(progress: AbstractContextManager[Callable[[int], None]], clock: Clock, seconds: int) -> None:
    """Send 100 kB per second."""
    with progress as advance:
        for second in range(seconds):
            clock.now = float(second)
            advance(100_000)


def test_the_log_of_a_long_upload_has_a_line_every_ten_seconds() -> None:
    for seconds, lines in ((5, ""), (25, "  Upload: 1.1 of 2.5 MB\n  Upload: 2.1 of 2.5 MB\n")):
        file, clock = io.StringIO(), Clock()
        upload(upload_progress("Upload", 2_500_000, file, clock), clock, seconds)
        assert file.getvalue() == lines


def test_the_bar_of_an_upload_disappears_at_the_end(terminal: Terminal) -> None:
    with upload_progress("Upload of [app]", 2_000_000, terminal.file) as advance, ThreadPoolExecutor(4) as threads:
        list(threads.map(advance, [100_000] * 20))
    written = terminal.read()
    plain = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", written)
    assert "Upload of [app]" in plain
    assert "2.0/2.0 MB" in plain
    assert render(written) == []


def test_the_progress_of_an_upload_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    upload(upload_progress("Upload", 2_000_000, clock=clock), clock, 11)
    assert capsys.readouterr().out == "  Upload: 1.1 of 2.0 MB\n"

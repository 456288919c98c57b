"""A program that must not be cut off: its log, its lines, and how Ctrl-C reaches it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coworks_async.deploy.terraform.process import (
    CONFIRMATION_TIME,
    FINISHING,
    KILLED,
    WARNING,
    InterruptHandler,
    run_logged,
)
from tests.tools import PATIENCE

PYTHON = sys.executable


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.write_text("from before\n")
    return path


def run(
    script: str,
    log: Path,
    on_line: Callable[[str], None],
    on_message: Callable[[str], None],
    on_tick: Callable[[], None] = lambda: None,
) -> tuple[int, InterruptHandler]:
    command = [PYTHON, "-u", "-c", script]
    return run_logged(command, log.parent, os.environ, log, on_line=on_line, on_tick=on_tick, on_message=on_message)


def test_each_line_of_output_and_errors_is_passed_on_once_and_logged(log: Path):
    script = """
import sys, time
print("one")
print("tw", end="")
time.sleep(0.2)
print("o", file=sys.stderr)
sys.stdout.buffer.write(b"bad \\xff\\n")
print("three", end="")
sys.exit(3)
"""
    lines: list[str] = []
    code, handler = run(script, log, lines.append, lines.append)
    assert code == 3
    assert not handler.interrupted
    assert lines == ["one", "two", "bad �", "three"]
    assert log.read_bytes() == b"from before\none\ntwo\nbad \xff\nthree"


def test_created_files_are_private_and_stdin_is_empty(log: Path):
    lines: list[str] = []
    script = "import sys; open('made', 'w').close(); print(repr(sys.stdin.read()))"
    assert run(script, log, lines.append, lines.append)[0] == 0
    assert (log.parent / "made").stat().st_mode & 0o777 == 0o600
    assert lines == ["''"]


def test_on_tick_is_called_every_second(log: Path):
    ticks: list[float] = []
    output: list[str] = []
    ticked = log.parent / "ticked"

    def on_tick():
        ticks.append(time.monotonic())
        if len(ticks) == 2:
            ticked.touch()

    start = time.monotonic()
    script = "import pathlib, time\nwhile not pathlib.Path('ticked').exists(): time.sleep(0.02)"
    run(script, log, output.append, output.append, on_tick)
    assert output == []
    assert 2 <= len(ticks) <= time.monotonic() - start


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_forwarded_as_one_sigint(number: signal.Signals, log: Path):
    script = """
import signal, time
received = []
signal.signal(signal.SIGINT, lambda *_: received.append(1))
signal.signal(signal.SIGTERM, lambda *_: received.append(2))
print("ready")
while not received:
    time.sleep(0.02)
time.sleep(0.2)
print(received)
"""
    before = signal.getsignal(number)
    lines: list[str] = []

    def on_line(line: str):
        lines.append(line)
        if line == "ready":
            os.kill(os.getpid(), number)

    messages: list[str] = []
    code, handler = run(script, log, on_line, messages.append)
    assert (code, handler.interrupted, handler.killed) == (0, True, False)
    assert lines == ["ready", "[1]"]
    assert messages == [FINISHING]
    assert signal.getsignal(number) is before


def test_if_a_callback_fails_the_program_is_interrupted(log: Path):
    script = """
import pathlib, time
try:
    print("ready")
    time.sleep(60)
except KeyboardInterrupt:
    pathlib.Path("ended").touch()
"""

    def on_line(line: str):
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run(script, log, on_line, lambda text: None)
    assert (log.parent / "ended").exists()


@pytest.fixture
def stubborn() -> Iterator[subprocess.Popen[bytes]]:
    """A program that ignores SIGINT, in its own process group."""
    script = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    with subprocess.Popen([PYTHON, "-c", script], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"
        yield process
        process.kill()


def press(handler: InterruptHandler, process: subprocess.Popen[bytes]):
    handler.handle(signal.SIGINT, None)
    handler.process_signals(process)


def test_the_second_signal_warns_and_the_third_kills(stubborn: subprocess.Popen[bytes]):
    messages: list[str] = []
    handler = InterruptHandler(messages.append)
    handler.process_signals(stubborn)
    assert (messages, handler.interrupted) == ([], False)
    press(handler, stubborn)
    press(handler, stubborn)
    assert messages == [FINISHING, WARNING]
    assert (handler.killed, stubborn.poll()) == (False, None)
    press(handler, stubborn)
    assert messages == [FINISHING, WARNING, KILLED]
    assert handler.killed
    assert stubborn.wait(PATIENCE) == -signal.SIGKILL
    press(handler, stubborn)
    assert messages == [FINISHING, WARNING, KILLED]


def test_the_warning_expires(stubborn: subprocess.Popen[bytes]):
    messages: list[str] = []
    now = 0.0
    handler = InterruptHandler(messages.append, clock=lambda: now)
    press(handler, stubborn)
    press(handler, stubborn)
    now = CONFIRMATION_TIME + 0.1
    press(handler, stubborn)
    assert messages == [FINISHING, WARNING, WARNING]
    assert not handler.killed
    now += CONFIRMATION_TIME
    press(handler, stubborn)
    assert handler.killed


def test_simultaneous_signals_are_counted(stubborn: subprocess.Popen[bytes]):
    messages: list[str] = []
    handler = InterruptHandler(messages.append)
    handler.handle(signal.SIGTERM, None)
    handler.handle(signal.SIGINT, None)
    handler.process_signals(stubborn)
    assert messages == [FINISHING, WARNING]


def test_a_signal_after_the_end_is_ignored(stubborn: subprocess.Popen[bytes]):
    stubborn.kill()
    stubborn.wait()
    messages: list[str] = []
    press(InterruptHandler(messages.append), stubborn)
    assert messages == [FINISHING]

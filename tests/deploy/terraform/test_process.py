"""A program that must not be cut off: its log, its lines, and what Ctrl-C does to it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coworks_async.deploy.terraform.process import (
    FINISHING,
    KILLED,
    SECOND_THOUGHT,
    WARNING,
    Interruption,
    Listener,
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
    hear: Callable[[str], None],
    tell: Callable[[str], None],
    beat: Callable[[], None] = lambda: None,
) -> tuple[int, Interruption]:
    command = [PYTHON, "-u", "-c", script]
    return run_logged(command, log.parent, os.environ, log, Listener(hear, beat, tell))


def test_every_line_is_heard_once_and_in_the_log_with_the_errors(log: Path) -> None:
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
    heard: list[str] = []
    code, interruption = run(script, log, heard.append, heard.append)
    assert code == 3
    assert not interruption.asked
    assert heard == ["one", "two", "bad �", "three"]
    assert log.read_bytes() == b"from before\none\ntwo\nbad \xff\nthree"


def test_its_files_are_private_and_it_reads_nothing(log: Path) -> None:
    heard: list[str] = []
    script = "import sys; open('made', 'w').close(); print(repr(sys.stdin.read()))"
    assert run(script, log, heard.append, heard.append)[0] == 0
    assert (log.parent / "made").stat().st_mode & 0o777 == 0o600
    assert heard == ["''"]


def test_a_second_is_a_beat(log: Path) -> None:
    beats: list[float] = []
    silent: list[str] = []
    beaten = log.parent / "beaten"

    def beat() -> None:
        beats.append(time.monotonic())
        if len(beats) == 2:
            beaten.touch()

    begun = time.monotonic()
    script = "import pathlib, time\nwhile not pathlib.Path('beaten').exists(): time.sleep(0.02)"
    run(script, log, silent.append, silent.append, beat)
    assert silent == []
    assert 2 <= len(beats) <= time.monotonic() - begun


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_passed_on_as_one_sigint(number: signal.Signals, log: Path) -> None:
    script = """
import signal, time
got = []
signal.signal(signal.SIGINT, lambda *_: got.append(1))
signal.signal(signal.SIGTERM, lambda *_: got.append(2))
print("ready")
while not got:
    time.sleep(0.02)
time.sleep(0.2)
print(got)
"""
    before = signal.getsignal(number)
    heard: list[str] = []

    def hear(line: str) -> None:
        heard.append(line)
        if line == "ready":
            os.kill(os.getpid(), number)

    told: list[str] = []
    code, interruption = run(script, log, hear, told.append)
    assert (code, interruption.asked, interruption.killed) == (0, True, False)
    assert heard == ["ready", "[1]"]
    assert told == [FINISHING]
    assert signal.getsignal(number) is before


def test_where_the_listener_fails_the_program_ends_and_the_failure_is_told(log: Path) -> None:
    script = """
import pathlib, time
try:
    print("ready")
    time.sleep(60)
except KeyboardInterrupt:
    pathlib.Path("ended").touch()
"""

    def hear(line: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run(script, log, hear, lambda text: None)
    assert (log.parent / "ended").exists()


@pytest.fixture
def stubborn() -> Iterator[subprocess.Popen[bytes]]:
    """A program, in a group of its own, that SIGINT does not end."""
    script = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    with subprocess.Popen([PYTHON, "-c", script], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"
        yield process
        process.kill()


def press(interruption: Interruption, process: subprocess.Popen[bytes]) -> None:
    interruption.handle(signal.SIGINT, None)
    interruption.act(process)


def test_the_second_signal_warns_and_the_third_kills(stubborn: subprocess.Popen[bytes]) -> None:
    told: list[str] = []
    interruption = Interruption(told.append)
    interruption.act(stubborn)
    assert (told, interruption.asked) == ([], False)
    press(interruption, stubborn)
    press(interruption, stubborn)
    assert told == [FINISHING, WARNING]
    assert (interruption.killed, stubborn.poll()) == (False, None)
    press(interruption, stubborn)
    assert told == [FINISHING, WARNING, KILLED]
    assert interruption.killed
    assert stubborn.wait(PATIENCE) == -signal.SIGKILL
    press(interruption, stubborn)
    assert told == [FINISHING, WARNING, KILLED]


def test_a_warning_holds_for_a_while_only(stubborn: subprocess.Popen[bytes]) -> None:
    told: list[str] = []
    now = 0.0
    interruption = Interruption(told.append, clock=lambda: now)
    press(interruption, stubborn)
    press(interruption, stubborn)
    now = SECOND_THOUGHT + 0.1
    press(interruption, stubborn)
    assert told == [FINISHING, WARNING, WARNING]
    assert not interruption.killed
    now += SECOND_THOUGHT
    press(interruption, stubborn)
    assert interruption.killed


def test_signals_that_come_together_are_each_counted(stubborn: subprocess.Popen[bytes]) -> None:
    told: list[str] = []
    interruption = Interruption(told.append)
    interruption.handle(signal.SIGTERM, None)
    interruption.handle(signal.SIGINT, None)
    interruption.act(stubborn)
    assert told == [FINISHING, WARNING]


def test_a_signal_after_the_end_reaches_nobody(stubborn: subprocess.Popen[bytes]) -> None:
    stubborn.kill()
    stubborn.wait()
    told: list[str] = []
    press(Interruption(told.append), stubborn)
    assert told == [FINISHING]

"""One run of a program that must not be cut off: its output in a log, its lines heard, Ctrl-C passed on gently."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import BinaryIO

# How long to wait between two looks at the log, and between two beats, in seconds.
PAUSE = 0.05
BEAT = 1.0

SECOND_THOUGHT = 5.0
"""How many seconds a user has to confirm that Terraform is to be killed."""

FINISHING = "Interrupted: Terraform finishes its step; press Ctrl-C again only if it hangs."
WARNING = (
    "Killing Terraform may lose what is in flight: state and AWS may differ. "
    f"Press Ctrl-C once more within {SECOND_THOUGHT:.0f} s to kill it."
)
KILLED = "Terraform is killed."


class Interruption:
    """Ctrl-C, or SIGTERM, while a program runs: the first lets it end, the second warns, the third kills it.

    The signal's handler only counts; `act` does the rest, from the loop that waits for the program.

    Attributes:
        asked: the program was told to end; `killed`: it was killed.
    """

    def __init__(self, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.asked = False
        self.killed = False
        self._tell = tell
        self._clock = clock
        self._signals = 0
        self._warned: float | None = None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Count a signal; what `signal.signal` takes."""
        self._signals += 1

    def act(self, process: subprocess.Popen[bytes]) -> None:
        """Do what the signals since the last time ask for."""
        while self._signals:
            self._signals -= 1
            if not self.asked:
                self.asked = True
                # The group, as a terminal does: Terraform may be behind a wrapper, and providers ignore it.
                _send(process, signal.SIGINT)
                self._tell(FINISHING)
            elif self._warned is None or self._clock() - self._warned > SECOND_THOUGHT:
                self._warned = self._clock()
                self._tell(WARNING)
            elif not self.killed:
                self.killed = True
                _send(process, signal.SIGKILL)
                self._tell(KILLED)


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears of a run: each line that the program writes, a beat every second, and the lines on an interruption."""

    hear: Callable[[str], None]
    beat: Callable[[], None]
    tell: Callable[[str], None]


def run_logged(
    command: Sequence[str], directory: Path, environment: Mapping[str, str], log: Path, listener: Listener
) -> tuple[int, Interruption]:
    """Run a program to its end; its log is a file that exists.

    It writes into the log by itself, which is read as it grows: should this process be killed, or its terminal
    closed, the program does not notice and finishes what it does. It is in a session of its own, so that a Ctrl-C
    reaches it only as `Interruption` wants it to. Its files are private to the user.

    Returns the exit code and how it was interrupted. To be called in the main thread, where signals are handled.
    """
    interruption = Interruption(listener.tell)
    with log.open("rb") as reader, log.open("ab") as writer, _handled(interruption):
        reader.seek(0, os.SEEK_END)
        process = subprocess.Popen(  # noqa: S603
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
        )
        try:
            _follow(process, reader, interruption, listener)
        except BaseException:
            # Whoever listens failed: the program is left in no half step.
            _send(process, signal.SIGINT)
            process.wait()
            raise
    return process.returncode, interruption


def _follow(process: subprocess.Popen[bytes], reader: BinaryIO, interruption: Interruption, listener: Listener) -> None:
    begun, last = b"", time.monotonic()
    while True:
        interruption.act(process)
        # Asked before the log is read: what is written by then is read for the last time.
        ended = process.poll() is not None
        *lines, begun = (begun + reader.read()).split(b"\n")
        for line in [*lines, begun] if ended and begun else lines:
            listener.hear(line.decode(errors="replace"))
        if ended:
            return
        if time.monotonic() - last >= BEAT:
            last = time.monotonic()
            listener.beat()
        time.sleep(PAUSE)


@contextmanager
def _handled(interruption: Interruption) -> Iterator[None]:
    before = {number: signal.signal(number, interruption.handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _send(process: subprocess.Popen[bytes], number: int) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)

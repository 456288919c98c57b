"""Run a program that must not be cut off: log its output, pass its lines on, forward Ctrl-C to it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import BinaryIO

# Seconds.
POLL_INTERVAL = 0.05
TICK_INTERVAL = 1.0
CONFIRMATION_TIME = 5.0

FINISHING = "Interrupted. Terraform is finishing its current step. Press Ctrl-C again only if it hangs."
WARNING = (
    "Killing Terraform can leave resources in AWS that are not in the state. "
    f"Press Ctrl-C again within {CONFIRMATION_TIME:.0f} s to kill it."
)
KILLED = "Terraform was killed."


class InterruptHandler:
    """Handles SIGINT and SIGTERM while a program runs: the first interrupts it, the second warns, the third kills it.

    The signal handler only counts; `process_signals` does the rest, called from the loop that waits for the program.
    """

    def __init__(self, on_message: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.interrupted = False
        self.killed = False
        self._on_message = on_message
        self._clock = clock
        self._pending = 0
        self._warned_at: float | None = None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Count a signal."""
        self._pending += 1

    def process_signals(self, process: subprocess.Popen[bytes]) -> None:
        """Act on the signals received since the last call."""
        while self._pending:
            self._pending -= 1
            if not self.interrupted:
                self.interrupted = True
                # To the process group, as a terminal does: `terraform` may be a wrapper. Providers ignore SIGINT.
                _send(process, signal.SIGINT)
                self._on_message(FINISHING)
            elif self._warned_at is None or self._clock() - self._warned_at > CONFIRMATION_TIME:
                self._warned_at = self._clock()
                self._on_message(WARNING)
            elif not self.killed:
                self.killed = True
                _send(process, signal.SIGKILL)
                self._on_message(KILLED)


def run_logged(
    command: Sequence[str],
    directory: Path,
    environment: Mapping[str, str],
    log: Path,
    *,
    on_line: Callable[[str], None],
    on_tick: Callable[[], None],
    on_message: Callable[[str], None],
) -> tuple[int, InterruptHandler]:
    """Run a program in the main thread, append its output to an existing log file, and return its exit code.

    The program writes to the log file itself, so it runs on if this process is killed or its terminal is closed. It
    has its own session, so Ctrl-C reaches it only through the handler. Files that it creates are private to the user.
    """
    handler = InterruptHandler(on_message)
    with log.open("rb") as reader, log.open("ab") as writer, _install(handler):
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
            _follow(process, reader, handler, on_line, on_tick)
        except BaseException:
            # A callback failed. Let the program finish its step.
            _send(process, signal.SIGINT)
            process.wait()
            raise
    return process.returncode, handler


def _follow(
    process: subprocess.Popen[bytes],
    reader: BinaryIO,
    handler: InterruptHandler,
    on_line: Callable[[str], None],
    on_tick: Callable[[], None],
) -> None:
    partial, last_tick = b"", time.monotonic()
    while True:
        handler.process_signals(process)
        # Before the log is read: the last read then includes all output.
        has_ended = process.poll() is not None
        *lines, partial = (partial + reader.read()).split(b"\n")
        for line in [*lines, partial] if has_ended and partial else lines:
            on_line(line.decode(errors="replace"))
        if has_ended:
            return
        if time.monotonic() - last_tick >= TICK_INTERVAL:
            last_tick = time.monotonic()
            on_tick()
        time.sleep(POLL_INTERVAL)


@contextmanager
def _install(handler: InterruptHandler) -> Iterator[None]:
    before = {number: signal.signal(number, handler.handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def _send(process: subprocess.Popen[bytes], number: int) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)

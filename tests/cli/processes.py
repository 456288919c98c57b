"""Start `cws` processes and wait for them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.tools import PATIENCE, find_tool

CWS = str(Path(sys.executable).with_name("cws"))

SERVICE = """
import asyncio
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from coworks_async import TechMicroService, entry


class Service(TechMicroService):
    async def token_authorizer(self, token):
        return token == "s3cr3t-token"

    @entry
    async def get(self):
        return "Hello world.\\n"

    @entry(no_auth=True)
    async def get_env(self, name):
        return os.environ.get(name, "unset") + "\\n"

    @entry(no_auth=True)
    async def get_slow(self):
        Path("received").touch()
        while not Path("go").exists():
            await asyncio.sleep(0.02)
        return "done\\n"

    @entry(no_auth=True)
    async def get_pid(self):
        time.sleep(0.3)
        return f"{os.getpid()}\\n"


app = Service(name="small")
"""

MODES = [[], ["--workers", "2"], ["--reload"]]
mode = pytest.mark.parametrize("mode", MODES, ids=["one", "workers", "reload"])


@dataclass(frozen=True)
class ServerProcess:
    """A running `cws run`. `url` is empty if its banner was not awaited."""

    process: subprocess.Popen[bytes]
    url: str
    out: Path
    err: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def curl(self, path: str, *options: str) -> str:
        """Return the output of `curl`."""
        command = [find_tool("curl"), "-sS", *options, self.url + path]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout

    def start_curl(self, path: str) -> subprocess.Popen[str]:
        """Start `curl` without waiting for the response."""
        return subprocess.Popen([find_tool("curl"), "-sS", self.url + path], stdout=subprocess.PIPE, text=True)

    def responds(self, expected: str, *options: str) -> bool:
        """Return whether `/` responds as expected. During a restart it may not respond at all."""
        command = [find_tool("curl"), "-sS", "--max-time", "10", *options, f"{self.url}/"]
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout == expected

    def send(self, number: int) -> None:
        """Send a signal; Ctrl-C goes to the whole process group, as from a terminal."""
        if number == signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send a signal and return the exit code."""
        self.send(number)
        return self.process.wait(PATIENCE)


def reset_sigint() -> None:
    """Restore the default action of Ctrl-C in a child process, for `preexec_fn`.

    A shell that runs pytest in the background makes it ignore Ctrl-C, and child processes inherit that.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run_cws(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `cws` until it exits."""
    return subprocess.run(
        [CWS, *arguments],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@contextmanager
def start_server(
    *arguments: str, cwd: Path, until_started: bool = True, program: Sequence[str] = (CWS,), **environment: str
) -> Iterator[ServerProcess]:
    """Start `cws run`, wait for its banner, and stop it at the end if it still runs."""
    with TemporaryDirectory() as logs:
        # Outside of the project, where `--reload` would see them change.
        out, err = Path(logs, "out"), Path(logs, "err")
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                [*program, *arguments],
                cwd=cwd,
                env=os.environ | environment,
                stdout=stdout,
                stderr=stderr,
                # In a new process group, so that a test can send Ctrl-C to all of its processes.
                start_new_session=True,
                preexec_fn=reset_sigint,
            )
        try:
            if until_started:
                until(lambda: "(Press CTRL+C to quit)\n" in out.read_text() or process.poll() is not None)
                assert process.poll() is None, err.read_text()
            url = out.read_text().partition(" * Running on ")[2].partition(" (Press")[0]
            yield ServerProcess(process, url, out, err)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(PATIENCE)


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition is true."""
    assert wait_for(condition, PATIENCE), "The condition did not become true."


def wait_for(condition: Callable[[], bool], timeout: float) -> bool:
    """Wait at most `timeout` seconds for a condition; return whether it became true."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(0.02)
    return True


def change_until(change: Callable[[], object], condition: Callable[[], bool]) -> None:
    """Repeat a change until `--reload` has seen it.

    Uvicorn starts to watch a moment after its child process responds. The intervals grow because each change restarts a
    child that is still starting.
    """
    for timeout in (1, 2, 4, 8, 16, 32):
        change()
        if wait_for(condition, timeout):
            return
    raise AssertionError("The change was not seen.")

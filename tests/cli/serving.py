"""Real `cws` processes for the tests of the commands."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
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
        Path("asked").touch()
        while not Path("go").exists():
            await asyncio.sleep(0.02)
        return "answered\\n"

    @entry(no_auth=True)
    async def get_pid(self):
        time.sleep(0.3)
        return f"{os.getpid()}\\n"


app = Service(name="small")
"""

MODES = [[], ["--workers", "2"], ["--reload"]]
mode = pytest.mark.parametrize("mode", MODES, ids=["one", "workers", "reload"])


@dataclass(frozen=True)
class Served:
    """A `cws run` that has printed its banner, if the test did not choose otherwise."""

    process: subprocess.Popen[bytes]
    url: str
    out: Path
    err: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def curl(self, path: str, *options: str) -> str:
        """What `curl` prints, and nothing of its own."""
        command = [find_tool("curl"), "-sS", *options, self.url + path]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout

    def curl_later(self, path: str) -> subprocess.Popen[str]:
        """A `curl` that is still waiting for its answer."""
        return subprocess.Popen([find_tool("curl"), "-sS", self.url + path], stdout=subprocess.PIPE, text=True)

    def answers(self, expected: str, *options: str) -> bool:
        """Tell whether this is what the root answers; while one process takes the place of another, nobody may."""
        command = [find_tool("curl"), "-sS", "--max-time", "10", *options, f"{self.url}/"]
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout == expected

    def send(self, number: int) -> None:
        """Send a signal: CTRL+C to the whole group, as from a terminal."""
        if number == signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    def stop(self, number: int = signal.SIGINT) -> int:
        """The exit code after a signal."""
        self.send(number)
        return self.process.wait(PATIENCE)


def run_cws(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A `cws` that ends by itself."""
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
def serving(*arguments: str, cwd: Path, until_started: bool = True, **environment: str) -> Iterator[Served]:
    """A `cws` whose arguments make it serve, from its banner on; it is stopped at the end if the test did not."""
    with TemporaryDirectory() as logs:
        # Not in the project: a log that grows would be a change to watch.
        out, err = Path(logs, "out"), Path(logs, "err")
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                [CWS, *arguments],
                cwd=cwd,
                env=os.environ | environment,
                stdout=stdout,
                stderr=stderr,
                # A group of its own, so that a test can press CTRL+C.
                start_new_session=True,
            )
        try:
            if until_started:
                until(lambda: "(Press CTRL+C to quit)\n" in out.read_text() or process.poll() is not None)
                assert process.poll() is None, err.read_text()
            address = out.read_text().partition(" * Running on ")[2].partition(" (Press")[0]
            yield Served(process, address, out, err)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(PATIENCE)


def until(done: Callable[[], bool]) -> None:
    """Wait for what another process will do."""
    assert came(done, PATIENCE), "It never happened."


def came(done: Callable[[], bool], patience: float) -> bool:
    """Wait for what another process may do, and tell whether it did."""
    end = time.monotonic() + patience
    while not done():
        if time.monotonic() >= end:
            return False
        time.sleep(0.02)
    return True


def until_reloaded(change: Callable[[], object], done: Callable[[], bool]) -> None:
    """Make a change until `--reload` has seen it.

    It is made again, since uvicorn begins to watch a moment after its child answers; and each time later, since a
    child that is starting starts anew.
    """
    for patience in (1, 2, 4, 8, 16, 32):
        change()
        if came(done, patience):
            return
    raise AssertionError("It was never seen.")

"""`cws run`: a second signal ends the process at once, and prints no traceback."""

import os
import signal
from pathlib import Path

import pytest

from tests.cli.conftest import Write
from tests.cli.processes import MODES, ServerProcess, mode, start_server, until, wait_for
from tests.tools import PATIENCE, requires_tool

pytestmark = pytest.mark.end_to_end

SERVICE = """
import asyncio
import os
import time
from contextlib import asynccontextmanager
from pathlib import Path

from coworks_async import TechMicroService, entry


@asynccontextmanager
async def lifespan(app):
    if "HANGS" in os.environ:
        Path("starting").touch()
        await asyncio.sleep(600)
    yield
    if "HANGS_AT_END" in os.environ:
        Path("ending").touch()
        await asyncio.sleep(600)


class Service(TechMicroService):
    @entry(no_auth=True)
    async def get_slow(self):
        Path("received").write_text(str(os.getpid()))
        await asyncio.sleep(600)

    @entry(no_auth=True)
    def get_thread(self):
        Path("received").write_text(str(os.getpid()))
        time.sleep(600)


app = Service(name="small", lifespan=lifespan)
"""

SIGNALS = {"ctrl-c": signal.SIGINT, "sigterm": signal.SIGTERM}


def assert_aborted(server: ServerProcess) -> None:
    """Check the exit code and the output, and that no child process runs."""
    assert server.process.wait(PATIENCE) == 1
    assert "Traceback" not in server.err.read_text()
    until(lambda: not has_members(server.process.pid))


def has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def runs_on(server: ServerProcess) -> bool:
    """Wait until the server has handled a signal. Two signals at once would count as one."""
    return not wait_for(lambda: server.process.poll() is not None, 0.5)


@requires_tool("curl")
@pytest.mark.parametrize("path", ["/slow", "/thread"])
@pytest.mark.parametrize("workers", [[], ["--workers", "2"]], ids=" ".join)
def test_a_second_ctrl_c_ends_the_process_of_the_native_runtime(
    path: str, workers: list[str], write: Write, project: Path
) -> None:
    write("app.py", SERVICE)
    options = ["--port", "0", "--graceful-timeout", "600", "--lambda", "--runtime", "native", *workers]
    received = project / "received"
    with start_server("run", *options, cwd=project) as server, server.start_curl(path):
        until(lambda: received.exists() and received.read_text() != "")
        function = int(received.read_text())
        server.send(signal.SIGINT)
        assert runs_on(server)
        server.send(signal.SIGINT)
        assert_aborted(server)
        until(lambda: not is_running(function))


@requires_tool("curl")
@pytest.mark.parametrize("path", ["/slow", "/thread"])
@pytest.mark.parametrize("options", [*MODES, ["--lambda"], ["--lambda", "--workers", "2"]], ids=" ".join)
def test_a_second_ctrl_c_aborts_the_requests(path: str, options: list[str], write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    options = ["--port", "0", "--graceful-timeout", "600", *options]
    with start_server("run", *options, cwd=project) as server, server.start_curl(path) as waiting:
        until((project / "received").exists)
        server.send(signal.SIGINT)
        assert runs_on(server)
        server.send(signal.SIGINT)
        assert_aborted(server)
        assert waiting.communicate(timeout=PATIENCE)[0] == ""


@mode
@pytest.mark.parametrize("name", SIGNALS)
def test_a_second_signal_ends_a_lifespan_that_does_not_start(
    name: str, mode: list[str], write: Write, project: Path
) -> None:
    write("app.py", SERVICE)
    with start_server("run", "--port", "0", *mode, cwd=project, until_started=False, HANGS="1") as server:
        until((project / "starting").exists)
        server.send(SIGNALS[name])
        assert runs_on(server)
        server.send(SIGNALS[name])
        assert_aborted(server)


@requires_tool("curl")
def test_a_second_ctrl_c_ends_a_lifespan_that_a_first_event_starts(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    options = ["--port", "0", "--lambda"]
    with start_server("run", *options, cwd=project, HANGS="1") as server, server.start_curl("/slow"):
        until((project / "starting").exists)
        server.send(signal.SIGINT)
        assert runs_on(server)
        server.send(signal.SIGINT)
        assert_aborted(server)
        assert server.err.read_text().endswith("\nAborted!\n")


@mode
def test_a_second_ctrl_c_ends_a_lifespan_that_does_not_stop(mode: list[str], write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    with start_server("run", "--port", "0", *mode, cwd=project, HANGS_AT_END="1") as server:
        server.send(signal.SIGINT)
        until((project / "ending").exists)
        server.send(signal.SIGINT)
        assert_aborted(server)


@requires_tool("curl")
@pytest.mark.parametrize("options", MODES[:2], ids=["one", "workers"])
def test_a_second_sigterm_does_not_abort_the_requests(options: list[str], write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    options = ["--port", "0", "--graceful-timeout", "600", *options]
    with start_server("run", *options, cwd=project) as server, server.start_curl("/slow"):
        until((project / "received").exists)
        for _ in range(2):
            server.send(signal.SIGTERM)
            assert runs_on(server)
        server.send(signal.SIGINT)
        assert_aborted(server)

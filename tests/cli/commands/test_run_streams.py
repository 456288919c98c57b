"""`cws run`: streams that never end, when their clients leave and when the server stops."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.cli.conftest import Write
from tests.cli.processes import ServerProcess, change_until, mode, start_server
from tests.tools import PATIENCE

pytestmark = pytest.mark.end_to_end

SERVICE = """
from coworks_async import TechMicroService, entry


class Service(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        while True:
            yield "more" * 1000


app = Service(name="small")
"""


@contextmanager
def streaming(server: ServerProcess, path: str) -> Iterator[Iterator[bytes]]:
    """Open a stream and read its first chunk."""
    with httpx2.stream("GET", server.url + path, timeout=PATIENCE) as response:
        # The connection is closed without a reference to the iterator.
        chunks = response.iter_raw()
        next(chunks)
        yield chunks


def test_sigterm_stops_a_server_with_a_stream_that_never_waits_and_whose_client_has_left(
    write: Write, project: Path
) -> None:
    write("app.py", SERVICE)
    with start_server("run", "--port", "0", cwd=project) as server:
        with streaming(server, "/"):
            pass
        server.send(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0
        assert "Traceback" not in server.err.read_text()


EVENTS = """
import asyncio

from coworks_async import TechMicroService, entry, sse


class Service(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return sse(self.events())

    async def events(self):
        while True:
            yield "tick"
            await asyncio.sleep(0.05)

    @entry(no_auth=True)
    async def get_version(self):
        return "first"


app = Service(name="small")
"""


@mode
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_one_signal_stops_a_server_with_an_open_stream(
    mode: list[str], number: int, write: Write, project: Path
) -> None:
    write("app.py", EVENTS)
    options = ["--port", "0", "--graceful-timeout", "1"]
    with start_server("run", *options, *mode, cwd=project) as server, streaming(server, "/"):
        server.send(number)
        assert server.process.wait(PATIENCE) == 0
        error = server.err.read_text()
        assert "Cancel 1 running task(s), timeout graceful shutdown exceeded" in error
        assert "Traceback" not in error


def test_by_default_an_open_stream_delays_the_end_by_three_seconds(write: Write, project: Path) -> None:
    write("app.py", EVENTS)
    with start_server("run", "--port", "0", cwd=project) as server, streaming(server, "/"):
        start = time.monotonic()
        server.send(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0
        assert 3 <= time.monotonic() - start < PATIENCE


def test_reload_serves_a_changed_module_although_a_stream_is_open(write: Write, project: Path) -> None:
    write("app.py", EVENTS)
    options = ["--port", "0", "--reload", "--graceful-timeout", "1"]

    def serves_the_change() -> bool:
        try:
            return httpx2.get(f"{server.url}/version", timeout=5).text == "second"
        except httpx2.TransportError:
            return False

    with start_server("run", *options, cwd=project) as server, streaming(server, "/"):
        change_until(lambda: write("app.py", EVENTS.replace('"first"', '"second"')), serves_the_change)

"""`cws run`: streams that never end, when their clients leave and when the server stops."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.cli.conftest import Write
from tests.cli.processes import ServerProcess, start_server
from tests.tools import PATIENCE

pytestmark = pytest.mark.end_to_end

SERVICE = """
from coworks_async import TechMicroService, entry


class Service(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        while True:
            yield "more" * 1000

    @entry(no_auth=True)
    async def get_version(self):
        return "first"


app = Service(name="small")
"""


@contextmanager
def streaming(server: ServerProcess, path: str) -> Iterator[httpx2.Response]:
    """Open a stream and read its first chunk."""
    with httpx2.stream("GET", server.url + path, timeout=PATIENCE) as response:
        next(response.iter_raw())
        yield response


def test_sigterm_stops_a_server_with_a_stream_that_never_waits_and_whose_client_has_left(
    write: Write, project: Path
) -> None:
    write("app.py", SERVICE)
    with start_server("run", "--port", "0", cwd=project) as server:
        with streaming(server, "/"):
            pass
        server.send(signal.SIGTERM)
        assert server.process.wait(20) == 0
        assert "Traceback" not in server.err.read_text()

"""`cws invoke` and Ctrl-C."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Write
from tests.cli.processes import CWS, reset_sigint, until
from tests.tools import PATIENCE

SERVICE = """
import asyncio
import time
from contextlib import asynccontextmanager
from pathlib import Path

from coworks_async import TechMicroService, entry


@asynccontextmanager
async def lifespan(app):
    yield
    Path("stopped").touch()


class Service(TechMicroService):
    @entry(no_auth=True)
    async def get_slow(self):
        Path("received").touch()
        await asyncio.sleep(600)

    @entry(no_auth=True)
    def get_thread(self):
        Path("received").touch()
        time.sleep(600)


app = Service(name="small", lifespan=lifespan)
"""


@pytest.mark.parametrize("path", ["/slow", "/thread"])
def test_ctrl_c_stops_the_lifespan_and_does_not_wait_for_the_entry(path: str, write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    with subprocess.Popen(
        [CWS, "invoke", "GET", path],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=reset_sigint,
    ) as process:
        until((project / "received").exists)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=PATIENCE) == ("", "\nAborted!\n")
    assert process.returncode == 1
    assert (project / "stopped").exists()

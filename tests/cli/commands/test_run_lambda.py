"""`cws run --lambda`: each request passes a simulated gateway and the Lambda handler."""

import re
import signal
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest
from click.testing import CliRunner

from coworks_async.cli.main import cws
from tests.cli.conftest import Write
from tests.cli.processes import mode, start_server, until
from tests.tools import PATIENCE, requires_tool

SAMPLES = Path(__file__).parents[3] / "samples" / "docs" / "tech"

SERVICE = """
import os
import time
from contextlib import asynccontextmanager
from pathlib import Path

from coworks_async import TechMicroService, entry, request


@asynccontextmanager
async def lifespan(app):
    Path(f"started-{os.getpid()}").touch()
    yield
    Path(f"ended-{os.getpid()}").touch()


class Service(TechMicroService):
    running = 0

    @entry(no_auth=True)
    async def get(self):
        context = request.aws_event["requestContext"] if request.in_lambda_context else {}
        return " ".join(sorted(context)) + "\\n"

    @entry(no_auth=True)
    async def get_slow(self):
        self.running += 1
        together = self.running
        time.sleep(0.2)
        self.running -= 1
        return f"{together}\\n"

    @entry(no_auth=True)
    async def get_url(self):
        return self.url_for("get_slow", _external=True) + "\\n"


app = Service(name="small", lifespan=lifespan)
"""


@requires_tool("curl")
def test_the_example_of_the_quickstart_is_unchanged():
    token = ("-H", "Authorization:token")
    with start_server("run", "--lambda", "--port", "0", cwd=SAMPLES, FLASK_APP="first") as server:
        assert server.curl("/", "-I").startswith("HTTP/1.1 401 ")
        assert server.curl("/", "-I", "-H", "Authorization:any").startswith("HTTP/1.1 403 ")
        assert server.curl("/", *token) == "Stored value 0.\n"
        stored = server.curl("/", "-X", "POST", "-d", '{"value":20}', "-H", "Content-Type: application/json", *token)
        assert stored == "Value stored (20).\n"
        assert server.curl("/", *token) == "Stored value 20.\n"


@requires_tool("curl")
@mode
def test_each_request_is_an_event_of_the_chosen_gateway(mode: list[str], write: Write, project: Path):
    write("app.py", SERVICE)
    with start_server("run", "--lambda", "--via", "alb", "--port", "0", *mode, cwd=project) as server:
        assert server.out.read_text().startswith(" * Service small (stage dev), through Lambda by alb events\n")
        assert server.curl("/") == "elb\n"
        assert server.curl("/url") == f"{server.url}/slow\n"


@requires_tool("curl")
def test_events_are_handled_one_at_a_time(write: Write, project: Path):
    write("app.py", SERVICE)
    with start_server("run", "--lambda", "--port", "0", cwd=project) as server:
        waiting = [server.start_curl("/slow") for _ in range(3)]
        responses = []
        for curl in waiting:
            with curl:
                responses.append(curl.communicate(timeout=PATIENCE)[0])
        assert responses == ["1\n"] * 3


@requires_tool("curl")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_the_lifespan_starts_at_the_first_event_and_ends_with_the_server(number: int, write: Write, project: Path):
    write("app.py", SERVICE)
    with start_server("run", "--lambda", "--port", "0", cwd=project) as server:
        assert list(project.glob("started-*")) == []
        server.curl("/")
        until(lambda: len(list(project.glob("started-*"))) == 1)
        assert server.stop(number) == 0
        assert "Traceback" not in server.err.read_text()
    assert len(list(project.glob("ended-*"))) == 1


def peak_memory(pid: int) -> int:
    """Return the peak memory of a process in megabytes."""
    [size] = re.findall(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(size) // 1024


@pytest.mark.end_to_end
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the peak memory of another process")
@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
def test_a_body_of_a_hundred_megabytes_is_a_413_and_is_not_held_in_memory(chunked: bool, write: Write, project: Path):
    write("app.py", SERVICE)
    headers = {} if chunked else {"Content-Length": str(100 * 1024 * 1024)}
    with start_server("run", "--lambda", "--port", "0", cwd=project) as server:
        before = peak_memory(server.process.pid)
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        parts = (b"x" * 1024 * 1024 for _ in range(100))
        connection.request("POST", "/", parts, headers, encode_chunked=chunked)
        with connection.getresponse() as response:
            assert response.status == 413
            assert b"Content Too Large" in response.read()
        connection.close()
        assert peak_memory(server.process.pid) - before < 60


def test_another_asgi_app_is_a_one_line_error(write: Write, project: Path):
    write("app.py", "from starlette.applications import Starlette\napp = Starlette()")
    result = CliRunner().invoke(cws, ["-p", str(project), "run", "--lambda", "--port", "0"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "Error: App 'app:app' is a Starlette. Only a TechMicroService has a Lambda handler.\n"


def test_via_requires_lambda():
    result = CliRunner().invoke(cws, ["run", "--via", "http"])
    assert (result.exit_code, result.stderr) == (2, "Error: --via requires --lambda.\n")

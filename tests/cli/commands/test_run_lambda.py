"""`cws run --lambda`: uvicorn in front, each request through a gateway's event and the Lambda handler."""

import re
import signal
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest
from click.testing import CliRunner

from coworks_async.cli.main import cws
from tests.cli.conftest import Write
from tests.cli.serving import mode, run_cws, serving, until
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
def test_the_transcript_of_the_page_is_unchanged():
    token = ("-H", "Authorization:token")
    with serving("run", "--lambda", "--port", "0", cwd=SAMPLES, FLASK_APP="first") as served:
        assert served.curl("/", "-I").startswith("HTTP/1.1 401 ")
        assert served.curl("/", "-I", "-H", "Authorization:any").startswith("HTTP/1.1 403 ")
        assert served.curl("/", *token) == "Stored value 0.\n"
        stored = served.curl("/", "-X", "POST", "-d", '{"value":20}', "-H", "Content-Type: application/json", *token)
        assert stored == "Value stored (20).\n"
        assert served.curl("/", *token) == "Stored value 20.\n"


@requires_tool("curl")
@mode
def test_each_request_comes_by_the_events_of_the_chosen_gateway(mode: list[str], write: Write, project: Path):
    write("app.py", SERVICE)
    with serving("run", "--lambda", "--via", "alb", "--port", "0", *mode, cwd=project) as served:
        assert served.out.read_text().startswith(" * Service small (stage dev), through Lambda by alb events\n")
        assert served.curl("/") == "elb\n"
        assert served.curl("/url") == f"{served.url}/slow\n"


@requires_tool("curl")
def test_one_event_is_answered_at_a_time(write: Write, project: Path):
    write("app.py", SERVICE)
    with serving("run", "--lambda", "--port", "0", cwd=project) as served:
        waiting = [served.curl_later("/slow") for _ in range(3)]
        answers = []
        for curl in waiting:
            with curl:
                answers.append(curl.communicate(timeout=PATIENCE)[0])
        assert answers == ["1\n"] * 3


@requires_tool("curl")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_the_lifespan_starts_at_the_first_event_and_ends_with_the_server(number: int, write: Write, project: Path):
    write("app.py", SERVICE)
    with serving("run", "--lambda", "--port", "0", cwd=project) as served:
        assert list(project.glob("started-*")) == []
        served.curl("/")
        until(lambda: len(list(project.glob("started-*"))) == 1)
        assert served.stop(number) == 0
        assert "Traceback" not in served.err.read_text()
    assert len(list(project.glob("ended-*"))) == 1


def peak_memory(pid: int) -> int:
    """The megabytes that a process has had at once."""
    [size] = re.findall(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(size) // 1024


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of another process")
@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
def test_a_body_of_a_hundred_megabytes_is_a_413_that_takes_no_memory(chunked: bool, write: Write, project: Path):
    write("app.py", SERVICE)
    headers = {} if chunked else {"Content-Length": str(100 * 1024 * 1024)}
    with serving("run", "--lambda", "--port", "0", cwd=project) as served:
        before = peak_memory(served.process.pid)
        connection = HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE)
        parts = (b"x" * 1024 * 1024 for _ in range(100))
        connection.request("POST", "/", parts, headers, encode_chunked=chunked)
        with connection.getresponse() as answer:
            assert (answer.status, answer.read()) == (413, b'{"message": "Request Too Long"}')
        connection.close()
        assert peak_memory(served.process.pid) - before < 60


def test_an_app_that_is_no_service_is_one_line(write: Write, project: Path):
    write("app.py", "from starlette.applications import Starlette\napp = Starlette()")
    done = run_cws("run", "--lambda", "--port", "0", cwd=project)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: The app 'app:app' is a Starlette; only a TechMicroService has a Lambda handler.\n"


def test_via_goes_with_lambda_alone(write: Write, project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(project)
    write("app.py", SERVICE)
    done = CliRunner().invoke(cws, ["run", "--via", "http"])
    assert (done.exit_code, done.stderr) == (2, "Error: --via names the gateway of --lambda, which is missing.\n")

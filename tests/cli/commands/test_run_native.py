"""`cws run --lambda --runtime native`: the function in its own processes, behind the Runtime API."""

import os
import signal
import time
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner

from coworks_async.cli.main import cws
from tests.cli.conftest import Write
from tests.cli.processes import ServerProcess, change_until, mode, start_server, until
from tests.docs.pages import DOCS, read_blocks
from tests.tools import PATIENCE, requires_tool

SERVICE = """
import asyncio
import os
import time
from contextlib import asynccontextmanager
from pathlib import Path

from coworks_async import TechMicroService, entry, request


@asynccontextmanager
async def lifespan(app):
    print(f"started {os.getpid()}", flush=True)
    yield
    print(f"stopped {os.getpid()}", flush=True)


class Service(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        self.logger.info("hello")
        return [os.getpid(), os.getcwd(), sorted(request.aws_event["requestContext"])]

    @entry(no_auth=True)
    async def get_times(self):
        for _ in range(5):
            yield f"{time.time()}\\n"
            await asyncio.sleep(0.25)

    @entry(no_auth=True)
    async def get_exit(self):
        os._exit(7)


app = Service(name="small", lifespan=lifespan)
"""

NATIVE = ("run", "--lambda", "--runtime", "native", "--port", "0")


def get(server: ServerProcess, path: str) -> httpx2.Response:
    return httpx2.get(server.url + path, timeout=PATIENCE)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.end_to_end
@pytest.mark.parametrize("via", ["rest", "url"])
def test_chunks_of_a_1_s_generator_arrive_at_the_times_they_are_yielded(via: str, write: Write, project: Path):
    write("app.py", SERVICE)
    with start_server(*NATIVE, "--via", via, cwd=project) as server:
        get(server, "/")
        with httpx2.stream("GET", server.url + "/times", timeout=PATIENCE) as response:
            yielded, arrived = [], []
            for line in response.iter_lines():
                yielded.append(float(line))
                arrived.append(time.time())
    assert len(yielded) == 5
    assert yielded[-1] - yielded[0] >= 1
    assert arrived[1] < yielded[-1]
    delays = [there - here for here, there in zip(yielded, arrived, strict=True)]
    assert sorted(delays)[2] < 0.1


@pytest.mark.end_to_end
@mode
def test_requests_are_events_in_a_process_of_the_function(mode: list[str], write: Write, project: Path):
    write("app.py", SERVICE)
    with start_server(*NATIVE, "--via", "alb", *mode, cwd=project) as server:
        banner = " * Service small (stage dev), through Lambda by alb events, native runtime\n"
        assert banner in server.out.read_text()
        pid, folder, context = get(server, "/").json()
        assert (folder, context) == (str(project), ["elb"])
        out = server.out.read_text()
        assert f"started {pid}\n" in out
        assert "\thello\n" in out
        assert server.stop() == 0
        assert not is_running(pid)
        assert f"stopped {pid}\n" in server.out.read_text()
        assert "Traceback" not in server.err.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_process_that_ends_is_reported_and_replaced_and_the_last_one_stops(number: int, write: Write, project: Path):
    write("app.py", SERVICE)
    with start_server(*NATIVE, cwd=project) as server:
        first = get(server, "/").json()[0]
        assert get(server, "/exit").status_code == 502
        error = "[ERROR] The function's process ended (exit code 7). The next event starts another one.\n"
        assert server.err.read_text().endswith(error)
        second = get(server, "/").json()[0]
        assert first != second
        assert server.stop(number) == 0
        assert not is_running(second)
        assert server.err.read_text().count("[ERROR]") == 1


@pytest.mark.end_to_end
def test_a_change_restarts_the_function(write: Write, project: Path):
    write("app.py", SERVICE)
    with start_server(*NATIVE, "--reload", cwd=project) as server:
        first = get(server, "/").json()[0]
        changes = iter(range(100))

        def has_changed() -> bool:
            try:
                return httpx2.get(f"{server.url}/new", timeout=PATIENCE).text == "new"
            except httpx2.TransportError:
                return False

        extra = "\n    @entry(no_auth=True)\n    async def get_new(self):\n        return 'new'\n\n\napp ="
        change_until(lambda: write("app.py", SERVICE.replace("\n\napp =", extra) + f"# {next(changes)}"), has_changed)
        until(lambda: not is_running(first))


@pytest.mark.end_to_end
def test_a_factory_and_max_concurrency(write: Write, project: Path):
    write("app.py", SERVICE.replace("app = Service(", "def create():\n    return Service("))
    with start_server("-A", "app:create", *NATIVE, "--max-concurrency", "4", cwd=project) as server:
        assert get(server, "/").status_code == 200
        with httpx2.stream("GET", server.url + "/times", timeout=PATIENCE):
            assert get(server, "/").status_code == 200
        assert server.out.read_text().count("started") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--runtime", "native"], "--runtime requires --lambda."),
        (["--lambda", "--max-concurrency", "2"], "--max-concurrency requires --runtime native."),
    ],
)
def test_options_that_do_not_fit_are_an_error(options: list[str], message: str):
    result = CliRunner().invoke(cws, ["run", *options])
    assert (result.exit_code, result.stderr) == (2, f"Error: {message}\n")


@requires_tool("curl")
@pytest.mark.parametrize("page", ["how-to/streaming.md", "concepts/runtimes.md"])
def test_the_commands_of_the_documentation_show_what_is_printed(page: str, write: Write, project: Path):
    blocks = read_blocks(DOCS / page)
    [session] = [block.source for block in blocks if block.test == f"tests/cli/commands/{Path(__file__).name}"]
    streaming = read_blocks(DOCS / "how-to/streaming.md")
    write("app.py", next(block.source for block in streaming if block.language == "python"))
    command, *shown = session.splitlines()
    assert command.endswith(" run --lambda --runtime native")
    with start_server(*NATIVE, cwd=project) as server:
        printed = [*server.out.read_text().splitlines(), *server.curl("/story", "-N").splitlines()]
    expected = [line.replace(":5000", f":{server.port}") for line in shown if not line.startswith("$ curl")]
    assert expected in ([], printed)

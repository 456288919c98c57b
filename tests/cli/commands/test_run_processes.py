"""`cws run` as one or more processes: signals, workers, reloading, and a lifespan that fails."""

import signal
from functools import partial
from pathlib import Path

import pytest

from tests.cli.conftest import Write
from tests.cli.processes import MODES, SERVICE, change_until, mode, run_cws, start_server, until
from tests.tools import PATIENCE, requires_tool

pytestmark = pytest.mark.end_to_end


@requires_tool("curl")
@mode
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_signal_stops_the_server_after_the_requests_in_flight(
    mode: list[str], number: int, write: Write, project: Path
) -> None:
    write("app.py", SERVICE)
    with start_server("run", "--port", "0", *mode, cwd=project) as server:
        with server.start_curl("/slow") as waiting:
            until((project / "received").exists)
            server.send(number)
            until(lambda: "Waiting for connections to close. (CTRL+C to force quit)" in server.err.read_text())
            (project / "go").touch()
            response, _ = waiting.communicate(timeout=PATIENCE)
        assert response == "done\n"
        assert server.process.wait(PATIENCE) == 0
        assert "Traceback" not in server.err.read_text()


@requires_tool("curl")
def test_workers_share_one_port(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    with start_server("run", "--port", "0", "--workers", "2", cwd=project) as server:
        pids: set[str] = set()
        for _ in range(50):
            # Each request blocks its process, so that the other one has to accept the next.
            waiting = [server.start_curl("/pid") for _ in range(4)]
            for curl in waiting:
                with curl:
                    pids.add(curl.communicate(timeout=PATIENCE)[0])
            if len(pids) == 2:
                break
        assert len(pids) == 2
        assert f"{server.process.pid}\n" not in pids


@requires_tool("curl")
def test_reload_serves_a_changed_module(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    token = ("-H", "Authorization: s3cr3t-token")
    with start_server("run", "--port", "0", "--reload", cwd=project) as server:
        assert server.curl("/", *token) == "Hello world.\n"
        change = partial(write, "app.py", SERVICE.replace("Hello world.", "Hello again."))
        change_until(change, lambda: server.responds("Hello again.\n", *token))
        line = "Error: Cannot import 'app': ModuleNotFoundError: No module named 'absent_dependency'\n"
        broken = partial(write, "app.py", SERVICE + "import absent_dependency\n")
        change_until(broken, lambda: line in server.err.read_text())
        repaired = partial(write, "app.py", SERVICE.replace("Hello world.", "Hello at last."))
        change_until(repaired, lambda: server.responds("Hello at last.\n", *token))
        assert server.stop() == 0


@pytest.mark.parametrize("mode", MODES[:2], ids=["one", "workers"])
def test_a_lifespan_that_fails_stops_the_server(mode: list[str], write: Write, project: Path) -> None:
    write(
        "app.py",
        """
        from contextlib import asynccontextmanager

        from coworks_async import TechMicroService

        @asynccontextmanager
        async def lifespan(app):
            raise RuntimeError("no database")
            yield

        app = TechMicroService(lifespan=lifespan)
        """,
    )
    done = run_cws("run", "--port", "0", *mode, cwd=project)
    assert (done.returncode, done.stdout) == (3, "")
    assert "RuntimeError: no database" in done.stderr
    assert "Application startup failed. Exiting." in done.stderr


STARTING = """
from contextlib import asynccontextmanager
from pathlib import Path

from coworks_async import TechMicroService

@asynccontextmanager
async def lifespan(app):
    print("started", flush=True)
    yield

app = TechMicroService(name="small", lifespan=lifespan)
"""


@mode
def test_the_banner_is_printed_when_the_service_has_started(mode: list[str], write: Write, project: Path) -> None:
    write("app.py", STARTING)
    with start_server("run", "--port", "0", *mode, cwd=project) as server:
        assert server.out.read_text().replace("started\n", "") == (
            f" * Service small (stage dev)\n * Running on {server.url} (Press CTRL+C to quit)\n"
        )
        assert server.out.read_text().startswith("started\n")
        assert server.stop() == 0
        assert server.out.read_text().count("Running on") == 1


def test_with_reload_the_banner_is_printed_after_the_first_start_that_works(write: Write, project: Path) -> None:
    failing = STARTING.replace("    yield", "    yield (Path('repaired').exists() or 1 / 0) and None")
    write("app.py", failing)
    with start_server("run", "--port", "0", "--reload", cwd=project, until_started=False) as server:
        until(lambda: "ZeroDivisionError" in server.err.read_text())
        assert "Running on" not in server.out.read_text()

        write("repaired", "")
        change_until(partial(write, "app.py", STARTING), lambda: "Running on" in server.out.read_text())


def test_an_app_that_fails_only_in_the_workers_stops_the_server(write: Write, project: Path) -> None:
    write(
        "app.py",
        """
        import multiprocessing

        from coworks_async import TechMicroService

        if multiprocessing.parent_process() is not None:
            raise RuntimeError("only in a child")

        app = TechMicroService()
        """,
    )
    done = run_cws("run", "--port", "0", "--workers", "2", cwd=project)
    assert done.returncode == 3
    assert "Error: Cannot import 'app': RuntimeError: only in a child\n" in done.stderr

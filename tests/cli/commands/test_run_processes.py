"""`cws run` as processes: signals, workers, reloading, and a service that fails to start."""

import signal
from functools import partial
from pathlib import Path

import pytest

from tests.cli.conftest import Write
from tests.cli.serving import MODES, SERVICE, mode, run_cws, serving, until, until_reloaded
from tests.tools import PATIENCE, requires_tool


@requires_tool("curl")
@mode
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_signal_ends_it_after_the_requests_in_flight(
    mode: list[str], number: int, write: Write, project: Path
) -> None:
    write("app.py", SERVICE)
    with serving("run", "--port", "0", *mode, cwd=project) as served:
        with served.curl_later("/slow") as waiting:
            until((project / "asked").exists)
            served.send(number)
            until(lambda: "Waiting for connections to close. (CTRL+C to force quit)" in served.err.read_text())
            (project / "go").touch()
            answer, _ = waiting.communicate(timeout=PATIENCE)
        assert answer == "answered\n"
        assert served.process.wait(PATIENCE) == 0
        assert "Traceback" not in served.err.read_text()


@requires_tool("curl")
def test_workers_share_one_port(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    with serving("run", "--port", "0", "--workers", "2", cwd=project) as served:
        pids: set[str] = set()
        for _ in range(50):
            # Each answer holds its process up, so that the other has to take the next.
            waiting = [served.curl_later("/pid") for _ in range(4)]
            for curl in waiting:
                with curl:
                    pids.add(curl.communicate(timeout=PATIENCE)[0])
            if len(pids) == 2:
                break
        assert len(pids) == 2
        assert f"{served.process.pid}\n" not in pids


@requires_tool("curl")
def test_reload_serves_what_was_changed(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    token = ("-H", "Authorization: s3cr3t-token")
    with serving("run", "--port", "0", "--reload", cwd=project) as served:
        assert served.curl("/", *token) == "Hello world.\n"
        again = partial(write, "app.py", SERVICE.replace("Hello world.", "Hello again."))
        until_reloaded(again, lambda: served.answers("Hello again.\n", *token))
        line = "Error: Cannot import 'app': ModuleNotFoundError: No module named 'absent_dependency'\n"
        broken = partial(write, "app.py", SERVICE + "import absent_dependency\n")
        until_reloaded(broken, lambda: line in served.err.read_text())
        mended = partial(write, "app.py", SERVICE.replace("Hello world.", "Hello at last."))
        until_reloaded(mended, lambda: served.answers("Hello at last.\n", *token))
        assert served.stop() == 0


@pytest.mark.parametrize("mode", MODES[:2], ids=["one", "workers"])
def test_a_lifespan_that_fails_is_shown_and_ends_it(mode: list[str], write: Write, project: Path) -> None:
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
def test_the_banner_comes_once_the_service_has_started(mode: list[str], write: Write, project: Path) -> None:
    write("app.py", STARTING)
    with serving("run", "--port", "0", *mode, cwd=project) as served:
        assert served.out.read_text().replace("started\n", "") == (
            f" * Service small (stage dev)\n * Running on {served.url} (Press CTRL+C to quit)\n"
        )
        assert served.out.read_text().startswith("started\n")
        assert served.stop() == 0
        assert served.out.read_text().count("Running on") == 1


def test_with_reload_the_banner_comes_with_the_change_that_starts(write: Write, project: Path) -> None:
    failing = STARTING.replace("    yield", "    yield (Path('mended').exists() or 1 / 0) and None")
    write("app.py", failing)
    with serving("run", "--port", "0", "--reload", cwd=project, until_started=False) as served:
        until(lambda: "ZeroDivisionError" in served.err.read_text())
        assert "Running on" not in served.out.read_text()

        write("mended", "")
        until_reloaded(partial(write, "app.py", STARTING), lambda: "Running on" in served.out.read_text())


def test_an_app_that_fails_in_the_workers_alone_ends_it(write: Write, project: Path) -> None:
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

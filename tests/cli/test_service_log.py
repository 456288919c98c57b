"""The service's log and its prints, under `cws run` and `cws invoke`."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from coworks_async.cli.main import cws
from coworks_async.cli.output import configure_service_log
from coworks_async.pipeline.access_log import StructuredMessage
from tests.cli.conftest import Write
from tests.cli.processes import mode, start_server, until
from tests.tools import PATIENCE, free_port, requires_tool

SERVICE = """
import logging
import sys
from contextlib import asynccontextmanager

from coworks_async import TechMicroService, entry

print("imported")


@asynccontextmanager
async def lifespan(app):
    print("started", flush=True)
    yield
    print("ended")


class Service(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        print("called")
        self.logger.debug("a detail")
        self.logger.info("a word")
        logging.getLogger("own.part").warning("a warning")
        return "the response"

    async def on_event(self, event, context):
        print("an event")
        return event


app = Service(name="small", lifespan=lifespan)
"""

LINES = ["INFO:     small: a word", "WARNING:     own.part: a warning"]
through = pytest.mark.parametrize("through", [[], ["--lambda"]], ids=["asgi", "lambda"])


@contextmanager
def bare_root(level: int = logging.WARNING) -> Iterator[logging.Logger]:
    """Remove pytest's handlers from the root logger, as in a new process."""
    root = logging.getLogger()
    changed = [root, *map(logging.getLogger, ("python_multipart", "watchfiles"))]
    handlers, levels = root.handlers[:], [logger.level for logger in changed]
    root.handlers[:] = []
    root.setLevel(level)
    try:
        yield root
    finally:
        root.handlers[:] = handlers
        for logger, before in zip(changed, levels, strict=True):
            logger.setLevel(before)


def invoke(project: Path, *arguments: str) -> Result:
    with bare_root():
        return CliRunner().invoke(cws, ["-p", str(project), "invoke", *arguments])


@requires_tool("curl")
@mode
@through
def test_run_shows_the_lines_of_the_service_with_level_and_logger(
    mode: list[str], through: list[str], write: Write, project: Path
) -> None:
    write("app.py", SERVICE)
    with start_server("run", "--port", "0", *mode, *through, cwd=project) as server:
        assert server.curl("/") == "the response"
        until(lambda: "a warning" in server.err.read_text())
        assert [line for line in server.err.read_text().splitlines() if "a " in line] == LINES
        assert server.stop() == 0
        assert server.out.read_text().count('"GET / HTTP/1.1" 200 OK') == 1
        # Neither uvicorn's lines nor Lambda's access log is added.
        assert "uvicorn" not in server.err.read_text()
        assert "cold_start" not in server.err.read_text()


@requires_tool("curl")
@mode
@through
def test_run_shows_json_if_the_service_logs_json(
    mode: list[str], through: list[str], write: Write, project: Path
) -> None:
    write("app.py", SERVICE)
    with start_server("run", "--port", "0", *mode, *through, cwd=project, CWS_LOG_FORMAT="json") as server:
        assert server.curl("/") == "the response"
        until(lambda: '"status": 200' in server.err.read_text())
        assert server.stop() == 0
        lines = [json.loads(line) for line in server.err.read_text().splitlines()]
        assert [line["message"] for line in lines] == ["a word", "a warning", "GET / 200"]
        assert [line["level"] for line in lines] == ["INFO", "WARNING", "INFO"]
        assert len({line["request_id"] for line in lines}) == 1
        # The line of a request replaces uvicorn's.
        assert "GET /" not in server.out.read_text()


@requires_tool("curl")
def test_plain_uvicorn_shows_json_if_the_service_logs_json(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    port, log = free_port(), project / "log"
    command = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port)]
    with log.open("wb") as err:
        process = subprocess.Popen(
            command, cwd=project, env=os.environ | {"CWS_LOG_FORMAT": "json"}, stdout=subprocess.DEVNULL, stderr=err
        )
    try:
        until(lambda: "startup complete" in log.read_text() or process.poll() is not None)
        subprocess.run(["curl", "-s", f"http://127.0.0.1:{port}/"], check=True, stdout=subprocess.DEVNULL)
        until(lambda: '"status": 200' in log.read_text())
    finally:
        process.terminate()
        process.wait(PATIENCE)
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    messages = [line["message"] for line in lines]
    assert messages[messages.index("a word") :][:3] == ["a word", "a warning", "GET / 200"]
    assert "Application startup complete." in messages


def test_invoke_shows_the_lines_of_the_service_on_stderr_and_only_the_body_on_stdout(
    write: Write, project: Path
) -> None:
    write("app.py", SERVICE)
    result = invoke(project, "GET", "/")
    assert (result.exit_code, result.stdout) == (0, "the response")
    lines = result.stderr.splitlines()
    assert sorted(lines) == sorted([*LINES, "imported", "started", "called", "ended"])
    assert [line for line in lines if line in LINES] == LINES


def test_the_result_of_an_event_does_not_contain_prints(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    result = invoke(project, "--event", str(write("event.json", "{}")))
    assert (result.exit_code, result.stdout) == (0, "{}\n")
    assert "an event\n" in result.stderr


def test_prints_before_a_service_fails_go_to_stderr(write: Write, project: Path) -> None:
    write("app.py", "print('imported')\nimport absent_dependency")
    result = invoke(project, "GET", "/")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "imported\n" in result.stderr


def test_the_logging_configuration_of_the_service_is_kept_by_invoke(write: Write, project: Path) -> None:
    own = "import logging, sys\nlogging.basicConfig(format='own %(message)s', stream=sys.stdout)\n"
    write("app.py", own + SERVICE)
    result = invoke(project, "GET", "/")
    assert result.stdout == "the response"
    assert [line for line in result.stderr.splitlines() if "a " in line] == ["own a warning"]


def test_a_record_that_another_handler_shows_is_not_shown_twice(capsys: pytest.CaptureFixture[str]) -> None:
    own = logging.getLogger("shop.own")
    with bare_root() as root:
        configure_service_log(None)
        own.addHandler(logging.NullHandler())
        own.warning("once")
        own.addHandler(logging.StreamHandler())
        logging.getLogger("shop.own.part").warning("alone")
        own.handlers.clear()
        logging.getLogger("shop").info(StructuredMessage(status=200))
        root.info("of the root")
    assert capsys.readouterr().err == "WARNING:     shop.own: once\nalone\nINFO:     root: of the root\n"


@pytest.mark.parametrize("is_json", [False, True])
def test_a_malformed_form_is_not_logged(capsys: pytest.CaptureFixture[str], is_json: bool) -> None:
    form = logging.getLogger("python_multipart.multipart")
    with bare_root():
        configure_service_log(SimpleNamespace(has_json_log=is_json))
        form.warning("Did not find boundary character")
        form.error("No boundary given")
    [line] = capsys.readouterr().err.splitlines()
    if is_json:
        assert json.loads(line)["message"] == "No boundary given"
    else:
        assert line == "ERROR:     python_multipart.multipart: No boundary given"


def test_a_level_or_a_handler_set_by_the_service_is_kept() -> None:
    with bare_root(logging.DEBUG) as root:
        logging.getLogger("watchfiles").setLevel(logging.DEBUG)
        configure_service_log(None)
        assert (root.level, logging.getLogger("watchfiles").level) == (logging.DEBUG, logging.DEBUG)
        handlers = root.handlers[:]
        configure_service_log(None)
        assert root.handlers == handlers

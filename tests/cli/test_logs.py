"""The service's log and what it prints, under `cws run` and `cws invoke`."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from coworks_async.aws.access_log import StructuredMessage
from coworks_async.cli.logs import configure_service_log
from tests.cli.conftest import Write
from tests.cli.serving import mode, run_cws, serving, until
from tests.tools import requires_tool

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
        print("asked")
        self.logger.debug("a detail")
        self.logger.info("a word")
        logging.getLogger("own.part").warning("a warning")
        return "the answer"

    async def on_event(self, event, context):
        print("an event")
        return event


app = Service(name="small", lifespan=lifespan)
"""

LINES = ["INFO:     small: a word", "WARNING:     own.part: a warning"]
through = pytest.mark.parametrize("through", [[], ["--lambda"]], ids=["asgi", "lambda"])


@requires_tool("curl")
@mode
@through
def test_run_tells_the_services_lines_with_level_and_name(
    mode: list[str], through: list[str], write: Write, project: Path
) -> None:
    write("app.py", SERVICE)
    with serving("run", "--port", "0", *mode, *through, cwd=project) as served:
        assert served.curl("/") == "the answer"
        until(lambda: "a warning" in served.err.read_text())
        assert [line for line in served.err.read_text().splitlines() if "a " in line] == LINES
        assert served.stop() == 0
        assert served.out.read_text().count('"GET / HTTP/1.1" 200 OK') == 1
        # uvicorn's own lines, the end's say, come once and as ever; Lambda's line is none beside uvicorn's.
        assert "uvicorn" not in served.err.read_text()
        assert "cold_start" not in served.err.read_text()


def test_invoke_tells_them_too_and_the_body_alone_is_on_stdout(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    done = run_cws("invoke", "GET", "/", cwd=project)
    assert (done.returncode, done.stdout) == (0, "the answer")
    lines = done.stderr.splitlines()
    assert sorted(lines) == sorted([*LINES, "imported", "started", "asked", "ended"])
    assert [line for line in lines if line in LINES] == LINES


def test_what_an_event_prints_is_not_in_its_result(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    write("event.json", "{}")
    done = run_cws("invoke", "--event", "event.json", cwd=project)
    assert (done.returncode, done.stdout) == (0, "{}\n")
    assert "an event\n" in done.stderr


def test_what_is_printed_before_a_service_fails_is_on_stderr(write: Write, project: Path) -> None:
    write("app.py", "print('imported')\nimport absent_dependency")
    done = run_cws("invoke", "GET", "/", cwd=project)
    assert (done.returncode, done.stdout) == (2, "")
    assert "imported\n" in done.stderr


def test_what_the_service_configures_stands_under_invoke(write: Write, project: Path) -> None:
    own = "import logging, sys\nlogging.basicConfig(format='own %(message)s', stream=sys.stdout)\n"
    write("app.py", own + SERVICE)
    done = run_cws("invoke", "GET", "/", cwd=project)
    assert done.stdout == "the answer"
    assert [line for line in done.stderr.splitlines() if "a " in line] == ["own a warning"]


@contextmanager
def bare_root(level: int = logging.WARNING) -> Iterator[logging.Logger]:
    """The root logger as a fresh process has it, without pytest's handlers; all is put back at the end."""
    root = logging.getLogger()
    touched = [root, *map(logging.getLogger, ("python_multipart", "watchfiles"))]
    handlers, levels = root.handlers[:], [logger.level for logger in touched]
    root.handlers[:] = []
    root.setLevel(level)
    try:
        yield root
    finally:
        root.handlers[:] = handlers
        for logger, before in zip(touched, levels, strict=True):
            logger.setLevel(before)


def test_a_line_that_a_handler_of_the_services_tells_is_not_told_twice(capsys: pytest.CaptureFixture[str]) -> None:
    own = logging.getLogger("shop.own")
    with bare_root() as root:
        configure_service_log()
        own.addHandler(logging.NullHandler())
        own.warning("once")
        own.addHandler(logging.StreamHandler())
        logging.getLogger("shop.own.part").warning("alone")
        own.handlers.clear()
        logging.getLogger("shop").info(StructuredMessage(status=200))
        root.info("of the root")
    assert capsys.readouterr().err == "WARNING:     shop.own: once\nalone\nINFO:     root: of the root\n"


def test_a_malformed_form_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    form = logging.getLogger("python_multipart.multipart")
    with bare_root():
        configure_service_log()
        form.warning("Did not find boundary character")
        form.error("No boundary given")
    assert capsys.readouterr().err == "ERROR:     python_multipart.multipart: No boundary given\n"


def test_a_level_or_a_handler_that_the_service_has_chosen_stays() -> None:
    with bare_root(logging.DEBUG) as root:
        logging.getLogger("watchfiles").setLevel(logging.DEBUG)
        configure_service_log()
        assert (root.level, logging.getLogger("watchfiles").level) == (logging.DEBUG, logging.DEBUG)
        told = root.handlers[:]
        configure_service_log()
        assert root.handlers == told

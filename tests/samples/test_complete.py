"""The commands of the quickstart work with the sample `complete`: a token from `.env`, `/admin/route`, `/profile`."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.processes import ServerProcess, start_server, until
from tests.samples.projects import SAMPLES
from tests.tools import PATIENCE, requires_tool

ROOT = Path(__file__).parents[2]

AUTHORIZED = ("-H", "Authorization:token")
JSON = ("-H", "Content-Type: application/json")


@contextmanager
def make_run(app: str, folder: Path) -> Iterator[ServerProcess]:
    """Serve a sample with `make run` on a free port, in the current environment, without installing anything."""
    venv = os.path.relpath(sys.prefix, ROOT)
    command = ["make", "--old-file", f"{venv}/.run", "run", f"APP={app}", f"VENV={venv}"]
    out, err = folder / "out", folder / "err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        environment = os.environ | {"CWS_RUN_PORT": "0"}
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=stdout, stderr=stderr, start_new_session=True
        )
    try:
        until(lambda: "(Press CTRL+C to quit)\n" in out.read_text() or process.poll() is not None)
        assert process.poll() is None, err.read_text()
        yield ServerProcess(process, out.read_text().partition(" * Running on ")[2].partition(" (Press")[0], out, err)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(PATIENCE)


@requires_tool("curl", "make")
def test_make_run_serves_the_sample_and_the_profile_is_of_the_previous_request(tmp_path: Path):
    with make_run("complete", tmp_path) as served:
        assert "/admin/route" in json.loads(served.curl("/admin/route", *AUTHORIZED))
        lines = served.curl("/profile", "-H", "Authorization:token").splitlines()
        assert lines[:2] == ["-" * 80, "PATH: '/admin/route'"]
        assert "   ncalls  tottime  percall  cumtime  percall filename:lineno(function)" in lines


@requires_tool("curl")
@pytest.mark.parametrize("options", [(), ("--lambda",)], ids=["asgi", "lambda"])
def test_the_responses_are_those_of_the_quickstart(options: tuple[str, ...]):
    with start_server("-A", "complete", "run", "--port", "0", *options, cwd=SAMPLES) as served:
        assert "401" in served.curl("/", "-I")
        assert "403" in served.curl("/", "-I", "-H", "Authorization:any")
        assert served.curl("/", *AUTHORIZED) == "Stored value 0.\n"
        posted = served.curl("/", "-X", "POST", "-d", '{"value":20}', *JSON, *AUTHORIZED)
        assert posted == "Value stored (20).\n"
        assert served.curl("/", *AUTHORIZED) == "Stored value 20.\n"
        routes = json.loads(served.curl("/admin/route", *AUTHORIZED))
        assert routes["/"]["POST"]["signature"] == "(value: int | None = None)"
        assert {"/", "/admin", "/admin/route", "/profile"} <= set(routes)
        lines = served.curl("/profile", *AUTHORIZED).splitlines()
        assert lines[:2] == ["-" * 80, "PATH: '/admin/route'"]
        assert any("ncalls  tottime  percall  cumtime  percall filename:lineno(function)" in line for line in lines)
        assert "A value in memory</h2>" in served.curl("/admin/doc", *AUTHORIZED)

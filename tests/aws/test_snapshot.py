"""Functions around a snapshot (SnapStart), under both runtimes."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.aws.events import rest_event
from tests.aws.runtime_process import RUNTIMES, Runtime, running
from tests.cli.processes import until
from tests.tools import PATIENCE

SERVICE = """
import asyncio, os
from contextlib import asynccontextmanager
from coworks_async import TechMicroService, entry

@asynccontextmanager
async def lifespan(app):
    app.state.log.append("lifespan")
    yield

class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return self.state.log

app = Shop(lifespan=lifespan)
app.state.log = []

@app.before_snapshot
async def last():
    await asyncio.sleep(0)
    app.state.log.append("before 2")
    if os.environ.get("FAIL") == "before":
        raise LookupError("no prices")

@app.before_snapshot
def first():
    app.state.log.append("before 1")

@app.after_restore
def restored():
    app.state.log.append("after 1")

@app.after_restore
async def also():
    await asyncio.sleep(0)
    app.state.log.append("after 2")
    if os.environ.get("FAIL") == "after":
        raise LookupError("no seed")

lambda_handler = app.lambda_handler
"""

Start = Callable[..., Runtime]


@pytest.fixture(params=RUNTIMES)
def start(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Start]:
    (tmp_path / "shop.py").write_text(SERVICE)
    with ExitStack() as stack:
        yield lambda **environment: stack.enter_context(
            running(tmp_path, request.param, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start", **environment)
        )


def test_the_functions_run_around_the_snapshot_and_the_lifespan_starts_after_the_restore(start: Start):
    runtime = start()
    until(lambda: runtime.api.api.restoring == 1)
    runtime.api.loop.call_soon_threadsafe(runtime.api.api.restore)
    assert runtime.request(rest_event()).json == ["before 1", "before 2", "after 1", "after 2", "lifespan"]
    runtime.stop()


@pytest.mark.parametrize(
    ("when", "code", "kind"),
    [("before", 64, "Runtime.BeforeSnapshotError"), ("after", 65, "Runtime.AfterRestoreError")],
)
def test_a_failing_function_is_posted_and_ends_the_process(start: Start, when: str, code: int, kind: str):
    runtime = start(FAIL=when)
    if when == "after":
        until(lambda: runtime.api.api.restoring == 1)
        runtime.api.loop.call_soon_threadsafe(runtime.api.api.restore)
    out, _ = runtime.process.communicate(timeout=PATIENCE)
    assert runtime.process.returncode == code
    [error] = runtime.api.api.init_errors
    assert (error.value("Lambda-Runtime-Function-Error-Type"), error.json()["errorType"]) == (kind, "LookupError")
    assert "LookupError" in out


def test_without_snap_start_the_functions_do_not_run(tmp_path: Path):
    (tmp_path / "shop.py").write_text(SERVICE)
    with running(tmp_path) as runtime:
        assert runtime.request(rest_event()).json == ["lifespan"]


def test_without_the_package_of_aws_a_service_still_loads(tmp_path: Path):
    code = """
import os, sys
os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"] = "snap-start"
import coworks_async.aws.handler
from coworks_async import TechMicroService
sys.path[:] = [path for path in sys.path if "site-packages" not in path]
sys.path_importer_cache.clear()
TechMicroService().lambda_handler
assert "snapshot_restore_py" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)

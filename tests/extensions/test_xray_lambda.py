"""X-Ray in Lambda: a request is a subsegment of the segment that Lambda creates for its event."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from coworks_async import TechMicroService, entry
from coworks_async.extensions import XRay
from tests.aws import runtime_api
from tests.aws.events import ClientResponse, Context, http_event, rest_event
from tests.extensions.xray_daemon import Daemon

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
PARENT = "53995c3f42cd8ad8"


@pytest.fixture
def in_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "shop")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={ROOT};Parent={PARENT};Sampled=1")


@contextmanager
def run_shop(recorder: Any) -> Iterator[TechMicroService]:
    class Shop(TechMicroService):
        async def token_authorizer(self, token: str):
            return {"name": token}

        async def on_event(self, event: Any, context: Any):
            with recorder.in_subsegment("swept"):
                return "swept"

        @entry
        async def get(self, name: str):
            async with recorder.in_subsegment_async("called"):
                await asyncio.to_thread(look_up)
            return name

        @entry
        async def get_bug(self):
            raise LookupError("no such shelf")

    def look_up() -> None:
        with recorder.in_subsegment("looked up"):
            time.sleep(0.002)

    app = Shop(name="shop")
    XRay(app, recorder)
    yield app
    app.lambda_handler.close()


def test_a_request_is_a_subsegment_that_contains_its_own(xray: Daemon, recorder: Any, in_lambda: None):
    with run_shop(recorder) as app:
        event = rest_event(path="/pen", headers=[("Authorization", "ann")], query=[])
        response = ClientResponse(app.lambda_handler(event, Context()))
    looked, called, request = xray.take(3)
    assert (response.status, response.header("x-amzn-trace-id")) == (200, None)
    assert (request["name"], request["type"], request["trace_id"], request["parent_id"]) == (
        "shop",
        "subsegment",
        ROOT,
        PARENT,
    )
    assert (called["name"], called["parent_id"]) == ("called", request["id"])
    assert (looked["name"], looked["parent_id"]) == ("looked up", called["id"])
    assert request["annotations"] == {
        "service": "shop",
        "stage": "dev",
        "route": "/{name}",
        "entry": "get",
        "user": "ann",
    }
    assert request["http"]["response"]["status"] == 200
    assert request["http"]["request"]["url"].endswith("/dev/pen")


def test_each_event_has_its_own_trace(xray: Daemon, recorder: Any, in_lambda: None, monkeypatch: pytest.MonkeyPatch):
    other = "1-5759e988-aaaaaaaaaaaaaaaaaaaaaaaa"
    with run_shop(recorder) as app:
        app.lambda_handler(http_event(path="/bug", headers=[("authorization", "ann")]), Context())
        monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={other};Parent={PARENT};Sampled=1")
        assert app.lambda_handler({"source": "aws.events"}, Context()) == "swept"
    bug, swept = xray.take(2)
    assert (bug["trace_id"], bug["fault"], bug["cause"]["exceptions"][0]["type"]) == (ROOT, True, "LookupError")
    assert (swept["name"], swept["trace_id"], swept["parent_id"]) == ("swept", other, PARENT)


SERVICE = """
from coworks_async import TechMicroService, entry
from coworks_async.extensions import XRay


class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self, name: str = "world"):
        return f"Hello {name}."


app = Shop(name="shop")
XRay(app)
lambda_handler = app.lambda_handler
"""


@pytest.mark.skipif(
    find_spec("awslambdaric") is None or find_spec("runtime_client") is None,
    reason="awslambdaric is not installed: it may have no wheel for this Python",
)
def test_the_trace_of_each_event_is_set_by_the_runtime_client(xray: Daemon, tmp_path: Path):
    (tmp_path / "shop.py").write_text(SERVICE)
    with runtime_api.runtime_api() as api:
        variables = {
            "AWS_LAMBDA_FUNCTION_NAME": "shop",
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "LAMBDA_TASK_ROOT": str(tmp_path),
            "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
        }
        command = [sys.executable, "-m", "awslambdaric", "shop.lambda_handler"]
        with subprocess.Popen(command, cwd=tmp_path, env=os.environ | variables, stdout=subprocess.DEVNULL) as process:
            try:
                trace = {"Lambda-Runtime-Trace-Id": f"Root={ROOT};Parent={PARENT};Sampled=1"}
                _, result = api.call(http_event(), **trace)
                assert ClientResponse(result.json()).body == b"Hello world."
            finally:
                process.kill()
    [request] = xray.take()
    assert (request["name"], request["trace_id"], request["parent_id"]) == ("shop", ROOT, PARENT)

"""The native runtime in the process of a test: `TestClient(app, via="stream-rest" | "stream-url")`."""

import asyncio
import subprocess
import sys
import threading
from typing import Any

import pytest
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse

from coworks_async import TechMicroService, entry, request
from coworks_async.gateway import STREAM_VIAS, StreamVia
from coworks_async.gateway.in_memory import ThreadedGatewayApp
from coworks_async.testing import TestClient, create_gateway
from tests.tools import PATIENCE

via_each = pytest.mark.parametrize("via", STREAM_VIAS)


class Shop(TechMicroService):
    def __init__(self) -> None:
        super().__init__()
        self.ran = threading.Event()

    @entry(no_auth=True)
    async def get(self):
        context = request.aws_context
        return [context.function_name, threading.current_thread().name, context.get_remaining_time_in_millis()]

    @entry(no_auth=True)
    async def post(self, *, data: list[int]):
        return len(data)

    @entry(no_auth=True)
    async def get_large(self):
        for _ in range(8):
            yield "x" * 1024 * 1024

    @entry(no_auth=True)
    async def get_broken(self):
        yield "begun"
        raise LookupError("late")

    @entry(no_auth=True)
    async def get_later(self):
        return JSONResponse("accepted", background=BackgroundTask(self.work))

    async def work(self) -> None:
        await asyncio.sleep(0.3)
        self.ran.set()


@via_each
def test_the_context_is_that_of_the_native_runtime(via: StreamVia):
    with TestClient(Shop(), via=via, lambda_timeout=600) as client:
        name, thread, remaining = client.get("/").json()
    assert (name, thread) == ("shop", "lambda")
    assert 590_000 < remaining <= 600_000


@via_each
def test_a_response_may_be_larger_than_six_megabytes(via: StreamVia):
    with TestClient(Shop(), via=via) as client:
        assert len(client.get("/large").content) == 8 * 1024 * 1024


@via_each
def test_a_stream_that_fails_ends_early_as_over_asgi(via: StreamVia, caplog: pytest.LogCaptureFixture):
    with TestClient(Shop(), via=via) as client:
        response = client.get("/broken")
    assert (response.status_code, response.text) == (200, "begun")
    assert [record.levelname for record in caplog.records].count("ERROR") == 1


def test_an_unused_client_closes():
    with TestClient(Shop(), via="stream-url"):
        pass


async def test_a_body_may_arrive_in_parts():
    app = create_gateway(Shop(), "stream-url", "", 30)
    assert isinstance(app, ThreadedGatewayApp)
    parts = [
        {"type": "http.request", "body": b"[1,2", "more_body": True},
        {"type": "http.request", "body": b",3]", "more_body": False},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return parts.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
    await app(scope, receive, send)
    await asyncio.to_thread(app.close)
    assert b"".join(message.get("body", b"") for message in sent) == b"3"


def test_the_response_arrives_before_the_background_task_ends():
    app = Shop()
    with TestClient(app, via="stream-url") as client:
        assert client.get("/later").json() == "accepted"
        assert not app.ran.is_set()
    # The client waits for the end of the function.
    assert app.ran.is_set()


def test_a_client_works_on_trio_too():
    with TestClient(Shop(), via="stream-rest", backend="trio") as client:
        assert client.get("/").status_code == 200


def test_requests_of_several_threads_run_one_after_the_other():
    names: list[Any] = []
    with TestClient(Shop(), via="stream-url") as client:
        threads = [threading.Thread(target=lambda: names.append(client.get("/").json()[0])) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert names == ["shop"] * 8


def test_a_client_that_is_not_closed_ends_with_the_process():
    program = f"""
from contextlib import asynccontextmanager
from coworks_async import TechMicroService, entry
from coworks_async.testing import TestClient

@asynccontextmanager
async def lifespan(app):
    yield
    print("stopped")

class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "shop"

print(TestClient(Shop(lifespan=lifespan), via={STREAM_VIAS[0]!r}).get("/").text)
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert result.stdout == "shop\nstopped\n"

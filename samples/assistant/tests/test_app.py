"""Tests over ASGI, as in Lambda behind each kind of gateway, and over a socket."""

import asyncio
import socket
import threading
import time
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from coworks_async.testing import TestClient

from app import Assistant
from model import Model

TOKEN = "test-token"
AUTHORIZED = {"Authorization": TOKEN}
STAGE = "https://abc.execute-api.eu-west-1.amazonaws.com/dev"


class QuickModel(Model):
    """Answers at once."""

    async def generate(self, prompt, max_tokens):
        for token in ["It", " is", " noon", "."][:max_tokens]:
            yield token


class EndlessModel(Model):
    """Generates tokens until it is cancelled."""

    def __init__(self):
        self.cancelled = threading.Event()

    async def generate(self, prompt, max_tokens):
        try:
            while True:
                yield " on"
                await asyncio.sleep(0.01)
        finally:
            self.cancelled.set()


class BrokenModel(Model):
    async def generate(self, prompt, max_tokens):
        yield "It"
        raise ConnectionError("The model is overloaded.")


@pytest.fixture(autouse=True)
def token(monkeypatch):
    monkeypatch.setenv("TOKEN", TOKEN)


@pytest.fixture(params=[None, "rest", "http", "alb", "url"], ids=lambda via: via or "asgi")
def client(request):
    with TestClient(Assistant(QuickModel()), via=request.param, headers=AUTHORIZED) as client:
        yield client


@contextmanager
def serve(app):
    """Serve an app on a free port and yield its URL once the server has started."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def test_an_answer_is_a_stream_of_tokens(client):
    response = client.post("/answers", json={"prompt": "What time is it?", "max_tokens": 2})
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.text == (
        'data: {"text":"It"}\nevent: token\n\ndata: {"text":" is"}\nevent: token\n\ndata: {"tokens":2}\nevent: done\n\n'
    )


def test_an_answer_requires_a_token(client):
    del client.headers["Authorization"]
    assert client.post("/answers", json={"prompt": "Hello"}).status_code == 401


@pytest.mark.parametrize("body", [{}, {"prompt": ""}, {"prompt": "a" * 4001}, {"prompt": "a", "max_tokens": 501}])
def test_an_invalid_prompt_is_rejected(client, body):
    assert client.post("/answers", json=body).status_code == 422


@pytest.mark.parametrize(("via", "base_url", "root"), [(None, "http://testserver", "/"), ("rest", STAGE, "/dev/")])
def test_the_page_loads_its_files_below_the_stage(via, base_url, root):
    with TestClient(Assistant(), via=via, base_url=base_url) as client:
        page = client.get("/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert f'<base href="{root}">' in page.text
        for name in ("page.js", "style.css"):
            assert f'"static/{name}"' in page.text
            assert client.get(f"/static/{name}").status_code == 200


def test_the_model_is_cancelled_when_the_client_leaves():
    model = EndlessModel()
    with serve(Assistant(model)) as url:
        with httpx.stream("POST", f"{url}/answers", json={"prompt": "Go on"}, headers=AUTHORIZED) as response:
            lines = response.iter_lines()
            assert next(lines) == 'data: {"text":" on"}'
            assert not model.cancelled.is_set()
        assert model.cancelled.wait(10)


def test_an_answer_that_the_model_cannot_finish_has_no_done_event():
    with TestClient(Assistant(BrokenModel()), headers=AUTHORIZED) as client:
        response = client.post("/answers", json={"prompt": "What time is it?"})
    assert response.text == 'data: {"text":"It"}\nevent: token\n\n'


def test_the_fake_model_repeats_the_prompt():
    async def answer():
        return "".join([token async for token in Model().generate("Hello", 3)])

    assert asyncio.run(answer()) == 'You wrote "Hello".'

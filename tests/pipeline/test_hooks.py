"""Hooks before, after and at the end of a request, and their failures."""

import threading
from pathlib import Path

import anyio
import pytest
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import Message

from coworks_async import DeclarationError, TechMicroService, entry, request
from coworks_async.exceptions import ReturnError
from tests.clients import Connect
from tests.differences import differs
from tests.pipeline.checks import (
    assert_hidden_500,
    assert_logged_once,
    assert_problem,
    create_scope,
    warnings_and_worse,
)
from tests.tools import PATIENCE


class Service(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "home"

    @entry(no_auth=True)
    async def get_number(self, number: int):
        return number


def test_before_request_can_use_auth_and_the_body(connect: Connect):
    class Echo(TechMicroService):
        async def token_authorizer(self, token: str):
            return {"name": token}

        @entry
        async def post(self, value: int):
            return value

    app = Echo()
    seen: list[object] = []

    @app.before_request
    async def look():
        seen.extend([request.auth, await request.body()])

    response = connect(app).post("/1", json={}, headers={"authorization": "ann"})
    assert response.json() == 1
    assert seen == [{"name": "ann"}, b"{}"]


RETURNED = [
    ("from the hook", 200, "from the hook"),
    (("later", 503, {"retry-after": "1"}), 503, "later"),
    ({}, 200, "{}"),
    (False, 200, "false"),
    (Response("r", 202), 202, "r"),
]


@differs("rest-missing-route")
def test_a_value_from_before_request_is_the_response(connect: Connect):
    app = Service()
    reached: list[str] = []

    @app.before_request
    def respond():
        return RETURNED[int(request.query_params["n"])][0]

    @app.before_request
    def later():
        reached.append("a later hook")

    @app.after_request
    def after(response):
        reached.append("after")
        return response

    client = connect(app)
    for number, (_, status, text) in enumerate(RETURNED):
        for path in ("/", "/number/x", "/nowhere"):
            response = client.get(f"{path}?n={number}")
            assert (response.status_code, response.text) == (status, text)
    assert reached == ["after"] * 15


@differs("rest-missing-route")
def test_an_after_request_may_change_the_response_or_return_another(connect: Connect):
    app = Service()

    @app.after_request
    async def replace(response):
        if request.url.path == "/number/7":
            return PlainTextResponse(f"seven, not {response.body!r}", 203)
        return response

    @app.after_request
    def add_header(response):
        response.headers["x-kind"] = "added"
        response.set_cookie("a", "1")
        return response

    client = connect(app)
    for path, status in (("/", 200), ("/nowhere", 404)):
        response = client.get(path)
        assert (response.status_code, response.headers["x-kind"], response.cookies["a"]) == (status, "added", "1")
    response = client.get("/number/7")
    assert (response.status_code, response.text) == (203, "seven, not b'7'")
    assert "x-kind" not in response.headers
    # Two responses never share a list of headers.
    assert client.get("/").headers.get_list("set-cookie") == ["a=1; Path=/; SameSite=lax"]


@pytest.mark.parametrize("returned", [None, ("text", 200)], ids=repr)
def test_an_after_request_that_returns_no_response_is_a_500(
    connect: Connect, caplog: pytest.LogCaptureFixture, returned
):
    app = Service()
    app.after_request(lambda response: returned)
    assert_hidden_500(connect(app).get("/"))
    message = (
        "after_request hook of GET / (Service.get): "
        f"returned {type(returned).__name__}; an after_request hook must return a Response"
    )
    assert_logged_once(caplog, message, ReturnError)


def test_an_after_request_that_sets_an_invalid_header_is_a_500(connect: Connect):
    app = Service()

    @app.after_request
    def split(response):
        response.headers["x-kind"] = "a\r\nset-cookie: b=1"
        return response

    response = connect(app).get("/")
    assert_hidden_500(response)
    assert "set-cookie" not in response.headers


def test_a_failing_before_request_is_handled_as_a_failure_of_the_entry(
    connect: Connect, caplog: pytest.LogCaptureFixture
):
    app = Service()
    after: list[int] = []

    @app.before_request
    async def reject():
        if request.url.path == "/":
            raise HTTPException(402, "Pay first.")
        raise ValueError

    @app.after_request
    async def note(response):
        after.append(response.status_code)
        return response

    client = connect(app)
    assert_problem(client.get("/"), 402, "Payment Required", "Pay first.")
    assert warnings_and_worse(caplog) == []
    assert_hidden_500(client.get("/number/1"))
    assert_logged_once(caplog, "GET /number/{number} (Service.get_number) failed", ValueError)
    assert after == [402, 500]


def test_an_after_request_that_fails_is_a_500_and_logged_once(connect: Connect, caplog: pytest.LogCaptureFixture):
    app = Service()

    @app.after_request
    def fail(response):
        raise ValueError("secret")

    assert_hidden_500(connect(app).get("/"))
    assert_logged_once(caplog, "after_request hook of GET / (Service.get) failed", ValueError)


def test_an_after_request_does_not_run_again_for_a_response_that_fails_while_it_is_sent(
    connect: Connect, tmp_path: Path
):
    class Files(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return FileResponse(tmp_path / "missing.txt")

    app, statuses = Files(), []

    @app.after_request
    def keep(response):
        statuses.append(response.status_code)
        return response

    assert_hidden_500(connect(app).get("/"))
    assert statuses == [200]


def test_a_failing_teardown_does_not_affect_the_response_or_other_hooks(
    connect: Connect, caplog: pytest.LogCaptureFixture
):
    app = Service()
    ended = threading.Event()

    @app.teardown_request
    def last(error):
        ended.set()

    @app.teardown_request
    async def fail(error):
        raise ValueError

    assert connect(app).get("/").text == "home"
    assert ended.wait(PATIENCE)
    assert_logged_once(caplog, "teardown_request hook of GET / (Service.get) failed", ValueError)


async def receive_nothing() -> Message:
    """Wait forever."""
    await anyio.sleep_forever()
    raise AssertionError


async def test_teardown_completes_when_the_request_is_cancelled():
    ended: list[str] = []

    class Slow(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            client.cancel()
            await anyio.sleep_forever()

    app = Slow()

    @app.teardown_request
    async def tear(error):
        await anyio.sleep(0.01)
        ended.append(f"{request.url.path} {type(error).__name__}")

    @app.teardown_request
    def tear_in_a_thread(error):
        ended.append(f"{request.url.path} {type(error).__name__}")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    with anyio.CancelScope() as client:
        await app(create_scope(), receive_nothing, send)
    assert ended == ["/ CancelledError", "/ CancelledError"]
    assert sent == []
    assert not request


async def test_a_disconnect_during_the_body_runs_teardown_and_sends_nothing(caplog: pytest.LogCaptureFixture):
    ended: list[object] = []

    class Reading(TechMicroService):
        @entry(no_auth=True)
        async def post(self, value: int = 0):
            ended.append("reached")

    app = Reading()
    app.teardown_request(ended.append)
    messages: list[Message] = [
        {"type": "http.request", "body": b'{"va', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await app(create_scope("POST"), receive, send)
    assert (sent, ended) == ([], [None])
    assert warnings_and_worse(caplog) == []


def test_registering_a_hook_after_the_first_request_is_an_error(connect: Connect):
    app = Service()
    connect(app).get("/")
    for register in (app.before_request, app.after_request, app.teardown_request, app.errorhandler(404)):
        with pytest.raises(DeclarationError, match="registered after the service has started"):
            register(lambda *args: None)


def test_a_hook_with_wrong_parameters_is_an_error():
    app = Service()
    with pytest.raises(
        DeclarationError, match=r"before_request .* is called with no arguments\. Change its parameters"
    ):
        app.before_request(lambda request: None)
    for register in (app.after_request, app.teardown_request, app.errorhandler(404)):
        with pytest.raises(DeclarationError, match=r"is called with one argument\. Change its parameters"):
            register(lambda: None)

"""The access log outside of Lambda, and the setting that turns it on."""

import asyncio
import json
import logging
import re
import uuid
from contextlib import suppress
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient as StarletteTestClient

from coworks_async import Blueprint, TechMicroService, entry, request
from coworks_async.exceptions import DeclarationError
from coworks_async.testing import TestClient, Via
from coworks_async.types import ASGIApp, Receive, Scope, Send
from tests.aws.events import Context
from tests.clients import on_a_socket, run_server
from tests.pipeline.checks import create_scope
from tests.tools import PATIENCE

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Items(Blueprint):
    @entry(no_auth=True)
    async def get(self, id: int):
        return id


class Logged(TechMicroService):
    log_format = "json"

    @entry
    async def get(self):
        return "home"

    @entry(no_auth=True)
    async def get_fail(self):
        raise LookupError

    @entry(no_auth=True, background=True)
    async def post_jobs(self, number: int):
        return number

    @entry(no_auth=True)
    async def get_left(self):
        await request.body()


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture):
    """Return the parsed lines that the service logged at INFO."""
    caplog.set_level(logging.INFO, "logged")

    def read() -> list[Any]:
        # Uvicorn's lines are not JSON.
        records = [record for record in caplog.records if record.name == "logged" and record.levelno == logging.INFO]
        return [json.loads(record.getMessage()) for record in records]

    return read


def create_app(**options) -> TechMicroService:
    app = Logged(**options)
    app.register_blueprint(Items(), url_prefix="/items")
    return app


def get(app: ASGIApp, path: str = "/", **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return StarletteTestClient(app, raise_server_exceptions=False).get(path, headers=named).status_code


def test_each_request_is_logged_with_route_status_and_duration(lines):
    app = create_app(routes=[Route("/plain", PlainTextResponse("plain")), Mount("/files", PlainTextResponse("file"))])
    statuses = [get(app, path) for path in ("/", "/items/3", "/items/x", "/fail", "/none", "/plain", "/files/a")]
    assert statuses == [401, 200, 422, 500, 404, 200, 200]
    logged = lines()
    assert [line["status"] for line in logged] == statuses
    routes = ["/", "/items/{id}", "/items/{id}", "/fail", None, "/plain", "/files"]
    assert [line.get("route") for line in logged] == routes
    assert [line["path"] for line in logged][:2] == ["/", "/items/3"]
    assert all(line["method"] == "GET" and line["ms"] > 0 and uuid.UUID(line["request_id"]) for line in logged)
    # Only Lambda has cold starts and gateways.
    assert not any({"cold_start", "gateway_request_id", "trace_id"} & line.keys() for line in logged)


@pytest.mark.parametrize("sent", ["7", "a" * 128, "Root=1-67891233-abc", "aGk/+:._-"])
def test_the_id_in_the_header_is_used(lines, sent: str):
    get(create_app(), X_Request_Id=sent)
    assert lines()[0]["request_id"] == sent


@pytest.mark.parametrize("sent", ["", "a b", "a\tb", "a" * 129, '"', "{}"])
def test_an_id_with_other_characters_is_replaced(lines, sent: str):
    get(create_app(), X_Request_Id=sent)
    assert uuid.UUID(lines()[0]["request_id"])


@pytest.mark.parametrize(
    ("headers", "trace"),
    [
        ({"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, TRACE),
        ({"X_Amzn_Trace_Id": "Self=1;Root=1-67891233-abcdef012345678912345678"}, "1-67891233-abcdef012345678912345678"),
        ({"traceparent": "00-0-0-0", "X_Amzn_Trace_Id": "Root=7"}, None),
    ],
)
def test_the_trace_id_is_that_of_the_callers_header(lines, headers: dict[str, str], trace: str | None):
    get(create_app(), **headers)
    assert lines()[0].get("trace_id") == trace


@pytest.mark.parametrize("via", ["rest", "alb"])
def test_through_a_gateway_only_the_lambda_handler_logs(lines, via: Via):
    with TestClient(create_app(), via=via) as client:
        client.get("/items/3")
    [line] = lines()
    assert (line["route"], line["cold_start"]) == ("/items/{id}", True)


def test_an_asynchronous_call_is_logged_when_it_ends(lines):
    with TestClient(create_app()) as client:
        client.post("/jobs/3", headers={"InvocationType": "Event"})
    assert [(line["path"], line["status"]) for line in lines()] == [("/jobs/3", 202), ("/jobs/3", 200)]


@pytest.mark.parametrize("headers", [{}, {"X-Request-Id": "r-1"}])
def test_both_lines_of_an_asynchronous_call_have_the_id_of_its_202(lines, headers: dict[str, str]):
    with TestClient(create_app()) as client:
        accepted = client.post("/jobs/3", headers={"InvocationType": "Event", **headers}).json()
    assert [line["request_id"] for line in lines()] == [accepted["request_id"]] * 2
    assert accepted["request_id"] == headers.get("X-Request-Id", accepted["request_id"])


def test_behind_an_adapter_that_passes_lambdas_context_all_ids_are_that_of_the_invocation(lines):
    app = create_app()

    async def adapter(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "aws.context": Context()}, receive, send)

    headers = {"InvocationType": "Event", "X-Request-Id": "r-1"}
    with StarletteTestClient(adapter) as client:
        accepted = client.post("/jobs/3", headers=headers).json()
    assert [line["request_id"] for line in lines()] == [Context().aws_request_id] * 2
    assert accepted["request_id"] == Context().aws_request_id


def test_an_asynchronous_call_in_lambda_is_logged_with_its_route(lines):
    with TestClient(create_app(), via="rest") as client:
        client.post("/jobs/3", headers={"InvocationType": "Event"})
    assert [(line["route"], line["status"]) for line in lines()] == [("/jobs/{number}", 202), ("/jobs/{number}", 200)]


def test_a_mounted_service_does_not_log_a_request_again(lines):
    get(create_app(routes=[Mount("/inner", create_app())]), "/inner/items/3")
    [line] = lines()
    assert (line["path"], line["route"]) == ("/inner/items/3", "/inner/items/{id}")


def test_the_route_in_lambda_contains_the_mounts_of_the_service(lines):
    with TestClient(create_app(routes=[Mount("/inner", create_app())]), via="rest") as client:
        client.get("/inner/items/3")
        client.get("/items/3")
    assert [line["route"] for line in lines()] == ["/inner/items/{id}", "/items/{id}"]


def test_a_service_mounted_on_another_app_logs_its_requests(lines):
    app = Starlette(routes=[Mount("/shop", create_app())])
    get(app, "/shop/items/3")
    get(app, "/other")
    assert [line["route"] for line in lines()] == ["/items/{id}"]


class Failing:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError


def test_a_response_of_a_middleware_is_logged(lines):
    assert get(create_app(middleware=[Middleware(Failing)])) == 500
    assert lines()[0]["status"] == 500


async def test_a_request_whose_client_has_left_has_no_status(lines):
    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        raise AssertionError("Nothing is sent.")

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/left",
        "query_string": b"",
        "headers": [],
    }
    await create_app()(scope, receive, send)
    [line] = lines()
    assert "status" not in line
    assert line["path"] == "/left"


def test_a_request_is_logged_before_the_work_that_follows_its_response(lines):
    logged_before: list[list[dict[str, object]]] = []

    async def work() -> None:
        logged_before.append(lines())

    class Working(TechMicroService):
        log_format = "json"

        @entry(no_auth=True)
        async def get(self):
            request.after(work())
            return PlainTextResponse("done", background=BackgroundTask(work))

        @entry(no_auth=True)
        async def get_stream(self):
            request.after(work())
            yield "one"
            yield "two"

    with on_a_socket(Working(name="logged")) as client:
        assert client.get("/").text == "done"
        assert client.get("/stream").text == "onetwo"
    assert [[line["path"] for line in before] for before in logged_before] == [["/"], ["/"], ["/", "/stream"]]
    assert len(lines()) == 2


def test_a_response_that_breaks_off_is_logged_once_with_the_status_that_was_sent(lines):
    class Breaking(TechMicroService):
        log_format = "json"

        @entry(no_auth=True)
        async def get(self):
            yield "one"
            raise LookupError

    with on_a_socket(Breaking(name="logged")) as client, pytest.raises(httpx2.RemoteProtocolError):
        client.get("/")
    [line] = lines()
    assert (line["path"], line["status"]) == ("/", 200)


class FailingLate:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)
        if scope["type"] == "http":
            raise LookupError


@pytest.mark.parametrize("path", ["/", "/left", "/broken"])
def test_a_middleware_that_fails_after_a_response_adds_no_line_and_changes_no_status(lines, path: str):
    class Service(TechMicroService):
        log_format = "json"

        @entry(no_auth=True)
        async def get(self):
            return "whole"

        @entry(no_auth=True)
        async def get_left(self):
            while not await request.is_disconnected():  # noqa: ASYNC110 - Starlette has no event
                await asyncio.sleep(0.01)
            return "dropped"

        @entry(no_auth=True)
        async def get_broken(self):
            yield "one"
            raise LookupError

    app = Service(name="logged", middleware=[Middleware(FailingLate)])
    # The server waits for the request when it stops.
    with run_server(app) as url, suppress(httpx2.TimeoutException, httpx2.RemoteProtocolError):
        httpx2.get(f"{url}{path}", timeout=0.2 if path == "/left" else PATIENCE)
    [line] = lines()
    assert (line["path"], line["status"]) == (path, 200)


async def test_the_status_is_that_of_the_response_that_the_server_has_accepted(lines):
    async def receive():
        raise AssertionError("Nothing is received.")

    async def send(message):
        if message.get("status") == 200:
            raise ValueError("a header that this server rejects")

    app = create_app(routes=[Route("/plain", PlainTextResponse("plain"))])
    await app(create_scope(path="/plain"), receive, send)
    [line] = lines()
    assert line["status"] == 500


def test_the_lifespan_and_web_sockets_are_not_logged(lines):
    with TestClient(create_app()) as client:
        assert client.get("/items/1").status_code == 200
    assert len(lines()) == 1


def test_a_level_above_info_turns_the_access_log_off(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING, "logged")
    get(create_app())
    assert caplog.records == []


def test_text_logs_no_requests(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    assert get(TechMicroService(name="logged")) == 404
    assert [record for record in caplog.records if record.name == "logged"] == []


def test_the_variable_overrides_the_class(lines, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CWS_LOG_FORMAT", "text")
    get(create_app())
    assert lines() == []
    monkeypatch.setenv("CWS_LOG_FORMAT", "json")
    get(TechMicroService(name="logged"))
    assert len(lines()) == 1
    # As elsewhere, an empty variable is none.
    monkeypatch.setenv("CWS_LOG_FORMAT", "")
    get(create_app())
    assert len(lines()) == 2


def test_an_unknown_format_is_a_declaration_error(monkeypatch: pytest.MonkeyPatch):
    class Other(TechMicroService):
        log_format = "yaml"  # type: ignore[assignment]

    monkeypatch.setenv("CWS_LOG_FORMAT", "text")
    message = "Other.log_format: 'yaml' is not a log format. Use 'json' or 'text'."
    with pytest.raises(DeclarationError, match=f"^{re.escape(message)}$"):
        Other()
    monkeypatch.setenv("CWS_LOG_FORMAT", "JSON")
    with pytest.raises(DeclarationError, match=r"^CWS_LOG_FORMAT: 'JSON' is not a log format"):
        create_app()

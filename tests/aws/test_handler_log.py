"""Access log: one structured line per request, without secrets."""

import json
import logging
import time

import pytest

from coworks_async import TechMicroService, entry
from coworks_async.testing import TestClient
from tests.aws.events import Context, Invoke, SendEvent, events_in_all_formats, http_event, rest_event

TRACE = "1-5759e988-bd862e3fe1be46a994272793"


class Logged(TechMicroService):
    async def token_authorizer(self, token: str):
        return token == "s3cr3t"

    async def on_event(self, event, context):
        return None

    @entry
    async def post(self, *, card: str = "", q: str = ""):
        return "posted"

    @entry(no_auth=True)
    async def get_fail(self):
        raise ValueError


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture):
    """Return the parsed lines that the service logged at INFO."""
    caplog.set_level(logging.INFO, "logged")
    return lambda: [json.loads(record.getMessage()) for record in caplog.records if record.levelno == logging.INFO]


def test_each_request_logs_one_line_of_json(send_event: SendEvent, lines, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={TRACE};Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a87bd80c:0")
    app = Logged()
    headers = [("authorization", "s3cr3t"), ("content-type", "application/json")]
    start = time.perf_counter()
    for event in events_in_all_formats("POST", "/", headers, "{}").values():
        assert send_event(app, event).status == 200
    elapsed = (time.perf_counter() - start) * 1000
    logged = lines()
    assert len(logged) == 6
    for line in logged:
        assert line.keys() == {"method", "path", "route", "status", "ms", "request_id", "cold_start", "trace_id"}
        assert (line["method"], line["status"], line["request_id"]) == ("POST", 200, Context().aws_request_id)
        assert 0 < line["ms"] < elapsed
        assert (line["route"], line["trace_id"]) == ("/", TRACE)
    assert [line["path"] for line in logged] == ["/dev/", "/", "/dev/", "/", "/", "/"]
    assert [line["cold_start"] for line in logged] == [True] + [False] * 5


def test_the_line_names_the_gateways_request(lines):
    with TestClient(Logged(), via="rest") as client:
        client.post("/", json={}, headers={"Authorization": "s3cr3t"})
    [line] = lines()
    assert len(line["gateway_request_id"]) == 36


def test_the_trace_of_the_caller_precedes_that_of_xray(send_event: SendEvent, lines, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={TRACE};Sampled=1")
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    send_event(Logged(), rest_event("POST", headers=[("traceparent", f"00-{trace}-00f067aa0ba902b7-01")]))
    assert lines()[0]["trace_id"] == trace


def test_the_status_of_every_response_is_logged(send_event: SendEvent, lines):
    app = Logged()
    for event in (
        rest_event("POST"),
        rest_event(path="/none"),
        rest_event(path="/fail"),
        rest_event("POST", headers=[("authorization", "x")]),
    ):
        send_event(app, event)
    send_event(app, {**rest_event("POST"), "multiValueHeaders": {"host": [1]}})
    assert [line["status"] for line in lines()] == [401, 404, 500, 403, 500]


def test_no_token_query_body_or_event_is_logged(send_event: SendEvent, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    app = Logged()
    headers = [("authorization", "s3cr3t"), ("content-type", "application/json"), ("cookie", "c=s3cr3t")]
    for status, authorization in ((200, "s3cr3t"), (403, "s3cr3t-no")):
        headers[0] = ("authorization", authorization)
        response = send_event(app, http_event("POST", query="q=s3cr3t", headers=headers, body='{"card": "s3cr3t"}'))
        assert response.status == status
    assert len([record for record in caplog.records if record.name == "logged"]) == 2
    for record in caplog.records:
        assert "s3cr3t" not in str(record.__dict__)


def test_a_path_cannot_forge_a_log_line(send_event: SendEvent, lines, caplog: pytest.LogCaptureFixture):
    send_event(Logged(), http_event(path='/a\n{"status": 200}\r'))
    [record] = caplog.records
    assert "\n" not in record.getMessage()
    assert lines()[0]["path"] == '/a\n{"status": 200}\r'


def test_the_log_message_is_a_mapping(send_event: SendEvent, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "logged")
    send_event(Logged(), rest_event("POST"))
    message = caplog.records[0].msg
    assert isinstance(message, dict)
    assert message["status"] == 401


def test_the_services_logger_and_level_are_used(send_event: SendEvent, caplog: pytest.LogCaptureFixture):
    class Named(Logged):
        pass

    app = Named(name="orders.api")
    logging.getLogger("orders.api").setLevel(logging.WARNING)
    send_event(app, rest_event("POST"))
    assert caplog.records == []
    caplog.set_level(logging.INFO, "orders.api")
    send_event(app, rest_event("POST"))
    assert [record.name for record in caplog.records] == ["orders.api"]
    assert app.logger is logging.getLogger("orders.api")


def test_the_request_after_the_authorizer_event_logs_the_cold_start(lines):
    with TestClient(Logged(), via="rest") as client:
        for _ in range(2):
            client.post("/", json={}, headers={"Authorization": "s3cr3t"})
    assert [line["cold_start"] for line in lines()] == [True, False]


def test_other_events_are_not_logged(invoke: Invoke, lines, send_event: SendEvent):
    app = Logged()
    invoke(app, {"source": "aws.events"})
    assert lines() == []
    send_event(app, rest_event("POST"), None)
    # The other event was the cold start, and a manual call may have no context.
    assert (lines()[0]["cold_start"], "request_id" in lines()[0]) == (False, False)

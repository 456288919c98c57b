"""The log: one structured line a request, with nothing in it that is secret."""

import json
import logging
import time

import pytest

from coworks_async import TechMicroService, entry
from coworks_async.testing import TestClient
from tests.aws.lambdas import Ask, Context, Invoke, everywhere, http, rest


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
    """What the service logged at INFO, taken apart."""
    caplog.set_level(logging.INFO, "logged")
    return lambda: [json.loads(record.getMessage()) for record in caplog.records if record.levelno == logging.INFO]


def test_each_request_is_one_line_that_is_json(ask: Ask, lines):
    app = Logged()
    headers = [("authorization", "s3cr3t"), ("content-type", "application/json")]
    begun = time.perf_counter()
    for event in everywhere("POST", "/", headers, "{}").values():
        assert ask(app, event).status == 200
    took = (time.perf_counter() - begun) * 1000
    logged = lines()
    assert len(logged) == 6
    for line in logged:
        assert line.keys() == {"method", "path", "status", "ms", "request_id", "cold_start"}
        assert (line["method"], line["status"], line["request_id"]) == ("POST", 200, Context().aws_request_id)
        assert 0 < line["ms"] < took
    assert [line["path"] for line in logged] == ["/dev/", "/", "/dev/", "/", "/", "/"]
    assert [line["cold_start"] for line in logged] == [True] + [False] * 5


def test_it_tells_the_status_of_every_answer(ask: Ask, lines):
    app = Logged()
    for event in (rest("POST"), rest(path="/none"), rest(path="/fail"), rest("POST", headers=[("authorization", "x")])):
        ask(app, event)
    ask(app, {**rest("POST"), "multiValueHeaders": {"host": [1]}})
    assert [line["status"] for line in lines()] == [401, 404, 500, 403, 500]


def test_there_is_no_token_no_query_no_body_and_no_event_in_the_log(ask: Ask, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    app = Logged()
    headers = [("authorization", "s3cr3t"), ("content-type", "application/json"), ("cookie", "c=s3cr3t")]
    for status, authorization in ((200, "s3cr3t"), (403, "s3cr3t-no")):
        headers[0] = ("authorization", authorization)
        answer = ask(app, http("POST", query="q=s3cr3t", headers=headers, body='{"card": "s3cr3t"}'))
        assert answer.status == status
    assert len([record for record in caplog.records if record.name == "logged"]) == 2
    for record in caplog.records:
        assert "s3cr3t" not in str(record.__dict__)


def test_a_line_cannot_be_forged_by_a_path(ask: Ask, lines, caplog: pytest.LogCaptureFixture):
    ask(Logged(), http(path='/a\n{"status": 200}\r'))
    [record] = caplog.records
    assert "\n" not in record.getMessage()
    assert lines()[0]["path"] == '/a\n{"status": 200}\r'


def test_the_message_is_a_mapping_for_a_formatter_that_takes_one(ask: Ask, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "logged")
    ask(Logged(), rest("POST"))
    message = caplog.records[0].msg
    assert isinstance(message, dict)
    assert message["status"] == 401


def test_logging_works_as_users_set_it_up(ask: Ask, caplog: pytest.LogCaptureFixture):
    class Named(Logged):
        pass

    app = Named(name="orders.api")
    logging.getLogger("orders.api").setLevel(logging.WARNING)
    ask(app, rest("POST"))
    assert caplog.records == []
    caplog.set_level(logging.INFO, "orders.api")
    ask(app, rest("POST"))
    assert [record.name for record in caplog.records] == ["orders.api"]
    assert app.logger is logging.getLogger("orders.api")


def test_a_cold_start_is_told_by_the_request_for_which_the_authorizer_was_asked_first(lines):
    with TestClient(Logged(), via="rest") as client:
        for _ in range(2):
            client.post("/", json={}, headers={"Authorization": "s3cr3t"})
    assert [line["cold_start"] for line in lines()] == [True, False]


def test_other_events_are_not_requests_and_have_no_line(invoke: Invoke, lines, ask: Ask):
    app = Logged()
    invoke(app, {"source": "aws.events"})
    assert lines() == []
    ask(app, rest("POST"), None)
    # The container was warm by then, and who calls by hand may have no context.
    assert (lines()[0]["cold_start"], lines()[0]["request_id"]) == (False, None)

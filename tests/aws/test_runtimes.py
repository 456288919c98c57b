"""The handler under AWS's runtime client and under the native runtime, each as a process with a local Runtime API."""

import base64
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.aws.events import METHOD_ARN, SIGNING_KEY, alb_event, http_event, rest_event, sign, url_event
from tests.aws.runtime_process import RUNTIMES, Runtime, running

SERVICE = """
import asyncio
import logging
import os
from contextlib import asynccontextmanager

from coworks_async import TechMicroService, entry, request


@asynccontextmanager
async def lifespan(app):
    if "REFUSE_TO_START" in os.environ:
        raise ConnectionError("no database")
    print("started", flush=True)
    yield {"pool": asyncio.Queue()}
    print("ended", flush=True)


class Shop(TechMicroService):
    lambda_timeout_margin = float(os.environ.get("MARGIN", "0.5"))
    count = 0

    async def token_authorizer(self, token):
        if token == "fail":
            raise LookupError("no accounts")
        return {"name": token} if token == "ann" else None

    async def on_event(self, event, context):
        if event.get("source") == "aws.events":
            return {"pinged": context.aws_request_id}
        if event.get("source") == "shop.fails":
            raise LookupError("no such thing")
        if event.get("source") == "shop.waits":
            await asyncio.Event().wait()
        return await super().on_event(event, context)

    @entry
    async def get(self):
        self.count += 1
        await request.state.pool.put(self.count)
        return {"auth": request.auth, "count": self.count, "pooled": request.state.pool.qsize()}

    @entry(no_auth=True)
    async def post(self, *, data: bytes):
        return data[::-1]

    @entry(no_auth=True)
    async def get_waiting(self):
        await asyncio.Event().wait()


app = Shop(lifespan=lifespan)
lambda_handler = app.lambda_handler
"""


@pytest.fixture(params=RUNTIMES)
def start(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Runtime]]:
    (tmp_path / "shop.py").write_text(SERVICE)
    with ExitStack() as stack:
        yield lambda **environment: stack.enter_context(running(tmp_path, request.param, **environment))


def test_one_execution_environment_handles_events_of_every_kind(start: Callable[..., Runtime]):
    runtime = start(CWS_SIGNING_KEY=SIGNING_KEY)
    token = [("authorization", "ann")]
    assert runtime.request(rest_event(headers=token)).json == {"auth": {"name": "ann"}, "count": 1, "pooled": 1}
    request = runtime.request
    policy = runtime.api.invoke({"type": "TOKEN", "authorizationToken": "ann", "methodArn": METHOD_ARN}).body
    assert policy["policyDocument"]["Statement"][0]["Resource"].endswith(":abcdef123/dev/*")
    issued, signature = policy["context"]["coworks"].split(" ")
    assert policy["context"]["principal"] == '{"name":"ann"}'
    assert signature == sign("authorizer", f'{issued} {{"name":"ann"}}')
    assert request(rest_event(authorizer=policy["context"])).json == {"auth": {"name": "ann"}, "count": 2, "pooled": 2}
    authorizer_event = {**http_event(headers=token), "type": "REQUEST", "routeArn": METHOD_ARN}
    simple = runtime.api.invoke(authorizer_event).body
    assert simple["isAuthorized"] is True
    assert request(http_event(authorizer={"lambda": simple["context"]})).json["count"] == 3
    assert request(url_event(headers=token)).json["count"] == 4
    assert request(alb_event(headers=token)).json["count"] == 5
    assert request(http_event()).status == 401
    assert request(rest_event(headers=[("authorization", "bob")])).status == 403
    binary = request(rest_event("POST", headers=[("content-type", "application/octet-stream")], body=b"\x00\xff"))
    assert (binary.raw["body"], binary.raw["isBase64Encoded"]) == (base64.b64encode(b"\xff\x00").decode(), True)
    assert runtime.api.invoke({"source": "aws.events"}).body == {"pinged": "request-11"}
    assert runtime.api.count == 11


def test_the_next_event_succeeds_after_a_failing_and_an_unknown_event(
    start: Callable[..., Runtime],
):
    runtime = start()
    failed = runtime.fail({"source": "shop.fails"}).body
    assert (failed["errorType"], failed["errorMessage"]) == ("LookupError", "no such thing")
    unknown = runtime.fail({"card": "s3cr3t", "source": "shop.other"}).body
    assert unknown["errorType"] == "UnknownEvent"
    assert "An event from shop.other with the keys card, source is not a request" in unknown["errorMessage"]
    assert "s3cr3t" not in str(unknown)
    assert runtime.request(rest_event(headers=[("authorization", "ann")])).status == 200


def test_a_missing_token_fails_with_the_message_for_a_401(start: Callable[..., Runtime]):
    error = start().fail({"type": "TOKEN", "authorizationToken": "", "methodArn": METHOD_ARN}).body
    assert error["errorMessage"] == "Unauthorized"


def test_each_request_logs_one_line_of_json_and_sigterm_stops_the_lifespan(start: Callable[..., Runtime]):
    runtime = start()
    for event in (rest_event(headers=[("authorization", "ann")]), http_event()):
        runtime.request(event)
    code, lines = runtime.stop()
    # The native runtime ends by itself.
    assert code in (-signal.SIGTERM, 0)
    assert (lines[0], lines[-1]) == ("started", "ended")
    logged = [json.loads(line) for line in lines[1:-1]]
    assert [(line["level"], line["logger"], line["requestId"]) for line in logged] == [
        ("INFO", "shop", "request-1"),
        ("INFO", "shop", "request-2"),
    ]
    messages = [line["message"] for line in logged]
    # A recent runtime logs a mapping as an object, an older one as a string.
    parsed = [json.loads(message) if isinstance(message, str) else message for message in messages]
    common = {"method": "GET", "route": "/", "ms": True, "trace_id": "1-5bef4de7-ad49b0e87f6ef6c87fc2e700"}
    assert [{**line, "ms": line["ms"] > 0} for line in parsed] == [
        common | {"path": "/dev/", "status": 200, "request_id": "request-1", "cold_start": True},
        common | {"path": "/", "status": 401, "request_id": "request-2", "cold_start": False},
    ]


def test_a_text_log_line_contains_json(start: Callable[..., Runtime]):
    runtime = start(AWS_LAMBDA_LOG_FORMAT="Text")
    runtime.request(http_event(headers=[("authorization", "ann")]))
    _, lines = runtime.stop()
    level, _, request_id, message = lines[1].split("\t")
    assert (level, request_id, json.loads(message)["status"]) == ("[INFO]", "request-1", 200)


# Lambda sets no level with the text format.
@pytest.mark.parametrize("lambda_format", [{}, {"AWS_LAMBDA_LOG_FORMAT": "Text", "AWS_LAMBDA_LOG_LEVEL": ""}])
def test_with_the_setting_all_lines_are_json_with_the_id_of_the_event(
    start: Callable[..., Runtime], lambda_format: dict[str, str]
):
    runtime = start(CWS_LOG_FORMAT="json", **lambda_format)
    runtime.request(http_event(headers=[("authorization", "ann")]))
    runtime.fail({"type": "TOKEN", "authorizationToken": "fail", "methodArn": METHOD_ARN})
    _, lines = runtime.stop()
    # The runtime's own lines about the failed event follow the authorizer's.
    request, error = (line for line in map(json.loads, lines[1:3]) if line["logger"] == "shop")
    assert (request["level"], request["message"], request["request_id"]) == ("INFO", "GET / 200", "request-1")
    assert request["trace_id"] == "1-5bef4de7-ad49b0e87f6ef6c87fc2e700"
    assert (error["level"], error["request_id"]) == ("ERROR", "request-2")
    assert "LookupError" in error["message"]


def test_a_failing_startup_is_a_500_and_one_log_line(start: Callable[..., Runtime]):
    runtime = start(REFUSE_TO_START="1")
    response = runtime.request(rest_event())
    assert (response.status, response.json["title"]) == (500, "Internal Server Error")
    assert runtime.fail({"source": "aws.events"}).body["errorType"] == "StartupError"
    _, lines = runtime.stop()
    [error] = [line for line in map(json.loads, lines) if line["level"] == "ERROR" and "logger" in line]
    assert (error["errorType"], error["errorMessage"]) == ("ConnectionError", "no database")
    assert "The next event tries again" in error["message"]


def test_events_are_cancelled_before_the_timeout_and_the_next_one_succeeds(start: Callable[..., Runtime]):
    runtime = start(MARGIN="29.8")  # of 30 seconds
    response = runtime.request(rest_event(path="/waiting"))
    assert (response.status, response.json["title"]) == (504, "Gateway Timeout")
    assert runtime.fail({"source": "shop.waits"}).body["errorType"] == "EventTimeout"
    assert runtime.api.invoke({"source": "aws.events"}).body == {"pinged": "request-3"}
    _, lines = runtime.stop()
    errors = [
        line for line in map(json.loads, lines[1:-1]) if line.get("logger") == "shop" and line["level"] == "ERROR"
    ]
    assert [line["message"].partition(": cancelled 29.8 s before")[0] for line in errors] == [
        "GET '/dev/waiting' on route /waiting, request id request-1",
        "An event, request id request-2",
    ]

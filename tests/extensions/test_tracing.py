"""The outcome of a request."""

import asyncio
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from coworks_async import TechMicroService, entry
from coworks_async.extensions.tracing import RequestOutcome, report_failures

KEY = "tests.outcome"


class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        raise LookupError("no such shelf")


async def send_get(app: Any, scope: dict[str, Any]) -> int:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    defaults = {"type": "http", "http_version": "1.1", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    await app({**defaults, **scope}, receive, send)
    return int(sent[0]["status"])


def test_an_exception_is_recorded_if_its_request_has_an_outcome():
    app = Shop()
    report_failures(app, KEY)
    recorded: list[BaseException] = []
    outcome = RequestOutcome({}, recorded.append)
    assert asyncio.run(send_get(app, {})) == 500
    assert recorded == []
    assert asyncio.run(send_get(app, {KEY: outcome})) == 500
    assert [type(error) for error in recorded] == [LookupError]
    assert (outcome.route, outcome.endpoint) == ("/", "get")


@pytest.mark.parametrize(
    ("messages", "error", "expected"),
    [
        ([], LookupError(), True),
        ([], HTTPException(404), False),
        ([], HTTPException(503), True),
        ([{"type": "http.response.start", "status": 200}], LookupError(), True),
        (
            [
                {"type": "http.response.start", "status": 410},
                {"type": "http.response.body", "more_body": True},
                {"type": "http.response.body"},
            ],
            LookupError(),
            False,
        ),
        ([{"type": "http.response.start", "status": 500}, {"type": "http.response.body"}], LookupError(), True),
        ([{"type": "http.response.debug"}], LookupError(), True),
    ],
)
def test_an_exception_is_recorded_if_the_response_is_a_5xx_or_incomplete(
    messages: list[dict[str, Any]], error: Exception, expected: bool
):
    recorded: list[BaseException] = []
    outcome = RequestOutcome({}, recorded.append)
    for message in messages:
        outcome.handle_message(message)
    outcome.handle_failure(error)
    outcome.handle_failure(error)
    assert recorded == ([error] if expected else [])


def test_route_endpoint_and_user_are_optional():
    outcome = RequestOutcome({"auth": None}, lambda error: None)
    assert (outcome.route, outcome.endpoint, outcome.get_user("name")) == (None, None, None)


def test_a_long_user_is_truncated():
    assert RequestOutcome({"auth": {"name": "a" * 999}}, lambda error: None).get_user("name") == "a" * 250

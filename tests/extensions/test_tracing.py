"""What becomes of a request, as those see it who trace it."""

import asyncio
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from coworks_async import TechMicroService, entry
from coworks_async.extensions.tracing import Outcome, watch_failures

KEY = "tests.outcome"


class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        raise LookupError("no such shelf")


async def ask(app: Any, scope: dict[str, Any]) -> int:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asked = {"type": "http", "http_version": "1.1", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    await app({**asked, **scope}, receive, send)
    return int(sent[0]["status"])


def test_a_failure_is_told_where_its_request_has_an_outcome_and_nowhere_else():
    app = Shop()
    watch_failures(app, KEY)
    recorded: list[BaseException] = []
    outcome = Outcome({}, recorded.append)
    assert asyncio.run(ask(app, {})) == 500
    assert recorded == []
    assert asyncio.run(ask(app, {KEY: outcome})) == 500
    assert [type(error) for error in recorded] == [LookupError]
    assert (outcome.route, outcome.entry is app.entries[0]) == ("/", True)


@pytest.mark.parametrize(
    ("messages", "error", "blamed"),
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
def test_a_failure_is_the_services_where_its_answer_is_a_5xx_or_not_whole(
    messages: list[dict[str, Any]], error: Exception, blamed: bool
):
    recorded: list[BaseException] = []
    outcome = Outcome({}, recorded.append)
    for message in messages:
        outcome.sent(message)
    outcome.failed(error)
    outcome.failed(error)
    assert recorded == ([error] if blamed else [])


def test_without_a_route_and_without_a_principal_there_is_nothing_to_tell():
    outcome = Outcome({"auth": None}, lambda error: None)
    assert (outcome.route, outcome.entry, outcome.user("name")) == (None, None, None)


def test_a_long_name_is_cut():
    assert Outcome({"auth": {"name": "a" * 999}}, lambda error: None).user("name") == "a" * 250

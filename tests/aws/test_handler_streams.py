"""An answer that breaks off in Lambda: a 500, since nothing of it was sent, and what failed is logged once."""

import logging

import pytest
from starlette.middleware import Middleware
from starlette.responses import StreamingResponse
from starlette.routing import Route

from coworks_async import TechMicroService, entry
from tests.aws.lambdas import Ask, everywhere, rest


async def parts():
    yield b"begun"
    raise LookupError("late")


async def plain(request):
    return StreamingResponse(parts())


class Late(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        async for part in parts():
            yield part

    @entry(no_auth=True)
    async def get_whole(self):
        return "whole"


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("kind", everywhere("GET", "/"))
@pytest.mark.parametrize("path", ["/", "/plain"])
def test_a_stream_that_breaks_off_is_a_500_logged_once(
    ask: Ask, caplog: pytest.LogCaptureFixture, kind: str, path: str
):
    answer = ask(Late(routes=[Route("/plain", plain)]), everywhere("GET", path)[kind])
    assert (answer.status, answer.header("content-type")) == (500, "application/problem+json")
    assert b"begun" not in answer.body
    [message] = told(caplog)
    assert message.endswith(" failed after the response had started")
    assert "LookupError: late" in caplog.text


def test_an_answer_that_breaks_off_in_a_middleware_is_logged_as_such(ask: Ask, caplog: pytest.LogCaptureFixture):
    class Failing:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            if scope["type"] == "http":
                await send({"type": "http.response.start", "status": 200, "headers": []})
                raise LookupError("late")
            await self.app(scope, receive, send)

    assert ask(Late(middleware=[Middleware(Failing)]), rest(path="/whole")).status == 500
    failed, refused = told(caplog)
    assert failed == "Middleware at GET '/dev/whole' failed"
    assert "no error response, one had started" in refused


def test_the_next_request_is_answered_as_ever(ask: Ask, caplog: pytest.LogCaptureFixture):
    app = Late()
    assert [ask(app, rest(path=path)).status for path in ("/", "/whole", "/")] == [500, 200, 500]
    assert len(told(caplog)) == 2

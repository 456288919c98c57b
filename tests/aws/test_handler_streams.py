"""Aborted responses in Lambda: a 500, because nothing has been sent, and the cause is logged once."""

import logging

import pytest
from starlette.middleware import Middleware
from starlette.responses import StreamingResponse
from starlette.routing import Route

from coworks_async import TechMicroService, entry
from tests.aws.events import SendEvent, events_in_all_formats, rest_event


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


def get_messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("kind", events_in_all_formats("GET", "/"))
@pytest.mark.parametrize("path", ["/", "/plain"])
def test_an_aborted_stream_is_a_500_logged_once(
    send_event: SendEvent, caplog: pytest.LogCaptureFixture, kind: str, path: str
):
    response = send_event(Late(routes=[Route("/plain", plain)]), events_in_all_formats("GET", path)[kind])
    assert (response.status, response.header("content-type")) == (500, "application/problem+json")
    assert b"begun" not in response.body
    [message] = get_messages(caplog)
    assert message.endswith(" failed after the response had started")
    assert "LookupError: late" in caplog.text


def test_a_response_aborted_by_a_middleware_is_a_500(send_event: SendEvent, caplog: pytest.LogCaptureFixture):
    class Failing:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            if scope["type"] == "http":
                await send({"type": "http.response.start", "status": 200, "headers": []})
                raise LookupError("late")
            await self.app(scope, receive, send)

    assert send_event(Late(middleware=[Middleware(Failing)]), rest_event(path="/whole")).status == 500
    failure, warning = get_messages(caplog)
    assert failure == "Middleware at GET '/dev/whole' failed"
    assert "no error response was sent, as one had started" in warning


def test_the_next_request_gets_its_response(send_event: SendEvent, caplog: pytest.LogCaptureFixture):
    app = Late()
    assert [send_event(app, rest_event(path=path)).status for path in ("/", "/whole", "/")] == [500, 200, 500]
    assert len(get_messages(caplog)) == 2

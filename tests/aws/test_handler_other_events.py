"""Events other than requests: passed to `on_event`, which by default fails with their keys."""

import asyncio
from typing import Any

import pytest

from coworks_async import TechMicroService, entry
from coworks_async.exceptions import UnknownEvent
from tests.aws.events import Context, Invoke, SendEvent, rest_event

PING = {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, "resources": []}
WARM = {"source": "serverless-plugin-warmup"}
QUEUE = {"Records": [{"eventSource": "aws:sqs", "body": "{}"}]}


def test_other_events_are_passed_to_on_event(invoke: Invoke):
    class Handling(TechMicroService):
        async def on_event(self, event, context):
            await asyncio.sleep(0)
            return {"event": event, "id": context.aws_request_id}

    events: list[Any] = [PING, WARM, QUEUE, {}, [], "text", 7, None, {"requestContext": "odd", "httpMethod": "GET"}]
    for event in events:
        assert invoke(Handling(), event) == {"event": event, "id": Context().aws_request_id}


def test_a_sync_on_event_runs_in_a_thread(invoke: Invoke):
    class Handling(TechMicroService):
        def on_event(self, event, context):
            with pytest.raises(RuntimeError):
                asyncio.get_running_loop()
            return "handled"

    assert invoke(Handling(), PING) == "handled"


def test_a_warm_up_event_starts_the_lifespan_for_the_next_request(invoke: Invoke, send_event: SendEvent):
    started: list[str] = []

    class Warm(TechMicroService):
        async def on_event(self, event, context):
            return "warm"

        @entry(no_auth=True)
        async def get(self):
            return list(started)

    def lifespan(app):
        class Once:
            async def __aenter__(self):
                started.append("started")

            async def __aexit__(self, *error):
                pass

        return Once()

    app = Warm(lifespan=lifespan)
    assert invoke(app, WARM) == "warm"
    assert send_event(app, rest_event()).json == ["started"]


def test_an_unknown_event_fails_and_names_its_keys_and_source_but_no_values(invoke: Invoke):
    with pytest.raises(UnknownEvent, match=r"from aws.events with the keys detail, .*source, version is not a request"):
        invoke(TechMicroService(name="any"), {**PING, "detail": {"card": "secret"}})
    with pytest.raises(UnknownEvent) as failed:
        invoke(TechMicroService(name="any"), {"card": "secret", "body": "secret"})
    assert "body, card" in str(failed.value)
    assert "secret" not in str(failed.value)
    with pytest.raises(UnknownEvent, match="An event of type list is not a request"):
        invoke(TechMicroService(name="any"), ["secret"])


def test_an_unknown_event_without_keys_fails(invoke: Invoke):
    with pytest.raises(UnknownEvent, match="An event without keys is not a request"):
        invoke(TechMicroService(name="any"), {})


def test_an_exception_of_on_event_fails_the_event(invoke: Invoke):
    class Failing(TechMicroService):
        async def on_event(self, event, context):
            raise LookupError("no such queue")

    with pytest.raises(LookupError, match="no such queue"):
        invoke(Failing(), QUEUE)


def test_a_cancellation_in_on_event_fails_the_event_and_not_the_runtime(invoke: Invoke):
    class Failing(TechMicroService):
        async def on_event(self, event, context):
            raise asyncio.CancelledError

    with pytest.raises(RuntimeError, match="The event failed with CancelledError"):
        invoke(Failing(), QUEUE)


def test_a_websocket_event_is_not_a_request(invoke: Invoke):
    event = {"requestContext": {"routeKey": "$connect", "connectionId": "a=", "stage": "dev"}, "isBase64Encoded": False}
    with pytest.raises(UnknownEvent, match="isBase64Encoded, requestContext"):
        invoke(TechMicroService(name="any"), event)

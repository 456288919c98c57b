"""Fixtures that call a service's Lambda handler, and close it at the end of the test."""

from collections.abc import Iterator
from typing import Any

import pytest

from coworks_async import TechMicroService
from tests.aws.events import SIGNING_KEY, ClientResponse, Context, Event, Invoke, SendEvent


@pytest.fixture
def signing_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the signing key of `tests.aws.events`, as a deploy sets one."""
    monkeypatch.setenv("CWS_SIGNING_KEY", SIGNING_KEY)


@pytest.fixture
def invoke() -> Iterator[Invoke]:
    """Pass any event to a service's handler and return the result."""
    apps: list[TechMicroService] = []

    def invoke(app: TechMicroService, event: Any, context: Any = Context()) -> Any:  # noqa: B008
        apps.append(app)
        return app.lambda_handler(event, context)

    yield invoke
    for app in apps:
        app.lambda_handler.close()


@pytest.fixture
def send_event(invoke: Invoke) -> SendEvent:
    """Pass a request's event to a service's handler and return the response as a client sees it."""

    def send_event(app: TechMicroService, event: Event, context: Any = Context()) -> ClientResponse:  # noqa: B008
        return ClientResponse(invoke(app, event, context))

    return send_event

"""What the tests of Lambda share: handlers that are closed at the end of a test."""

from collections.abc import Iterator
from typing import Any

import pytest

from coworks_async import TechMicroService
from tests.aws.lambdas import Answer, Ask, Context, Event, Invoke


@pytest.fixture
def invoke() -> Iterator[Invoke]:
    """Give an event to a service's handler and return what it returns."""
    apps: list[TechMicroService] = []

    def invoke(app: TechMicroService, event: Any, context: Any = Context()) -> Any:  # noqa: B008
        apps.append(app)
        return app.lambda_handler(event, context)

    yield invoke
    for app in apps:
        app.lambda_handler.close()


@pytest.fixture
def ask(invoke: Invoke) -> Ask:
    """Give a request's event to a service's handler and return its answer, as a client sees it."""

    def ask(app: TechMicroService, event: Event, context: Any = Context()) -> Answer:  # noqa: B008
        return Answer(invoke(app, event, context))

    return ask

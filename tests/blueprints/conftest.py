"""A browser and a shop for it; what drives the one is loaded when it is asked for."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.blueprints.administered import Shop
from tests.clients import on_a_socket

if TYPE_CHECKING:
    from tests.blueprints.browser import Browser


@pytest.fixture(scope="session")
def started() -> "Iterator[Browser]":
    from tests.blueprints.browser import browsing

    with browsing() as browser:
        yield browser


@pytest.fixture
def browser(started: "Browser") -> "Iterator[Browser]":
    """A browser whose console must be empty at the end of the test."""
    yield started
    assert started.complaints() == []


@pytest.fixture(scope="session")
def service() -> Iterator[str]:
    """The address of a shop, which is also mounted below a stage."""
    shop = Shop()
    with on_a_socket(Starlette(routes=[Mount("/dev", app=shop), Mount("/", app=shop)])) as client:
        yield str(client.base_url).rstrip("/")

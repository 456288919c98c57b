"""A browser and a service for it. Selenium is imported only if a test needs the browser."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.blueprints.admin_service import Shop
from tests.clients import on_a_socket

if TYPE_CHECKING:
    from tests.blueprints.browser import Browser


@pytest.fixture(scope="session")
def shared_browser() -> "Iterator[Browser]":
    from tests.blueprints.browser import run_browser

    with run_browser() as browser:
        yield browser


@pytest.fixture
def browser(shared_browser: "Browser") -> "Iterator[Browser]":
    """A browser. At the end of the test its console must have no errors."""
    yield shared_browser
    assert shared_browser.console_errors() == []


@pytest.fixture(scope="session")
def service() -> Iterator[str]:
    """The URL of a shop, which is also mounted at /dev."""
    shop = Shop()
    with on_a_socket(Starlette(routes=[Mount("/dev", app=shop), Mount("/", app=shop)])) as client:
        yield str(client.base_url).rstrip("/")

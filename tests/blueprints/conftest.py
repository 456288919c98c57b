"""A service for the browser."""

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.blueprints.admin_service import Shop
from tests.clients import on_a_socket


@pytest.fixture(autouse=True)
def dev_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the stage, as `cws run` does."""
    monkeypatch.setenv("CWS_STAGE", "dev")


@pytest.fixture(scope="session")
def service() -> Iterator[str]:
    """The URL of a shop, which is also mounted at /dev."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CWS_STAGE", "dev")
        shop = Shop()
    with on_a_socket(Starlette(routes=[Mount("/dev", app=shop), Mount("/", app=shop)])) as client:
        yield str(client.base_url).rstrip("/")

"""What every test has: a clean environment, asyncio where it is async, and the tools it asks for."""

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.clients import connect
from tests.tools import find_tool

__all__ = ["connect"]

# What a developer's shell may set for a service of theirs, and would change ours.
SERVICE_VARIABLES = (
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "CWS_BASE_PATH",
    "CWS_APP",
    "CWS_PROJECT_DIR",
    "CWS_STAGE",
    "FLASK_APP",
    "TOKEN",
)


def pytest_configure() -> None:
    for name in SERVICE_VARIABLES:
        os.environ.pop(name, None)
    # Shared and traced processors make any deadline a coin toss, that of making an example too.
    settings.register_profile("coworks", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("coworks")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("requires_tool"):
        for name in mark.args:
            find_tool(name)
    if item.get_closest_marker("end_to_end") and os.environ.get("CWS_TEST_ALL") != "1":
        pytest.skip("it takes a while; `make test-all` runs it")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"

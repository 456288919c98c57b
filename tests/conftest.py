"""Fixtures and hooks for all tests: a clean environment, the test tiers, the transports, a browser."""

import logging
import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from coworks_async.gateway import STREAM_VIAS
from tests.clients import connect
from tests.tools import find_tool

if TYPE_CHECKING:
    from tests.browser import Browser

__all__ = ["connect"]

# A developer's shell may set these for another service.
SERVICE_VARIABLES = (
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "CWS_BASE_PATH",
    "CWS_APP",
    "CWS_LOG_FORMAT",
    "CWS_PROJECT_DIR",
    "CWS_SIGNING_KEY",
    "CWS_STAGE",
    "FLASK_APP",
    "TOKEN",
)


# No deadlines: on shared and traced processors they fail at random.
settings.register_profile("short", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("exhaustive", settings.get_profile("short"), max_examples=1000)


@pytest.fixture(autouse=True)
def restore_logging() -> Iterator[None]:
    """Restore the level and the formats of the root logger, which a service with `log_format = "json"` sets."""
    root = logging.getLogger()
    level, formatters = root.level, [(handler, handler.formatter) for handler in root.handlers]
    yield
    root.setLevel(level)
    for handler, formatter in formatters:
        handler.setFormatter(formatter)


def pytest_configure() -> None:
    # A shell starts a background job with Ctrl-C ignored, and the processes under test would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in SERVICE_VARIABLES:
        os.environ.pop(name, None)


# Fixtures that start Terraform, an AWS emulator or a browser, or build the wheel.
PROGRAM_FIXTURES = frozenset({"browser", "built", "emulator", "toolchain"})


# Files whose contract tests run over the streaming transports in `make test`, too; the others only in `make test-all`.
STREAMED = frozenset(
    {"test_body", "test_dispatcher", "test_endpoint", "test_problems", "test_responses", "test_sse", "test_streaming"}
    | {"test_streaming_end"}
)


# Transports over which the contract tests run as end-to-end tests: their code differs least from that of others.
LONG_TIER = frozenset({"alb", "http-stage"})


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start programs as end-to-end, and some as exhaustive, before `-m` selects by marker."""
    for item in items:
        transport = getattr(getattr(item, "callspec", None), "params", {}).get("connect")
        if transport in STREAM_VIAS and item.path.stem not in STREAMED:
            item.add_marker(pytest.mark.exhaustive)
        if transport in LONG_TIER:
            item.add_marker(pytest.mark.end_to_end)
        if PROGRAM_FIXTURES.intersection(getattr(item, "fixturenames", ())) or item.get_closest_marker("requires_tool"):
            item.add_marker(pytest.mark.end_to_end)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("requires_tool"):
        for name in mark.args:
            find_tool(name)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def shared_browser() -> "Iterator[Browser]":
    from tests.browser import run_browser  # imports Selenium, which only some tests need

    with run_browser() as browser:
        yield browser


@pytest.fixture
def browser(shared_browser: "Browser") -> "Iterator[Browser]":
    """A browser. At the end of the test its console must have no errors."""
    yield shared_browser
    assert shared_browser.console_errors() == []

"""Services and assertions used by many tests."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx2
import pytest

from coworks_async import TechMicroService, entry
from tests.clients import Connect


def assert_problem(response: httpx2.Response, status: int, title: str, detail: str | None = None) -> None:
    """Assert that a response is exactly this problem."""
    members = {"type": "about:blank", "title": title, "status": status}
    if detail is not None:
        members["detail"] = detail
    assert (response.status_code, response.json()) == (status, members)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["content-length"] == str(len(response.content))


def assert_hidden_500(response: httpx2.Response) -> None:
    """Assert that a response is the 500 without any detail."""
    assert_problem(response, 500, "Internal Server Error")


def warnings_and_worse(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return everything logged as a warning or above, by the server, too."""
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


def assert_logged_once(caplog: pytest.LogCaptureFixture, message: str, kind: type[BaseException]) -> None:
    """Assert that only this message was logged, with the traceback of an exception of this class."""
    [record] = warnings_and_worse(caplog)
    assert record.getMessage() == message
    assert record.exc_info is not None
    assert record.exc_info[0] is kind


def returning(*values: object) -> TechMicroService:
    """Create a service that returns the first of these values at `/`, and each at `/value/<number>`."""

    class Returning(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return values[0]

        @entry(no_auth=True)
        async def get_value(self, number: int):
            return values[number]

    return Returning()


def create_scope(method: str = "GET", path: str = "/", **more: object) -> dict[str, object]:
    """Create the scope of a request; a POST declares ten bytes of JSON."""
    headers = [(b"content-length", b"10"), (b"content-type", b"application/json")] if method == "POST" else []
    scope = {"type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": path}
    return {**scope, "query_string": b"", "headers": headers, "server": ("testserver", 80), **more}


def get_responses(connect: Connect, values: Sequence[object]) -> list[tuple[object, httpx2.Response]]:
    """Return each value with its response."""
    client = connect(returning(*values))
    return [(value, client.get(f"/value/{number}")) for number, value in enumerate(values)]


@contextmanager
def takes_under_five_seconds() -> Iterator[None]:
    """Assert that a block takes less than five seconds of processor time.

    It takes milliseconds; a quadratic algorithm takes minutes. On a busy machine a collection of the heap may take a
    second.
    """
    start = time.process_time()
    yield
    assert time.process_time() - start < 5

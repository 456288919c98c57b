"""What many of these tests build and look at."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx2
import pytest

from coworks_async import TechMicroService, entry
from tests.clients import Connect


def assert_problem(answer: httpx2.Response, status: int, title: str, detail: str | None = None) -> None:
    """Assert that an answer is this problem, and nothing more than it."""
    members = {"type": "about:blank", "title": title, "status": status}
    if detail is not None:
        members["detail"] = detail
    assert (answer.status_code, answer.json()) == (status, members)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-length"] == str(len(answer.content))


def assert_hidden_500(answer: httpx2.Response) -> None:
    """Assert that an answer is the 500 that tells nothing."""
    assert_problem(answer, 500, "Internal Server Error")


def warnings_and_worse(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return what was logged as a warning or worse, by anybody, the server too."""
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


def assert_logged_once(caplog: pytest.LogCaptureFixture, message: str, kind: type[BaseException]) -> None:
    """Assert that one thing was logged, with the traceback of an exception of this kind."""
    [record] = warnings_and_worse(caplog)
    assert record.getMessage() == message
    assert record.exc_info is not None
    assert record.exc_info[0] is kind


def returning(*values: object) -> TechMicroService:
    """Return a service that answers the first of these values, and each of them by its number."""

    class Returning(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return values[0]

        @entry(no_auth=True)
        async def get_value(self, number: int):
            return values[number]

    return Returning()


def scope_of(method: str = "GET", path: str = "/", **more: object) -> dict[str, object]:
    """Return the scope of a request that a test sends by hand; a POST says that it is JSON of ten bytes."""
    headers = [(b"content-length", b"10"), (b"content-type", b"application/json")] if method == "POST" else []
    scope = {"type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": path}
    return {**scope, "query_string": b"", "headers": headers, "server": ("testserver", 80), **more}


def answers(connect: Connect, values: Sequence[object]) -> list[tuple[object, httpx2.Response]]:
    """Return each value with the answer that it becomes."""
    client = connect(returning(*values))
    return [(value, client.get(f"/value/{number}")) for number, value in enumerate(values)]


@contextmanager
def at_once() -> Iterator[None]:
    """Assert that what takes milliseconds takes no second: of the processor, since other processes share it."""
    begun = time.process_time()
    yield
    assert time.process_time() - begun < 1

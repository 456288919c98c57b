"""Limits of a request: the body, the fields and the files of a form."""

import socket
import tracemalloc
from collections.abc import Iterator, MutableMapping
from typing import Any

import httpx2
import pytest

from coworks_async import Request, TechMicroService, entry
from tests.clients import Connect, on_a_socket
from tests.differences import differs
from tests.http_requests import FORM, JSON, assert_bound, format_values
from tests.pipeline.checks import takes_under_five_seconds
from tests.pipeline.test_body import post_scope
from tests.tools import PATIENCE


class Sized(TechMicroService):
    @entry(no_auth=True)
    async def post(self, value: str = ""):
        return format_values(len(value))

    @entry(no_auth=True)
    async def get(self):
        return format_values()

    @entry(no_auth=True)
    async def put(self, received: Request, value: str = ""):
        return format_values(await received.body())

    @entry(no_auth=True)
    async def post_all(self, **names):
        return format_values(len(names))


def assert_too_large(response: httpx2.Response, detail: str) -> None:
    assert response.json() == {"type": "about:blank", "title": "Content Too Large", "status": 413, "detail": detail}
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"


def chunks(body: bytes, size: int = 100) -> Iterator[bytes]:
    """Yield a body in chunks; it is sent without a length."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


def json_of(size: int) -> bytes:
    """Return a JSON body of this many bytes."""
    return b'{"value": "' + b"x" * (size - 13) + b'"}'


def test_a_body_over_the_limit_is_a_413(connect: Connect):
    client = connect(Sized(max_body_size=1000))
    over = "The body is over the limit of 1000 bytes."
    for headers in (
        JSON,
        {},
        FORM,
        {"content-type": "text/plain"},
        {"content-type": "multipart/form-data; boundary=x"},
    ):
        assert_bound(client.post("/", content=json_of(1000), headers=JSON), 987)
        assert_too_large(client.post("/", content=json_of(1001), headers=headers), over)
        assert_too_large(client.post("/?a=1", content=json_of(1001), headers=headers), over)
    assert_too_large(client.request("GET", "/", content=json_of(1001)), over)
    assert_too_large(client.put("/", content=json_of(1001)), over)


def test_a_body_without_a_length_is_limited(connect: Connect):
    client = connect(Sized(max_body_size=1000))
    assert_bound(client.post("/", content=chunks(json_of(1000)), headers=JSON), 987)
    assert_bound(client.post("/", content=chunks(json_of(1000), 1000), headers=JSON), 987)
    for size in (100, 1001):
        response = client.post("/", content=chunks(json_of(1001), size), headers=JSON)
        assert_too_large(response, "The body is over the limit of 1000 bytes.")


@differs("size-limits")
def test_the_default_limit_is_six_megabytes(connect: Connect):
    mega = 1024 * 1024
    client = connect(Sized())
    assert_bound(client.post("/", content=json_of(6 * mega), headers=JSON), 6 * mega - 13)
    client = connect(Sized(max_body_size=None))
    assert_bound(client.post("/", content=json_of(6 * mega + 1), headers=JSON), 6 * mega - 12)
    assert_bound(client.post("/", content=chunks(json_of(7 * mega), mega), headers=JSON), 7 * mega - 13)


def test_a_body_of_100_megabytes_is_rejected_before_it_is_sent():
    with on_a_socket(Sized()) as client, socket.create_connection((client.base_url.host, client.base_url.port)) as raw:
        # A server that waited for the rest would never respond.
        raw.settimeout(PATIENCE)
        raw.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\n" + b"x" * 1000)
        response = b"".join(iter(lambda: raw.recv(65536), b""))
    assert response.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nconnection: close\r\n" in response.lower()
    assert b"The body is over the limit of 6291456 bytes." in response


def expect_to_continue(client: httpx2.Client, request_line: str, length: int, *headers: str) -> bytes:
    """Return what the server sends before a client sends the body that it has announced."""
    head = [request_line, "host: x", f"content-length: {length}", "expect: 100-continue", *headers, "", ""]
    with socket.create_connection((client.base_url.host, client.base_url.port)) as raw:
        raw.settimeout(PATIENCE)
        raw.sendall("\r\n".join(head).encode())
        return raw.recv(65536)


@pytest.mark.parametrize(
    ("line", "headers"),
    [
        ("POST / HTTP/1.1", ["content-type: application/json"]),
        ("POST / HTTP/1.1", []),
        ("POST / HTTP/1.1", ["content-type: application/x-www-form-urlencoded"]),
        ("POST /?value=a HTTP/1.1", ["content-type: application/json"]),
        ("GET / HTTP/1.1", []),
        ("PUT / HTTP/1.1", []),
    ],
)
def test_a_body_over_the_limit_is_rejected_before_a_client_that_asks_sends_it(line: str, headers: list[str]):
    with on_a_socket(Sized(max_body_size=1000)) as client:
        assert expect_to_continue(client, line, 1001, *headers).startswith(b"HTTP/1.1 413 ")
        assert expect_to_continue(client, line, 1000, *headers) == b"HTTP/1.1 100 Continue\r\n\r\n"


async def test_a_body_of_100_megabytes_in_chunks_is_read_only_to_the_limit():
    chunk = b"x" * 65536
    read = 0
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, object]:
        nonlocal read
        read += len(chunk)
        return {"type": "http.request", "body": bytes(chunk), "more_body": read < 100_000_000}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    tracemalloc.start()
    await Sized()(post_scope({}), receive, send)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sent[0]["status"] == 413
    assert read == 6 * 1024 * 1024 + len(chunk)
    assert peak < 1_000_000 + 6 * 1024 * 1024


async def test_an_invalid_content_length_does_not_bypass_the_limit():
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": json_of(1001), "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    for length in (b"many", b"-1", b"", b"9" * 5000):
        await Sized(max_body_size=1000)(post_scope({b"content-length": length}), receive, send)
        assert sent[0]["status"] == 413
        sent.clear()


def test_a_form_of_10_000_fields_is_rejected_quickly(connect: Connect):
    client = connect(Sized())
    fields = [(f"f{number}", "1") for number in range(10_000)]
    form = "&".join(f"{name}={value}" for name, value in fields)
    with takes_under_five_seconds():
        response = client.post("/all", content=form, headers=FORM)
    assert_too_large(response, "The form has over 1000 fields.")
    response = client.post("/all", files=[(name, (None, value)) for name, value in fields])
    assert_too_large(response, "Too many fields. Maximum number of fields is 1000.")


def test_a_service_sets_its_own_limits_of_a_form(connect: Connect):
    class Small(Sized):
        max_fields = 3
        max_files = 2

    client = connect(Small())
    for count in (1, 3):
        assert_bound(client.post("/all", data={f"f{n}": "1" for n in range(count)}), count)
        assert_bound(client.post("/all", files=[(f"f{n}", (None, "1")) for n in range(count)]), count)
    assert_too_large(client.post("/all", data={f"f{n}": "1" for n in range(4)}), "The form has over 3 fields.")
    assert_too_large(
        client.post("/all", files=[(f"f{n}", (None, "1")) for n in range(4)]),
        "Too many fields. Maximum number of fields is 3.",
    )
    assert_bound(client.post("/all", files=[(f"f{n}", ("f", b"1")) for n in range(2)]), 2)
    assert_too_large(
        client.post("/all", files=[(f"f{n}", ("f", b"1")) for n in range(3)]),
        "Too many files. Maximum number of files is 2.",
    )


@pytest.mark.parametrize("size", [0, 12])
def test_a_body_within_any_limit_is_bound(connect: Connect, size: int):
    assert_bound(connect(Sized(max_body_size=size)).post("/", content=b'{"value":""}'[:size]), 0)

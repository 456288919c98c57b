"""Responses through the Runtime API: prelude, delimiter, body, and errors."""

import base64
import json
from typing import Any

import pytest

from coworks_async.aws.runtime.stream import PRELUDE_END
from coworks_async.gateway.native_responses import (
    PRELUDE_LIMIT,
    FunctionError,
    StreamedResponse,
    read_response,
)
from coworks_async.gateway.responses import MalformedResult
from coworks_async.gateway.runtime_api import RuntimeApi
from tests.gateway.manual_runtime import serve, start

HEAD = {"statusCode": 201, "headers": {"Content-Type": "text/plain", "Server": "x"}, "cookies": ["a=1", "b=2"]}
PRELUDE = json.dumps(HEAD).encode()
ERROR = {"errorType": "KeyError", "errorMessage": "late"}


async def stream(
    api: RuntimeApi, *chunks: bytes, via: str = "url", method: str = "GET", error: dict[str, str] | None = None
) -> Any:
    """Send chunks as a streamed response, and return what the gateway reads."""
    invocation, runtime, request_id = await start(api)
    await runtime.begin_stream(request_id)
    for chunk in chunks:
        await runtime.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
    trailers = ""
    if error is not None:
        body = base64.b64encode(json.dumps(error).encode()).decode()
        trailers = f"Lambda-Runtime-Function-Error-Type: E\r\nLambda-Runtime-Function-Error-Body: {body}\r\n"
    await runtime.send(f"0\r\n{trailers}\r\n")
    return await read_response(via, method, invocation)


async def read_body(response: StreamedResponse) -> list[bytes]:
    return [response.head.body, *[chunk async for chunk in response.chunks]]


@pytest.mark.parametrize(
    "chunks",
    [
        [json.dumps(HEAD).encode(), PRELUDE_END, b"one", b"two"],
        [json.dumps(HEAD).encode() + PRELUDE_END + b"onetwo"],
        [
            json.dumps(HEAD).encode()[:9],
            json.dumps(HEAD).encode()[9:] + PRELUDE_END[:3],
            PRELUDE_END[3:] + b"one",
            b"two",
        ],
    ],
)
@pytest.mark.parametrize("via", ["url", "rest"])
async def test_the_metadata_ends_at_the_delimiter_wherever_the_chunks_do(via: str, chunks: list[bytes]):
    async with serve() as api:
        response = await stream(api, *chunks, via=via)
        assert (response.head.status, response.head.headers) == (
            201,
            (
                ("content-type", "text/plain"),
                ("x-amzn-remapped-server", "x"),
                ("set-cookie", "a=1"),
                ("set-cookie", "b=2"),
            ),
        )
        assert b"".join(await read_body(response)) == b"onetwo"
        await response.check_end()


async def test_a_rest_api_takes_repeated_headers_and_adds_a_content_type():
    async with serve() as api:
        head = json.dumps({"multiValueHeaders": {"Vary": ["a", "b"]}}).encode()
        response = await stream(api, head + PRELUDE_END, via="rest")
        assert response.head.status == 200
        assert response.head.headers == (("vary", "a"), ("vary", "b"), ("content-type", "application/json"))


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204)])
async def test_a_response_without_a_body_drops_what_the_function_sends(method: str, status: int):
    async with serve() as api:
        response = await stream(api, json.dumps({"statusCode": status}).encode() + PRELUDE_END + b"body", method=method)
        assert (response.head.body, response.has_body) == (b"", False)


async def test_the_error_in_the_trailers_is_raised_at_the_end():
    async with serve() as api:
        response = await stream(api, b"{}" + PRELUDE_END, b"begun", error=ERROR)
        assert await read_body(response) == [b"", b"begun"]
        with pytest.raises(FunctionError, match="late") as caught:
            await response.check_end()
        assert caught.value.is_logged


async def test_an_error_before_the_metadata_is_raised_at_once():
    async with serve() as api:
        with pytest.raises(FunctionError, match="late"):
            await stream(api, error=ERROR)


@pytest.mark.parametrize("chunk", [b"", b'{"statusCode": 200}'])
async def test_a_stream_without_a_delimiter_is_malformed(chunk: bytes):
    async with serve() as api:
        with pytest.raises(MalformedResult, match="ended before the delimiter"):
            await stream(api, *filter(None, [chunk]))


async def test_metadata_over_16_kb_is_malformed():
    async with serve() as api:
        with pytest.raises(MalformedResult, match=f"no prelude in its first {PRELUDE_LIMIT} bytes"):
            await stream(api, b"x" * (PRELUDE_LIMIT + 1))


@pytest.mark.parametrize("head", [b"x", b"[]", b'{"statusCode": "200"}'])
async def test_metadata_must_be_an_object_with_an_integer_status(head: bytes):
    async with serve() as api:
        with pytest.raises(MalformedResult, match="not a JSON object with an integer statusCode"):
            await stream(api, head + PRELUDE_END)


async def test_a_buffered_response_is_converted_as_a_whole():
    async with serve() as api:
        invocation, runtime, request_id = await start(api)
        await runtime.post(f"/invocation/{request_id}/response", b'{"statusCode": 202, "body": "ok"}')
        response = await read_response("rest", "GET", invocation)
        assert not isinstance(response, StreamedResponse)
        assert (response.status, response.body) == (202, b"ok")


@pytest.mark.parametrize(("body", "message"), [(b'{"errorMessage": "late"}', "late"), (b"1", "")])
async def test_an_error_of_the_function_is_raised_with_its_message(body: bytes, message: str):
    async with serve() as api:
        invocation, runtime, request_id = await start(api)
        await runtime.post(f"/invocation/{request_id}/error", body)
        with pytest.raises(FunctionError) as caught:
            await read_response("rest", "GET", invocation)
        assert str(caught.value) == message

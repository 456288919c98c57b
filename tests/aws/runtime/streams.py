"""A service with responses that stream, and what the Runtime API receives for them."""

import base64
import json
import logging
from typing import Any

import pytest

from coworks_async import TechMicroService, entry
from coworks_async.aws.event_formats.http_api import FunctionUrlEvent
from coworks_async.aws.event_formats.infer import RequestEvent
from coworks_async.aws.event_formats.rest import RestEvent
from coworks_async.aws.runtime.errors import ERROR_TYPE
from coworks_async.aws.runtime.stream import ERROR_BODY
from coworks_async.gateway.invocation import InvocationResult
from tests.aws.runtime.native import Native


def streaming(app: TechMicroService, *callers: type[RequestEvent]) -> TechMicroService:
    """Let the callers of a service receive streams."""
    app.lambda_handler.streaming_callers = callers or (RestEvent, FunctionUrlEvent)
    return app


def prelude(result: InvocationResult) -> Any:
    """Return the metadata of a result in the streaming format."""
    assert result.kind == "response"
    assert result.value("Lambda-Runtime-Function-Response-Mode") == "streaming"
    assert result.value("Content-Type") == "application/vnd.awslambda.http-integration-response"
    assert result.chunks[1] == bytes(8)
    return json.loads(result.chunks[0])


def problem(result: InvocationResult) -> tuple[int, Any]:
    """Return the status and the members of a problem in the streaming format."""
    assert prelude(result)["headers"]["content-type"] == "application/problem+json"
    assert result.trailers == ()
    return prelude(result)["statusCode"], json.loads(b"".join(result.chunks[2:]))


def failure(result: InvocationResult) -> Any:
    """Return the error in the trailers of a result."""
    error = json.loads(base64.b64decode(result.value(ERROR_BODY)))
    assert error["errorType"] == result.value(ERROR_TYPE)
    return error


def logged(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= level]


def access_log(caplog: pytest.LogCaptureFixture) -> list[Any]:
    """Return status and error of each line of the access log."""
    lines = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    return [(line["status"], line.get("error")) for line in lines]


class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        for number in range(3):
            yield f"{number} "

    @entry(no_auth=True)
    async def get_whole(self):
        return "whole"

    @entry(no_auth=True)
    async def get_nothing(self):
        return None

    @entry(no_auth=True)
    async def get_failing(self):
        raise LookupError("early")

    @entry(no_auth=True)
    async def get_late(self):
        yield "begun"
        raise LookupError("late")

    @entry(no_auth=True)
    async def post(self, body: bytes = b""):
        return body


async def result_of(runtime: Native, event: Any) -> InvocationResult:
    return await runtime.api.submit(event).result()

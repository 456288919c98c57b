"""A poller: receives events one after the other, runs them, and posts their results."""

import asyncio
import json
import os
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from coworks_async.aws.handler import PROCESS_EXITS, LambdaHandler
from coworks_async.aws.runtime.client import RuntimeClient
from coworks_async.aws.runtime.context import FunctionInfo, LambdaContext, current_context
from coworks_async.aws.runtime.errors import ERROR_TYPE, MAX_CAUSE_SIZE, XRAY_CAUSE, describe_error, describe_xray_cause
from coworks_async.aws.runtime.http_parser import ApiResponse
from coworks_async.aws.runtime.stream import ResponseStream
from coworks_async.pipeline.concurrency import ensure_async
from coworks_async.pipeline.trace import trace_header

TRACE_VARIABLE = "_X_AMZN_TRACE_ID"

JSON_HEADER = {"Content-Type": "application/json"}


class Poller:
    """Runs the events that one connection to the Runtime API receives.

    Args:
        client: the connection.
        handler: the handler of the service, which all pollers share.
        function: the constant attributes of contexts.
        log_error: writes the error object of a failed event.
        is_alone: there is no other poller. Only then is `_X_AMZN_TRACE_ID` set, which some libraries read.
    """

    def __init__(
        self,
        client: RuntimeClient,
        handler: LambdaHandler,
        function: FunctionInfo,
        log_error: Callable[[dict[str, Any]], None],
        *,
        is_alone: bool,
    ) -> None:
        self.client = client
        self.handler = handler
        self.function = function
        self.log_error = log_error
        self.is_alone = is_alone
        self._is_stopping = False
        self._waiting: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Handle events until `stop` is called."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for mypy
        # The end of the process cancels this task. An event may catch the `CancelledError`, so `cancelling` is checked.
        while not (self._is_stopping or task.cancelling()):
            self._waiting = task
            try:
                response = await self.client.next()
            except asyncio.CancelledError:
                if self._is_stopping:
                    break
                raise
            finally:
                self._waiting = None
            # In a new task, so that what the service sets in its context does not reach the next event.
            await asyncio.create_task(self.handle(response))
        self.client.close()

    def stop(self) -> None:
        """End the poller: now if it waits for an event, or else at the end of the event."""
        self._is_stopping = True
        if self._waiting is not None and not self.client.has_response:
            self._waiting.cancel()

    async def handle(self, response: ApiResponse) -> None:
        """Run an event and post its result."""
        self._set_trace(response.headers.get("lambda-runtime-trace-id"))
        request_id = response.headers["lambda-runtime-aws-request-id"]
        reply = RuntimeReply(self.client, request_id, response.headers.get("lambda-runtime-invocation-id"))
        context = None
        try:
            context = LambdaContext(response.headers, self.function)
            current_context.set(context)
            result = await self._dispatch(decode_event(response.body), context, reply)
            if not reply.is_posted:
                await reply.post_encoded(encode_result(result))
        except Exception as error:
            described = describe_error(error, request_id)
            self.log_error(described)
            await reply.post_error(error, described)
        if context is not None:
            await self._run_after_event(context)
            await self._run_pending_calls(context)

    async def _dispatch(self, event: Any, context: LambdaContext, reply: "RuntimeReply") -> Any:
        try:
            return await self.handler.dispatch(event, context, reply)
        except PROCESS_EXITS:
            raise
        except BaseException as error:
            if not reply.is_posted:
                return self.handler.recover(error, event, context)
            self.handler.logger.error("The service failed after its response", exc_info=error)

    def _set_trace(self, header: str | None) -> None:
        trace_header.set(header or "")
        if not self.is_alone:
            return
        if header is not None:
            os.environ[TRACE_VARIABLE] = header
        else:
            os.environ.pop(TRACE_VARIABLE, None)

    async def _run_pending_calls(self, context: LambdaContext) -> None:
        """Run asynchronous calls here, outside Lambda. In Lambda they are events of another invocation."""
        for envelope in self.handler.take_pending_calls():
            try:
                await self.handler.dispatch(envelope, context)
            except Exception as error:
                self.handler.logger.error("An asynchronous call failed", exc_info=error)
            await self._run_after_event(context)

    async def _run_after_event(self, context: LambdaContext) -> None:
        """Run the functions in `after_event`. The caller has its response; Lambda waits for the next poll."""
        for function in self.handler.after_event:
            try:
                await ensure_async(function)(context)
            except PROCESS_EXITS:
                raise
            except BaseException as error:
                self.handler.logger.error("A function in after_event failed", exc_info=error)


class RuntimeReply:
    """The result of one event, which is posted once."""

    def __init__(self, client: RuntimeClient, request_id: str, invocation_id: str | None) -> None:
        self.is_posted = False
        self._client = client
        self._request_id = request_id
        self._path = f"/invocation/{request_id}"
        # AWS's clients return the id as they receive it.
        self._id_header = {} if invocation_id is None else {"Lambda-Runtime-Invocation-Id": invocation_id}

    async def post(self, response: dict[str, Any]) -> None:
        """Post the response to a request, whose values have one JSON form in all encoders."""
        await self.post_encoded(msgspec.json.encode(response))

    async def post_encoded(self, body: bytes) -> None:
        self.is_posted = True
        await self._client.post(f"{self._path}/response", body, JSON_HEADER | self._id_header)

    def open_stream(self) -> ResponseStream:
        """Return the stream that sends the result instead."""
        self.is_posted = True
        return ResponseStream(self._client, self._request_id, self._id_header)

    async def post_error(self, error: Exception, described: dict[str, Any]) -> None:
        headers = {**JSON_HEADER, **self._id_header, ERROR_TYPE: described["errorType"]}
        cause = json.dumps(describe_xray_cause(error))
        if len(cause) < MAX_CAUSE_SIZE:
            headers[XRAY_CAUSE] = cause
        self.is_posted = True
        await self._client.post(f"{self._path}/error", json.dumps(described).encode(), headers)


def decode_event(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.MsgspecError:
        # It accepts NaN, huge numbers and single surrogates, as AWS's runtime does.
        return json.loads(body)


def encode_result(value: Any) -> bytes:
    return value if isinstance(value, bytes) else _encode(value).encode()


def _encode_other(value: object) -> int | float:
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    raise TypeError(f"Unable to marshal response: {type(value).__name__} is not JSON serializable")


_encode = json.JSONEncoder(ensure_ascii=False, default=_encode_other).encode

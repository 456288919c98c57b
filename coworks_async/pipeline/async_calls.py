"""Asynchronous calls: `InvocationType: Event` is answered 202 at once, and the entry runs later.

It runs as a request like any other, through the whole service, with whom the authorizer let in already told and
without the token. Who runs it is told by the adapter, in the scope; without one it is a task on the service's loop.
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

import msgspec
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from coworks_async.entries.entry import Entry
from coworks_async.exceptions import ContentTooLarge
from coworks_async.pipeline.authorizer import AUTHORIZED
from coworks_async.pipeline.body import read_body
from coworks_async.pipeline.collector import ResponseCollector
from coworks_async.pipeline.concurrency import ensure_async
from coworks_async.pipeline.errors import ErrorMiddleware, ErrorResponder
from coworks_async.pipeline.invocation import (
    ASYNC_INVOKER,
    INVOCATION_TYPE,
    OUTERMOST,
    RUNNING_ENTRY,
    StoreIn,
    is_asynchronous,
    store_target,
)
from coworks_async.pipeline.limits import Limits
from coworks_async.pipeline.problems import problem_response
from coworks_async.pipeline.responses import PlainResponse, encode_json
from coworks_async.types import ASGIApp, Principal, Receive, Scope, Send

Dispatch = Callable[[bytes, Scope], Awaitable[None]]

CALL_LIMIT = 999_000
"""The bytes of an encoded call: the 1 MB of Lambda's asynchronous calls, read as the smaller of its two meanings, less
room for an envelope (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html)."""


class AsyncCall(msgspec.Struct, frozen=True):
    """A request that is to be run later; text is latin-1 where ASGI has bytes, but the body."""

    endpoint: str
    request_id: str
    http_version: str
    method: str
    scheme: str
    path: str
    root_path: str
    query_string: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    client: tuple[str, int] | None
    server: tuple[str, int | None] | None
    principal: Principal | None

    def __str__(self) -> str:
        return f"{self.request_id} of {self.endpoint}"


def create_call(scope: Scope, body: bytes, entry: Entry, token_header: bytes) -> AsyncCall:
    """Return the call that a request asks for, without its token and without what made it asynchronous."""
    left_out = (token_header, INVOCATION_TYPE)
    text = [
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"] if name not in left_out
    ]
    return AsyncCall(
        endpoint=entry.endpoint,
        request_id=getattr(scope.get("aws.context"), "aws_request_id", None) or str(uuid.uuid4()),
        http_version=scope["http_version"],
        method=scope["method"],
        scheme=scope.get("scheme", "http"),
        path=scope["path"],
        root_path=scope.get("root_path", ""),
        query_string=scope["query_string"].decode("latin-1"),
        headers=tuple(text),
        body=body,
        client=scope.get("client"),
        server=scope.get("server"),
        # Where nobody was asked for a token, this is some other middleware's word, which it gives again.
        principal=None if entry.no_auth else scope["auth"],
    )


def encode_call(call: AsyncCall) -> bytes:
    """Encode a call as JSON.

    Raises:
        ContentTooLarge: it is over what Lambda takes, which is the limit everywhere.
    """
    encoded = msgspec.json.encode(call)
    if len(encoded) > CALL_LIMIT:
        raise ContentTooLarge(f"The request is over the limit of {CALL_LIMIT} bytes for an asynchronous call.")
    return encoded


def create_scope(call: AsyncCall) -> Scope:
    """Return the scope of a call's request; what would make it asynchronous again is left out whoever wrote it."""
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in call.headers]
    return {
        "type": "http",
        # Nobody leaves before the end, so nothing has to listen for that while an answer is streamed (since 2.4).
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": call.http_version,
        "method": call.method,
        "scheme": call.scheme,
        "path": call.path,
        "raw_path": None,
        "root_path": call.root_path,
        "query_string": call.query_string.encode("latin-1"),
        "headers": [pair for pair in headers if pair[0] != INVOCATION_TYPE],
        "client": call.client,
        "server": call.server,
    }


class Service(Protocol):
    """What running a call needs of a service."""

    logger: logging.Logger

    def store_response(self, response: Response, headers: Headers) -> Any: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


async def run_call(call: AsyncCall, service: Service, entry: Entry, told: Mapping[str, Any]) -> int:
    """Run a call through the service, to the end of `store_response`, and return the status of its answer.

    Parameters:
        entry: the only one that the call may reach.
        told: what the adapter adds to the scope.

    Raises:
        Exception: what `store_response` raised; it is logged. A failure of the entry is an answer, logged as well.
    """
    scope = {**create_scope(call), **told, RUNNING_ENTRY: entry}
    if call.principal is not None:
        scope[AUTHORIZED] = (service, call.principal)
    collector = ResponseCollector(scope, call.body)
    try:
        await service(scope, collector.receive, collector.send)
    except Exception as error:
        service.logger.error("The background call %s failed", call, exc_info=error)
    response = PlainResponse(collector.response()) if collector.complete else problem_response(500)
    if response.status_code >= 400:
        service.logger.error("The background call %s was answered %d", call, response.status_code)
    try:
        await ensure_async(service.store_response)(response, Headers(raw=scope["headers"]))
    except Exception as error:
        service.logger.error("The response of the background call %s was not stored", call, exc_info=error)
        raise
    return response.status_code


class AsyncCallTasks:
    """The calls that run on the loop of this process, held until they end."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[None]] = set()

    async def dispatch(self, encoded: bytes, scope: Scope, entry: Entry) -> None:
        """Start a call, as what its encoding says, so that it is here what it would be in Lambda."""
        call = msgspec.json.decode(encoded, type=AsyncCall)
        run = self._run(call, scope["app"], entry, scope.get("state"))
        task = asyncio.create_task(run, name=f"background call {call}")
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _run(self, call: AsyncCall, service: Service, entry: Entry, state: Mapping[str, Any] | None) -> None:
        try:
            with suppress(Exception):  # it is logged, and nobody here would try again
                await run_call(call, service, entry, {} if state is None else {"state": dict(state)})
        except asyncio.CancelledError:
            service.logger.error("The background call %s was cancelled before its end", call)
            raise

    async def end(self) -> None:
        """Wait until all calls have ended."""
        while self.tasks:
            await asyncio.wait(self.tasks)


class RunsCalls(Protocol):
    """What is known of a pipeline."""

    @property
    def running(self) -> AsyncCallTasks: ...


class AsyncCallMiddleware(ErrorMiddleware):
    """Takes the asynchronous calls of an entry, inside its authorizer; other requests pass.

    Parameters:
        app: the entry's endpoint.
        entry: what is declared of it.
        token_key: the header that is left out of the call.
        store_in: where answers may be stored.
        pipeline: holds what runs a call where no adapter does; another one does where it is mounted within that one's.

    A call is answered 202 with its `request_id`, once it is sure to be run; a 422 or a 413 says why it will not be.
    """

    def __init__(
        self,
        app: ASGIApp,
        entry: Entry,
        errors: ErrorResponder,
        *,
        token_key: str,
        limits: Limits,
        store_in: StoreIn,
        pipeline: RunsCalls,
    ) -> None:
        super().__init__(app, errors, str(entry))
        self.entry = entry
        self.token_header = token_key.lower().encode("latin-1")
        self.limits = limits
        self.store_in = store_in
        self.pipeline = pipeline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if RUNNING_ENTRY in scope or not is_asynchronous(scope):
            return await self.app(scope, receive, send)
        dispatch: Dispatch | None = scope.get(ASYNC_INVOKER)
        try:
            store_target(Headers(scope=scope), self.store_in)
            call = create_call(scope, await read_body(scope, receive, self.limits), self.entry, self.token_header)
            encoded = encode_call(call)
            if dispatch is not None:
                await dispatch(encoded, scope)
        except ClientDisconnect:
            return
        except Exception as error:
            return await self.answer(error, f"An asynchronous call of {self.what}", scope, receive, send)
        accepted = Response(encode_json({"request_id": call.request_id}), 202, media_type="application/json")
        await accepted(scope, receive, send)
        if dispatch is None:
            outermost: RunsCalls = scope.get(OUTERMOST, self.pipeline)
            await outermost.running.dispatch(encoded, scope, self.entry)

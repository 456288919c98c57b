"""Asynchronous calls: `InvocationType: Event` gets a 202 at once, and the entry runs later.

It then runs as any other request, through the whole service, with the principal but without the token. The adapter
that runs it is in the scope; without one it runs as a task on the service's event loop.
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

import anyio
import msgspec
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from coworks_async.entries.entry import Entry
from coworks_async.exceptions import ContentTooLarge, Problem, UnprocessableContent
from coworks_async.pipeline.access_log import CALL_REQUEST_ID, find_request_id
from coworks_async.pipeline.authorizer import AUTHORIZED
from coworks_async.pipeline.body import Limits, read_checked_body
from coworks_async.pipeline.collector import ResponseCollector
from coworks_async.pipeline.concurrency import ensure_async
from coworks_async.pipeline.errors import ErrorResponder, problem_response
from coworks_async.pipeline.invocation import (
    ASYNC_INVOKER,
    INVOCATION_TYPE,
    MOUNTED,
    RUNNING_ENTRY,
    StoreIn,
    asynchronous_call_error,
    is_asynchronous,
    parse_store_location,
)
from coworks_async.pipeline.responses import PlainResponse, encode_json
from coworks_async.types import ASGIApp, Principal, Receive, Scope, Send

Invoker = Callable[[bytes, Scope], Awaitable[None]]

RETRY_AFTER = "5"
"""Seconds after which a client may repeat a call that was one too many."""

CANCELLATION_TIMEOUT = 1.0
"""Seconds for which a shutdown waits for the calls that it has cancelled."""

CALL_LIMIT = 999_000
"""Bytes of an encoded call: Lambda's limit of 1 MB (taken as 1,000,000 bytes), less the size of an envelope.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""


class AsyncCall(msgspec.Struct, frozen=True):
    """A request to be run later. Strings are latin-1 where ASGI has bytes."""

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
    """Create the call of a request, without its token and invocation type."""
    headers = [pair for pair in scope["headers"] if pair[0] not in (token_header, INVOCATION_TYPE)]
    return AsyncCall(
        endpoint=entry.endpoint,
        request_id=find_request_id(scope) or str(uuid.uuid4()),
        http_version=scope["http_version"],
        method=scope["method"],
        scheme=scope.get("scheme", "http"),
        path=scope["path"],
        root_path=scope.get("root_path", ""),
        query_string=scope["query_string"].decode("latin-1"),
        headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers),
        body=body,
        client=scope.get("client"),
        server=scope.get("server"),
        # With `no_auth`, `auth` comes from the user's middleware, which runs again.
        principal=None if entry.no_auth else scope["auth"],
    )


def create_scope(call: AsyncCall) -> Scope:
    """Create the scope of a call's request, without an invocation type even if the call contains one."""
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in call.headers]
    return {
        "type": "http",
        # With 2.4, Starlette does not listen for a disconnect while it streams; a call has no client to disconnect.
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
    logger: logging.Logger

    def store_response(self, response: Response, headers: Headers) -> Any: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


async def run_call(call: AsyncCall, service: Service, entry: Entry, scope_extras: Mapping[str, Any]) -> int:
    """Run a call, store its response and return the status. Only failures of `store_response` are raised."""
    try:
        return await _run_and_store(call, service, entry, scope_extras)
    except asyncio.CancelledError:
        service.logger.error("Asynchronous call %s was cancelled", call)
        raise


async def _run_and_store(call: AsyncCall, service: Service, entry: Entry, scope_extras: Mapping[str, Any]) -> int:
    scope = {**create_scope(call), **scope_extras, RUNNING_ENTRY: entry}
    if call.principal is not None:
        scope[AUTHORIZED] = (service, call.principal)
    collector = ResponseCollector(scope, call.body)
    try:
        await service(scope, collector.receive, collector.send)
    except Exception as error:
        service.logger.error("Asynchronous call %s failed", call, exc_info=error)
    response = PlainResponse(collector.response()) if collector.complete else problem_response(500)
    if response.status_code >= 400:
        service.logger.error("Asynchronous call %s returned status %d", call, response.status_code)
    try:
        await ensure_async(service.store_response)(response, Headers(raw=scope["headers"]))
    except Exception as error:
        service.logger.error("The response of asynchronous call %s was not stored", call, exc_info=error)
        raise
    return response.status_code


class AsyncCallTasks:
    """Asynchronous calls that run as tasks on the service's event loop, at most `limit` at a time if it is given."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._accepted = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self) -> None:
        """Reserve a place for a call, until it ends or `release` is called; raise a 503 if there is no place."""
        if self._accepted == self.limit:
            detail = f"The service runs {self.limit} asynchronous calls, which is its limit. Try again later."
            raise Problem(503, detail, headers={"retry-after": RETRY_AFTER})
        self._accepted += 1

    def release(self) -> None:
        self._accepted -= 1

    def start(self, encoded: bytes, scope: Scope, entry: Entry) -> None:
        """Start an accepted call. It is decoded, so that the entry receives what it would in Lambda."""
        call = msgspec.json.decode(encoded, type=AsyncCall)
        run = self._run(call, scope["app"], entry, scope.get("state"))
        task = asyncio.create_task(run, name=f"asynchronous call {call}")
        self._tasks.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.release()

    async def _run(self, call: AsyncCall, service: Service, entry: Entry, state: Mapping[str, Any] | None) -> None:
        with suppress(Exception):  # logged by run_call; there is no retry here
            extras = {} if state is None else {"state": dict(state)}
            await run_call(call, service, entry, {**extras, CALL_REQUEST_ID: call.request_id})

    async def end(self, deadline: float | None) -> None:
        """Wait until the calls have ended. Those that run after `deadline` seconds are cancelled, which is logged."""
        with anyio.move_on_after(deadline):
            while self._tasks:
                await asyncio.wait(self._tasks)
        running = self._tasks.copy()
        for task in running:
            task.cancel()
        if running:
            # Not for ever: a sync entry runs to its end.
            await asyncio.wait(running, timeout=CANCELLATION_TIMEOUT)


class AsyncCallMiddleware:
    """Responds to asynchronous calls of an entry with 202, once they are accepted; passes on other requests."""

    def __init__(
        self,
        app: ASGIApp,
        entry: Entry,
        errors: ErrorResponder,
        *,
        token_key: str,
        limits: Limits,
        store_in: StoreIn,
        tasks: AsyncCallTasks,
    ) -> None:
        self.app = app
        self.entry = entry
        self.errors = errors
        self.token_header = token_key.lower().encode("latin-1")
        self.limits = limits
        self.store_in = store_in
        self.tasks = tasks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if RUNNING_ENTRY in scope or not is_asynchronous(scope):
            return await self.app(scope, receive, send)
        invoke: Invoker | None = scope.get(ASYNC_INVOKER)
        try:
            if MOUNTED in scope:
                detail = "Asynchronous calls are accepted only by the outermost service, not by a mounted one"
                raise UnprocessableContent([asynchronous_call_error(detail)])
            parse_store_location(Headers(scope=scope), self.store_in)
            call = create_call(
                scope, await read_checked_body(scope, receive, self.limits), self.entry, self.token_header
            )
            encoded = msgspec.json.encode(call)
            if len(encoded) > CALL_LIMIT:  # of Lambda, but applied everywhere
                raise ContentTooLarge(f"The request is over the limit of {CALL_LIMIT} bytes for an asynchronous call.")
            if invoke is not None:
                await invoke(encoded, scope)
            else:
                self.tasks.accept()
        except ClientDisconnect:
            return
        except Exception as error:
            return await self.errors.send(error, f"Asynchronous call of {self.entry}", scope, receive, send)
        accepted = Response(encode_json({"request_id": call.request_id}), 202, media_type="application/json")
        if invoke is not None:
            return await accepted(scope, receive, send)
        try:
            await accepted(scope, receive, send)
        except BaseException:
            self.tasks.release()
            raise
        self.tasks.start(encoded, scope, self.entry)

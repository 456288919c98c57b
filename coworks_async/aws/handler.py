"""The Lambda handler: dispatches events by kind."""

import logging
import os
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Collection
from inspect import isawaitable
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from mangum.types import Response as MangumResponse
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from coworks_async.aws import authorizer
from coworks_async.aws.deadline import Deadlines
from coworks_async.aws.event_formats.base import CONFIG, ENVELOPE, size_over_limit
from coworks_async.aws.event_formats.infer import RequestEvent, infer_event_class, is_stream_completion
from coworks_async.aws.event_loop import EventLoop
from coworks_async.aws.lifespan import Lifespan
from coworks_async.aws.metrics import write_server_error
from coworks_async.aws.signing import KEY_VARIABLE, Signer
from coworks_async.aws.snapshot import SnapshotHooks, is_snap_start, register_with_aws
from coworks_async.entries.cors import CorsOption
from coworks_async.entries.entry import Entry
from coworks_async.exceptions import AuthorizerError, BadRequest, EventTimeout, StartupError
from coworks_async.pipeline.access_log import find_route, log_request
from coworks_async.pipeline.authorizer import (
    AUTHORIZED,
    is_rejection,
    log_authorizer_failure,
    principal_from_result,
    strip_scheme,
)
from coworks_async.pipeline.collector import ResponseAborted, ResponseCollector
from coworks_async.pipeline.concurrency import ensure_async
from coworks_async.pipeline.cors import CorsHeaders
from coworks_async.pipeline.errors import problem_response, request_line, to_exception
from coworks_async.pipeline.invocation import ASYNC_INVOKER
from coworks_async.pipeline.responses import has_body
from coworks_async.pipeline.routing import EntryRoute
from coworks_async.types import Event, Principal, Receive, Scope, Send

if TYPE_CHECKING:
    from coworks_async.aws.async_invoke import AsyncInvoker
    from coworks_async.aws.streaming import Reply

PROCESS_EXITS = (KeyboardInterrupt, SystemExit)
STREAM_WARNING = (
    "A streamed response was sent as a whole. REST APIs and function URLs stream after a deploy with "
    "--runtime native --stream."
)


class Service(Protocol):
    """The parts of a service that the handler uses."""

    @property
    def token_key(self) -> str: ...

    @property
    def auth_scheme(self) -> str | None: ...

    @property
    def cors(self) -> CorsOption: ...

    @property
    def lambda_timeout_margin(self) -> float | None: ...

    @property
    def snapshot_hooks(self) -> SnapshotHooks: ...

    logger: logging.Logger

    def token_authorizer(self, token: str) -> Any: ...

    def on_event(self, event: Any, context: Any) -> Any: ...

    def entry_at(self, method: str, path: str) -> Entry | None: ...

    def store_response(self, response: Response, headers: Headers) -> Any: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class LambdaHandler:
    """Handles Lambda events: requests in any gateway's format, authorizer events, and all others.

    A request always gets a response: an exception becomes a 500, because API Gateway would turn it into a bare 502.
    Any other event fails with the exception that was raised. Mangum's event classes are used, but not its adapter,
    which runs the lifespan at every event.

    Attributes:
        after_event: functions, sync or async, called with the context at the end of each event.
        streaming_callers: the events whose callers receive a response as a stream. The native runtime sets it.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.logger = service.logger
        self._token_header = service.token_key.lower().encode("latin-1")
        self.lifespan = Lifespan(service)
        self.event_loop = EventLoop(self.lifespan, service.logger)
        self._signer = Signer()
        self._deadlines = Deadlines(service.lambda_timeout_margin)
        self.after_event: list[Callable[[Any], object]] = []
        self.streaming_callers: Collection[type[RequestEvent]] = ()
        if is_snap_start(os.environ):
            hooks = service.snapshot_hooks
            register_with_aws(
                lambda: self.event_loop.run(hooks.run_before_snapshot),
                lambda: self.event_loop.run(hooks.run_after_restore),
            )
        self._is_cold = True
        self._has_warned_of_streams = False
        self._async_invoker: AsyncInvoker | None = None

    def __call__(self, event: Any, context: Any) -> Any:
        try:
            return self.handle(event, context)
        finally:
            for function in self.after_event:
                self._run_after_event(function, context)

    def close(self) -> None:
        """Stop the lifespan and close the event loop. The next event starts both again."""
        self.event_loop.close()

    def handle(self, event: Any, context: Any) -> Any:
        try:
            result = self.event_loop.run(lambda: self.dispatch(event, context))
        except PROCESS_EXITS:
            raise
        except BaseException as error:
            result = self.recover(error, event, context)
        if self._async_invoker is not None:
            self._run_pending_calls(context)
        return result

    async def dispatch(self, event: Any, context: Any, reply: "Reply | None" = None) -> Any:
        """Return the result of an event. If this raises, the caller passes the exception to `recover`.

        With `reply`, the result of a request is sent through it once the response is complete, or as a stream, instead
        of being returned. Work that follows the response, such as background tasks, continues then.
        """
        start = perf_counter()
        if isinstance(event, dict) and authorizer.is_authorizer_event(event):
            # It is not logged. The request that follows reports the cold start.
            return await self._run("An authorizer event", context, lambda: self.authorize(event, context))
        cold, self._is_cold = self._is_cold, False
        event_class = infer_event_class(event)
        if event_class is not None:
            request = event_class(event, context, CONFIG)
            if reply is not None:
                if event_class in self.streaming_callers and event.get("version") != "1.0":  # HTTP APIs do not stream
                    # Lambda cold start: only the native runtime streams.
                    from coworks_async.aws.streaming import respond_streaming

                    return await respond_streaming(self, request, reply.open_stream(), start, cold)
                return await self.respond_early(request, start, cold, reply)
            return await self.respond(request, start, cold)
        if isinstance(event, dict) and event.keys() == {ENVELOPE}:
            label = "The event of an asynchronous call"
            return await self._run(label, context, lambda: self.run_async_call(event, context, start, cold))
        if is_stream_completion(event, self.streaming_callers):
            return None
        return await self._run("An event", context, lambda: ensure_async(self.service.on_event)(event, context))

    async def _run(self, label: str, context: Any, work: Callable[[], Awaitable[Any]]) -> Any:
        try:
            with self._deadlines.limit(context):
                await self.lifespan.start()
                return await work()
        except EventTimeout as error:
            self._log_timeout(label, context, error)
            raise

    def recover(self, error: BaseException, event: Any, context: Any) -> Any:
        """Return the 500 for a request whose dispatch was cancelled or could not run; raise for another event."""
        is_authorizer = isinstance(event, dict) and authorizer.is_authorizer_event(event)
        event_class = None if is_authorizer else infer_event_class(event)
        if event_class is not None:
            request = event_class(event, context, CONFIG)
            return self._respond_to_failure(error, request, request.scope, perf_counter(), cold=False)
        if isinstance(error, Exception):
            raise error
        # Lambda's runtime client would end the process.
        raise RuntimeError(f"The event failed with {type(error).__name__}") from error

    async def respond(self, request: RequestEvent, start: float, cold: bool) -> dict[str, Any]:
        scope: Scope = {}
        try:
            scope = request.scope
            collector = ResponseCollector(scope, request.body)
            await self.run_cycle(request, scope, collector)
            response = self._read_response(collector)
            return self._format_response(response, request, scope, start, cold)
        except Exception as error:
            return self._respond_to_failure(error, request, scope, start, cold)

    async def respond_early(self, request: RequestEvent, start: float, cold: bool, reply: "Reply") -> None:
        """Send the result once the response is complete. Work that follows the response continues then."""
        scope: Scope = {}

        async def post_response(collector: ResponseCollector) -> None:
            try:
                response = self._read_response(collector)
                result = self._format_response(response, request, scope, start, cold)
            except Exception as error:
                result = self._respond_to_failure(error, request, scope, start, cold)
            await reply.post(result)

        try:
            scope = request.scope
            collector = ResponseCollector(scope, request.body, post_response)
            await self.run_cycle(request, scope, collector)
            collector.check_complete()
        except Exception as error:
            await reply.post(self._respond_to_failure(error, request, scope, start, cold))

    def _format_response(
        self, response: MangumResponse, request: RequestEvent, scope: Scope, start: float, cold: bool
    ) -> dict[str, Any]:
        result = request(response)
        if size := size_over_limit(result, request.limit):
            message = "The response to %s %r has %d bytes, over the gateway's limit of %d"
            self.logger.error(message, scope["method"], scope["path"], size, request.limit)
            detail = f"The response is over the limit of {request.limit} bytes."
            result = request(self._create_problem(scope, 500, detail))
        self.log_status(result["statusCode"], request, scope, start, cold)
        return result

    def _respond_to_failure(
        self, error: BaseException, request: RequestEvent, scope: Scope, start: float, cold: bool
    ) -> dict[str, Any]:
        result = request(self.explain_failure(error, request, scope))
        self.log_status(result["statusCode"], request, scope, start, cold)
        return result

    def explain_failure(self, error: BaseException, request: RequestEvent, scope: Scope) -> MangumResponse:
        """Log why a request failed, unless it is logged already, and return the problem for its client."""
        status, detail = 500, ""
        if isinstance(error, BadRequest):  # the body of the event
            status, detail = error.status_code, error.detail
        elif isinstance(error, EventTimeout):
            status, detail = 504, "The service took too long to respond."
            self._log_timeout(describe_route(scope), request.context, error)
        elif isinstance(error, StartupError):
            self.logger.error("A request failed: %s", error, exc_info=error.__cause__)
        elif not isinstance(error, ResponseAborted | ClientDisconnect):
            self.logger.error("A request failed without a complete response", exc_info=error)
        return self._create_problem(scope, status, detail)

    def log_status(
        self,
        status: int,
        request: RequestEvent,
        scope: Scope,
        start: float,
        cold: bool,
        error: BaseException | None = None,
    ) -> None:
        log_request(self.logger, scope, status, start=start, context=request.context, cold=cold, error=error)
        if status >= 500:
            write_server_error(request.context)

    def _create_problem(self, scope: Scope, status: int, detail: str) -> MangumResponse:
        """Return a problem with the headers that the entry's own response would have had, without a body for HEAD."""
        response = problem_response(status, detail)
        headers: Any = response.raw_headers  # Mangum's type has lists instead of tuples
        route = scope.get("route")
        cors = route.entry.cors if isinstance(route, EntryRoute) else self.service.cors
        if cors and "headers" in scope:
            headers = CorsHeaders(cors).add(scope, headers)
        body = bytes(response.body) if has_body(scope.get("method", ""), status) else b""
        return {"status": status, "headers": headers, "body": body}

    async def run_cycle(self, request: RequestEvent, scope: Scope, collector: ResponseCollector) -> None:
        principal = authorizer.get_trusted_principal(request.event, request.context, self._signer)
        if principal is not None and not authorizer.has_several_tokens(scope["headers"], self._token_header):
            scope[AUTHORIZED] = (self.service, principal)
        scope[ASYNC_INVOKER] = self._invoke_async
        try:
            with self._deadlines.limit(request.context):
                if not self.lifespan.is_running:
                    await self.lifespan.start()
                scope["state"] = self.lifespan.state.copy()
                await self.service(scope, collector.receive, collector.send)
        except Exception as error:
            if not collector.complete:
                raise
            self._log_late_failure(error, request, scope)

    def _log_late_failure(self, error: Exception, request: RequestEvent, scope: Scope) -> None:
        label = describe_route(scope)
        if isinstance(error, EventTimeout):
            self._log_timeout(f"{label}, after its response", request.context, error)
        else:
            self.logger.error("%s failed after its response", label, exc_info=error)

    def _read_response(self, collector: ResponseCollector) -> MangumResponse:
        headers: Any  # Mangum's type has lists instead of tuples
        status, headers, content = collector.response()
        if collector.streamed and not self._has_warned_of_streams:
            self._has_warned_of_streams = True
            self.logger.warning(STREAM_WARNING)
        return {"status": status, "headers": headers, "body": content}

    async def authorize(self, event: Event, context: Any) -> dict[str, Any]:
        """Return the result of an authorizer event. It fails if `token_authorizer` does: rejections are cached."""
        token = authorizer.get_token(event, self.service.token_key)
        if self.service.auth_scheme is not None:
            token = strip_scheme(token, self.service.auth_scheme)
        if not token:
            return authorizer.create_rejection(event, 401)
        try:
            principal = principal_from_result(await ensure_async(self.service.token_authorizer)(token), self.logger)
        except (Exception, CancelledError) as failure:
            error = to_exception(failure)
            if not is_rejection(error):
                log_authorizer_failure(error, self.logger)
                # Only our own message is safe: any other may contain the token.
                reason = str(error) if isinstance(error, AuthorizerError) else "token_authorizer failed"
                raise AuthorizerError(f"{reason}; access denied") from None
            error.__traceback__ = None  # an instance that is raised again would collect frames
            status = error.status_code
        else:
            return authorizer.create_result(event, self._create_result_context(principal, context))
        return authorizer.create_rejection(event, status)

    def _create_result_context(self, principal: Principal, context: Any) -> dict[str, str]:
        if not self._signer.has_key:
            self.logger.warning(
                "%s is not set, so the service checks the token of each request again. 'cws deploy' sets it.",
                KEY_VARIABLE,
            )
        return authorizer.create_result_context(principal, context, self._signer)

    async def run_async_call(self, event: Event, context: Any, start: float, cold: bool) -> dict[str, Any]:
        # Lambda cold start: most functions run no asynchronous call.
        from coworks_async.aws.async_invoke import accept_envelope
        from coworks_async.pipeline.async_calls import run_call

        call, entry = accept_envelope(event, context, self.service.entry_at, self._signer)
        extra_scope = {"aws.event": event, "aws.context": context, "state": self.lifespan.state.copy()}
        status = await run_call(call, self.service, entry, extra_scope)
        scope = {"method": call.method, "path": call.path}
        log_request(self.logger, scope, status, start=start, context=context, cold=cold, route=entry.path)
        if status >= 500:
            write_server_error(context)
        return {"request_id": call.request_id, "status": status}

    async def _invoke_async(self, encoded: bytes, scope: Scope) -> None:
        if self._async_invoker is None:
            # Lambda cold start: most functions make no asynchronous call.
            from coworks_async.aws.async_invoke import AsyncInvoker

            self._async_invoker = AsyncInvoker(self._signer)
        await self._async_invoker(encoded, scope)

    def take_pending_calls(self) -> list[Event]:
        """Return the envelopes of the asynchronous calls that the caller runs now. In Lambda there are none."""
        if self._async_invoker is None:
            return []
        pending, self._async_invoker.pending = self._async_invoker.pending, []
        return pending

    def _run_pending_calls(self, context: Any) -> None:
        for envelope in self.take_pending_calls():
            try:
                self(envelope, context)
            except Exception as error:
                self.logger.error("An asynchronous call failed", exc_info=error)

    def _log_timeout(self, label: str, context: Any, error: EventTimeout) -> None:
        self.logger.error("%s, request id %s: %s", label, getattr(context, "aws_request_id", None), error)

    def _run_after_event(self, function: Callable[[Any], object], context: Any) -> None:
        try:
            returned = function(context)
            if isawaitable(returned):
                self.event_loop.run(lambda: _to_coroutine(returned))
        except PROCESS_EXITS:
            raise
        except BaseException as error:
            self.logger.error("A function in after_event failed", exc_info=error)


def describe_route(scope: Scope) -> str:
    """Return the request line and the route, for the log."""
    return f"{request_line(scope)} on route {find_route(scope, None)}"


async def _to_coroutine(awaitable: Awaitable[Any]) -> Any:
    return await awaitable

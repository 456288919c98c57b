"""The Lambda handler: from an event to its answer."""

import logging
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Coroutine
from inspect import isawaitable, iscoroutine
from time import perf_counter
from typing import Any, Protocol

from mangum.types import Response as Answer
from starlette.datastructures import Headers
from starlette.responses import Response

from coworks_async.aws import authorizer
from coworks_async.aws.access_log import log_request
from coworks_async.aws.async_invoke import AsyncInvoker, is_envelope
from coworks_async.aws.event_formats.alb import AlbEvent
from coworks_async.aws.event_formats.base import CONFIG, oversize
from coworks_async.aws.event_formats.http_api import FunctionUrlEvent, HttpApiEvent
from coworks_async.aws.event_formats.rest import RestEvent
from coworks_async.aws.runtime import Runtime
from coworks_async.entries.entry import Entry
from coworks_async.exceptions import AuthorizerError, StartupError
from coworks_async.pipeline.authorizer import AUTHORIZED, log_authorizer_failure, principal_from_result
from coworks_async.pipeline.collector import ResponseAborted, ResponseCollector
from coworks_async.pipeline.concurrency import ensure_async
from coworks_async.pipeline.errors import problem_response, to_exception
from coworks_async.pipeline.invocation import ASYNC_INVOKER
from coworks_async.types import Event, Receive, Scope, Send

RequestEvent = RestEvent | HttpApiEvent | AlbEvent

PROCESS_EXITS = (KeyboardInterrupt, SystemExit)
"""What ends the process, as it does elsewhere."""


class Service(Protocol):
    """What the handler knows of a service."""

    @property
    def token_key(self) -> str: ...

    logger: logging.Logger

    def token_authorizer(self, token: str) -> Any: ...

    def on_event(self, event: Any, context: Any) -> Any: ...

    def entry_at(self, method: str, path: str) -> Entry | None: ...

    def store_response(self, response: Response, headers: Headers) -> Any: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class LambdaHandler:
    """Answers events: a gateway's question about a token, a request in any format, or whatever else comes.

    Mangum's event classes read and write the formats. Its adapter is not used: that would start and end the lifespan
    at every event.

    A request is always answered: what would be raised is a 500, since a gateway makes a bare 502 of an exception. Any
    other event fails with what is raised. What stands in `after_event` is called with the context at the end of each,
    before the container may be frozen.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.logger = service.logger
        self.container = Runtime(service, service.logger)
        self.cold = True
        self.warned_of_streams = False
        self.dispatch = AsyncInvoker(service)
        self.after_event: list[Callable[[Any], object]] = []

    def __call__(self, event: Any, context: Any) -> Any:
        try:
            return self.take(event, context)
        finally:
            for step in self.after_event:
                self.run_after(step, context)

    def take(self, event: Any, context: Any) -> Any:
        """Handle an event of any kind."""
        start = perf_counter()
        if isinstance(event, dict) and authorizer.is_authorizer_event(event):
            # It comes for a request, whose line in the log is the first and tells of the cold start.
            return self.run(lambda: self.authorize(event, context))
        cold, self.cold = self.cold, False
        kind = event_class(event)
        if kind is not None:
            answer = self.respond(kind(event, context, CONFIG), start, cold)
            if self.dispatch.kept:
                self.run_kept(context)
            return answer
        if is_envelope(event):
            return self.run(lambda: self.run_background(event, context, start, cold))
        return self.run(lambda: self.handle(event, context))

    def run(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run what no request is; whatever it raises is an error of this event, and not the end of Lambda's runtime."""
        try:
            return self.container.run(work)
        except (Exception, *PROCESS_EXITS):
            raise
        except BaseException as error:
            raise RuntimeError(f"The event was ended by {type(error).__name__}") from error

    def run_after(self, step: Callable[[Any], object], context: Any) -> None:
        """Take a step that comes after an event, sync or async; what it raises is logged, and changes no answer."""
        try:
            returned = step(context)
            if isawaitable(returned):
                work = returned if iscoroutine(returned) else awaited(returned)
                self.container.run(lambda: work, starts=False)
        except PROCESS_EXITS:
            raise
        except BaseException as error:
            self.logger.error("A function in after_event failed", exc_info=error)

    def close(self) -> None:
        """End the lifespan and the loop, as the end of a container does; the next event would start them again."""
        self.container.close()

    async def authorize(self, event: Event, context: Any) -> dict[str, Any]:
        """Answer a gateway that asks about a token.

        Raises:
            AuthorizerError: the rule failed; the event fails as well, since a deny would be cached.
        """
        token = authorizer.get_token(event, self.service.token_key)
        if not token:
            if authorizer.uses_simple_response(event):
                return authorizer.authorizer_response(event, context, None)
            # The very word of which a REST API makes a 401.
            raise AuthorizerError("Unauthorized")
        try:
            principal = principal_from_result(await ensure_async(self.service.token_authorizer)(token), self.logger)
        except (Exception, CancelledError) as failed:
            error = to_exception(failed)
            log_authorizer_failure(error, self.logger)
            told = str(error) if isinstance(error, AuthorizerError) else "token_authorizer failed"
            raise AuthorizerError(f"{told}; access denied") from None
        return authorizer.authorizer_response(event, context, principal)

    async def handle(self, event: Any, context: Any) -> Any:
        """Hand an event that is no request to the service's `on_event`."""
        return await ensure_async(self.service.on_event)(event, context)

    async def run_background(self, event: Event, context: Any, start: float, cold: bool) -> dict[str, Any]:
        """Run an asynchronous call, and return its request id and the status that its entry answered.

        Raises:
            BackgroundError: the envelope holds no call that this service takes.
            Exception: what `store_response` raised.
        """
        # Loaded with the first call: most containers see none.
        from coworks_async.aws.background import accept_envelope
        from coworks_async.pipeline.async_calls import run_call

        accepted = accept_envelope(event, context, self.service)
        call = accepted.call
        told = {"aws.event": event, "aws.context": context, "state": self.container.state.copy()}
        status = await run_call(call, accepted.service, accepted.entry, told)
        log_request(
            self.logger, {"method": call.method, "path": call.path}, status, start=start, context=context, cold=cold
        )
        return {"request_id": call.request_id, "status": status}

    def run_kept(self, context: Any) -> None:
        """Take the second invocations that no Lambda is there to take; they are none of the first one's affair."""
        for envelope in self.dispatch.take():
            try:
                self(envelope, context)
            except Exception as error:
                self.logger.error("An asynchronous call failed as an event", exc_info=error)

    def respond(self, request: RequestEvent, start: float, cold: bool) -> dict[str, Any]:
        """Answer a request, whatever happens."""
        scope: Scope = {}
        detail = None
        try:
            scope = request.scope
            answer = request(self._answer(request, scope))
            size = oversize(request.limit, answer)
            if size:
                detail = f"The answer is over the limit of {request.limit} bytes."
                told = size, request.limit, scope["method"], scope["path"]
                self.logger.error("An answer of %d bytes is over the limit of %d for its caller: %s %r", *told)
        except StartupError as error:
            detail = ""
            self.logger.error("A request came before the service could start: %s", error, exc_info=error.__cause__)
        except ResponseAborted:
            detail = ""
        except PROCESS_EXITS:
            raise
        except BaseException as error:
            detail = ""
            self.logger.error("A request was not answered", exc_info=error)
        if detail is not None:
            problem = problem_response(500, detail)
            answer = request(mangum_response(problem.status_code, problem.raw_headers, bytes(problem.body)))
        log_request(self.logger, scope, answer["statusCode"], start=start, context=request.context, cold=cold)
        return answer

    def _answer(self, request: RequestEvent, scope: Scope) -> Answer:
        principal = authorizer.trusted_principal(request.event, request.context)
        if principal is not None:
            scope[AUTHORIZED] = (self.service, principal)
        scope[ASYNC_INVOKER] = self.dispatch
        cycle = ResponseCollector(scope, request.body)

        def start() -> Coroutine[Any, Any, None]:
            scope["state"] = self.container.state.copy()
            return self.service(scope, cycle.receive, cycle.send)

        try:
            self.container.run(start)
        except Exception as error:
            if not cycle.complete:
                raise
            self.logger.error("The service failed after its answer", exc_info=error)
        answer = cycle.response()
        if cycle.streamed and not self.warned_of_streams:
            self.warned_of_streams = True
            self.logger.warning("An answer was streamed; in Lambda it is sent when it is whole.")
        return mangum_response(*answer)


def event_class(event: Any) -> type[RequestEvent] | None:
    """Return the format of a request's event, None for any other event."""
    context = event.get("requestContext") if isinstance(event, dict) else None
    if not isinstance(context, dict):
        return None
    if "httpMethod" in event:
        return AlbEvent if "elb" in context else RestEvent
    if "rawPath" in event and "http" in context:
        return FunctionUrlEvent if ".lambda-url." in str(context.get("domainName")) else HttpApiEvent
    return None


async def awaited(result: Awaitable[Any]) -> Any:
    """Await what need not be a coroutine, which a task must be."""
    return await result


def mangum_response(status: int, headers: Any, body: bytes) -> Answer:
    """Return a response in the form that Mangum's event classes take."""
    return {"status": status, "headers": headers, "body": body}

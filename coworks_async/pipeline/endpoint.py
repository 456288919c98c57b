"""Handle a request for one entry, after its authorizer: hooks, bind, call, respond."""

import sys
from asyncio import CancelledError
from collections.abc import Sequence

import anyio
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from coworks_async.entries.blueprints import HookRegistry
from coworks_async.exceptions import ReturnError
from coworks_async.pipeline.binding.fast import Binder
from coworks_async.pipeline.concurrency import AsyncFunction, ensure_async
from coworks_async.pipeline.errors import ErrorResponder, to_exception
from coworks_async.pipeline.request import AFTER_RESPONSE, REQUEST, current
from coworks_async.pipeline.responses import (
    BODILESS_STATUSES,
    ENCODERS,
    GeneratorResponse,
    PlainResponse,
    ResponseParts,
    check_response,
    to_response,
)
from coworks_async.types import Receive, Scope, Send

AnyResponse = ResponseParts | Response


class Endpoint:
    """ASGI app of one entry, inside the hooks of `registries`; `label` names it in log messages."""

    def __init__(
        self,
        label: str,
        binder: Binder,
        function: AsyncFunction,
        registries: Sequence[HookRegistry],
        errors: ErrorResponder,
    ) -> None:
        self.label = label
        self.bind_sync, self.bind = binder.bind_sync, binder.bind
        self.function = function
        self.before = [ensure_async(hook) for each in registries for hook in each.before]
        # In reverse order of registration, so that the first registered hook is the outermost.
        self.after = [ensure_async(hook) for each in reversed(registries) for hook in reversed(each.after)]
        self.teardown = [ensure_async(hook) for each in reversed(registries) for hook in reversed(each.teardown)]
        self.errors = errors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reset = current.set((scope, receive, send))
        response: AnyResponse | None = None
        failure: BaseException | None = None
        try:
            try:
                for hook in self.before:
                    returned = await hook()
                    if returned is not None:
                        break
                else:
                    bound = self.bind_sync(scope) if self.bind_sync is not None else None
                    args, kwargs = bound if bound is not None else await self.bind(scope, receive, send)
                    returned = await (self.function(*args, **kwargs) if kwargs else self.function(*args))
                encode = ENCODERS.get(type(returned))
                response = encode(returned) if encode is not None else await to_response(returned)
            except ClientDisconnect:
                return
            except (Exception, CancelledError) as error:
                failure = raised = to_exception(error)
                response = await self.errors.respond(raised, self.label)
            final: AnyResponse = response
            if self.after:
                final, failure = await self.run_after(response, failure)
            if isinstance(final, tuple):
                status, headers, body = final
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": body})
            else:
                failure = await self.send_response(final, scope, receive, send) or failure
            if AFTER_RESPONSE in scope:
                await self.errors.run_after_response(scope, self.label)
        except BaseException as error:
            failure = error  # the request is cancelled, or the server failed to send
            raise
        finally:
            try:
                if self.teardown or failure is not None or REQUEST in scope or isinstance(response, GeneratorResponse):
                    await self.finish(response, failure, scope)
                    failure = None  # its traceback, if it still propagates, refers to this frame
            finally:
                current.reset(reset)

    async def run_after(
        self, response: AnyResponse, failure: BaseException | None
    ) -> tuple[AnyResponse, BaseException | None]:
        """Run the after_request hooks, on error responses too. A failing hook's error response goes to the next."""
        result = response if isinstance(response, Response) else PlainResponse(response)
        for hook in self.after:
            before = (result, result.status_code, result.raw_headers.copy())
            try:
                result = await hook(result)
                if not isinstance(result, Response):
                    raise ReturnError(f"returned {type(result).__name__}; an after_request hook must return a Response")
                if before != (result, result.status_code, result.raw_headers):
                    check_response(result)
            except (Exception, CancelledError) as error:
                failure = raised = to_exception(error)
                result = await self.errors.respond(raised, f"after_request hook of {self.label}")
        if (
            type(result) is PlainResponse
            and result.background is None
            and (result.status_code not in BODILESS_STATUSES or not result.body)
        ):
            # Unlike another response, it cannot fail while it is sent.
            return (result.status_code, result.raw_headers, bytes(result.body)), failure
        return result, failure

    async def send_response(self, response: Response, scope: Scope, receive: Receive, send: Send) -> Exception | None:
        """Send a response and return the exception that it raised, if any."""
        response = await self.errors.without_body(response, self.label, scope["method"])
        return await self.errors.run(response, self.label, scope, receive, send)

    async def finish(self, response: AnyResponse | None, failure: BaseException | None, scope: Scope) -> None:
        """Close the generator, run the teardown_request hooks and close uploaded files, even if cancelled."""
        with anyio.CancelScope(shield=True):
            if isinstance(response, GeneratorResponse):
                await self.errors.attempt(response.close(), f"Closing the generator of {self.label}")
            for hook in self.teardown:
                await self.errors.attempt(hook(failure), f"teardown_request hook of {self.label}")
            if REQUEST in scope:
                self.errors.close_after_response(scope, self.label)
                await scope[REQUEST].close()
        # It refers to the frame of the request; an instance that is raised again would collect frames. One that still
        # propagates needs it for the log.
        if failure is not None and failure is not sys.exception():
            failure.__traceback__ = None

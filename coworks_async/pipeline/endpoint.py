"""The endpoint: the steps of a request inside its authorizer, in one place."""

from asyncio import CancelledError
from collections.abc import Awaitable
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse

from coworks_async.pipeline.binding.fast import Binder
from coworks_async.pipeline.concurrency import AsyncFunction
from coworks_async.pipeline.errors import ErrorResponder, to_exception
from coworks_async.pipeline.hooks import HookChain, run_after_hook
from coworks_async.pipeline.request import REQUEST, current
from coworks_async.pipeline.responses import (
    ENCODERS,
    GeneratorResponse,
    PlainResponse,
    ResponseParts,
    strip_body,
    to_response,
)
from coworks_async.types import Message, Receive, Scope, Send

Answer = ResponseParts | Response


class Endpoint:
    """Answers the requests of one entry.

    Parameters:
        what: how the log names it.
        binder: makes the arguments of a request.
        function: gets them.
        hooks, errors: what stands around the two.
    """

    def __init__(
        self, what: str, binder: Binder, function: AsyncFunction, hooks: HookChain, errors: ErrorResponder
    ) -> None:
        self.what = what
        self.bind_now, self.bind = binder.now, binder.bind
        self.function = function
        self.before, self.after, self.teardown = hooks.before, hooks.after, hooks.teardown
        self.errors = errors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reset = current.set((scope, receive, send))
        answer: Answer | None = None
        failure: BaseException | None = None
        try:
            try:
                for hook in self.before:
                    returned = await hook()
                    if returned is not None:
                        break
                else:
                    bound = self.bind_now(scope) if self.bind_now is not None else None
                    args, kwargs = bound if bound is not None else await self.bind(scope, receive, send)
                    returned = await (self.function(*args, **kwargs) if kwargs else self.function(*args))
                plain = ENCODERS.get(type(returned))
                answer = plain(returned) if plain is not None else await to_response(returned)
            except ClientDisconnect:
                return
            except (Exception, CancelledError) as error:
                failure = failed = to_exception(error)
                answer = await self.errors.answer(failed, self.what, scope, receive, send)
            last: Answer = answer
            if self.after:
                last, failure = await self.run_after(answer, failure, scope, receive, send)
            if isinstance(last, tuple):
                status, headers, body = last
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": body})
            else:
                failure = await self.send(last, scope, receive, send) or failure
        except BaseException as error:
            failure = error  # the request is cancelled, or its server is gone
            raise
        finally:
            try:
                if self.teardown or failure is not None or REQUEST in scope or isinstance(answer, GeneratorResponse):
                    await self.end(answer, failure, scope)
            finally:
                current.reset(reset)

    async def run_after(
        self, answer: Answer, failure: BaseException | None, scope: Scope, receive: Receive, send: Send
    ) -> tuple[Response, BaseException | None]:
        """After_request, on errors too; where a hook fails, that is the error, which the hooks after it get."""
        response = answer if isinstance(answer, Response) else PlainResponse(answer)
        for hook in self.after:
            try:
                response = await run_after_hook(hook, response)
            except (Exception, CancelledError) as error:
                failure = failed = to_exception(error)
                what = f"an after_request hook of {self.what}"
                response = await self.errors.answer(failed, what, scope, receive, send)
        return response, failure

    async def end(self, answer: Answer | None, failure: BaseException | None, scope: Scope) -> None:
        """Close the generator, run teardown_request, close the files of a form: all, even of a cancelled request."""
        from anyio import CancelScope  # loaded with the first that needs it, which the first requests seldom do

        with CancelScope(shield=True):
            if isinstance(answer, GeneratorResponse):
                await self.attempt(answer.close(), f"the end of the generator of {self.what}")
            for hook in self.teardown:
                await self.attempt(hook(failure), f"a teardown_request hook of {self.what}")
            if REQUEST in scope:
                await scope[REQUEST].close()
        if failure is not None:
            failure.__traceback__ = None  # it holds this frame, and of an instance raised again, the frames before

    async def attempt(self, step: Awaitable[Any], what: str) -> None:
        """Take one of the last steps; the answer is gone, so a failure is only logged."""
        try:
            await step
        except (Exception, CancelledError) as error:
            self.errors.log(to_exception(error), what)

    async def send(self, response: Response, scope: Scope, receive: Receive, send: Send) -> Exception | None:
        """Send a response, and return what it raised: answered while nothing was sent, logged afterwards."""
        started = False
        strip_body(response)

        async def tell(message: Message) -> None:
            nonlocal started
            await send(message)
            started = True

        try:
            if scope["method"] == "HEAD" and isinstance(response, StreamingResponse):
                bodiless = PlainResponse((response.status_code, response.raw_headers, b""))
                bodiless.background = response.background
                await bodiless(scope, receive, tell)
            else:
                await response(scope, receive, tell)
        except ClientDisconnect:
            return None
        except (Exception, CancelledError) as error:
            failure = to_exception(error)
            if started:
                self.errors.log_begun(failure, self.what, scope)
            else:
                answer = await self.errors.answer(failure, self.what, scope, receive, send)
                await answer(scope, receive, send)
            return failure
        return None

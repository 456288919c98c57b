"""The endpoint: the steps of a request inside its authorizer, in one place."""

from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse

from coworks_async.pipeline.bind import Bind
from coworks_async.pipeline.call import AsyncFunction
from coworks_async.pipeline.errors import ErrorAnswers
from coworks_async.pipeline.hooks import HookChain, run_after
from coworks_async.pipeline.request import REQUEST, current
from coworks_async.pipeline.respond import PLAIN, Parts, Reply, Stream, parts_of, response_of
from coworks_async.types import Message, Receive, Scope, Send

Answer = Parts | Response


class Endpoint:
    """Answers the requests of one entry.

    Parameters:
        what: how the log names it.
        bind: makes the arguments of a request.
        function: gets them.
        hooks, errors: what stands around the two.
    """

    def __init__(self, what: str, bind: Bind, function: AsyncFunction, hooks: HookChain, errors: ErrorAnswers) -> None:
        self.what = what
        self.bind = bind
        self.function = function
        self.hooks = hooks
        self.errors = errors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reset = current.set((scope, receive, send))
        failure: Exception | None = None
        try:
            try:
                answer = await self.answer(scope, receive, send)
            except ClientDisconnect:
                return
            except Exception as error:
                failure = error
                answer = await self.errors.answer(error, self.what, scope, receive, send)
            if self.hooks.after:
                answer = await self.after(answer, scope, receive, send)
            await self.send(answer, scope, receive, send)
        finally:
            if self.hooks.teardown:
                await self.teardown(failure)
            if REQUEST in scope:
                await scope[REQUEST].close()  # the files of a form
            current.reset(reset)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> Answer:
        """Before, bind, call, respond."""
        for hook in self.hooks.before:
            returned = await hook()
            if returned is not None:
                break
        else:
            args, kwargs = await self.bind(scope, receive, send)
            returned = await self.function(*args, **kwargs)
        return parts_of(returned) if type(returned) in PLAIN else await response_of(returned)

    async def after(self, answer: Answer, scope: Scope, receive: Receive, send: Send) -> Response:
        """After_request, on errors too; where a hook fails, that is the error."""
        try:
            return await run_after(self.hooks.after, answer if isinstance(answer, Response) else Reply(answer))
        except Exception as error:
            return await self.errors.answer(error, f"an after_request hook of {self.what}", scope, receive, send)

    async def teardown(self, failure: Exception | None) -> None:
        """Teardown_request, with what was raised on the way; the answer is gone, so a failure is only logged."""
        for hook in self.hooks.teardown:
            try:
                await hook(failure)
            except Exception as error:
                self.errors.log(error, f"a teardown_request hook of {self.what}")

    async def send(self, answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer: in two messages where it is finished, else as the response itself likes."""
        if isinstance(answer, Response):
            return await self.send_response(answer, scope, receive, send)
        status, headers, body = answer
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def send_response(self, response: Response, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a response; what it raises is answered while nothing has been sent, and logged afterwards."""
        started = False

        async def tell(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            if scope["method"] == "HEAD" and isinstance(response, StreamingResponse):
                await Reply((response.status_code, response.raw_headers, b""))(scope, receive, tell)
                if isinstance(response, Stream):
                    await response.close()
            else:
                await response(scope, receive, tell)
        except ClientDisconnect:
            return
        except Exception as error:
            if started:
                return self.errors.log(error, f"{self.what}, its answer begun,")
            answer = await self.errors.answer(error, self.what, scope, receive, send)
            await answer(scope, receive, send)

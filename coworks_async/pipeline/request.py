"""The request: `Request`, the `request` proxy and the context variable behind it."""

import os
from collections import deque
from collections.abc import AsyncGenerator, Collection, Coroutine, Iterator, Mapping
from contextvars import ContextVar
from inspect import iscoroutine
from typing import Any, NoReturn, cast

from starlette.datastructures import FormData
from starlette.requests import Request as StarletteRequest
from starlette.types import Receive, Scope, Send

from coworks_async._compat import AwaitableOrContextManager, AwaitableOrContextManagerWrapper
from coworks_async.exceptions import RequestContextError
from coworks_async.pipeline.body import BODY, DEFAULT_LIMITS, STREAMED, Limits

REQUEST = "coworks.request"
"""Scope key: the request object, once created."""

AFTER_RESPONSE = "coworks.after_response"
"""Scope key: the coroutines passed to `request.after`, in order. Absent without one."""


def current_stage() -> str:
    """Return the stage of this process: `CWS_STAGE`, or `dev`."""
    return explicit_stage() or "dev"


def explicit_stage() -> str | None:
    """Return the stage if `CWS_STAGE` is set, as `cws run` and a deploy do. A container may run without it."""
    return os.environ.get("CWS_STAGE") or None


def is_stage_set_to(stages: str | Collection[str]) -> bool:
    """Return whether the stage is set explicitly, to one of these."""
    return explicit_stage() in ({stages} if isinstance(stages, str) else stages)


class Request(StarletteRequest):
    """Starlette's request with the stage, the principal and the Lambda event."""

    @property
    def stage(self) -> str:
        """The stage that the service runs on."""
        return current_stage()

    @property
    def auth(self) -> Mapping[str, Any]:
        """The principal: the mapping that `token_authorizer` returned; empty without one or if no token is required."""
        auth = self.scope.get("auth")
        # For an entry with `no_auth`, Starlette's AuthenticationMiddleware may set another object.
        return {} if auth is None else cast("Mapping[str, Any]", auth)

    @property
    def aws_event(self) -> Mapping[str, Any] | None:
        """The Lambda event of the request; None outside Lambda."""
        return cast("Mapping[str, Any] | None", self.scope.get("aws.event"))

    @property
    def aws_context(self) -> Any:
        """The Lambda context; None outside Lambda."""
        return self.scope.get("aws.context")

    @property
    def in_lambda_context(self) -> bool:
        """Whether the request came as a Lambda event."""
        return self.aws_event is not None

    def after(self, work: Coroutine[Any, Any, object]) -> None:
        """Run a coroutine once the response has been sent, after those of earlier calls.

        In the native Lambda runtime and under an ASGI server the client does not wait for it. A failure is logged.
        The coroutine is closed without being run if no response is sent.

        Args:
            work: a coroutine, as an async function returns it.

        Raises:
            TypeError: `work` is not a coroutine.

        Example:
            ```python
            request.after(send_mail(address))
            ```
        """
        if not iscoroutine(work):
            raise TypeError(
                f"request.after received {type(work).__name__}, but takes a coroutine. Call an async function: "
                "request.after(send_mail(address))."
            )
        self.scope.setdefault(AFTER_RESPONSE, deque()).append(work)

    async def body(self) -> bytes:
        """Return the whole body; it is read once and kept.

        Raises:
            ContentTooLarge: it is over the service's `max_body_size`.
            ClientDisconnect: the client left before the end of the body.
        """
        body = self.scope.get(BODY)
        if body is None:
            body = self.scope[BODY] = b"".join([chunk async for chunk in self.stream()])
        return cast(bytes, body)

    def form(
        self, *, max_files: float = 1000, max_fields: float = 1000, max_part_size: int = 1024 * 1024
    ) -> AwaitableOrContextManager[FormData]:
        """Return the form in the body, as in Starlette. The body is kept for the entry's parameters."""

        async def read_form() -> FormData:
            await self.body()
            return await super(Request, self).form(
                max_files=max_files, max_fields=max_fields, max_part_size=max_part_size
            )

        return AwaitableOrContextManagerWrapper(read_form())

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it arrives, up to the service's `max_body_size`."""
        body = self.scope.get(BODY)
        if body is not None:
            yield body
            yield b""
            return
        limits: Limits = getattr(self.scope.get("app"), "limits", DEFAULT_LIMITS)
        limits.check_length(self.scope)
        self.scope[STREAMED] = True
        size = 0
        async for chunk in super().stream():
            size += len(chunk)
            limits.check_size(size)
            yield chunk


Connection = tuple[Scope, Receive, Send]

current: ContextVar[Connection | None] = ContextVar("request", default=None)
"""The connection of the current request: the only state outside an object."""


def get_request(scope: Scope, receive: Receive, send: Send) -> Request:
    request = scope.get(REQUEST)
    if request is None:
        request = scope[REQUEST] = Request(scope, receive, send)
    return cast(Request, request)


def current_request() -> Request:
    connection = current.get()
    if connection is None:
        raise RequestContextError(
            "There is no current request: use `request` in an entry, a hook or an error handler. token_authorizer "
            "receives only the token, because its result may be cached for the whole stage; check anything else in a "
            "before_request hook, with request.auth."
        )
    return get_request(*connection)


class RequestProxy:
    """Forwards to the current request of the task or thread that uses it."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(current_request(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(current_request(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(current_request(), name)

    def __getitem__(self, key: str) -> Any:
        return current_request()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(current_request())

    def __len__(self) -> int:
        return len(current_request())

    def __contains__(self, key: object) -> bool:
        return key in current_request()

    def __bool__(self) -> bool:
        return current.get() is not None

    def __eq__(self, other: object) -> bool:
        return current_request() is (current_request() if isinstance(other, RequestProxy) else other)

    def __hash__(self) -> int:
        return hash(current_request())

    def __repr__(self) -> str:
        connection = current.get()
        if connection is None:
            return "<request: no current request>"
        return f"<request: {connection[0]['method']} {connection[0]['path']}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("`request` is a proxy for the current request and cannot be pickled or copied.")


request = cast(Request, RequestProxy())
"""The current request: Starlette's `Request`, and `stage`, `auth`, `aws_event`, `aws_context`, `in_lambda_context`
and `after`."""

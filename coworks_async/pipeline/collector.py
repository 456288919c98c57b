"""Collect the ASGI messages of one response."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from coworks_async.pipeline.errors import RESPONSE_ABORTED
from coworks_async.pipeline.responses import ResponseParts, has_body
from coworks_async.types import Message, Scope


class ResponseAborted(Exception):
    """The response ended before it was complete. Its cause is logged."""


class ResponseCollector:
    """Feeds one request to an app and collects its response; `receive` and `send` are ASGI callables.

    `on_complete` is called within `send` with the collector, once the response is complete.
    """

    complete = False
    streamed = False  # the body was sent in several parts
    status = 0
    _headers: Sequence[Any] = ()
    _completed: asyncio.Event | None = None
    _on_complete: "OnComplete | None" = None

    def __init__(self, scope: Scope, body: bytes, on_complete: "OnComplete | None" = None) -> None:
        if on_complete is not None:
            self._on_complete = on_complete
        # A list, not a bound method: the scope must not refer to the collector, which refers to the scope.
        self._aborted: list[Exception] = []
        scope[RESPONSE_ABORTED] = self._aborted
        self._scope = scope
        self._request_body: bytes | None = body
        self._parts: list[bytes] = []

    async def receive(self) -> Message:
        body, self._request_body = self._request_body, None
        if body is not None:
            return {"type": "http.request", "body": body, "more_body": False}
        if not self.complete:
            # The client cannot disconnect early; `http.disconnect` comes once the response is complete.
            self._completed = self._completed or asyncio.Event()
            await self._completed.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.body" and self.status and not self.complete:
            self._parts.append(message.get("body", b""))
            self.complete = not message.get("more_body", False)
            if not self.complete:
                self.streamed = True
                return
            if self._completed is not None:
                self._completed.set()
            if self._on_complete is not None:
                await self._on_complete(self)
        elif kind == "http.response.start" and not self.status:
            self.status = message["status"]
            self._headers = message.get("headers", ())
        else:
            raise RuntimeError(f"unexpected ASGI message {kind!r}")

    def check_complete(self) -> None:
        """Raise if the app has returned without completing the response."""
        if not self.complete:
            if self._aborted:
                raise ResponseAborted from self._aborted[0]
            raise RuntimeError("the app returned without completing the response")

    def response(self) -> ResponseParts:
        """Return status, headers and body, which is empty for HEAD and for statuses without a body."""
        self.check_complete()
        body = b"".join(self._parts) if has_body(self._scope["method"], self.status) else b""
        return self.status, list(self._headers), body


OnComplete = Callable[[ResponseCollector], Awaitable[None]]

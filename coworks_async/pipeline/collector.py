"""One request through the app: its body in, its answer out, whole."""

import asyncio
from collections.abc import Sequence
from typing import Any

from mangum.types import Response as Answer

from coworks_async.pipeline.errors import RESPONSE_ABORTED
from coworks_async.types import Message, Scope

_BODILESS = (204, 304)


class ResponseAborted(Exception):
    """An answer was begun and not ended, and why is logged."""


class ResponseCollector:
    """What the app receives of one request, and what it sends, gathered.

    A streamed answer is gathered as well: `streamed` tells that there were several parts. `complete` tells that the
    answer is whole.
    """

    status = 0
    headers: Sequence[Any] = ()
    streamed = False
    complete = False
    ended: asyncio.Event | None = None

    def __init__(self, scope: Scope, body: bytes) -> None:
        # A list, and no method of this: the scope would hold what holds it, which only the garbage collector ends.
        self.broken_off: list[bool] = []
        scope[RESPONSE_ABORTED] = self.broken_off
        self.scope = scope
        self.body: bytes | None = body
        self.parts: list[bytes] = []

    @property
    def answer(self) -> Answer:
        """The answer, without a body where none may be (RFC 9110, sections 9.3.2 and 6.4.1).

        Raises:
            BrokenOff: it is not whole, and that is told.
            RuntimeError: it is not whole.
        """
        if not self.complete:
            if self.broken_off:
                raise ResponseAborted
            raise RuntimeError("the app ended without a whole answer")
        bodiless = self.status in _BODILESS or self.scope["method"] == "HEAD"
        headers: Any = self.headers
        return {"status": self.status, "headers": headers, "body": b"" if bodiless else b"".join(self.parts)}

    async def receive(self) -> Message:
        body, self.body = self.body, None
        if body is not None:
            return {"type": "http.request", "body": body, "more_body": False}
        if not self.complete:
            # Nobody leaves early here: who waits for a disconnect waits for the end of the answer.
            self.ended = self.ended or asyncio.Event()
            await self.ended.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.body" and self.status and not self.complete:
            self.parts.append(message.get("body", b""))
            self.complete = not message.get("more_body", False)
            if not self.complete:
                self.streamed = True
            elif self.ended is not None:
                self.ended.set()
        elif kind == "http.response.start" and not self.status:
            self.status = message["status"]
            self.headers = message.get("headers", ())
        else:
            raise RuntimeError(f"unexpected ASGI message {kind!r}")

"""Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html

The response is Starlette's `StreamingResponse`. One task runs the generator of the events from start to end, so that
comments can be sent while it waits, and so that timeouts and task groups work inside it.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import suppress
from inspect import isasyncgen, iscoroutine, isgenerator
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectSendStream
from msgspec import Struct
from starlette.concurrency import iterate_in_threadpool
from starlette.responses import StreamingResponse

from coworks_async.exceptions import ReturnError
from coworks_async.pipeline.errors import to_exception
from coworks_async.pipeline.responses import close_generator, encode_json
from coworks_async.types import Receive, Scope, Send

Events = AsyncIterable[Any] | Iterable[Any]

PING = b": ping\n\n"
"""A comment, which browsers ignore."""

_LINE_END = re.compile("\r\n|\r|\n")


class ServerSentEvent(Struct, frozen=True):
    """An event of a stream that `sse` sends.

    Args:
        data: the text, or a value that is sent as JSON. Without data, a browser only stores `id` and `retry`.
        event: the type, for which a browser calls the listeners; `message` by default.
        id: the identifier, which a browser sends in `Last-Event-ID` when it reconnects.
        retry: the milliseconds after which a browser reconnects.

    Examples:
        >>> from coworks_async import ServerSentEvent, TechMicroService, entry, sse
        >>> class Shop(TechMicroService):
        ...     @entry(no_auth=True)
        ...     async def get_prices(self):
        ...         return sse([ServerSentEvent({"price": 3}, event="price", id="17")])
        >>> from coworks_async.testing import TestClient
        >>> print(TestClient(Shop()).get("/prices").text.rstrip())
        data: {"price":3}
        event: price
        id: 17
    """

    data: Any = None
    event: str | None = None
    id: str | None = None
    retry: int | None = None


def sse(events: Events, *, ping: float | None = 15) -> "EventSourceResponse":
    """Return a response that sends events to a browser's `EventSource`.

    Args:
        events: an async or sync generator, or any other iterable. It yields text, a value that is sent as JSON, or a
            `ServerSentEvent`.
        ping: seconds without an event after which a comment is sent, because proxies close idle connections; `None`
            for no comments.

    Returns:
        The response. The generator is closed when it ends or the client disconnects.

    Raises:
        TypeError: `events` is not iterable.
        ValueError: `ping` is not over 0.

    Examples:
        >>> from coworks_async import TechMicroService, entry, sse
        >>> class Shop(TechMicroService):
        ...     @entry(no_auth=True)
        ...     async def get_prices(self):
        ...         return sse(self.iter_prices())
        ...
        ...     async def iter_prices(self):
        ...         for price in (3, 4):
        ...             yield {"price": price}
        >>> from coworks_async.testing import TestClient
        >>> TestClient(Shop()).get("/prices").text
        'data: {"price":3}\\n\\ndata: {"price":4}\\n\\n'
    """
    return EventSourceResponse(events, ping=ping)


class EventSourceResponse(StreamingResponse):
    """The response of `sse`, which describes the arguments. As a return annotation it documents the content type."""

    media_type = "text/event-stream"

    def __init__(self, events: Events, *, ping: float | None = 15) -> None:
        if ping is not None and not ping > 0:
            raise ValueError(f"sse(ping=...) must be over 0 seconds, or None for no comments, not {ping!r}.")
        # Now, because the response has started when the events are read.
        if not isinstance(events, AsyncIterable | Iterable):
            raise TypeError(f"sse(...) takes a generator or another iterable of events, not {_describe(events)}")
        self.chunks = _stream(events, ping)
        # nginx would buffer the events without the second header.
        super().__init__(self.chunks, headers={"cache-control": "no-store", "x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self.chunks.aclose()


def _describe(value: object) -> str:
    """Return the type of what is not iterable, with a hint."""
    name = type(value).__name__
    if iscoroutine(value):
        value.close()  # prevents the "never awaited" warning
        return f"{name}. Did you forget 'await'?"
    return f"{name}. Did you forget to call it?" if callable(value) else f"{name}."


async def _stream(events: Events, ping: float | None) -> AsyncGenerator[bytes]:
    """Yield encoded events, and comments while there is no event. Raise the exception of the generator, if any."""
    sender, receiver = anyio.create_memory_object_stream[bytes](0)
    cancel_scope = anyio.CancelScope()
    producer = asyncio.create_task(_produce(events, sender, cancel_scope), name="server-sent events")
    try:
        with suppress(anyio.EndOfStream):
            while True:
                message = PING
                with anyio.move_on_after(ping):
                    message = await receiver.receive()
                yield message
    finally:
        # Unlike `producer.cancel()`, it waits for the thread of a sync generator, which cannot be closed meanwhile.
        cancel_scope.cancel()
        receiver.close()
        with anyio.CancelScope(shield=True):
            await producer


async def _produce(events: Events, sender: MemoryObjectSendStream[bytes], cancel_scope: anyio.CancelScope) -> None:
    with cancel_scope, sender:
        try:
            async for event in events if isinstance(events, AsyncIterable) else iterate_in_threadpool(events):
                await sender.send(encode_event(event))
        except asyncio.CancelledError as error:
            raise to_exception(error) from error
        finally:
            if isasyncgen(events) or isgenerator(events):
                await close_generator(events)


def encode_event(value: Any) -> bytes:
    """Encode an event as the lines of its fields."""
    # A browser ignores an event without data, so `None` is sent as JSON.
    value = "null" if value is None else value
    event = value if isinstance(value, ServerSentEvent) else ServerSentEvent(value)
    fields: list[tuple[str, str]] = []
    if event.data is not None:
        data = event.data if isinstance(event.data, str) else encode_json(event.data).decode()
        fields = [("data", line) for line in _LINE_END.split(data)]
    for name, field in (("event", event.event), ("id", event.id), ("retry", event.retry)):
        if field is None:
            continue
        text = str(field)
        if _LINE_END.search(text) or "\0" in text:
            raise ReturnError(f"yielded an event whose {name} contains a line break or a null character")
        fields.append((name, text))
    return "".join([*(f"{name}: {text}\n" for name, text in fields), "\n"]).encode()

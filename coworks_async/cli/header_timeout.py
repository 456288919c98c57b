"""Limit the time that a client of `cws run` may take to send the headers of a request."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class HeaderTimeoutProtocol(HttpToolsProtocol):
    """HTTP/1.1 that closes a connection whose client does not send the headers of a request in time.

    Uvicorn limits only the time between two requests. The limit is the same.
    """

    header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self.start_header_timer()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self.header_timer is None:
            self.start_header_timer()

    def on_headers_complete(self) -> None:
        self.stop_header_timer()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self.stop_header_timer()
        super().connection_lost(exc)

    def start_header_timer(self) -> None:
        self.header_timer = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def stop_header_timer(self) -> None:
        if self.header_timer is not None:
            self.header_timer.cancel()
            self.header_timer = None

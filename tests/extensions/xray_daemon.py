"""The receiving end of an X-Ray daemon: https://docs.aws.amazon.com/xray/latest/devguide/xray-daemon.html"""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.tools import PATIENCE

HEADER = b'{"format":"json","version":1}'

Document = dict[str, Any]


class Daemon:
    """Receives segments and subsegments on a UDP port."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        self.raw = b""

    def take(self, count: int = 1) -> list[Document]:
        """Return the documents received, which must be exactly this many."""
        self.listener.settimeout(PATIENCE)
        documents = [self._next() for _ in range(count)]
        assert self.take_rest() == []
        return documents

    def take_rest(self) -> list[Document]:
        """Return the documents received so far. On the loopback interface, what was sent has arrived."""
        self.listener.settimeout(0.01)
        documents = []
        try:
            while True:
                documents.append(self._next())
        except TimeoutError:
            return documents

    def _next(self) -> Document:
        datagram = self.listener.recv(65536)
        header, newline, text = datagram.partition(b"\n")
        assert (header, newline) == (HEADER, b"\n")
        self.raw += datagram
        document: Document = json.loads(text)
        assert {"id", "name", "start_time", "trace_id"} <= document.keys()
        return document


@contextmanager
def run_daemon() -> Iterator[Daemon]:
    """Listen on a free UDP port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        listener.bind(("127.0.0.1", 0))
        yield Daemon(listener)

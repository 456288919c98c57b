"""An X-Ray daemon, as far as what it is sent goes: https://docs.aws.amazon.com/xray/latest/devguide/xray-daemon.html"""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.tools import PATIENCE

HEADER = b'{"format":"json","version":1}'

Document = dict[str, Any]


class Daemon:
    """Takes segments and subsegments on a UDP port of its own."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        self.raw = b""

    def take(self, count: int = 1) -> list[Document]:
        """Return so many documents, which must be all that there are."""
        self.listener.settimeout(PATIENCE)
        documents = [self._next() for _ in range(count)]
        assert self.rest() == []
        return documents

    def rest(self) -> list[Document]:
        """Return what else has come; on this machine what is sent has arrived."""
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
def daemon() -> Iterator[Daemon]:
    """Listen as a daemon does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        listener.bind(("127.0.0.1", 0))
        yield Daemon(listener)

"""A minimal Lambda Runtime API.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.aws.events import FUNCTION_ARN
from tests.tools import PATIENCE, serve_in_thread


@dataclass(frozen=True)
class Result:
    """A result that the runtime posted: `call` is `response` or `error`."""

    request_id: str
    call: str
    body: Any


class RuntimeApi(ThreadingHTTPServer):
    """Serves events to a runtime one at a time, and receives its results."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.results: queue.Queue[Result] = queue.Queue()
        self.waiting = threading.Event()
        self.count = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def invoke(self, event: Any) -> Result:
        """Send an event to the runtime and wait for the result."""
        self.count += 1
        self.events.put((f"request-{self.count}", event))
        return self.results.get(timeout=PATIENCE)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RuntimeApi

    def do_GET(self) -> None:
        assert self.path == "/2018-06-01/runtime/invocation/next"
        self.server.waiting.set()
        request_id, event = self.server.events.get()
        self.server.waiting.clear()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 30) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": FUNCTION_ARN,
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
        }
        self.reply(200, json.dumps(event).encode(), headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        *_, request_id, call = self.path.split("/")
        self.reply(202, b"{}", {})
        self.server.results.put(Result(request_id, call, json.loads(body)))

    def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the tests' output clean."""


@contextmanager
def runtime_api() -> Iterator[RuntimeApi]:
    """Run the Runtime API on a free port."""
    server = RuntimeApi()
    with serve_in_thread(server):
        yield server

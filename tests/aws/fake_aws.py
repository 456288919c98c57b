"""A local server that receives boto3's requests to Lambda and S3."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.tools import serve_in_thread


@dataclass(frozen=True)
class ReceivedRequest:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class FakeAws:
    """The requests received, and the status of every response."""

    url: str = ""
    status: int = 202
    requests: list[ReceivedRequest] = field(default_factory=list)


@contextmanager
def fake_aws() -> Iterator[FakeAws]:
    """Yield a running server."""
    aws = FakeAws()

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"] or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            aws.requests.append(ReceivedRequest(self.command, self.path, headers, body))
            self.send_response(aws.status)
            self.send_header("content-length", "0")
            self.end_headers()

        do_POST = do_PUT = respond  # noqa: N815 - names of the base class

        def log_message(self, *args: Any) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    aws.url = f"http://127.0.0.1:{server.server_port}"
    with serve_in_thread(server):
        yield aws

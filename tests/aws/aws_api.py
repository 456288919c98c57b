"""A small server that speaks what boto3 says to Lambda and to S3, and keeps what it was told."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Told:
    """One request of boto3's."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class AwsApi:
    """What the server was told, and the status by which it answers."""

    url: str = ""
    status: int = 202
    told: list[Told] = field(default_factory=list)


@contextmanager
def aws_api() -> Iterator[AwsApi]:
    """Yield a server on a port of its own."""
    api = AwsApi()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"] or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            api.told.append(Told(self.command, self.path, headers, body))
            self.send_response(api.status)
            self.send_header("content-length", "0")
            self.end_headers()

        do_POST = do_PUT = answer  # noqa: N815 - the names that the base class looks for

        def log_message(self, *args: Any) -> None:
            """The tests have a log of their own."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        api.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()

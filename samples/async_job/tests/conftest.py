"""An HTTP server that stores objects as S3 does. `app.py` reads the variables when it is imported."""

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

os.environ["BUCKET"] = "async-job"
os.environ["TOKEN"] = "test-token"

NOT_FOUND = b"<Error><Code>NoSuchKey</Code></Error>"


class FakeS3:
    """Objects by bucket and key, and the body of each PUT in order."""

    def __init__(self):
        self.objects = {}
        self.saved = []

    def put(self, path, headers, body):
        kept = ("content-type", "x-amz-meta-")
        self.objects[path] = {name: value for name, value in headers.items() if name.lower().startswith(kept)}, body
        self.saved.append((path, body))


@pytest.fixture
def s3(monkeypatch):
    s3 = FakeS3()

    class Handler(BaseHTTPRequestHandler):
        # boto3 waits for a "100 Continue" before it sends the body of a PUT.
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_PUT(self):
            s3.put(self.path, self.headers, self.rfile.read(int(self.headers["Content-Length"])))
            self.respond(200, {}, b"")

        def do_GET(self):
            path = self.path.partition("?")[0]
            if path in s3.objects:
                self.respond(200, *s3.objects[path])
            else:
                self.respond(404, {}, NOT_FOUND)

        do_HEAD = do_GET  # noqa: N815 - a name of the base class

        def respond(self, status, headers, body):
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *args):
            """Keep the output of the tests clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }.items():
            monkeypatch.setenv(name, value)
        yield s3
        server.shutdown()
        thread.join()

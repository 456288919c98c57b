"""An HTTP server that responds as AWS Lambda, in pages of one layer or version."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

ARN = "arn:aws:lambda:eu-west-1:123456789012:layer"


class FakeLambda:
    """The versions of layers by name, the newest first, and the paths of the requests received."""

    def __init__(self):
        self.layers = {}
        self.requests = []

    def publish(self, name, created, description="", **details):
        versions = self.layers.setdefault(name, [])
        number = len(versions) + 1
        arn = {"LayerVersionArn": f"{ARN}:{name}:{number}", "Version": number}
        versions.insert(0, arn | {"CreatedDate": created, "Description": description} | details)

    def respond(self, path, marker):
        self.requests.append(path)
        name = path.split("/")[3] if path.endswith("/versions") else None
        kind = "LayerVersions" if name else "Layers"
        items = self.layers[name] if name else [{"LayerName": name} for name in self.layers]
        page = {kind: items[marker : marker + 1]}
        return page | ({"NextMarker": str(marker + 1)} if marker + 1 < len(items) else {})


@pytest.fixture
def aws(monkeypatch):
    aws = FakeLambda()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            url = urlsplit(self.path)
            marker = int(parse_qs(url.query).get("Marker", ["0"])[0])
            body = json.dumps(aws.respond(url.path, marker)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
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
        yield aws
        server.shutdown()
        thread.join()

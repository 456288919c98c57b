"""A local server that responds to boto3 like SSM Parameter Store and Secrets Manager."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.tools import serve_in_thread

REGION = "eu-west-1"


@dataclass
class FakeStores:
    """The content of both stores, the names in each request, and an error code for all responses."""

    url: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    requests: list[tuple[str, list[str]]] = field(default_factory=list)
    error: str = ""

    def respond(self, action: str, body: dict[str, Any]) -> dict[str, Any]:
        if action == "AmazonSSM.GetParameters":
            assert body["WithDecryption"] is True
            names = body["Names"]
            found = [{"Name": name, "Value": self.parameters[name]} for name in names if name in self.parameters]
            missing = [name for name in names if name not in self.parameters]
            response = {"Parameters": found, "InvalidParameters": missing}
        else:
            assert action == "secretsmanager.BatchGetSecretValue"
            names = body["SecretIdList"]
            errors = [{"SecretId": name, "Message": "No such secret."} for name in names if name not in self.secrets]
            values = [{"Name": name, **self.secrets[name]} for name in names if name in self.secrets]
            response = {"SecretValues": values, "Errors": errors}
        self.requests.append((action.partition(".")[2], names))
        return {"__type": self.error, "message": "Not allowed."} if self.error else response


@contextmanager
def fake_stores(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStores]:
    """Yield a running server, to which boto3 in this process and its children sends requests."""
    stores = FakeStores()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            content = json.dumps(stores.respond(self.headers["x-amz-target"], body)).encode()
            self.send_response(400 if stores.error else 200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stores.url = f"http://127.0.0.1:{server.server_port}"
    with serve_in_thread(server):
        use_aws(monkeypatch, stores.url)
        yield stores


def use_aws(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Configure boto3 for an AWS at a URL."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": url,
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)

"""AWS accounts for tests: sessions and resources in the emulator, and servers that reject requests as AWS does."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from coworks_async.deploy.aws.account import open_session
from coworks_async.deploy.stack import Stack

REGION = "eu-west-1"
URI = f"arn:aws:lambda:{REGION}:000000000000:function"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})

EXPIRED = "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>It is over.</Message></Error></ErrorResponse>"


def create_session(url: str, account: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Any:
    """Open a session in an account at a URL, independent of this machine's AWS configuration."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in (
        ("AWS_ACCESS_KEY_ID", account),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_MAX_ATTEMPTS", "1"),
        ("AWS_CONFIG_FILE", str(folder / "missing")),
        ("AWS_SHARED_CREDENTIALS_FILE", str(folder / "missing")),
        ("AWS_ENDPOINT_URL", url),
    ):
        monkeypatch.setenv(name, value)
    return open_session(os.environ, REGION)


def create_tags(stack: Stack) -> dict[str, str]:
    return {"coworks:service": stack.service, "coworks:stage": stack.stage, "coworks:archive": stack.archive_hash}


def make_function(session: Any, stack: Stack, tags: dict[str, str] | None = None) -> None:
    """Create the function of a stage, with empty code."""
    session.client("lambda").create_function(
        FunctionName=stack.function_name,
        Runtime="python3.13",
        Role=f"arn:aws:iam::000000000000:role/{stack.function_name}",
        Handler="nothing.at_all",
        Code={"ZipFile": b"PK\x05\x06" + b"\0" * 18},
        Tags=create_tags(stack) if tags is None else tags,
    )


def make_role(session: Any, stack: Stack, tags: dict[str, str]) -> None:
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    session.client("iam").create_role(RoleName=stack.function_name, AssumeRolePolicyDocument=TRUST, Tags=listed)


def make_rest_api(session: Any, stack: Stack) -> str:
    client = session.client("apigateway")
    return str(client.create_rest_api(name=stack.function_name, tags=create_tags(stack))["id"])


def make_http_api(session: Any, stack: Stack, tags: dict[str, str] | None = None) -> str:
    client, tags = session.client("apigatewayv2"), create_tags(stack) if tags is None else tags
    return str(client.create_api(Name=stack.function_name, ProtocolType="HTTP", Tags=tags)["ApiId"])


def make_staged_api(session: Any, stack: Stack) -> str:
    """Create the API of a stack, with its stage and nothing else."""
    if stack.gateway.kind == "http":
        api = make_http_api(session, stack)
        session.client("apigatewayv2").create_stage(ApiId=api, StageName=stack.stage)
        return api
    api, client = make_rest_api(session, stack), session.client("apigateway")
    deployment = client.create_deployment(restApiId=api)["id"]
    client.create_stage(restApiId=api, stageName=stack.stage, deploymentId=deployment)
    return api


def reject_operation(session: Any, operation: str, status: int, code: str, message: str = "") -> None:
    """Let one operation, such as `s3.ListObjectsV2`, fail with an error that the emulator never returns."""
    response = SimpleNamespace(status_code=status), {"Error": {"Code": code, "Message": message}}
    session.events.register(f"before-call.{operation}", lambda **details: response)


@contextmanager
def serve_response(status: int, body: str, head: tuple[int, dict[str, str]] | None = None) -> Iterator[str]:
    """Run a server with one response for all requests; `head` is the status and the headers for HEAD requests."""

    class Handler(BaseHTTPRequestHandler):
        # HTTP/1.0 has no `Expect: 100-continue`, which uploads send.
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            is_head = self.command == "HEAD"
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(head[0] if head is not None and is_head else status)
            for name, value in head[1].items() if head is not None and is_head else ():
                self.send_header(name, value)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", "0" if is_head else str(len(body.encode())))
            self.end_headers()
            if not is_head:
                self.wfile.write(body.encode())

        do_GET = do_HEAD = do_POST = do_PUT = respond  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()

"""Accounts of AWS for the tests of what reads them: one in the emulator, and servers that refuse as AWS does."""

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


def session_of(url: str, account: str, monkeypatch: pytest.MonkeyPatch, place: Path) -> Any:
    """Open a session in an account at a URL, whatever this machine's own AWS configuration says."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in (
        ("AWS_ACCESS_KEY_ID", account),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_MAX_ATTEMPTS", "1"),
        ("AWS_CONFIG_FILE", str(place / "none")),
        ("AWS_SHARED_CREDENTIALS_FILE", str(place / "none")),
        ("AWS_ENDPOINT_URL", url),
    ):
        monkeypatch.setenv(name, value)
    return open_session(os.environ, REGION)


def tags(stack: Stack) -> dict[str, str]:
    return {"coworks:service": stack.service, "coworks:stage": stack.stage, "coworks:archive": stack.function.archive}


def make_function(session: Any, stack: Stack, tagged: dict[str, str] | None = None) -> None:
    """Make a stage's function, whose code does nothing."""
    session.client("lambda").create_function(
        FunctionName=stack.function.name,
        Runtime="python3.13",
        Role=f"arn:aws:iam::000000000000:role/{stack.function.name}",
        Handler="nothing.at_all",
        Code={"ZipFile": b"PK\x05\x06" + b"\0" * 18},
        Tags=tags(stack) if tagged is None else tagged,
    )


def make_role(session: Any, stack: Stack, tagged: dict[str, str]) -> None:
    listed = [{"Key": key, "Value": value} for key, value in tagged.items()]
    session.client("iam").create_role(RoleName=stack.function.name, AssumeRolePolicyDocument=TRUST, Tags=listed)


def make_rest_api(session: Any, stack: Stack) -> str:
    made: str = session.client("apigateway").create_rest_api(name=stack.function.name, tags=tags(stack))["id"]
    return made


def make_http_api(session: Any, stack: Stack) -> str:
    client = session.client("apigatewayv2")
    made: str = client.create_api(Name=stack.function.name, ProtocolType="HTTP", Tags=tags(stack))["ApiId"]
    return made


def make_staged_api(session: Any, stack: Stack) -> str:
    """Make the API of a stage, of the kind that the stack tells, with that stage and nothing else in it."""
    if stack.gateway.kind == "http":
        api = make_http_api(session, stack)
        session.client("apigatewayv2").create_stage(ApiId=api, StageName=stack.stage)
        return api
    api, client = make_rest_api(session, stack), session.client("apigateway")
    deployment = client.create_deployment(restApiId=api)["id"]
    client.create_stage(restApiId=api, stageName=stack.stage, deploymentId=deployment)
    return api


def refuse(session: Any, operation: str, status: int, code: str, message: str = "") -> None:
    """Have AWS refuse one operation, such as `s3.ListObjectsV2`, as the emulator never does."""
    refusal = SimpleNamespace(status_code=status), {"Error": {"Code": code, "Message": message}}
    session.events.register(f"before-call.{operation}", lambda **told: refusal)


@contextmanager
def answering(status: int, body: str) -> Iterator[str]:
    """A server that answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body.encode())

        do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815

        def log_message(self, *told: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()

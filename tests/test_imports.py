"""Modules that a service loads: each costs time at every cold start of a Lambda function."""

import json
import os
import subprocess
import sys

import pytest

FORBIDDEN = {
    "_pytest",
    "aws_xray_sdk",
    "boto3",
    "botocore",
    "click",
    "coworks_async.cli",
    "cryptography",
    "dotenv",
    "fastapi",
    "httpx",
    "httpx2",
    "jinja2",
    "jwt",
    "markdown",
    "markdown_it",
    "multiprocessing",
    "nh3",
    "opentelemetry",
    "pydantic",
    "pyinstrument",
    "requests",
    "rich",
    "sqlite3",
    "starlette.middleware.base",
    "starlette.schemas",
    "starlette.staticfiles",
    "starlette.templating",
    "starlette.testclient",
    "unittest",
    "urllib.request",
    "urllib3",
    "uvicorn",
    "uvloop",
    "xml",
    "yaml",
}

IMPORT = "from coworks_async import *"

SERVE = """
import asyncio
from coworks_async import Blueprint, TechMicroService, entry, request

class Pages(Blueprint):
    @entry(no_auth=True)
    def get(self, number: int):
        return {"number": number}

class Hello(TechMicroService):
    async def token_authorizer(self, token):
        return token == "token"

    async def get(self, name: str = "world"):
        return f"Hello {name}."

    async def post(self, *, values: list[int]):
        return {"sum": sum(values), "path": request.url.path}

app = Hello()
app.register_blueprint(Pages(), url_prefix="/pages")

async def call(method, path, query=b"", body=b"", token=b"token"):
    scope = {"type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": path}
    scope |= {"raw_path": path.encode(), "query_string": query, "root_path": "", "headers": [(b"authorization", token)]}
    scope |= {"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2)}
    sent = []
    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}
    async def send(message):
        sent.append(message)
    await app(scope, receive, send)
    return sent[0]["status"], sent[1]["body"]

async def main():
    assert await call("GET", "/", b"name=you") == (200, b"Hello you.")
    assert await call("POST", "/", body=b'{"values": [1, 2]}') == (200, b'{"sum":3,"path":"/"}')
    assert await call("GET", "/pages/7") == (200, b'{"number":7}')
    assert (await call("GET", "/", token=b"other"))[0] == 403
    assert (await call("GET", "/", b"nope=1"))[0] == 422
    assert (await call("GET", "/nowhere/at/all"))[0] == 404

asyncio.run(main())
"""


def loaded_by(code: str) -> set[str]:
    """Run code in a new interpreter and return the modules that are loaded at its end."""
    # Without coverage, which would load more modules.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    script = f"{code}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("code", [IMPORT, SERVE], ids=["import", "serve"])
def test_a_service_loads_nothing_that_only_tools_and_extensions_need(code: str):
    own = loaded_by("pass")
    loaded = loaded_by(code) - own
    assert "coworks_async.service" in loaded
    assert sorted(name for name in loaded if name in FORBIDDEN or name.partition(".")[0] in FORBIDDEN) == []


def test_a_service_loads_only_its_four_dependencies_and_theirs():
    own = loaded_by("pass")
    loaded = {name.partition(".")[0] for name in loaded_by(SERVE) - own}
    third = {name for name in loaded - set(sys.stdlib_module_names) if not name.startswith(("_", "coworks_async"))}
    # anyio, idna, sniffio and typing_extensions are Starlette's own.
    assert third <= {
        "anyio",
        "idna",
        "mangum",
        "msgspec",
        "python_multipart",
        "sniffio",
        "starlette",
        "typing_extensions",
    }


def test_the_extension_jwt_loads_its_packages_only_when_it_is_used():
    loaded = loaded_by("from coworks_async.extensions import JWT")
    assert "coworks_async.extensions.jwt" in loaded
    assert not {"jwt", "cryptography", "urllib.request"} & loaded


def test_an_import_does_not_load_the_limiters_of_threads():
    assert "anyio.lowlevel" not in loaded_by(
        "from coworks_async import TechMicroService\nTechMicroService().lambda_handler"
    )


HANDLE = """
from coworks_async import TechMicroService, entry

class Hello(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "Hello."

event = {"httpMethod": "GET", "path": "/", "headers": {}, "requestContext": {"stage": "dev"}, "body": None}
assert Hello().lambda_handler(event, None)["statusCode"] == 200
"""


def test_the_buffered_handler_loads_nothing_of_the_native_runtime():
    loaded = loaded_by(HANDLE)
    assert "coworks_async.aws.handler" in loaded
    assert [
        name for name in loaded if name.startswith(("coworks_async.aws.runtime", "coworks_async.aws.streaming"))
    ] == []
    # The archive of a deploy does not contain it.
    assert "coworks_async.gateway" not in loaded

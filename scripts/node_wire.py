"""Record what AWS's Node client sends to the Runtime API for streamed responses, as data for the tests.

Install the client in a folder, and run the script with that folder:

    npm install aws-lambda-ric
    .venv/bin/python scripts/node_wire.py FOLDER

The client compiles a library, which needs autoconf, automake, libtool, cmake, g++, make and python3. If npm does not
run its install scripts, run `npm rebuild aws-lambda-ric`.
"""

import asyncio
import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

from coworks_async.gateway.invocation import InvocationResult
from coworks_async.gateway.runtime_api import RuntimeApi

TRANSCRIPT = Path(__file__).parents[1] / "tests/aws/runtime/node_wire.json"
CLIENT = "node_modules/aws-lambda-ric/bin/index.mjs"

SECONDS = 30

CONNECTION_HEADERS = ("Host", "Connection")
ERROR_BODY = "Lambda-Runtime-Function-Error-Body"

TEXT = {"content-type": "text/plain; charset=utf-8"}

# The text of a chunk is latin-1. `fails`: the handler fails after the chunks.
RESPONSES: dict[str, dict[str, Any]] = {
    "three chunks": {"statusCode": 200, "headers": TEXT, "chunks": ["w0 ", "w1 ", "w2 "]},
    "cookies": {"statusCode": 200, "headers": TEXT, "cookies": ["a=1", "b=2; Path=/"], "chunks": ["body"]},
    "empty body": {"statusCode": 200, "headers": TEXT, "chunks": [""]},
    "response to HEAD": {"statusCode": 200, "headers": {**TEXT, "content-length": "5"}, "chunks": [""]},
    "binary": {
        "statusCode": 200,
        "headers": {"content-type": "application/octet-stream"},
        "chunks": [bytes(range(256)).decode("latin-1"), "\0" * 8],
    },
    "large chunk": {"statusCode": 200, "headers": TEXT, "chunks": ["x" * 1000]},
    "not found": {"statusCode": 404, "headers": {"content-type": "application/problem+json"}, "chunks": ["{}"]},
    "no content": {"statusCode": 204, "headers": {}, "chunks": [""]},
    "failure before the first chunk": {"statusCode": 200, "headers": TEXT, "chunks": [], "fails": True},
    "failure after the first chunk": {"statusCode": 200, "headers": TEXT, "chunks": ["begun"], "fails": True},
}


def create_event(response: dict[str, Any], method: str = "GET") -> dict[str, Any]:
    """Return a function URL's event that describes the response."""
    domain = "abcdef.lambda-url.eu-west-1.on.aws"
    http = {"method": method, "path": "/", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.9"}
    return {
        "version": "2.0",
        "rawPath": "/",
        "rawQueryString": "",
        "headers": {"host": domain, "x-response": json.dumps(response)},
        "requestContext": {"domainName": domain, "http": http, "stage": "$default"},
        "isBase64Encoded": False,
    }


async def record(folder: Path) -> list[dict[str, Any]]:
    """Run the client in a folder and return what it sends for each response."""
    async with RuntimeApi("shop", SECONDS) as api:
        project = Path(__file__).parent
        variables = {"AWS_LAMBDA_RUNTIME_API": api.address, "LAMBDA_TASK_ROOT": str(project)}
        arguments = ("node", str(folder / CLIENT), "node_wire.handler")
        process = await asyncio.create_subprocess_exec(*arguments, cwd=project, env=os.environ | variables)
        try:
            return [await record_one(api, name) for name in RESPONSES]
        finally:
            process.terminate()
            await process.wait()


async def record_one(api: RuntimeApi, name: str) -> dict[str, Any]:
    event = create_event(RESPONSES[name], "HEAD" if name.endswith("HEAD") else "GET")
    async with asyncio.timeout(SECONDS):
        sent = describe(await api.submit(event).result())
    for trailer in sent["trailers"]:
        if trailer[0] == ERROR_BODY:
            trailer[1] = shorten_stack(trailer[1])
    return {"name": name, "event": event, "sent": sent}


def describe(result: InvocationResult) -> dict[str, Any]:
    """Return what was sent, without the headers of the connection. The text of a chunk is latin-1."""
    return {
        "headers": [list(pair) for pair in result.headers if pair[0] not in CONNECTION_HEADERS],
        "chunks": [chunk.decode("latin-1") for chunk in result.chunks],
        "trailers": [list(pair) for pair in result.trailers],
    }


def shorten_stack(body: str) -> str:
    """Leave the first line of the stack in an error. The others contain the paths of the client."""
    error = json.loads(base64.b64decode(body))
    error["trace"] = error["trace"][:1]
    return base64.b64encode(json.dumps(error, separators=(",", ":")).encode()).decode()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: scripts/node_wire.py FOLDER, in which npm has installed aws-lambda-ric")
    TRANSCRIPT.write_text(json.dumps(asyncio.run(record(Path(sys.argv[1]).resolve())), indent=2) + "\n")

"""The streaming format on the wire, compared with what AWS's Node client sends for the same responses.

`scripts/node_wire.py` has recorded `node_wire.json`. It also shows that the client works with the simulator.
"""

import asyncio
import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.node_wire import CLIENT, RESPONSES, TRANSCRIPT, create_event, describe, record
from tests.aws.runtime_process import Runtime, running

EARLY = "failure before the first chunk"

SERVICE = """
import json
from starlette.responses import StreamingResponse
from coworks_async import TechMicroService, entry, request

class Wire(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        described = json.loads(request.headers["x-response"])
        if not described["chunks"]:
            raise LookupError("no such thing")
        response = StreamingResponse(self.iter_chunks(described), described["statusCode"], described["headers"])
        for cookie in described.get("cookies", ()):
            response.headers.append("set-cookie", cookie)
        return response

    async def iter_chunks(self, described):
        for chunk in described["chunks"]:
            yield chunk.encode("latin-1")
        if described.get("fails"):
            raise LookupError("no such thing")

lambda_handler = Wire().lambda_handler
"""


def read_transcripts() -> dict[str, Any]:
    return {each["name"]: each for each in json.loads(TRANSCRIPT.read_text())}


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    folder = tmp_path_factory.mktemp("wire")
    (folder / "shop.py").write_text(SERVICE)
    with running(folder, CWS_STREAM="url") as runtime:
        yield runtime


def read_error(sent: Any) -> Any:
    """Remove the trailers of an error and return their content: type, members, and whether there is a stack."""
    kind, body = (value for _, value in sent.pop("trailers"))
    error = json.loads(base64.b64decode(body, validate=True))
    stack = error.get("trace", error.get("stackTrace"))
    return kind, error["errorType"], error["errorMessage"], isinstance(stack, list)


@pytest.mark.parametrize("name", [name for name in RESPONSES if name != EARLY])
def test_a_response_is_sent_as_by_the_node_client(runtime: Runtime, name: str):
    transcript = read_transcripts()[name]
    expected, sent = transcript["sent"], describe(runtime.api.call(transcript["event"])[1])
    assert [name for name, _ in sent["trailers"]] == [name for name, _ in expected["trailers"]]
    if expected["trailers"]:
        assert read_error(sent) == read_error(expected)
    headers = [pair for pair in sent.pop("headers") if pair[0] != "User-Agent"]
    assert sorted(headers) == sorted(expected.pop("headers"))
    assert sent == expected


def test_a_failure_before_the_first_chunk_is_a_500_where_the_node_client_fails_the_event(runtime: Runtime):
    transcript = read_transcripts()[EARLY]
    node = transcript["sent"]
    assert node["chunks"] == []
    assert ["Content-Type", "application/octet-stream"] in node["headers"]
    assert read_error(node) == ("LookupError", "LookupError", "no such thing", True)
    _, result = runtime.api.call(transcript["event"])
    assert json.loads(result.chunks[0])["statusCode"] == 500
    assert json.loads(result.chunks[2])["title"] == "Internal Server Error"
    assert result.trailers == ()


def test_the_transcript_contains_all_responses():
    recorded = {name: each["event"]["headers"] for name, each in read_transcripts().items()}
    expected = {name: create_event(response)["headers"] for name, response in RESPONSES.items()}
    assert recorded == expected, "Run scripts/node_wire.py."


@pytest.mark.skipif(
    not (Path(os.environ.get("AWS_LAMBDA_RIC", "")) / CLIENT).is_file(),
    reason="AWS_LAMBDA_RIC does not name a folder in which npm has installed aws-lambda-ric",
)
def test_the_node_client_sends_the_transcript_to_the_simulator():
    assert asyncio.run(record(Path(os.environ["AWS_LAMBDA_RIC"]))) == [*read_transcripts().values()]

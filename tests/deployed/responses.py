"""Compare the responses of a deployed service with those of the same service in this process."""

import importlib.util
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2

from tests.deployed.requests import Request

# Added by the gateway and by its server.
GATEWAY_HEADERS = {"apigw-requestid", "x-amz-request-id", "x-amzn-requestid", "x-amzn-errortype", "date", "server"}
# Added by API Gateway on AWS, and by CloudFront in front of a REST API.
AWS_HEADERS = {"connection", "via", "x-amz-apigw-id", "x-amz-cf-id", "x-amz-cf-pop", "x-amzn-trace-id", "x-cache"}

Content = tuple[int, bytes, Counter[tuple[str, str]]]


def load_app(file: Path) -> Any:
    """Import the `app` of a file."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app


def send(client: httpx2.Client, url: str, request: Request) -> httpx2.Response:
    headers = [*request.headers.items(), *request.repeated]
    return client.request(request.method, url + request.path, headers=headers, content=request.body)


def find_difference(ours: httpx2.Response, theirs: httpx2.Response) -> str | None:
    """Describe how the response of a deployed service differs from that in this process, or return None."""
    (status, body, headers), (their_status, their_body, their_headers) = _read(ours), _read(theirs)
    if their_status != status:
        return f"status {their_status}, expected {status}"
    if their_body != body:
        return f"body {their_body[:200]!r}, expected {body[:200]!r}"
    if missing := headers - their_headers:
        return f"missing headers {sorted(missing)}"
    if added := set(their_headers - headers) - _allowed_headers(ours, theirs):
        return f"additional headers {sorted(added)}"
    return None


def _read(response: httpx2.Response) -> Content:
    """Return status, body and headers, without the headers that differ in each response."""
    ignored = GATEWAY_HEADERS | AWS_HEADERS
    headers = Counter(pair for pair in response.headers.multi_items() if pair[0] not in ignored)
    return response.status_code, response.content, headers


def _allowed_headers(ours: httpx2.Response, theirs: httpx2.Response) -> set[tuple[str, str]]:
    """Return the headers that a gateway may add, according to `docs/concepts/gateway-differences.md`."""
    # A streamed response has no length in process.
    found = {("content-length", str(len(theirs.content)))}
    if "content-type" not in ours.headers:
        found.add(("content-type", "application/json"))
    if "x-amzn-errortype" in theirs.headers:
        # A response of the REST API itself is the same for all routes, and some allow cross-origin requests.
        found.add(("access-control-allow-origin", "*"))
    return found

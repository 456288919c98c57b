"""Each rule of the contract through a real deploy: a request gets the same response as in this process."""

from collections import Counter
from typing import Any

import httpx2
import pytest

from tests.deploy.deployed_project import Deployment
from tests.deployed.requests import REQUESTS, Request

pytestmark = pytest.mark.end_to_end

# Added by the gateway and by its server.
GATEWAY_HEADERS = {"apigw-requestid", "x-amz-request-id", "x-amzn-requestid", "x-amzn-errortype", "date", "server"}


def send(client: httpx2.Client, address: str, sent: Request) -> httpx2.Response:
    headers = [*sent.headers.items(), *sent.repeated]
    return client.request(sent.method, address + sent.path, headers=headers, content=sent.body)


def content(response: httpx2.Response) -> tuple[int, bytes, Counter[tuple[str, str]]]:
    """Return status, body and headers, without the headers that differ in each response."""
    headers = Counter(pair for pair in response.headers.multi_items() if pair[0] not in GATEWAY_HEADERS)
    return response.status_code, response.content, headers


def allowed_headers(ours: httpx2.Response, theirs: httpx2.Response) -> set[tuple[str, str]]:
    """Return the headers that a gateway may add, according to `docs/concepts/gateway-differences.md`."""
    # A streamed response has no length in process.
    found = {("content-length", str(len(theirs.content)))}
    if "content-type" not in ours.headers:
        found.add(("content-type", "application/json"))
    if "x-amzn-errortype" in theirs.headers:
        # A response of the REST API itself is the same for all routes, and some allow cross-origin requests.
        found.add(("access-control-allow-origin", "*"))
    return found


@pytest.mark.parametrize("sent", REQUESTS, ids=lambda sent: sent.name)
def test_a_deployed_service_responds_as_in_process(
    contract: Deployment,
    remote_client: httpx2.Client,
    local_client: httpx2.Client,
    sent: Request,
    request: pytest.FixtureRequest,
):
    if sent.other_status(contract.gateway) is not None:
        request.applymarker(pytest.mark.xfail(strict=True, reason="docs/concepts/gateway-differences.md"))
    theirs, ours = send(remote_client, contract.url, sent), send(local_client, "", sent)
    status, body, headers = content(ours)
    assert content(theirs)[:2] == (status, body)
    assert headers - content(theirs)[2] == Counter()
    assert set(content(theirs)[2] - headers) <= allowed_headers(ours, theirs)


def test_differences_have_the_documented_status(contract: Deployment, remote_client: httpx2.Client):
    different = [each for each in REQUESTS if each.other_status(contract.gateway) is not None]
    responses = [send(remote_client, contract.url, each) for each in different]
    statuses = [(each.name, response.status_code) for each, response in zip(different, responses, strict=True)]
    assert statuses == [(each.name, each.other_status(contract.gateway)) for each in different]


@pytest.mark.parametrize("token", [{}, {"Authorization": "any"}, {"Authorization": "boom"}])
def test_an_http_api_sends_its_own_body_for_a_rejected_token(
    contract: Deployment, remote_client: httpx2.Client, token: dict[str, str]
):
    response = remote_client.get(f"{contract.url}/", headers=token)
    if contract.gateway == "http":
        assert list(response.json()) == ["message"]
    else:
        assert response.json()["status"] == response.status_code


def authorizer_calls(client: httpx2.Client, contract: Deployment) -> Any:
    return client.get(f"{contract.url}/calls").json()


def test_the_authorizer_is_called_once_for_all_requests_with_one_token(
    contract: Deployment, remote_client: httpx2.Client
):
    token = {"Authorization": "ada"}
    assert remote_client.get(f"{contract.url}/auth", headers=token).json()["user"] == "ada"
    before = authorizer_calls(remote_client, contract)
    for path in ("/auth", "/items/1", "/files/a/b", "/shop"):
        assert remote_client.get(contract.url + path, headers=token).status_code == 200
    assert authorizer_calls(remote_client, contract) == before

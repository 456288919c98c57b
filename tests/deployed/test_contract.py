"""Each rule of the contract through a real deploy: a request gets the same response as in this process."""

from typing import Any

import httpx2
import pytest

from tests.deploy.deployed_project import Deployment
from tests.deployed.requests import REQUESTS, Request
from tests.deployed.responses import find_difference, send

pytestmark = pytest.mark.end_to_end


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
    assert find_difference(ours, theirs) is None


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

"""Each rule of the contract through a real deploy: one request, answered behind each gateway as in this process."""

from collections import Counter
from typing import Any

import httpx2
import pytest

from tests.deployed.deploying import Deployed
from tests.deployed.requests import SENT, Sent

pytestmark = pytest.mark.end_to_end

# A gateway's own, and the server's before it.
ENVELOPE = {"apigw-requestid", "x-amz-request-id", "x-amzn-requestid", "x-amzn-errortype", "date", "server"}


def ask(client: httpx2.Client, address: str, sent: Sent) -> httpx2.Response:
    headers = [*sent.headers.items(), *sent.repeated]
    return client.request(sent.method, address + sent.path, headers=headers, content=sent.body)


def told(answer: httpx2.Response) -> tuple[int, bytes, Counter[tuple[str, str]]]:
    """Return what a client sees of an answer, without what tells one exchange from another."""
    headers = Counter(pair for pair in answer.headers.multi_items() if pair[0] not in ENVELOPE)
    return answer.status_code, answer.content, headers


def added(ours: httpx2.Response, theirs: httpx2.Response) -> set[tuple[str, str]]:
    """Return the headers that a gateway may add, as `docs/lambda-differences.md` tells."""
    # The length of what was streamed.
    found = {("content-length", str(len(theirs.content)))}
    if "content-type" not in ours.headers:
        found.add(("content-type", "application/json"))
    if "x-amzn-errortype" in theirs.headers:
        # A REST API answers alone, alike for all of its routes: some of them are open to browsers.
        found.add(("access-control-allow-origin", "*"))
    return found


@pytest.mark.parametrize("sent", SENT, ids=lambda sent: sent.name)
def test_a_deployed_service_answers_as_in_process(
    contract: Deployed, far: httpx2.Client, near: httpx2.Client, sent: Sent, request: pytest.FixtureRequest
):
    if sent.other_status(contract.gateway) is not None:
        request.applymarker(pytest.mark.xfail(strict=True, reason="docs/lambda-differences.md tells what differs"))
    theirs, ours = ask(far, contract.address, sent), ask(near, "", sent)
    status, body, headers = told(ours)
    assert told(theirs)[:2] == (status, body)
    assert headers - told(theirs)[2] == Counter()
    assert set(told(theirs)[2] - headers) <= added(ours, theirs)


def test_what_differs_has_the_status_that_is_told(contract: Deployed, far: httpx2.Client):
    different = [each for each in SENT if each.other_status(contract.gateway) is not None]
    answers = [ask(far, contract.address, each) for each in different]
    found = [(each.name, answer.status_code) for each, answer in zip(different, answers, strict=True)]
    assert found == [(each.name, each.other_status(contract.gateway)) for each in different]


@pytest.mark.parametrize("token", [{}, {"Authorization": "any"}, {"Authorization": "boom"}])
def test_what_an_http_api_refuses_it_tells_in_its_own_words(
    contract: Deployed, far: httpx2.Client, token: dict[str, str]
):
    answer = far.get(f"{contract.address}/", headers=token)
    if contract.gateway == "http":
        assert list(answer.json()) == ["message"]
    else:
        assert answer.json()["status"] == answer.status_code


def calls(client: httpx2.Client, contract: Deployed) -> Any:
    return client.get(f"{contract.address}/calls").json()


def test_the_rule_is_asked_once_for_all_requests_of_one_token(contract: Deployed, far: httpx2.Client):
    token = {"Authorization": "ada"}
    assert far.get(f"{contract.address}/auth", headers=token).json()["user"] == "ada"
    before = calls(far, contract)
    for path in ("/auth", "/items/1", "/files/a/b", "/shop"):
        assert far.get(contract.address + path, headers=token).status_code == 200
    assert calls(far, contract) == before

"""The gateway asks first: policies for the whole stage, the mark of our own answer, and what has no mark."""

import logging
from asyncio import CancelledError
from typing import Any

import pytest

from coworks_async import RequestContextError, TechMicroService, request
from coworks_async.exceptions import AuthorizerError
from tests.aws.asking import Ruled, http_2_event, ruled_by, token_event
from tests.aws.lambdas import FUNCTION, MARK, METHOD_ARN, Event, Invoke
from tests.aws.lambdas import rest as rest_event

STAGE_ARN = "arn:aws:execute-api:eu-west-1:123456789012:abcdef123/dev/*"


def request_event(token: str, arn: str = METHOD_ARN, header: str = "Authorization") -> Event:
    """What a REST API asks a REQUEST authorizer: a request's event, and two names more."""
    event = rest_event(path="/items/3", headers=[(header, token)])
    return {**event, "type": "REQUEST", "methodArn": arn}


def http_1_event(token: str) -> Event:
    """What an HTTP API asks by the payload format 1.0."""
    event = request_event(token, METHOD_ARN.replace("/dev/", "/$default/"))
    return {**event, "version": "1.0", "identitySource": token, "authorizationToken": token}


# --- the answer


def test_a_token_event_is_answered_in_the_shape_that_aws_documents(invoke: Invoke):
    assert invoke(Ruled(), token_event("token")) == {
        "principalId": "coworks",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": STAGE_ARN}],
        },
        "context": {"coworks": MARK, "principal": "{}"},
    }


@pytest.mark.parametrize("event_of", [token_event, request_event])
def test_a_token_that_is_refused_is_a_deny_for_the_whole_stage(invoke: Invoke, event_of):
    for token in ("no", "unknown"):
        answer = invoke(Ruled(), event_of(token))
        [statement] = answer["policyDocument"]["Statement"]
        assert (statement["Effect"], statement["Resource"], answer["context"]) == ("Deny", STAGE_ARN, {})
    [statement] = invoke(Ruled(), event_of("token"))["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Resource"]) == ("Allow", STAGE_ARN)


def test_an_http_api_is_answered_yes_or_no(invoke: Invoke):
    assert invoke(Ruled(), http_2_event("token")) == {
        "isAuthorized": True,
        "context": {"coworks": MARK, "principal": "{}"},
    }
    assert invoke(Ruled(), http_2_event("no")) == {"isAuthorized": False, "context": {}}


def test_an_http_api_with_the_payload_format_1_0_is_answered_by_a_policy(invoke: Invoke):
    answer = invoke(Ruled(), http_1_event("token"))
    [statement] = answer["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Resource"]) == ("Allow", STAGE_ARN.replace("/dev/", "/$default/"))


STAGES = [
    "arn:aws-cn:execute-api:cn-north-1:123456789012:abc/dev",
    "arn:aws-us-gov:execute-api:us-gov-west-1:123456789012:abc/v1",
    "arn:aws:execute-api:eu-west-1:123456789012:abc/my-stage-2",
    "arn:aws:execute-api:eu-west-1:123456789012:abc/$default",
    "arn:aws:execute-api:eu-west-1:123456789012:abc/test-invoke-stage",
    "arn:aws:execute-api:eu-west-1:123456789012:abc/ESTestInvoke-stage",
]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("route", ["GET/", "ANY/a/b", "POST/items/{number}", "$default"])
def test_the_policy_is_for_the_whole_stage_in_every_partition(invoke: Invoke, stage: str, route: str):
    for event in (token_event("token", f"{stage}/{route}"), request_event("token", f"{stage}/{route}")):
        [statement] = invoke(Ruled(), event)["policyDocument"]["Statement"]
        assert statement["Resource"] == f"{stage}/*"


# --- the token


def test_the_token_is_the_header_that_the_service_names(invoke: Invoke):
    class Keyed(Ruled):
        token_key = "X-Api-Key"

    for event_of in (request_event, http_2_event):
        answer = invoke(Keyed(), event_of("token", header="x-api-key"))
        assert "Allow" in str(answer) or answer["isAuthorized"]
    with pytest.raises(AuthorizerError, match=r"^Unauthorized$"):
        invoke(Keyed(), request_event("token"))


def test_a_repeated_header_is_one_token_as_in_a_request(invoke: Invoke):
    app = ruled_by({"a,b": True})
    event = request_event("a")
    event["multiValueHeaders"]["Authorization"].append("b")
    assert "Allow" in str(invoke(app, event))
    event["multiValueHeaders"] = None
    assert "Deny" in str(invoke(app, event))


def test_a_token_that_came_decoded_is_compared_as_a_header_is(invoke: Invoke, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TOKEN", "鍵")
    app = TechMicroService(name="default")
    assert "Allow" in str(invoke(app, token_event("鍵")))
    assert "Deny" in str(invoke(app, token_event("键")))


def test_without_a_token_the_gateway_is_told_the_word_of_which_it_makes_a_401(invoke: Invoke):
    for event in (token_event(""), token_event(None), request_event("")):
        with pytest.raises(AuthorizerError, match=r"^Unauthorized$"):
            invoke(Ruled(), event)
    assert invoke(Ruled(), http_2_event("")) == {"isAuthorized": False, "context": {}}


def test_a_sync_rule_is_asked_too(invoke: Invoke):
    class Sync(TechMicroService):
        def token_authorizer(self, token: str):
            return token == "token"

    assert "Allow" in str(invoke(Sync(), token_event("token")))


def test_a_stages_name_lets_in_on_that_stage(invoke: Invoke, monkeypatch: pytest.MonkeyPatch):
    app = ruled_by({"token": "v1"})
    assert "Deny" in str(invoke(app, token_event("token")))
    monkeypatch.setenv("CWS_STAGE", "v1")
    answer = invoke(app, token_event("token"))
    assert answer["context"] == {"coworks": f"{FUNCTION} v1", "principal": "{}"}


def test_request_inside_the_rule_raises_here_too(invoke: Invoke):
    reasons: list[str] = []

    class Peeking(Ruled):
        async def token_authorizer(self, token: str):
            try:
                return request.method == "GET"
            except RequestContextError as error:
                reasons.append(str(error))
                return False

    assert "Deny" in str(invoke(Peeking(), request_event("token")))
    assert "token_authorizer receives only the token" in reasons[0]


# --- a rule that fails


EVENTS = [token_event("s3cr3t"), request_event("s3cr3t"), http_1_event("s3cr3t"), http_2_event("s3cr3t")]


@pytest.mark.parametrize("event", EVENTS, ids=["token", "request", "http 1.0", "http 2.0"])
def test_a_rule_that_fails_makes_the_event_fail_since_a_deny_would_be_cached(
    invoke: Invoke, caplog: pytest.LogCaptureFixture, event: Event
):
    class Failing(TechMicroService):
        async def token_authorizer(self, token: str):
            raise LookupError(token)

    with pytest.raises(AuthorizerError, match="token_authorizer failed; access denied") as failed:
        invoke(Failing(), event)
    assert failed.value.__cause__ is None
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "LookupError" in record.getMessage()
    assert "s3cr3t" not in caplog.text + str(failed.value)


def test_an_arn_that_is_none_of_a_method_is_named(invoke: Invoke):
    event = {"type": "TOKEN", "authorizationToken": "token", "methodArn": "arn:aws:execute-api:eu-west-1:1:abc"}
    with pytest.raises(AuthorizerError, match="arn:aws:execute-api:eu-west-1:1:abc', which is no ARN of a method"):
        invoke(Ruled(), event)


def test_a_rule_that_awaits_what_is_cancelled_fails_too(invoke: Invoke):
    class Failing(TechMicroService):
        async def token_authorizer(self, token: str):
            raise CancelledError

    with pytest.raises(AuthorizerError, match="token_authorizer failed; access denied"):
        invoke(Failing(), EVENTS[0])


def test_a_verdict_that_is_none_is_a_no_with_an_error_in_the_log(invoke: Invoke, caplog: pytest.LogCaptureFixture):
    app = ruled_by({"token": 1})
    assert "Deny" in str(invoke(app, token_event("token")))
    assert (
        "token_authorizer returned int; access denied. Return True, False, None, a stage name or a mapping."
        in caplog.text
    )


@pytest.mark.parametrize("principal", [{"name": "x" * 4086}, {"set": object()}, {"nan": float("nan")}])
def test_a_principal_over_4_kb_or_without_json_is_an_error(invoke: Invoke, principal: dict[str, Any]):
    app = ruled_by({"token": principal})
    for event_of in (token_event, http_2_event):
        with pytest.raises(AuthorizerError, match="token_authorizer returned"):
            invoke(app, event_of("token"))


def test_a_principal_of_4_kb_is_none(invoke: Invoke):
    app = ruled_by({"token": {"name": "x" * 4085}})
    assert len(invoke(app, token_event("token"))["context"]["principal"]) == 4096

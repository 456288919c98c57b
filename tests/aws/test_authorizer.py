"""Authorizer events: policies for the whole stage, tokens, failing authorizers."""

import logging
import time
from asyncio import CancelledError
from typing import Any

import pytest

from coworks_async import Problem, RequestContextError, TechMicroService, request
from coworks_async.exceptions import AuthorizerError
from tests.aws.authorizer_events import TokenService, http_authorizer_event, service_with_results, token_event
from tests.aws.events import METHOD_ARN, Event, Invoke, rest_event, sign

STAGE_ARN = "arn:aws:execute-api:eu-west-1:123456789012:abcdef123/dev/*"


def request_event(token: str, arn: str = METHOD_ARN, header: str = "Authorization") -> Event:
    """Return the event of a REST API's REQUEST authorizer: a request's event with two more keys."""
    event = rest_event(path="/items/3", headers=[(header, token)])
    return {**event, "type": "REQUEST", "methodArn": arn}


def http_1_event(token: str) -> Event:
    """Return the event of an HTTP API's authorizer with payload format 1.0."""
    event = request_event(token, METHOD_ARN.replace("/dev/", "/$default/"))
    return {**event, "version": "1.0", "identitySource": token, "authorizationToken": token}


# --- results


def check_context(context: Event, principal: str = "{}", stage: str = "dev") -> None:
    """Check a result's context: the principal, and the time of issue with a signature of both."""
    issued, signature = context["coworks"].split(" ")
    assert abs(int(issued) - time.time()) < 60
    assert context == {"coworks": f"{issued} {signature}", "principal": principal}
    assert signature == sign("authorizer", f"{issued} {principal}", stage=stage)


def test_the_result_of_a_token_event_is_as_documented_by_aws(invoke: Invoke, signing_key: None):
    result = invoke(TokenService(), token_event("token"))
    check_context(result.pop("context"))
    assert result == {
        "principalId": "coworks",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": STAGE_ARN}],
        },
    }


@pytest.mark.parametrize("create_event", [token_event, request_event])
def test_a_denied_token_is_a_deny_for_the_whole_stage(invoke: Invoke, create_event):
    for token in ("no", "unknown"):
        result = invoke(TokenService(), create_event(token))
        [statement] = result["policyDocument"]["Statement"]
        assert (statement["Effect"], statement["Resource"], result["context"]) == ("Deny", STAGE_ARN, {})
    [statement] = invoke(TokenService(), create_event("token"))["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Resource"]) == ("Allow", STAGE_ARN)


def test_an_http_api_gets_a_simple_result(invoke: Invoke, signing_key: None):
    result = invoke(TokenService(), http_authorizer_event("ann"))
    check_context(result.pop("context"), '{"name":"ann","rights":{"read":[1,2.5,null]}}')
    assert result == {"isAuthorized": True}
    assert invoke(TokenService(), http_authorizer_event("no")) == {"isAuthorized": False, "context": {}}


def test_an_http_api_with_payload_1_0_gets_a_policy(invoke: Invoke):
    result = invoke(TokenService(), http_1_event("token"))
    [statement] = result["policyDocument"]["Statement"]
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
def test_the_policy_covers_the_whole_stage_in_every_partition(invoke: Invoke, stage: str, route: str):
    for event in (token_event("token", f"{stage}/{route}"), request_event("token", f"{stage}/{route}")):
        [statement] = invoke(TokenService(), event)["policyDocument"]["Statement"]
        assert statement["Resource"] == f"{stage}/*"


# --- tokens


def test_the_token_is_read_from_token_key(invoke: Invoke):
    class Keyed(TokenService):
        token_key = "X-Api-Key"

    for create_event in (request_event, http_authorizer_event):
        result = invoke(Keyed(), create_event("token", header="x-api-key"))
        assert "Allow" in str(result) or result["isAuthorized"]
    with pytest.raises(AuthorizerError, match=r"^Unauthorized$"):
        invoke(Keyed(), request_event("token"))


def test_a_repeated_header_is_joined_to_one_token(invoke: Invoke):
    app = service_with_results({"a,b": True})
    event = request_event("a")
    event["multiValueHeaders"]["Authorization"].append("b")
    assert "Allow" in str(invoke(app, event))
    event["multiValueHeaders"] = None
    assert "Deny" in str(invoke(app, event))


def test_a_decoded_token_is_compared_by_its_bytes(invoke: Invoke, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TOKEN", "鍵")
    app = TechMicroService(name="default")
    assert "Allow" in str(invoke(app, token_event("鍵")))
    assert "Deny" in str(invoke(app, token_event("键")))


def test_without_a_token_the_event_fails_with_the_message_for_a_401(invoke: Invoke):
    for event in (token_event(""), token_event(None), request_event("")):
        with pytest.raises(AuthorizerError, match=r"^Unauthorized$"):
            invoke(TokenService(), event)
    assert invoke(TokenService(), http_authorizer_event("")) == {"isAuthorized": False, "context": {}}


def test_a_sync_authorizer_is_called(invoke: Invoke):
    class Sync(TechMicroService):
        def token_authorizer(self, token: str):
            return token == "token"

    assert "Allow" in str(invoke(Sync(), token_event("token")))


def test_a_stage_name_allows_on_that_stage(invoke: Invoke, monkeypatch: pytest.MonkeyPatch, signing_key: None):
    app = service_with_results({"token": "v1"})
    assert "Deny" in str(invoke(app, token_event("token")))
    monkeypatch.setenv("CWS_STAGE", "v1")
    check_context(invoke(app, token_event("token"))["context"], stage="v1")


def test_request_raises_inside_the_authorizer(invoke: Invoke):
    reasons: list[str] = []

    class Peeking(TokenService):
        async def token_authorizer(self, token: str):
            try:
                return request.method == "GET"
            except RequestContextError as error:
                reasons.append(str(error))
                return False

    assert "Deny" in str(invoke(Peeking(), request_event("token")))
    assert "token_authorizer receives only the token" in reasons[0]


# --- rejections with a status, expired principals


@pytest.mark.parametrize("problem", [Problem(401, "The session has ended."), {"exp": 1}])
def test_a_401_fails_the_event_of_a_rest_api_with_the_message_for_a_401(invoke: Invoke, problem: Any):
    app = service_with_results({"token": problem})
    for event in (token_event("token"), request_event("token"), http_1_event("token")):
        with pytest.raises(AuthorizerError, match=r"^Unauthorized$"):
            invoke(app, event)
    assert invoke(app, http_authorizer_event("token")) == {"isAuthorized": False, "context": {}}


def test_a_403_is_a_deny(invoke: Invoke):
    class Raising(TechMicroService):
        async def token_authorizer(self, token: str):
            raise Problem(403, "Not you.")

    assert "Deny" in str(invoke(Raising(), token_event("token")))
    assert invoke(Raising(), http_authorizer_event("token")) == {"isAuthorized": False, "context": {}}


def test_the_scheme_is_removed_from_the_token(invoke: Invoke):
    class Scheme(TokenService):
        auth_scheme = "Bearer"

    for value in ("Bearer token", "bearer token"):
        assert "Allow" in str(invoke(Scheme(), token_event(value)))
    with pytest.raises(AuthorizerError, match=r"^Unauthorized$"):
        invoke(Scheme(), token_event("token"))
    assert invoke(Scheme(), http_authorizer_event("token")) == {"isAuthorized": False, "context": {}}


# --- failing authorizers


EVENTS = [token_event("s3cr3t"), request_event("s3cr3t"), http_1_event("s3cr3t"), http_authorizer_event("s3cr3t")]


@pytest.mark.parametrize("event", EVENTS, ids=["token", "request", "http 1.0", "http 2.0"])
def test_a_failing_authorizer_fails_the_event(invoke: Invoke, caplog: pytest.LogCaptureFixture, event: Event):
    class Failing(TechMicroService):
        async def token_authorizer(self, token: str):
            raise LookupError(token)

    with pytest.raises(AuthorizerError, match="token_authorizer failed; access denied") as failed:
        invoke(Failing(), event)
    assert failed.value.__cause__ is None
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "LookupError" in record.getMessage()
    assert "s3cr3t" not in caplog.text + str(failed.value)


def test_an_invalid_method_arn_is_named_in_the_error(invoke: Invoke):
    event = {"type": "TOKEN", "authorizationToken": "token", "methodArn": "arn:aws:execute-api:eu-west-1:1:abc"}
    with pytest.raises(AuthorizerError, match="Not the ARN of a method: 'arn:aws:execute-api:eu-west-1:1:abc'"):
        invoke(TokenService(), event)


def test_an_authorizer_that_awaits_a_cancelled_task_fails_the_event(invoke: Invoke):
    class Failing(TechMicroService):
        async def token_authorizer(self, token: str):
            raise CancelledError

    with pytest.raises(AuthorizerError, match="token_authorizer failed; access denied"):
        invoke(Failing(), EVENTS[0])


def test_an_invalid_authorizer_result_denies_and_logs_an_error(invoke: Invoke, caplog: pytest.LogCaptureFixture):
    app = service_with_results({"token": 1})
    assert "Deny" in str(invoke(app, token_event("token")))
    assert (
        "token_authorizer returned int; access denied. Return True, False, None, a stage name, a mapping or a Problem "
        "of status 401 or 403." in caplog.text
    )


@pytest.mark.parametrize("principal", [{"name": "x" * 4086}, {"set": object()}, {"nan": float("nan")}])
def test_a_principal_over_4_kb_or_not_json_is_an_error(invoke: Invoke, principal: dict[str, Any]):
    app = service_with_results({"token": principal})
    for create_event in (token_event, http_authorizer_event):
        with pytest.raises(AuthorizerError, match="token_authorizer returned"):
            invoke(app, create_event("token"))


def test_a_principal_of_4_kb_is_allowed(invoke: Invoke):
    app = service_with_results({"token": {"name": "x" * 4085}})
    assert len(invoke(app, token_event("token"))["context"]["principal"]) == 4096

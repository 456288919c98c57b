"""Requests behind an authorizer: trusted with our signature, checked by the service without it."""

import json
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from coworks_async import TechMicroService, entry, request
from coworks_async.exceptions import SigningKeyError
from tests.aws.authorizer_events import ANN, TokenService, http_authorizer_event, service_with_results, token_event
from tests.aws.events import (
    FUNCTION_ARN,
    HOST,
    METHOD_ARN,
    SIGNING_KEY,
    Context,
    Event,
    Invoke,
    SendEvent,
    alb_event,
    events_in_all_formats,
    http_event,
    rest_event,
    sign,
    signed_context,
)
from tests.clients import Connect


def create_allowed_requests(app: TechMicroService, invoke: Invoke, token: str) -> dict[str, Event]:
    """Return the requests that gateways send once the authorizer has allowed this token."""
    rest = {**invoke(app, token_event(token))["context"], "principalId": "coworks", "integrationLatency": 3}
    simple = {"lambda": invoke(app, http_authorizer_event(token))["context"]}
    return {
        "rest": rest_event(path="/items/3", authorizer=rest),
        "http 1.0": {"version": "1.0", **rest_event(path="/items/3", full_path="/items/3", authorizer=rest)},
        "http 2.0": http_event(path="/items/3", authorizer=simple),
        "http stage": http_event(path="/dev/items/3", stage="dev", authorizer=simple),
    }


@pytest.mark.parametrize("token", ["token", "ann"])
def test_a_request_allowed_by_the_gateway_is_not_authorized_again(invoke: Invoke, send_event: SendEvent, token: str):
    app = TokenService()
    events = create_allowed_requests(app, invoke, token)
    assert app.authorizer_calls == 2
    for name, event in events.items():
        response = send_event(app, event)
        expected = {} if token == "token" else ANN
        assert (response.status, response.json) == (200, {"auth": expected, "number": 3}), name
    # Once the gateway has the result, a request costs one invocation.
    assert app.authorizer_calls == 2


def test_a_principal_keeps_its_nested_values_and_types(invoke: Invoke, send_event: SendEvent):
    principal = {
        "text": "é鍵",
        "empty": "",
        "int": 2**53,
        "float": 0.5,
        "bool": True,
        "none": None,
        "list": [1, "1", [{}]],
        "dict": {"a": {"b": [False]}},
    }

    class Nested(TokenService):
        results = MappingProxyType({"token": principal})

        @entry
        async def get_items(self, number: int):
            seen.append(request.auth)

    seen: list[Any] = []
    app = Nested()
    for event in create_allowed_requests(app, invoke, "token").values():
        assert send_event(app, event).status == 204
    headers = [("authorization", "token")]
    for event in events_in_all_formats("GET", "/items/3", headers).values():
        assert send_event(app, event).status == 204
    assert [repr(auth) for auth in seen] == [repr(principal)] * 10


def test_a_decimal_in_a_principal_becomes_a_string(invoke: Invoke, send_event: SendEvent):
    app = service_with_results({"token": {"limit": Decimal("1.50")}})
    assert send_event(app, create_allowed_requests(app, invoke, "token")["rest"]).json["auth"] == {"limit": "1.50"}


def test_a_no_auth_entry_has_no_principal_behind_an_authorizer(invoke: Invoke, send_event: SendEvent):
    app = TokenService()
    event = create_allowed_requests(app, invoke, "ann")["rest"] | {"path": "/open"}
    event["requestContext"]["path"] = "/dev/open"
    assert send_event(app, event).json == {"auth": {}}


def test_a_request_with_several_tokens_is_authorized_again(invoke: Invoke, send_event: SendEvent):
    app = service_with_results({"ann": ANN, "no,ann": {"name": "both"}})
    rest = invoke(app, token_event("ann"))["context"]
    simple = {"lambda": invoke(app, http_authorizer_event("ann"))["context"]}
    one = [("Authorization", "ann"), ("X-Kind", "a"), ("X-Kind", "b")]
    two = [("Authorization", "no"), ("authorization", "ann")]
    for create_event, authorizer in ((rest_event, rest), (http_event, simple)):
        calls = app.authorizer_calls
        assert send_event(app, create_event(headers=one, authorizer=authorizer)).json == {"auth": ANN}
        assert app.authorizer_calls == calls
        joined = [("authorization", "no,ann")] if create_event is http_event else two
        assert send_event(app, create_event(headers=joined, authorizer=authorizer)).json == {"auth": {"name": "both"}}
        assert app.authorizer_calls == calls + 1


CONTEXT = signed_context('{"name": "ann"}')
OTHER_ARN = FUNCTION_ARN.replace(":shop", ":other")
OTHER_ACCOUNT = FUNCTION_ARN.replace("123456789012", "210987654321")

FORGED: dict[str, Any] = {
    "nothing": {},
    "the marker of an earlier release": {"coworks": f"{FUNCTION_ARN} dev", "principal": "{}"},
    "a result of yesterday": signed_context(age=24 * 3600),
    "a result of more than an hour ago": signed_context(age=3601),
    "a later time of issue": CONTEXT | {"coworks": f"1{CONTEXT['coworks']}"},
    "another function": signed_context(arn=OTHER_ARN),
    "another stage": signed_context(stage="v1"),
    "another account": signed_context(arn=OTHER_ACCOUNT),
    "another key": signed_context(key="another signing key of this length"),
    "an empty key": signed_context(key=""),
    "an asynchronous call": signed_context(purpose="call"),
    "another principal": CONTEXT | {"principal": '{"name": "bob"}'},
    "an added exp": CONTEXT | {"principal": '{"name": "ann", "exp": 9999999999}'},
    "a changed exp": signed_context('{"exp": 1}') | {"principal": '{"exp": 9999999999}'},
    "a principal that ends early": CONTEXT | {"principal": '{"name": "ann"'},
    "an expired principal": signed_context('{"exp": 1}'),
    "an empty signature": CONTEXT | {"coworks": ""},
    "only the time of issue": CONTEXT | {"coworks": CONTEXT["coworks"].partition(" ")[0]},
    "only the signature": CONTEXT | {"coworks": CONTEXT["coworks"].partition(" ")[2]},
    "a signature in capitals": CONTEXT | {"coworks": CONTEXT["coworks"].upper()},
    "a signature that is not ASCII": CONTEXT | {"coworks": f"{CONTEXT['coworks']}\u00e9"},
    "surrogates": {"coworks": "1\ud800 \ud800", "principal": '"\ud800"'},
    "a signature that is not a string": CONTEXT | {"coworks": True},
    "no principal": {"coworks": CONTEXT["coworks"]},
    "a principal that is not a string": CONTEXT | {"principal": {"name": "ann"}},
    "a foreign authorizer": {"principalId": "user", "principal": '{"admin": true}', "stringKey": "value"},
    "a foreign authorizer with our principalId": {"principalId": "coworks", "principal": '{"admin": true}'},
    "cognito": {"claims": {"sub": "a", "cognito:username": "b", **CONTEXT}},
    "jwt": {"jwt": {"claims": {"sub": "a", **CONTEXT}, "scopes": None}},
    "iam": {"iam": {"accessKey": "AKIA", "accountId": "1", "userArn": "arn:aws:iam::1:user/a", **CONTEXT}},
    "a list": [CONTEXT],
    "a string": CONTEXT["coworks"],
    "a list below lambda": {"lambda": [CONTEXT]},
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_without_a_valid_signature_the_service_checks_the_token(send_event: SendEvent, signing_key: None, forged: Any):
    app = TokenService()
    for create_event, authorizer in ((rest_event, forged), (http_event, forged), (http_event, {"lambda": forged})):
        assert send_event(app, create_event(authorizer=authorizer)).status == 401
        assert send_event(app, create_event(headers=[("authorization", "no")], authorizer=authorizer)).status == 403
        response = send_event(app, create_event(headers=[("authorization", "ann")], authorizer=authorizer))
        assert response.json == {"auth": ANN}


def test_a_result_is_trusted_for_the_longest_time_that_a_gateway_caches_it(send_event: SendEvent, signing_key: None):
    for age in (0, 300, 3590):
        context = signed_context('{"name": "ann"}', age=age)
        assert send_event(TokenService(), rest_event(authorizer=context)).json == {"auth": {"name": "ann"}}


def test_a_client_cannot_set_the_signed_context(send_event: SendEvent, signing_key: None):
    context = json.dumps({"authorizer": CONTEXT})
    sent = [("requestContext", context), ("x-amzn-request-context", context), *CONTEXT.items()]
    for name, event in events_in_all_formats("GET", "/", sent).items():
        assert send_event(TokenService(), event).status == 401, name
    assert send_event(TokenService(), rest_event(query=sent)).status == 401
    assert send_event(TokenService(), alb_event(query=sent)).status == 401


def test_a_signature_is_valid_for_every_alias_and_version(invoke: Invoke, send_event: SendEvent):
    app = TokenService()
    signed = invoke(app, token_event("token"), Context(f"{FUNCTION_ARN}:live"))["context"]
    for arn in (FUNCTION_ARN, f"{FUNCTION_ARN}:live", f"{FUNCTION_ARN}:7"):
        assert send_event(app, rest_event(authorizer=signed), Context(arn)).status == 200
    other = Context(FUNCTION_ARN.replace(":shop", ":shop2"))
    assert send_event(app, rest_event(authorizer=signed), other).status == 401


def test_a_result_is_trusted_without_a_function_arn(invoke: Invoke, send_event: SendEvent):
    app = TokenService()
    for context in (None, Context("")):
        signed = invoke(app, token_event("ann"), context)["context"]
        assert send_event(app, rest_event(authorizer=signed), context).json == {"auth": ANN}


def test_execution_environments_with_the_same_key_trust_each_other(
    invoke: Invoke, send_event: SendEvent, signing_key: None, monkeypatch: pytest.MonkeyPatch
):
    signed = invoke(TokenService(), token_event("ann"))["context"]
    assert send_event(TokenService(), rest_event(authorizer=signed)).json == {"auth": ANN}
    # As after a rollback to a version with another key, or without one.
    monkeypatch.setenv("CWS_SIGNING_KEY", SIGNING_KEY[::-1])
    assert send_event(TokenService(), rest_event(authorizer=signed)).status == 401
    monkeypatch.delenv("CWS_SIGNING_KEY")
    assert send_event(TokenService(), rest_event(authorizer=signed)).status == 401


def test_outside_lambda_each_handler_has_its_own_key(invoke: Invoke, send_event: SendEvent):
    app = TokenService()
    signed = invoke(app, token_event("ann"))["context"]
    assert send_event(app, rest_event(authorizer=signed)).status == 200
    assert send_event(TokenService(), rest_event(authorizer=signed)).status == 401


def test_in_lambda_without_a_key_the_service_checks_every_token(
    invoke: Invoke, send_event: SendEvent, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "shop")
    app = TokenService()
    context = invoke(app, token_event("ann"))["context"]
    assert context == {"principal": '{"name":"ann","rights":{"read":[1,2.5,null]}}'}
    [warning] = caplog.messages
    assert warning.startswith("CWS_SIGNING_KEY is not set, so the service checks the token of each request again.")
    for unsigned in (context, signed_context(key="")):
        assert send_event(app, rest_event(authorizer=unsigned)).status == 401
        event = rest_event(authorizer=unsigned, headers=[("authorization", "ann")])
        assert send_event(app, event).json == {"auth": ANN}


@pytest.mark.parametrize("length", [1, 31])
def test_a_key_that_could_be_guessed_is_an_error(monkeypatch: pytest.MonkeyPatch, length: int):
    monkeypatch.setenv("CWS_SIGNING_KEY", "k" * length)
    with pytest.raises(
        SigningKeyError, match=rf"^CWS_SIGNING_KEY has {length} characters, and needs at least 32\."
    ) as error:
        _ = TokenService().lambda_handler
    assert "kk" not in str(error.value)
    monkeypatch.setenv("CWS_SIGNING_KEY", "k" * 32)
    assert TokenService().lambda_handler is not None


@pytest.mark.parametrize(
    "key", ["ssm:/shop/production/signing-key-of-the-shop", "secret:shop-signing-key-of-production"]
)
def test_the_name_of_a_reference_is_no_key(monkeypatch: pytest.MonkeyPatch, key: str):
    monkeypatch.setenv("CWS_SIGNING_KEY", key)
    with pytest.raises(SigningKeyError, match=r"^CWS_SIGNING_KEY is a reference that was not replaced by its value"):
        _ = TokenService().lambda_handler


def test_an_empty_key_is_not_set(invoke: Invoke, send_event: SendEvent, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CWS_SIGNING_KEY", "")
    app = TokenService()
    signed = invoke(app, token_event("ann"))["context"]
    assert signed["coworks"].split(" ")[1] != sign(
        "authorizer", " ".join([signed["coworks"].split(" ")[0], "{}"]), key=""
    )
    assert send_event(app, rest_event(authorizer=signed)).status == 200
    assert send_event(app, rest_event(authorizer=signed_context(key=""))).status == 401


def test_the_key_is_neither_in_a_result_nor_in_the_log(
    invoke: Invoke, send_event: SendEvent, signing_key: None, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("DEBUG")
    app = TokenService()
    result = invoke(app, token_event("ann"))
    response = send_event(app, rest_event(authorizer=result["context"]))
    assert response.json == {"auth": ANN}
    for text in (str(result), str(response.raw), caplog.text):
        assert SIGNING_KEY not in text
    assert result["context"]["coworks"] not in caplog.text


def test_no_header_or_parameter_replaces_the_token_on_any_transport(connect: Connect):
    app = TokenService()
    client = connect(app)
    for path, expected in (("/", {"auth": ANN}), ("/items/3", {"auth": ANN, "number": 3}), ("/", {"auth": ANN})):
        assert client.get(path, headers={"Authorization": "ann"}).json() == expected
    is_cached = app.authorizer_calls == 1
    for sent in (CONTEXT, {"requestContext": json.dumps({"authorizer": CONTEXT})}):
        assert client.get("/", headers=sent).status_code == 401
        assert client.get("/", headers={"Authorization": "no", **sent}).status_code == 403
        assert client.get("/", params=sent).status_code == 401
    # The gateway's result replaces the check in the service, which otherwise checks each request.
    assert app.authorizer_calls == (2 if is_cached else 5)


def test_a_request_with_an_arn_in_its_query_is_not_an_authorizer_event(send_event: SendEvent):
    event = rest_event(path="/open", query=[("type", "TOKEN"), ("methodArn", METHOD_ARN)], host=HOST)
    assert send_event(TokenService(), event).status == 422


def test_a_mounted_service_does_not_trust_the_outer_services_principal(invoke: Invoke, send_event: SendEvent):
    outer, inner = TokenService(name="outer"), service_with_results({"inner": True})
    outer.mount("/inner", inner)
    marked = invoke(outer, token_event("ann"))["context"]
    assert send_event(outer, rest_event(authorizer=marked)).json == {"auth": ANN}
    assert send_event(outer, rest_event(path="/inner/", authorizer=marked)).status == 401
    headers = [("authorization", "inner")]
    assert send_event(outer, rest_event(path="/inner/", headers=headers, authorizer=marked)).json == {"auth": {}}

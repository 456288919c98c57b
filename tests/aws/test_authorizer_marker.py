"""Requests behind an authorizer: trusted with our marker, checked by the service without it."""

import json
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from coworks_async import TechMicroService, entry, request
from tests.aws.authorizer_events import ANN, TokenService, http_authorizer_event, service_with_results, token_event
from tests.aws.events import (
    FUNCTION_ARN,
    HOST,
    MARKER,
    METHOD_ARN,
    Context,
    Event,
    Invoke,
    SendEvent,
    alb_event,
    events_in_all_formats,
    http_event,
    rest_event,
)


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


FORGED: dict[str, Any] = {
    "nothing": {},
    "another function": {"coworks": MARKER.replace(":shop", ":other"), "principal": "{}"},
    "another stage": {"coworks": f"{FUNCTION_ARN} v1", "principal": "{}"},
    "another account": {"coworks": MARKER.replace("123456789012", "210987654321"), "principal": "{}"},
    "an empty marker": {"coworks": "", "principal": "{}"},
    "not a string": {"coworks": True, "principal": "{}"},
    "no principal": {"coworks": MARKER},
    "a principal that is not JSON": {"coworks": MARKER, "principal": "{"},
    "a principal that is not a mapping": {"coworks": MARKER, "principal": "true"},
    "a principal that is not a string": {"coworks": MARKER, "principal": {}},
    "an expired principal": {"coworks": MARKER, "principal": '{"exp": 1}'},
    "a principal whose expiry is not a number": {"coworks": MARKER, "principal": '{"exp": "never"}'},
    "a foreign authorizer": {"principalId": "user", "principal": '{"admin": true}', "stringKey": "value"},
    "cognito": {"claims": {"sub": "a", "coworks": MARKER, "principal": "{}", "cognito:username": "b"}},
    "jwt": {"jwt": {"claims": {"sub": "a", "coworks": MARKER}, "scopes": None}},
    "iam": {"iam": {"accessKey": "AKIA", "accountId": "1", "userArn": "arn:aws:iam::1:user/a", "coworks": MARKER}},
    "a list": [MARKER],
    "a string": MARKER,
    "a list below lambda": {"lambda": [MARKER]},
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_without_the_exact_marker_the_service_checks_the_token(send_event: SendEvent, forged: Any):
    app = TokenService()
    for create_event, authorizer in ((rest_event, forged), (http_event, forged), (http_event, {"lambda": forged})):
        assert send_event(app, create_event(authorizer=authorizer)).status == 401
        assert send_event(app, create_event(headers=[("authorization", "no")], authorizer=authorizer)).status == 403
        response = send_event(app, create_event(headers=[("authorization", "ann")], authorizer=authorizer))
        assert response.json == {"auth": ANN}


def test_a_client_cannot_set_the_marker(send_event: SendEvent):
    context = json.dumps({"authorizer": {"coworks": MARKER, "principal": "{}"}})
    sent = [("requestContext", context), ("x-amzn-request-context", context), ("coworks", MARKER), ("principal", "{}")]
    for name, event in events_in_all_formats("GET", "/", sent).items():
        assert send_event(TokenService(), event).status == 401, name
    assert send_event(TokenService(), rest_event(query=sent)).status == 401
    assert send_event(TokenService(), alb_event(query=sent)).status == 401


def test_the_marker_is_the_same_for_every_alias(invoke: Invoke, send_event: SendEvent):
    app = TokenService()
    marked = invoke(app, token_event("token"), Context(f"{FUNCTION_ARN}:live"))["context"]
    assert marked["coworks"] == MARKER
    for arn in (FUNCTION_ARN, f"{FUNCTION_ARN}:live", f"{FUNCTION_ARN}:7"):
        assert send_event(app, rest_event(authorizer=marked), Context(arn)).status == 200
    assert (
        send_event(app, rest_event(authorizer=marked), Context(FUNCTION_ARN.replace(":shop", ":shop2"))).status == 401
    )


def test_without_a_function_arn_there_is_no_marker(invoke: Invoke, send_event: SendEvent):
    app = TokenService()
    for context in (None, Context("")):
        marked = invoke(app, token_event("token"), context)["context"]
        assert marked["coworks"] == ""
        assert send_event(app, rest_event(authorizer=marked), context).status == 401


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

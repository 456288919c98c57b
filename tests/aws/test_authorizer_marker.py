"""The request that comes after the gateway has asked: the mark of our own answer, and what has no mark."""

import json
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from coworks_async import TechMicroService, entry, request
from tests.aws.asking import ANN, Ruled, http_2_event, ruled_by, token_event
from tests.aws.lambdas import FUNCTION, HOST, MARK, METHOD_ARN, Ask, Context, Event, Invoke, alb, everywhere, http
from tests.aws.lambdas import rest as rest_event


def let_in(app: TechMicroService, invoke: Invoke, token: str) -> dict[str, Event]:
    """The requests that a gateway sends once the authorizer has let this token in."""
    rest = {**invoke(app, token_event(token))["context"], "principalId": "coworks", "integrationLatency": 3}
    simple = {"lambda": invoke(app, http_2_event(token))["context"]}
    return {
        "rest": rest_event(path="/items/3", authorizer=rest),
        "http 1.0": {"version": "1.0", **rest_event(path="/items/3", outer="/items/3", authorizer=rest)},
        "http 2.0": http(path="/items/3", authorizer=simple),
        "http stage": http(path="/dev/items/3", stage="dev", authorizer=simple),
    }


@pytest.mark.parametrize("token", ["token", "ann"])
def test_whom_the_gateway_let_in_is_not_asked_for_a_token_again(invoke: Invoke, ask: Ask, token: str):
    app = Ruled()
    events = let_in(app, invoke, token)
    assert app.asked == 2
    for name, event in events.items():
        answer = ask(app, event)
        expected = {} if token == "token" else ANN
        assert (answer.status, answer.json) == (200, {"auth": expected, "number": 3}), name
    # One invocation for each authorized request once the gateway has the answer.
    assert app.asked == 2


def test_a_principal_keeps_its_nested_values_and_types(invoke: Invoke, ask: Ask):
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

    class Nested(Ruled):
        verdicts = MappingProxyType({"token": principal})

        @entry
        async def get_items(self, number: int):
            seen.append(request.auth)

    seen: list[Any] = []
    app = Nested()
    for event in let_in(app, invoke, "token").values():
        assert ask(app, event).status == 204
    headers = [("authorization", "token")]
    for event in everywhere("GET", "/items/3", headers).values():
        assert ask(app, event).status == 204
    assert [repr(auth) for auth in seen] == [repr(principal)] * 10


def test_a_decimal_in_a_principal_comes_as_text(invoke: Invoke, ask: Ask):
    app = ruled_by({"token": {"limit": Decimal("1.50")}})
    assert ask(app, let_in(app, invoke, "token")["rest"]).json["auth"] == {"limit": "1.50"}


def test_an_open_entry_has_no_principal_even_behind_an_authorizer(invoke: Invoke, ask: Ask):
    app = Ruled()
    event = let_in(app, invoke, "ann")["rest"] | {"path": "/open"}
    event["requestContext"]["path"] = "/dev/open"
    assert ask(app, event).json == {"auth": None}


FORGED: dict[str, Any] = {
    "nothing": {},
    "another function": {"coworks": MARK.replace(":shop", ":other"), "principal": "{}"},
    "another stage": {"coworks": f"{FUNCTION} v1", "principal": "{}"},
    "another account": {"coworks": MARK.replace("123456789012", "210987654321"), "principal": "{}"},
    "an empty mark": {"coworks": "", "principal": "{}"},
    "no text": {"coworks": True, "principal": "{}"},
    "no principal": {"coworks": MARK},
    "a principal that is no JSON": {"coworks": MARK, "principal": "{"},
    "a principal that is no mapping": {"coworks": MARK, "principal": "true"},
    "a principal that is no text": {"coworks": MARK, "principal": {}},
    "a foreign authorizer": {"principalId": "user", "principal": '{"admin": true}', "stringKey": "value"},
    "cognito": {"claims": {"sub": "a", "coworks": MARK, "principal": "{}", "cognito:username": "b"}},
    "jwt": {"jwt": {"claims": {"sub": "a", "coworks": MARK}, "scopes": None}},
    "iam": {"iam": {"accessKey": "AKIA", "accountId": "1", "userArn": "arn:aws:iam::1:user/a", "coworks": MARK}},
    "a list": [MARK],
    "text": MARK,
    "a list below lambda": {"lambda": [MARK]},
}


@pytest.mark.parametrize("told", FORGED.values(), ids=FORGED)
def test_without_the_very_mark_of_this_function_and_stage_the_service_asks_itself(ask: Ask, told: Any):
    app = Ruled()
    for event_of, authorizer in ((rest_event, told), (http, told), (http, {"lambda": told})):
        assert ask(app, event_of(authorizer=authorizer)).status == 401
        assert ask(app, event_of(headers=[("authorization", "no")], authorizer=authorizer)).status == 403
        answer = ask(app, event_of(headers=[("authorization", "ann")], authorizer=authorizer))
        assert answer.json == {"auth": ANN}


def test_a_client_can_write_no_mark(ask: Ask):
    context = json.dumps({"authorizer": {"coworks": MARK, "principal": "{}"}})
    sent = [("requestContext", context), ("x-amzn-request-context", context), ("coworks", MARK), ("principal", "{}")]
    for name, event in everywhere("GET", "/", sent).items():
        assert ask(Ruled(), event).status == 401, name
    assert ask(Ruled(), rest_event(query=sent)).status == 401
    assert ask(Ruled(), alb(query=sent)).status == 401


def test_the_mark_names_the_function_whatever_alias_it_was_called_by(invoke: Invoke, ask: Ask):
    app = Ruled()
    told = invoke(app, token_event("token"), Context(f"{FUNCTION}:live"))["context"]
    assert told["coworks"] == MARK
    for arn in (FUNCTION, f"{FUNCTION}:live", f"{FUNCTION}:7"):
        assert ask(app, rest_event(authorizer=told), Context(arn)).status == 200
    assert ask(app, rest_event(authorizer=told), Context(FUNCTION.replace(":shop", ":shop2"))).status == 401


def test_where_nothing_tells_the_function_there_is_no_mark(invoke: Invoke, ask: Ask):
    app = Ruled()
    for context in (None, Context("")):
        told = invoke(app, token_event("token"), context)["context"]
        assert told["coworks"] == ""
        assert ask(app, rest_event(authorizer=told), context).status == 401


def test_a_requests_event_with_an_arn_in_its_body_or_query_is_a_request(ask: Ask):
    event = rest_event(path="/open", query=[("type", "TOKEN"), ("methodArn", METHOD_ARN)], host=HOST)
    assert ask(Ruled(), event).status == 422


def test_whom_this_service_let_in_is_a_stranger_to_a_service_that_is_mounted_in_it(invoke: Invoke, ask: Ask):
    outer, inner = Ruled(name="outer"), ruled_by({"inner": True})
    outer.mount("/inner", inner)
    told = invoke(outer, token_event("ann"))["context"]
    assert ask(outer, rest_event(authorizer=told)).json == {"auth": ANN}
    assert ask(outer, rest_event(path="/inner/", authorizer=told)).status == 401
    headers = [("authorization", "inner")]
    assert ask(outer, rest_event(path="/inner/", headers=headers, authorizer=told)).json == {"auth": {}}

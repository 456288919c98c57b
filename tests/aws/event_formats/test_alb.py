"""Load balancers: events and results."""

import pytest
from starlette.responses import Response

from coworks_async import TechMicroService, entry
from tests.aws.events import Echo, SendEvent, alb_event

multi = pytest.mark.parametrize("multi", [True, False], ids=["multi", "single"])


@multi
def test_path_and_query_are_decoded_once(send_event: SendEvent, multi: bool):
    query = [("empty", ""), ("plus", "1%2B1"), ("space", "a+b"), ("pct", "50%25%26"), ("%E9%8D%B5", "%C3%A9")]
    echoed = send_event(Echo(), alb_event(path="/a%2Fb/c%20d/e+f/50%2525", query=query, multi=multi)).json
    assert echoed["segments"] == ["a", "b", "c d", "e+f", "50%25"]
    assert echoed["names"] == {"empty": "", "plus": "1+1", "space": "a b", "pct": "50%&", "鍵": "é"}
    assert echoed["url"].partition("?")[2] == "&".join(map("=".join, query))


@multi
def test_a_path_that_is_not_utf_8_is_a_400(send_event: SendEvent, multi: bool):
    response = send_event(Echo(), alb_event(path="/a/%ff", multi=multi))
    assert (response.status, response.json["detail"]) == (400, "The path is not UTF-8.")
    assert send_event(Echo(), alb_event(path="/a/%EF%BF%BD", multi=multi)).json["segments"] == ["a", "\ufffd"]


def test_multi_value_events_keep_repeated_query_names_and_headers(send_event: SendEvent):
    sent = [("x-tag", "a"), ("x-tag", "b"), ("cookie", "a=1"), ("cookie", "b=2")]
    echoed = send_event(Echo(), alb_event(query=[("a", "1"), ("a", "2")], headers=sent)).json
    assert echoed["names"] == {"a": ["1", "2"]}
    assert [value for name, value in echoed["headers"] if name in ("x-tag", "cookie")] == ["a", "b", "a=1", "b=2"]


@multi
def test_a_load_balancer_has_no_root_path(send_event: SendEvent, multi: bool):
    echoed = send_event(Echo(), alb_event(path="/dev/devices", multi=multi)).json
    assert (echoed["root_path"], echoed["path"]) == ("", "/dev/devices")


@multi
def test_the_client_is_the_address_appended_by_the_load_balancer(send_event: SendEvent, multi: bool):
    forged = [("x-forwarded-for", "192.0.2.1, 203.0.113.9")]
    echoed = send_event(Echo(), alb_event(headers=forged, multi=multi)).json
    assert (echoed["client"], echoed["scheme"]) == ("203.0.113.9", "http")
    event = alb_event(multi=multi)
    event["multiValueHeaders" if multi else "headers"] = {}
    assert send_event(Echo(), event).json["client"] is None


def test_an_empty_path_is_the_root(send_event: SendEvent):
    assert send_event(Echo(), {**alb_event(), "path": ""}).json["segments"] == []


class RepeatedHeaders(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        response = Response("set", 207)
        for name in "abc":
            response.set_cookie(name, "1")
        response.headers.append("vary", "accept")
        response.headers.append("vary", "origin")
        return response

    @entry(no_auth=True)
    async def get_odd(self):
        return "odd", 299


def test_multi_value_results_keep_repeated_headers(send_event: SendEvent):
    response = send_event(RepeatedHeaders(), alb_event())
    assert response.raw.keys() == {"statusCode", "statusDescription", "multiValueHeaders", "body", "isBase64Encoded"}
    assert response.raw["multiValueHeaders"] == {
        "content-length": ["3"],
        "set-cookie": [f"{name}=1; Path=/; SameSite=lax" for name in "abc"],
        "vary": ["accept", "origin"],
    }


def test_single_value_results_join_headers_but_spell_each_cookie_differently(send_event: SendEvent):
    response = send_event(RepeatedHeaders(), alb_event(multi=False))
    assert response.raw.keys() == {"statusCode", "statusDescription", "headers", "body", "isBase64Encoded"}
    cookies = [value for name, value in response.raw["headers"].items() if name.lower() == "set-cookie"]
    assert sorted(cookies) == [f"{name}=1; Path=/; SameSite=lax" for name in "abc"]
    assert response.raw["headers"]["vary"] == "accept, origin"


def test_the_status_description_contains_the_phrase(send_event: SendEvent):
    assert send_event(RepeatedHeaders(), alb_event()).raw["statusDescription"] == "207 Multi-Status"
    assert send_event(RepeatedHeaders(), alb_event(path="/odd")).raw["statusDescription"] == "299 Unknown"

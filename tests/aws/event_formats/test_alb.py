"""Load balancers: what an event says, and how it is answered."""

import pytest
from starlette.responses import Response

from coworks_async import TechMicroService, entry
from tests.aws.lambdas import Ask, Echo, alb

multi = pytest.mark.parametrize("multi", [True, False], ids=["multi", "single"])


@multi
def test_path_and_query_are_read_as_they_were_sent(ask: Ask, multi: bool):
    query = [("empty", ""), ("plus", "1%2B1"), ("space", "a+b"), ("pct", "50%25%26"), ("%E9%8D%B5", "%C3%A9")]
    told = ask(Echo(), alb(path="/a%2Fb/c%20d/e+f/50%2525", query=query, multi=multi)).json
    assert told["segments"] == ["a", "b", "c d", "e+f", "50%25"]
    assert told["names"] == {"empty": "", "plus": "1+1", "space": "a b", "pct": "50%&", "鍵": "é"}
    assert told["url"].partition("?")[2] == "&".join(map("=".join, query))


@multi
def test_a_path_that_is_no_utf_8_is_refused(ask: Ask, multi: bool):
    answer = ask(Echo(), alb(path="/a/%ff", multi=multi))
    assert (answer.status, answer.json["detail"]) == (400, "The path is not UTF-8.")
    assert ask(Echo(), alb(path="/a/%EF%BF%BD", multi=multi)).json["segments"] == ["a", "\ufffd"]


def test_repeated_names_and_headers_stay_apart_where_the_target_group_sends_them(ask: Ask):
    sent = [("x-tag", "a"), ("x-tag", "b"), ("cookie", "a=1"), ("cookie", "b=2")]
    told = ask(Echo(), alb(query=[("a", "1"), ("a", "2")], headers=sent)).json
    assert told["names"] == {"a": ["1", "2"]}
    assert [value for name, value in told["headers"] if name in ("x-tag", "cookie")] == ["a", "b", "a=1", "b=2"]


@multi
def test_there_is_no_root_path(ask: Ask, multi: bool):
    told = ask(Echo(), alb(path="/dev/devices", multi=multi)).json
    assert (told["root_path"], told["path"]) == ("", "/dev/devices")


@multi
def test_the_client_is_the_one_the_load_balancer_saw(ask: Ask, multi: bool):
    forged = [("x-forwarded-for", "192.0.2.1, 203.0.113.9")]
    told = ask(Echo(), alb(headers=forged, multi=multi)).json
    assert (told["client"], told["scheme"]) == ("203.0.113.9", "http")
    event = alb(multi=multi)
    event["multiValueHeaders" if multi else "headers"] = {}
    assert ask(Echo(), event).json["client"] is None


def test_an_event_without_a_path_is_a_request_for_the_root(ask: Ask):
    assert ask(Echo(), {**alb(), "path": ""}).json["segments"] == []


class Several(TechMicroService):
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


def test_repeated_headers_are_told_apart_where_the_target_group_takes_them(ask: Ask):
    answer = ask(Several(), alb())
    assert answer.raw.keys() == {"statusCode", "statusDescription", "multiValueHeaders", "body", "isBase64Encoded"}
    assert answer.raw["multiValueHeaders"] == {
        "content-length": ["3"],
        "set-cookie": [f"{name}=1; Path=/; SameSite=lax" for name in "abc"],
        "vary": ["accept", "origin"],
    }


def test_elsewhere_cookies_have_names_of_several_spellings_and_other_headers_are_joined(ask: Ask):
    answer = ask(Several(), alb(multi=False))
    assert answer.raw.keys() == {"statusCode", "statusDescription", "headers", "body", "isBase64Encoded"}
    cookies = [value for name, value in answer.raw["headers"].items() if name.lower() == "set-cookie"]
    assert sorted(cookies) == [f"{name}=1; Path=/; SameSite=lax" for name in "abc"]
    assert answer.raw["headers"]["vary"] == "accept, origin"


def test_the_status_has_its_phrase(ask: Ask):
    assert ask(Several(), alb()).raw["statusDescription"] == "207 Multi-Status"
    assert ask(Several(), alb(path="/odd")).raw["statusDescription"] == "299 Unknown"

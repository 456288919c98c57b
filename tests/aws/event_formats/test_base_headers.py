"""Headers in and out, in each format: none is lost, whatever its spelling or its letters."""

import pytest
from starlette.responses import PlainTextResponse

from coworks_async import TechMicroService, entry, request
from tests.aws.lambdas import Ask, Event, alb, everywhere, rest


class Headers(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return [[name, value] for name, value in request.headers.items() if name.startswith("x-a")]


def sent(ask: Ask, event: Event) -> list[list[str]]:
    found: list[list[str]] = ask(Headers(), event).json
    return found


def test_two_spellings_of_a_name_are_two_headers_of_one_name(ask: Ask):
    for event in everywhere("GET", "/", [("X-A", "1"), ("x-a", "2")]).values():
        assert sent(ask, event) == [["x-a", "1"], ["x-a", "2"]]


def test_a_repeated_header_stays_apart_where_the_gateway_keeps_it_apart(ask: Ask):
    for event in (rest(headers=[("x-a", "1"), ("x-a", "2")]), alb(headers=[("x-a", "1"), ("x-a", "2")])):
        assert sent(ask, event) == [["x-a", "1"], ["x-a", "2"]]


def test_one_after_the_other_thousands_of_names_arrive(ask: Ask):
    app = Headers()
    for number in range(0, 2100, 100):
        names = [(f"X-A-{each}", str(each)) for each in range(number, number + 100)]
        for event in everywhere("GET", "/", names).values():
            assert ask(app, event).json == [[name.lower(), value] for name, value in names]


@pytest.mark.parametrize("value", ["é", "\u20ac", "é\u20ac"])
def test_a_value_is_told_as_its_bytes_whatever_stands_beside_it(ask: Ask, value: str):
    seen = value.encode("latin-1" if value == "é" else "utf-8").decode("latin-1")
    for event in everywhere("GET", "/", [("X-A", value), ("X-A-B", "plain")]).values():
        assert sent(ask, event) == [["x-a", seen], ["x-a-b", "plain"]]


def test_headers_of_an_answer_are_latin_1_and_those_of_the_connection_stay_here(ask: Ask):
    class Headers(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            of_the_connection = {"Connection": "close", "Keep-Alive": "1", "Transfer-Encoding": "chunked"}
            return PlainTextResponse("x", headers={"X-Name": "é", **of_the_connection})

    for name, event in everywhere("GET", "/").items():
        answer = ask(Headers(), event)
        names = {"content-type", "content-length", "x-name"}
        assert (answer.header("x-name"), {key for key, _ in answer.headers}) == ("é", names), name

"""Query strings and forms are parsed as in the URL standard, but strictly."""

from urllib.parse import parse_qs, urlencode

import httpx2
from hypothesis import given
from hypothesis import strategies as st

from coworks_async import TechMicroService, entry
from coworks_async.exceptions import BadRequest
from coworks_async.pipeline.parse import parse_query
from tests.clients import Connect
from tests.differences import differs
from tests.http_requests import FORM, assert_bound, assert_rejected, format_values


class Echo(TechMicroService):
    @entry(no_auth=True)
    async def get(self, q: str = "none", n: int | None = None):
        return format_values(q, n)

    @entry(no_auth=True)
    async def get_all(self, **names):
        return format_values(names)

    @entry(no_auth=True)
    async def post(self, q: str = "none", n: int | None = None):
        return format_values(q, n)

    @entry(no_auth=True)
    async def post_all(self, **names):
        return format_values(names)


def both(client: httpx2.Client, pairs: str, path: str = "/") -> tuple[httpx2.Response, httpx2.Response]:
    """Send the same pairs as a query and as a form."""
    return client.get(f"{path}?{pairs}"), client.post(path, content=pairs.encode(), headers=FORM)


PAIRS = [
    ("q=a+b", "a b"),
    ("q=a%20b", "a b"),
    ("q=a%2Bb", "a+b"),
    ("q=a%2Fb", "a/b"),
    ("q=a%26b%3Dc", "a&b=c"),
    ("q=a=b", "a=b"),
    ("q=%C3%A9%F0%9F%98%80", "é😀"),
    ("q=100%25", "100%"),
    ("q=100%", "100%"),
    ("q=%zz", "%zz"),
    ("q=%00", "\0"),
    ("q=", ""),
    ("q", ""),
    ("%71=x", "x"),
    ("&q=x&&", "x"),
    ("q=x;n=1", "x;n=1"),
]


def test_escapes_plus_signs_and_empty_values(connect: Connect):
    client = connect(Echo())
    for pairs, value in PAIRS:
        for response in both(client, pairs):
            assert_bound(response, value, None)


def test_unencoded_text_is_utf_8(connect: Connect):
    response = connect(Echo()).post("/", content="q=é😀".encode(), headers=FORM)
    assert_bound(response, "é😀", None)


@differs("rest-query")
def test_invalid_utf_8_is_a_400(connect: Connect):
    client = connect(Echo())
    for pairs in ("q=%ff", "%ff=1", "q=%C3", "q=a&n=%ed%a0%80"):
        for what, response in zip(("query string", "form"), both(client, pairs), strict=True):
            assert response.status_code == 400
            assert response.headers["content-type"] == "application/problem+json"
            assert response.json() == {
                "type": "about:blank",
                "title": "Bad Request",
                "status": 400,
                "detail": f"The {what} is not UTF-8.",
            }


def test_a_repeated_name_keeps_its_order(connect: Connect):
    for response in both(connect(Echo()), "b=2&a=1&b=1&b=", "/all"):
        assert_bound(response, {"b": ["2", "1", ""], "a": "1"})


def test_a_name_may_be_anything(connect: Connect):
    for response in both(connect(Echo()), "a.b=1&c%5Bd%5D=2&é=3&=4&+=5", "/all"):
        assert_bound(response, {"a.b": "1", "c[d]": "2", "é": "3", "": "4", " ": "5"})


def test_an_empty_name_is_rejected_like_any_other(connect: Connect):
    for where, response in zip(("query", "body"), both(connect(Echo()), "=1"), strict=True):
        assert_rejected(response, (where, "", "nothing", "Unknown name; accepted names: q, n"))


NAMES = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.tuples(NAMES, NAMES), min_size=1))
def test_encoded_pairs_are_parsed_back(pairs: list[tuple[str, str]]):
    names: dict[str, list[str]] = {}
    for name, value in pairs:
        names.setdefault(name, []).append(value)
    assert parse_query(urlencode(pairs).encode()) == names


# Encoded bytes may not be UTF-8, which is rejected.
RAW_NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="%"))


@given(st.lists(st.tuples(RAW_NAMES, RAW_NAMES), max_size=3))
def test_raw_pairs_are_parsed_as_by_the_standard_library(pairs: list[tuple[str, str]]):
    raw = "&".join(f"{name}={value}" for name, value in pairs)
    assert parse_query(raw.encode()) == parse_qs(raw, keep_blank_values=True, separator="&", max_num_fields=None)


@given(st.binary())
def test_bytes_are_parsed_exactly_or_rejected(query_string: bytes):
    try:
        names = parse_query(query_string)
    except BadRequest:
        return
    assert parse_qs(query_string.decode(), keep_blank_values=True, errors="strict") == names

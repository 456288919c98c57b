"""Browsers of other origins: which entries they may call, and how they ask."""

import pytest

from coworks_async import TechMicroService, entry
from tests.clients import Connect
from tests.differences import differs

ORIGIN = {"origin": "https://elsewhere.example"}


def preflight(method: str, headers: str = "authorization") -> dict[str, str]:
    return {**ORIGIN, "access-control-request-method": method, "access-control-request-headers": headers}


class Service(TechMicroService):
    async def token_authorizer(self, token: str):
        if token == "broken":
            raise RuntimeError
        return token == "token"

    @entry(no_cors=False)
    async def get(self, number: int = 0):
        if number < 0:
            raise ValueError
        return number

    @entry(no_cors=False)
    async def post(self):
        yield "streamed"

    @entry
    async def put(self):
        return "closed"

    @entry(no_auth=True)
    async def get_closed(self):
        return "closed"

    @entry(no_auth=True, no_cors=False)
    async def get_own(self):
        return "own", {"Access-Control-Allow-Origin": "https://only.example", "x-kind": "own"}

    @entry(no_auth=True, no_cors=False)
    async def delete_items(self, key):
        return None


@differs("http-refusals")
def test_the_headers_are_on_every_answer_of_an_entry_that_is_open(connect: Connect):
    client = connect(Service())
    token = {"authorization": "token"}
    cases = [
        (client.get("/", headers={**token, **ORIGIN}), 200),
        (client.head("/", headers={**token, **ORIGIN}), 200),
        (client.get("/", headers=token), 200),
        (client.post("/", headers={**token, **ORIGIN}), 200),
        (client.get("/", headers=ORIGIN), 401),
        (client.get("/", headers={**ORIGIN, "authorization": "no"}), 403),
        (client.get("/?number=x", headers={**token, **ORIGIN}), 422),
        (client.get("/?number=-1", headers={**token, **ORIGIN}), 500),
        (client.get("/", headers={**ORIGIN, "authorization": "broken"}), 500),
        (client.delete("/items/1", headers=ORIGIN), 204),
    ]
    for answer, status in cases:
        assert answer.status_code == status
        assert answer.headers.get_list("access-control-allow-origin") == ["*"]
        assert "access-control-allow-credentials" not in answer.headers


def test_an_entry_is_closed_to_other_origins_unless_it_says_so(connect: Connect):
    client = connect(Service())
    assert "access-control-allow-origin" not in client.get("/closed", headers=ORIGIN).headers
    answer = client.put("/", headers={**ORIGIN, "authorization": "token"})
    assert (answer.text, "access-control-allow-origin" in answer.headers) == ("closed", False)


def test_the_header_is_the_services_and_there_once(connect: Connect):
    answer = connect(Service()).get("/own", headers=ORIGIN)
    assert answer.headers.get_list("access-control-allow-origin") == ["*"]
    assert answer.headers["x-kind"] == "own"


def test_the_service_answers_the_preflight_itself_and_asks_for_no_token(connect: Connect):
    client = connect(Service())
    for method in ("GET", "HEAD", "POST", "get"):
        answer = client.options("/", headers=preflight(method))
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["access-control-allow-methods"] == "GET, HEAD, POST"
        assert answer.headers["access-control-allow-headers"] == "Authorization, Content-Type, *"
        assert answer.headers["access-control-max-age"] == "600"
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST, PUT"
        assert "access-control-allow-credentials" not in answer.headers
    dynamic = client.options("/items/1/", headers=preflight("DELETE"))
    assert dynamic.headers["access-control-allow-methods"] == "DELETE"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", preflight("PUT")),
        ("/", preflight("DELETE")),
        ("/closed", preflight("GET")),
        ("/", ORIGIN),
        ("/", {"access-control-request-method": "GET"}),
        ("/", {}),
    ],
    ids=repr,
)
def test_any_other_options_gets_the_automatic_answer(connect: Connect, path: str, headers: dict[str, str]):
    answer = connect(Service()).options(path, headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "allow" in answer.headers
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_preflight_of_what_is_not_there_is_a_404(connect: Connect):
    assert connect(Service()).options("/nowhere", headers=preflight("GET")).status_code == 404


def test_the_allowed_headers_name_the_services_token_key(connect: Connect):
    class Keyed(TechMicroService):
        token_key = "X-Api-Key"

        @entry(no_cors=False)
        async def get(self):
            return "in"

    answer = connect(Keyed()).options("/", headers=preflight("GET", "x-api-key"))
    assert answer.headers["access-control-allow-headers"] == "X-Api-Key, Content-Type, *"


def test_the_preflight_is_answered_where_there_is_an_options_entry_too(connect: Connect):
    class Explicit(TechMicroService):
        @entry(no_cors=False)
        async def get(self):
            return "in"

        @entry(no_auth=True)
        async def options(self):
            return "mine"

    client = connect(Explicit())
    asked = client.options("/", headers=preflight("GET"))
    assert (asked.status_code, asked.headers["access-control-allow-methods"]) == (204, "GET, HEAD")
    assert client.options("/").text == "mine"
    assert client.options("/", headers=preflight("DELETE")).text == "mine"


def test_where_two_entries_could_answer_the_one_that_does_decides(connect: Connect):
    class Overlapping(TechMicroService):
        @entry(no_auth=True)
        async def get_items_new(self):
            return "closed"

        @entry(no_auth=True, no_cors=False)
        async def get_items(self, key):
            return "open"

    client = connect(Overlapping())
    assert "access-control-allow-origin" not in client.options("/items/new", headers=preflight("GET")).headers
    assert client.options("/items/1", headers=preflight("GET")).headers["access-control-allow-methods"] == "GET, HEAD"

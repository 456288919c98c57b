"""CORS: headers on responses, and preflight requests."""

import pytest

from coworks_async import TechMicroService, entry
from tests.clients import Connect

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


def test_every_response_of_an_open_entry_has_the_headers(connect: Connect):
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
    for response, status in cases:
        assert response.status_code == status
        assert response.headers.get_list("access-control-allow-origin") == ["*"]
        assert "access-control-allow-credentials" not in response.headers


def test_entries_are_closed_to_other_origins_by_default(connect: Connect):
    client = connect(Service())
    assert "access-control-allow-origin" not in client.get("/closed", headers=ORIGIN).headers
    response = client.put("/", headers={**ORIGIN, "authorization": "token"})
    assert (response.text, "access-control-allow-origin" in response.headers) == ("closed", False)


def test_the_header_replaces_one_of_the_entry(connect: Connect):
    response = connect(Service()).get("/own", headers=ORIGIN)
    assert response.headers.get_list("access-control-allow-origin") == ["*"]
    assert response.headers["x-kind"] == "own"


def test_the_service_handles_the_preflight_without_a_token(connect: Connect):
    client = connect(Service())
    for method in ("GET", "HEAD", "POST", "get"):
        response = client.options("/", headers=preflight(method))
        assert (response.status_code, response.content) == (204, b"")
        assert response.headers["access-control-allow-origin"] == "*"
        assert response.headers["access-control-allow-methods"] == "GET, HEAD, POST"
        assert response.headers["access-control-allow-headers"] == "Authorization, Content-Type, *"
        assert response.headers["access-control-max-age"] == "600"
        assert response.headers["allow"] == "GET, HEAD, OPTIONS, POST, PUT"
        assert "access-control-allow-credentials" not in response.headers
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
def test_any_other_options_request_gets_the_automatic_response(connect: Connect, path: str, headers: dict[str, str]):
    response = connect(Service()).options(path, headers=headers)
    assert (response.status_code, response.content) == (204, b"")
    assert "allow" in response.headers
    assert not [name for name in response.headers if name.startswith("access-control")]


def test_a_preflight_of_an_unknown_path_is_a_404(connect: Connect):
    assert connect(Service()).options("/nowhere", headers=preflight("GET")).status_code == 404


def test_the_allowed_headers_name_the_services_token_key(connect: Connect):
    class Keyed(TechMicroService):
        token_key = "X-Api-Key"

        @entry(no_cors=False)
        async def get(self):
            return "in"

    response = connect(Keyed()).options("/", headers=preflight("GET", "x-api-key"))
    assert response.headers["access-control-allow-headers"] == "X-Api-Key, Content-Type, *"


def test_the_preflight_takes_precedence_over_an_options_entry(connect: Connect):
    class Explicit(TechMicroService):
        @entry(no_cors=False)
        async def get(self):
            return "in"

        @entry(no_auth=True)
        async def options(self):
            return "mine"

    client = connect(Explicit())
    requested = client.options("/", headers=preflight("GET"))
    assert (requested.status_code, requested.headers["access-control-allow-methods"]) == (204, "GET, HEAD")
    assert client.options("/").text == "mine"
    assert client.options("/", headers=preflight("DELETE")).text == "mine"


def test_of_two_matching_entries_the_one_that_would_run_decides(connect: Connect):
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

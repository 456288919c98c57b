"""Each difference between the transports in `docs/concepts/gateway-differences.md`, shown once."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from coworks_async import CORS, Problem, Request, TechMicroService, entry, request
from coworks_async.gateway import STREAM_VIAS, VIAS, Via
from coworks_async.testing import TestClient
from tests.differences import BUFFERED, DIFFERENCES, EVENTS, differs

PAGE = Path(__file__).parents[2] / "docs" / "concepts/gateway-differences.md"

TOKEN = {"Authorization": "token"}
HTTP: list[Via] = ["http", "http-stage"]
via_http = pytest.mark.parametrize("via", HTTP)
via_api = pytest.mark.parametrize("via", ["rest", *HTTP])


class Shop(TechMicroService):
    token: str | None = "token"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.checked: list[str] = []

    async def token_authorizer(self, token: str):
        self.checked.append(token)
        if token in ("expired", "blocked"):
            raise Problem(401 if token == "expired" else 403, f"Token {token}.")
        return token == self.token or token == "first,second"

    @entry
    async def get(self):
        return "shop"

    @entry(no_auth=True)
    async def get_open(self, *, q: str = ""):
        return q

    @entry(no_auth=True)
    async def get_name(self, name):
        return name

    @entry(no_auth=True)
    async def get_rest(self, *path):
        return list(path)

    @entry(no_auth=True)
    async def get_nothing(self):
        return None

    @entry(no_auth=True)
    async def post_size(self, received: Request):
        return len(await received.body())

    @entry(no_auth=True)
    async def get_lambda(self):
        return request.in_lambda_context

    @entry(no_auth=True)
    async def get_slow(self):
        await asyncio.sleep(0.7)
        return "slow"

    @entry(no_auth=True)
    async def get_broken(self):
        yield "begun"
        raise LookupError("late")

    @entry(no_auth=True)
    async def get_headers(self):
        return "", {"connection": "close", "vary": "a"}


def test_the_page_and_the_list_name_the_same_differences():
    assert re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(), re.MULTILINE) == list(DIFFERENCES)
    assert (*VIAS, *STREAM_VIAS) == EVENTS


def test_each_difference_has_a_test_in_this_file():
    shown = Path(__file__).read_text()
    for name in DIFFERENCES:
        assert f"\n# {name}\n" in shown, name


def test_an_unknown_difference_is_an_error():
    with pytest.raises(ValueError, match="unknown differences: rest-nothing"):
        differs("rest-nothing")


# rest-missing-route
def test_a_rest_api_returns_a_404_instead_of_the_services_405_or_404():
    app = Shop()
    app.after_request(lambda response: response.headers.update({"x-hook": "ran"}) or response)
    with TestClient(app) as local, TestClient(app, via="rest") as rest:
        assert [client.delete("/").status_code for client in (local, rest)] == [405, 404]
        assert "allow" not in rest.delete("/").headers
        assert [client.get("/nowhere").status_code for client in (local, rest)] == [404, 404]
        assert ["x-hook" in client.get("/nowhere").headers for client in (local, rest)] == [True, False]
        assert rest.get("/nowhere").json() == {"type": "about:blank", "title": "Not Found", "status": 404}


# rest-encoded-path
def test_a_rest_api_matches_static_segments_as_sent():
    app = Shop()
    with TestClient(app) as local, TestClient(app, via="rest") as rest:
        for path in ("/%6Eame/ann", "/rest//ann"):
            assert [client.get(path).status_code for client in (local, rest)] == [200, 404]
        assert rest.get("/name/%61nn").text == "ann"


# rest-content-type
def test_a_rest_api_adds_a_content_type():
    with TestClient(Shop(), via="rest") as client:
        response = client.get("/nothing")
    assert (response.status_code, response.content, response.headers["content-type"]) == (204, b"", "application/json")


# rest-query
def test_a_rest_api_replaces_query_bytes_that_are_not_utf_8():
    with TestClient(Shop()) as local, TestClient(Shop(), via="rest") as rest:
        assert local.get("/open?q=%ff").status_code == 400
        assert rest.get("/open?q=%ff").text == "\ufffd"


# rest-repeated-token
def test_a_rest_api_authorizes_the_last_of_two_tokens():
    headers = [("Authorization", "first"), ("Authorization", "second")]
    with TestClient(Shop()) as local, TestClient(Shop(), via="rest") as rest:
        assert local.get("/", headers=headers).status_code == 200
        assert rest.get("/", headers=headers).status_code == 403


# rest-rejected-token
def test_a_rest_api_rejects_tokens_without_the_reason():
    app = Shop()
    with TestClient(app) as local, TestClient(app, via="rest") as rest:
        for token, status, detail in [
            ("expired", 401, "A valid token is required."),
            ("expired", 401, "A valid token is required."),
            ("blocked", 403, "Token rejected."),
        ]:
            responses = [client.get("/", headers={"Authorization": token}) for client in (local, rest)]
            assert [response.status_code for response in responses] == [status, status]
            assert [response.json()["detail"] for response in responses] == [f"Token {token}.", detail]
            assert responses[0].headers.get("www-authenticate") == responses[1].headers.get("www-authenticate")
    # The gateway has cached only the 403.
    assert app.checked == ["expired", "expired", "expired", "expired", "blocked", "blocked"]


def assert_challenge_is_renamed(via: Via) -> None:
    class Challenging(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return "", 401, {"www-authenticate": "Basic"}

    with TestClient(Challenging(), via=via) as client:
        headers = client.get("/").headers
    assert "www-authenticate" not in headers
    assert headers["x-amzn-remapped-www-authenticate"] == "Basic"


# rest-challenge
def test_a_rest_api_renames_the_challenges_of_the_service():
    assert_challenge_is_renamed("rest")


# rest-cors-headers
def test_a_rest_apis_own_responses_have_cors_headers_for_every_request():
    class Page(Shop):
        cors = CORS(origins="https://site.example", credentials=True)

    with TestClient(Page()) as local, TestClient(Page(), via="rest") as rest:
        for origin in ({"Origin": "https://other.example"}, {}):
            assert "access-control-allow-origin" not in local.get("/", headers=origin).headers
            assert rest.get("/", headers=origin).headers["access-control-allow-origin"] == "https://site.example"


# http-own-errors
@via_http
def test_an_http_api_rejects_tokens_with_its_own_responses(via: Via):
    with TestClient(Shop(), via=via) as client:
        missing, wrong = client.get("/"), client.get("/", headers={"Authorization": "wrong"})
        head = client.head("/")
    assert (missing.status_code, missing.json()) == (401, {"message": "Unauthorized"})
    assert (wrong.status_code, wrong.json()) == (403, {"message": "Forbidden"})
    assert "www-authenticate" not in missing.headers
    # A HEAD takes the route `$default`, so the service itself rejects it.
    assert (head.status_code, "www-authenticate" in head.headers) == (401, True)


# http-rejected-token
@via_http
def test_an_http_api_rejects_with_a_403_what_the_authorizer_rejects_with_a_401(via: Via):
    app = Shop()
    with TestClient(app) as local, TestClient(app, via=via) as client:
        for _ in range(2):
            responses = [each.get("/", headers={"Authorization": "expired"}) for each in (local, client)]
            assert [response.status_code for response in responses] == [401, 403]
    assert app.checked == ["expired"] * 3  # the gateway has cached its 403


# rejected-before-lambda
@via_api
def test_middleware_does_not_see_requests_rejected_by_the_gateway(via: Via):
    app = Shop(middleware=[Middleware(CORSMiddleware, allow_origins=["https://site.example"])])
    origin = {"Origin": "https://site.example"}
    with TestClient(app) as local, TestClient(app, via=via) as client:
        assert "access-control-allow-origin" in local.get("/", headers=origin).headers
        assert "access-control-allow-origin" not in client.get("/", headers=origin).headers
        assert "access-control-allow-origin" in client.get("/", headers=origin | TOKEN).headers


# cached-authorizer-result
@via_api
def test_the_gateway_caches_authorizer_results(via: Via):
    app = Shop()
    with TestClient(app) as local, TestClient(app, via=via) as client:
        assert client.get("/", headers=TOKEN).status_code == 200
        app.token = None
        assert local.get("/", headers=TOKEN).status_code == 403
        assert client.get("/", headers=TOKEN).status_code == 200


# remapped-headers
def test_a_function_url_renames_www_authenticate():
    assert_challenge_is_renamed("url")


# joined-headers
@pytest.mark.parametrize("via", [*HTTP, "url"])
def test_repeated_response_headers_are_joined(via: Via):
    class Repeating(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            response = Response()
            for value in ("a", "b"):
                response.headers.append("vary", value)
                response.set_cookie(value, value)
            return response

    with TestClient(Repeating()) as local, TestClient(Repeating(), via=via) as client:
        assert [pair for pair in local.get("/").headers.multi_items() if pair[0] == "vary"] == [
            ("vary", "a"),
            ("vary", "b"),
        ]
        headers = client.get("/").headers.multi_items()
    assert [value.replace(" ", "") for name, value in headers if name == "vary"] == ["a,b"]
    assert len([pair for pair in headers if pair[0] == "set-cookie"]) == 2


# http-question-mark
@via_http
def test_an_http_api_cuts_the_path_at_an_encoded_question_mark(via: Via):
    with TestClient(Shop()) as local, TestClient(Shop(), via=via) as client:
        assert local.get("/name/a%3Fb").text == "a?b"
        assert client.get("/name/a%3Fb").text == "a"


# http-path
@via_http
def test_an_http_api_replaces_path_bytes_that_are_not_utf_8(via: Via):
    with TestClient(Shop()) as local, TestClient(Shop(), via=via) as client:
        assert local.get("/name/a%ff").status_code == 400
        assert client.get("/name/a%ff").text == "a\ufffd"


# hop-by-hop
@pytest.mark.parametrize("via", EVENTS)
def test_hop_by_hop_headers_are_dropped(via: Via):
    with TestClient(Shop(), via=via) as client:
        headers = client.get("/headers").headers
    assert "connection" not in headers
    assert headers["vary"] == "a"


# size-limits
@pytest.mark.parametrize("via", BUFFERED)
def test_a_response_may_have_six_megabytes_as_encoded(via: Via):
    large = "x" * 6_300_000
    app = Shop()
    app.before_request(lambda: large)
    with TestClient(app) as local, TestClient(app, via=via) as remote:
        assert [client.get("/open").status_code for client in (local, remote)] == [200, 500]


@pytest.mark.parametrize("via", EVENTS)
def test_an_event_may_have_six_megabytes_as_encoded(via: Via):
    body = b"\0" * (5 * 1024 * 1024)
    with TestClient(Shop()) as local, TestClient(Shop(), via=via) as client:
        assert local.post("/size", content=body).json() == len(body)
        assert client.post("/size", content=body).status_code == 413


# alb-size-limits
def test_a_load_balancer_accepts_one_megabyte():
    body = b"\0" * (1024 * 1024)
    with TestClient(Shop(), via="alb") as client:
        assert client.post("/size", content=body).json() == len(body)
        assert client.post("/size", content=body + b"\0").status_code == 413


# aborted-stream
@pytest.mark.parametrize("via", BUFFERED)
def test_an_aborted_response_is_a_500(via: Via):
    with TestClient(Shop(), raise_server_exceptions=False) as local, TestClient(Shop(), via=via) as client:
        assert (local.get("/broken").status_code, local.get("/broken").text) == (200, "begun")
        assert client.get("/broken").status_code == 500
        assert "begun" not in client.get("/broken").text


# timeout
@pytest.mark.parametrize("via", EVENTS)
def test_a_request_that_runs_until_the_timeout_is_a_504(via: Via):
    with TestClient(Shop(), lambda_timeout=0.6) as local, TestClient(Shop(), via=via, lambda_timeout=0.6) as client:
        assert [client.get("/slow").status_code for client in (local, client)] == [200, 504]


# in-lambda
@pytest.mark.parametrize("via", EVENTS)
def test_in_lambda_context_is_true_for_events(via: Via):
    with TestClient(Shop()) as local, TestClient(Shop(), via=via) as client:
        assert local.get("/lambda").json() is False
        assert client.get("/lambda").json() is True

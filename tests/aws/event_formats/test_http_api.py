"""HTTP APIs (payload 2.0) and function URLs: what an event says, and how it is answered."""

import pytest
from starlette.responses import Response

from coworks_async import TechMicroService, entry, request
from tests.aws.lambdas import HOST, Ask, Echo, http, url

CUSTOM = "api.example.com"


class Linking(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return {"link": self.url_for("get_devices", name="pen"), "url": str(request.url)}

    @entry(no_auth=True)
    async def get_devices(self, name: str):
        return {"name": name, "link": self.url_for("get_devices", name=name), "url": str(request.url)}

    @entry(no_auth=True)
    async def get_all(self):
        return {"link": self.url_for("get_all")}


# --- the stage and the base path


def test_at_the_default_stage_there_is_no_root_path(ask: Ask):
    answer = ask(Linking(), http(path="/devices/pen"))
    assert answer.json == {"name": "pen", "link": "/devices/pen", "url": f"https://{HOST}/devices/pen"}


@pytest.mark.parametrize("stage", ["dev", "my-stage", "devices"])
def test_a_named_stage_is_taken_off_the_path_and_is_the_root_path(ask: Ask, stage: str):
    answer = ask(Linking(), http(path=f"/{stage}/devices/pen", stage=stage))
    assert answer.json == {"name": "pen", "link": f"/{stage}/devices/pen", "url": f"https://{HOST}/{stage}/devices/pen"}
    for root in (f"/{stage}", f"/{stage}/"):
        assert ask(Linking(), http(path=root, stage=stage)).json["link"] == f"/{stage}/devices/pen"


def test_a_stage_is_taken_off_by_whole_segments(ask: Ask):
    answer = ask(Linking(), http(path="/devices/pen", stage="dev"))
    assert answer.json["link"] == "/devices/pen"


def test_on_a_custom_domain_a_named_stage_is_in_the_path_and_not_in_the_urls(ask: Ask):
    for stage, path in [("dev", "/dev/devices/pen"), ("$default", "/devices/pen")]:
        answer = ask(Linking(), http(path=path, stage=stage, host=CUSTOM))
        assert answer.json == {"name": "pen", "link": "/devices/pen", "url": f"https://{CUSTOM}/devices/pen"}


@pytest.mark.parametrize("base_path", ["v1", "/v1", "/v1/"])
def test_the_environment_tells_the_base_path_of_a_custom_domain(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, base_path: str
):
    monkeypatch.setenv("CWS_BASE_PATH", base_path)
    for stage, path in [("dev", "/dev/devices/pen"), ("$default", "/devices/pen")]:
        answer = ask(Linking(), http(path=path, stage=stage, host=CUSTOM))
        assert answer.json == {"name": "pen", "link": "/v1/devices/pen", "url": f"https://{CUSTOM}/v1/devices/pen"}
    # The API's own host has no such thing.
    assert ask(Linking(), http(path="/dev/all", stage="dev")).json == {"link": "/dev/all"}


def test_no_path_of_an_event_is_taken_for_a_base_path(ask: Ask):
    event = http(path="/dev/all", stage="dev", host=CUSTOM)
    event["requestContext"]["http"]["path"] = "/v1/all"
    assert ask(Linking(), event).json == {"link": "/all"}


@pytest.mark.parametrize("host", [HOST, f"{HOST}.cn"])
def test_on_an_apis_own_host_a_named_stage_is_the_root_path(ask: Ask, host: str):
    assert ask(Linking(), http(path="/dev/all", stage="dev", host=host)).json == {"link": "/dev/all"}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "testserver"])
def test_where_a_service_is_tried_there_is_neither_a_stage_nor_a_base_path(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, host: str
):
    monkeypatch.setenv("CWS_BASE_PATH", "v1")
    assert ask(Linking(), http(path="/dev/all", stage="dev", host=host)).json == {"link": "/all"}


def test_at_a_function_url_there_is_no_root_path(ask: Ask):
    assert ask(Linking(), url(path="/all")).json == {"link": "/all"}


# --- what was sent


def test_the_path_of_an_http_api_came_decoded_and_is_not_decoded_again(ask: Ask):
    assert ask(Echo(), http(path="/a/b c/e+f/50%25/é鍵")).json["segments"] == ["a", "b c", "e+f", "50%25", "é鍵"]


def test_the_path_of_a_function_url_is_decoded_once(ask: Ask):
    segments = ask(Echo(), url(path="/a%2Fb/c%20d/e+f/50%2525/%C3%A9")).json["segments"]
    assert segments == ["a", "b", "c d", "e+f", "50%25", "é"]


def test_a_path_of_a_function_url_that_is_no_utf_8_is_refused(ask: Ask):
    answer = ask(Echo(), url(path="/a/%ff"))
    assert (answer.status, answer.json["detail"]) == (400, "The path is not UTF-8.")
    assert ask(Echo(), url(path="/a/%EF%BF%BD")).json["segments"] == ["a", "\ufffd"]


def test_a_path_that_an_http_api_decoded_is_not_refused(ask: Ask):
    assert ask(Echo(), http(path="/a/%ff\ufffd")).json["segments"] == ["a", "%ff\ufffd"]


@pytest.mark.parametrize("event_of", [http, url])
def test_the_query_is_read_as_it_was_sent(ask: Ask, event_of):
    query = "a=1&a=2&empty=&bare&plus=1%2B1&space=a+b&pct=50%25%26%3D&%E9%8D%B5=%C3%A9&p[n]=x"
    assert ask(Echo(), event_of(query=query)).json["names"] == {
        "a": ["1", "2"],
        "empty": "",
        "bare": "",
        "plus": "1+1",
        "space": "a b",
        "pct": "50%&=",
        "鍵": "é",
        "p[n]": "x",
    }
    assert ask(Echo(), {**event_of(), "rawQueryString": None}).json["names"] == {}


def test_several_cookies_are_one_header(ask: Ask):
    told = ask(Echo(), http(cookies=["a=1", "b=2"])).json
    assert told["cookies"] == {"a": "1", "b": "2"}
    told = ask(Echo(), http(cookies=["a=1", "b=2"], headers=[("cookie", "a=1,b=2")])).json
    assert [value for name, value in told["headers"] if name == "cookie"] == ["a=1; b=2"]


def test_headers_are_latin_1_and_what_came_decoded_goes_back_to_its_bytes(ask: Ask):
    told = ask(Echo(), http(headers=[("x-name", "é"), ("x-key", "鍵")])).json
    assert ["x-name", "é"] in told["headers"]
    assert ["x-key", "鍵".encode().decode("latin-1")] in told["headers"]


def test_the_client_and_the_scheme_are_those_the_gateway_saw(ask: Ask):
    told = ask(Echo(), http()).json
    assert (told["client"], told["scheme"], told["method"]) == ("203.0.113.9", "https", "GET")


def test_an_event_without_headers_and_path_is_a_request_for_the_root(ask: Ask):
    for event in ({**http(), "headers": None, "rawPath": ""}, {**url(), "rawPath": ""}):
        answer = ask(Echo(), event)
        assert (answer.status, answer.json["segments"]) == (200, [])


# --- how it is answered


def test_cookies_are_told_apart_and_other_repeated_headers_are_joined(ask: Ask):
    class Several(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            response = Response("set")
            response.set_cookie("a", "1")
            response.set_cookie("b", "2")
            response.headers.append("vary", "accept")
            response.headers.append("vary", "origin")
            return response

    answer = ask(Several(), http())
    assert answer.raw["cookies"] == ["a=1; Path=/; SameSite=lax", "b=2; Path=/; SameSite=lax"]
    assert answer.raw["headers"] == {"content-length": "3", "vary": "accept, origin"}


def test_without_cookies_the_answer_has_none(ask: Ask):
    assert ask(Echo(), http()).raw.keys() == {"statusCode", "headers", "body", "isBase64Encoded"}


def test_an_answer_without_a_body_has_no_content_type(ask: Ask):
    class Empty(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return None

    for event in (http(), url()):
        answer = ask(Empty(), event)
        assert answer.raw == {"statusCode": 204, "headers": {}, "body": "", "isBase64Encoded": False}

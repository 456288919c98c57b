"""HTTP APIs (payload 2.0) and function URLs: events and results."""

import pytest
from starlette.responses import Response

from coworks_async import TechMicroService, entry, request
from tests.aws.events import HOST, Echo, SendEvent, http_event, url_event

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


# --- stage and base path


def test_the_default_stage_has_no_root_path(send_event: SendEvent):
    response = send_event(Linking(), http_event(path="/devices/pen"))
    assert response.json == {"name": "pen", "link": "/devices/pen", "url": f"https://{HOST}/devices/pen"}


@pytest.mark.parametrize("stage", ["dev", "my-stage", "devices"])
def test_a_named_stage_is_the_root_path(send_event: SendEvent, stage: str):
    response = send_event(Linking(), http_event(path=f"/{stage}/devices/pen", stage=stage))
    assert response.json == {
        "name": "pen",
        "link": f"/{stage}/devices/pen",
        "url": f"https://{HOST}/{stage}/devices/pen",
    }
    for root in (f"/{stage}", f"/{stage}/"):
        assert send_event(Linking(), http_event(path=root, stage=stage)).json["link"] == f"/{stage}/devices/pen"


def test_a_stage_matches_whole_segments_only(send_event: SendEvent):
    response = send_event(Linking(), http_event(path="/devices/pen", stage="dev"))
    assert response.json["link"] == "/devices/pen"


def test_a_named_stage_is_not_in_the_urls_of_a_custom_domain(send_event: SendEvent):
    for stage, path in [("dev", "/dev/devices/pen"), ("$default", "/devices/pen")]:
        response = send_event(Linking(), http_event(path=path, stage=stage, host=CUSTOM))
        assert response.json == {"name": "pen", "link": "/devices/pen", "url": f"https://{CUSTOM}/devices/pen"}


@pytest.mark.parametrize("base_path", ["v1", "/v1", "/v1/"])
def test_cws_base_path_is_the_root_path_of_a_custom_domain(
    send_event: SendEvent, monkeypatch: pytest.MonkeyPatch, base_path: str
):
    monkeypatch.setenv("CWS_BASE_PATH", base_path)
    for stage, path in [("dev", "/dev/devices/pen"), ("$default", "/devices/pen")]:
        response = send_event(Linking(), http_event(path=path, stage=stage, host=CUSTOM))
        assert response.json == {"name": "pen", "link": "/v1/devices/pen", "url": f"https://{CUSTOM}/v1/devices/pen"}
    # The default host has no base path.
    assert send_event(Linking(), http_event(path="/dev/all", stage="dev")).json == {"link": "/dev/all"}


def test_the_event_does_not_determine_the_base_path(send_event: SendEvent):
    event = http_event(path="/dev/all", stage="dev", host=CUSTOM)
    event["requestContext"]["http"]["path"] = "/v1/all"
    assert send_event(Linking(), event).json == {"link": "/all"}


@pytest.mark.parametrize("host", [HOST, f"{HOST}.cn"])
def test_a_named_stage_is_the_root_path_on_every_default_host(send_event: SendEvent, host: str):
    assert send_event(Linking(), http_event(path="/dev/all", stage="dev", host=host)).json == {"link": "/dev/all"}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "testserver"])
def test_a_local_host_has_neither_stage_nor_base_path(
    send_event: SendEvent, monkeypatch: pytest.MonkeyPatch, host: str
):
    monkeypatch.setenv("CWS_BASE_PATH", "v1")
    assert send_event(Linking(), http_event(path="/dev/all", stage="dev", host=host)).json == {"link": "/all"}


def test_a_function_url_has_no_root_path(send_event: SendEvent):
    assert send_event(Linking(), url_event(path="/all")).json == {"link": "/all"}


# --- path, query, headers


def test_an_http_apis_path_is_not_decoded_again(send_event: SendEvent):
    assert send_event(Echo(), http_event(path="/a/b c/e+f/50%25/é鍵")).json["segments"] == [
        "a",
        "b c",
        "e+f",
        "50%25",
        "é鍵",
    ]


def test_a_function_urls_path_is_decoded_once(send_event: SendEvent):
    segments = send_event(Echo(), url_event(path="/a%2Fb/c%20d/e+f/50%2525/%C3%A9")).json["segments"]
    assert segments == ["a", "b", "c d", "e+f", "50%25", "é"]


def test_a_function_urls_path_that_is_not_utf_8_is_a_400(send_event: SendEvent):
    response = send_event(Echo(), url_event(path="/a/%ff"))
    assert (response.status, response.json["detail"]) == (400, "The path is not UTF-8.")
    assert send_event(Echo(), url_event(path="/a/%EF%BF%BD")).json["segments"] == ["a", "\ufffd"]


def test_an_http_apis_path_may_contain_replacement_characters(send_event: SendEvent):
    assert send_event(Echo(), http_event(path="/a/%ff\ufffd")).json["segments"] == ["a", "%ff\ufffd"]


@pytest.mark.parametrize("create_event", [http_event, url_event])
def test_the_raw_query_string_is_used(send_event: SendEvent, create_event):
    query = "a=1&a=2&empty=&bare&plus=1%2B1&space=a+b&pct=50%25%26%3D&%E9%8D%B5=%C3%A9&p[n]=x"
    assert send_event(Echo(), create_event(query=query)).json["names"] == {
        "a": ["1", "2"],
        "empty": "",
        "bare": "",
        "plus": "1+1",
        "space": "a b",
        "pct": "50%&=",
        "鍵": "é",
        "p[n]": "x",
    }
    assert send_event(Echo(), {**create_event(), "rawQueryString": None}).json["names"] == {}


def test_several_cookies_are_one_header(send_event: SendEvent):
    echoed = send_event(Echo(), http_event(cookies=["a=1", "b=2"])).json
    assert echoed["cookies"] == {"a": "1", "b": "2"}
    echoed = send_event(Echo(), http_event(cookies=["a=1", "b=2"], headers=[("cookie", "a=1,b=2")])).json
    assert [value for name, value in echoed["headers"] if name == "cookie"] == ["a=1; b=2"]


def test_headers_are_latin_1_or_utf_8(send_event: SendEvent):
    echoed = send_event(Echo(), http_event(headers=[("x-name", "é"), ("x-key", "鍵")])).json
    assert ["x-name", "é"] in echoed["headers"]
    assert ["x-key", "鍵".encode().decode("latin-1")] in echoed["headers"]


def test_client_and_scheme_are_those_seen_by_the_gateway(send_event: SendEvent):
    echoed = send_event(Echo(), http_event()).json
    assert (echoed["client"], echoed["scheme"], echoed["method"]) == ("203.0.113.9", "https", "GET")


def test_an_event_without_headers_and_path_is_a_request_for_the_root(send_event: SendEvent):
    for event in ({**http_event(), "headers": None, "rawPath": ""}, {**url_event(), "rawPath": ""}):
        response = send_event(Echo(), event)
        assert (response.status, response.json["segments"]) == (200, [])


# --- results


def test_cookies_are_listed_and_other_repeated_headers_are_joined(send_event: SendEvent):
    class Several(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            response = Response("set")
            response.set_cookie("a", "1")
            response.set_cookie("b", "2")
            response.headers.append("vary", "accept")
            response.headers.append("vary", "origin")
            return response

    response = send_event(Several(), http_event())
    assert response.raw["cookies"] == ["a=1; Path=/; SameSite=lax", "b=2; Path=/; SameSite=lax"]
    assert response.raw["headers"] == {"content-length": "3", "vary": "accept, origin"}


def test_a_result_without_cookies_has_no_cookies_member(send_event: SendEvent):
    assert send_event(Echo(), http_event()).raw.keys() == {"statusCode", "headers", "body", "isBase64Encoded"}


def test_a_response_without_a_body_has_no_content_type(send_event: SendEvent):
    class Empty(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return None

    for event in (http_event(), url_event()):
        response = send_event(Empty(), event)
        assert response.raw == {"statusCode": 204, "headers": {}, "body": "", "isBase64Encoded": False}

"""Behaviour shared by the formats: bodies, headers, server address, size limits."""

import base64
import gzip
import json
import logging

import pytest
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse, Response

from coworks_async import TechMicroService, entry, request
from tests.aws.events import Echo, Event, SendEvent, alb_event, events_in_all_formats, http_event, rest_event, url_event

BINARY = bytes(range(256))
JSON = [("content-type", "application/json")]


class Bodies(TechMicroService):
    @entry(no_auth=True)
    async def post(self, *, data: bytes):
        return data

    @entry(no_auth=True)
    async def post_item(self, *, name: str):
        return {"name": name}

    @entry(no_auth=True)
    async def delete(self, *, name: str):
        return {"deleted": name}

    @entry(no_auth=True)
    async def get(self):
        return "got"

    @entry(no_auth=True)
    async def get_nothing(self):
        return None

    @entry(no_auth=True)
    async def get_unchanged(self):
        return "changed?", 304, {"etag": '"1"'}

    @entry(no_auth=True)
    async def get_typed(self, *, media_type: str, charset: str = "utf-8"):
        return Response("<é>".encode(charset), media_type=media_type)


# --- request bodies


def test_a_binary_body_is_preserved_in_both_directions(send_event: SendEvent):
    headers = [("content-type", "application/octet-stream")]
    for name, event in events_in_all_formats("POST", "/", headers, BINARY).items():
        response = send_event(Bodies(), event)
        assert (response.status, response.body) == (200, BINARY), name
        assert response.raw["isBase64Encoded"] is True


def test_a_text_body_is_utf_8(send_event: SendEvent):
    for name, event in events_in_all_formats("POST", "/item", JSON, '{"name": "é鍵"}').items():
        assert send_event(Bodies(), event).json == {"name": "é鍵"}, name


def test_a_body_on_delete_is_read(send_event: SendEvent):
    for name, event in events_in_all_formats("DELETE", "/", JSON, '{"name": "pen"}').items():
        assert send_event(Bodies(), event).json == {"deleted": "pen"}, name


def test_a_body_on_get_is_a_422_without_a_content_length_too(send_event: SendEvent):
    for name, event in events_in_all_formats("GET", "/", JSON, '{"name": "pen"}').items():
        response = send_event(Bodies(), event)
        assert response.status == 422, name


def test_content_length_is_added_only_if_missing(send_event: SendEvent):
    for name, event in events_in_all_formats("POST", "/", [*JSON, ("content-length", "8")], '{"a": 1}').items():
        echoed = send_event(Echo(), event).json
        assert [value for key, value in echoed["headers"] if key == "content-length"] == ["8"], name
    echoed = send_event(Echo(), rest_event("POST", body='{"a": "é"}', headers=JSON)).json
    assert [value for key, value in echoed["headers"] if key == "content-length"] == ["11"]


def test_a_body_over_max_body_size_is_a_413(send_event: SendEvent):
    for name, event in events_in_all_formats("POST", "/", JSON, b"x" * 11).items():
        response = send_event(Bodies(max_body_size=10), event)
        assert response.status == 413, name
        # The connection is the gateway's.
        assert response.header("connection") is None


# --- response bodies


TEXT = [
    "text/html",
    "application/json",
    "application/problem+json",
    "application/vnd.shop.v2+json",
    "application/xml",
    "application/atom+xml",
    "application/javascript",
    "image/svg+xml",
]


@pytest.mark.parametrize("media_type", TEXT)
def test_text_and_json_media_types_are_sent_as_text(send_event: SendEvent, media_type: str):
    for event in (rest_event(query=[("media_type", media_type)], path="/typed"), http_event(path="/typed")):
        event["rawQueryString"] = f"media_type={media_type}".replace("+", "%2B")
        response = send_event(Bodies(), event)
        assert (response.raw["isBase64Encoded"], response.raw["body"]) == (False, "<é>")


def test_binary_media_types_are_sent_as_base64(send_event: SendEvent):
    for media_type in ("image/png", "application/octet-stream", "application/zip"):
        response = send_event(Bodies(), rest_event(path="/typed", query=[("media_type", media_type)]))
        assert (response.raw["isBase64Encoded"], response.body.decode()) == (True, "<é>")


def test_text_in_another_charset_keeps_its_bytes(send_event: SendEvent):
    query = [("media_type", "text/html; charset=latin-1"), ("charset", "latin-1")]
    response = send_event(Bodies(), rest_event(path="/typed", query=query))
    assert (response.raw["isBase64Encoded"], response.body) == (True, b"<\xe9>")


def test_a_compressed_response_is_sent_as_base64(send_event: SendEvent):
    class Long(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return "long " * 500

    app = Long(middleware=[Middleware(GZipMiddleware)])
    for name, event in events_in_all_formats("GET", "/", [("accept-encoding", "gzip")]).items():
        response = send_event(app, event)
        assert response.header("content-encoding") == "gzip", name
        assert gzip.decompress(response.body) == b"long " * 500
    assert send_event(app, rest_event()).body == b"long " * 500


def test_head_204_and_304_have_no_body(send_event: SendEvent):
    for method, path, status in [("HEAD", "/", 200), ("GET", "/nothing", 204), ("GET", "/unchanged", 304)]:
        for name, event in events_in_all_formats(method, path).items():
            response = send_event(Bodies(), event)
            assert (response.status, response.raw["body"], response.raw["isBase64Encoded"]) == (status, "", False), name
            assert (response.header("content-type") is None) == (status != 200)


def test_a_middleware_cannot_add_a_body_to_head_204_or_304(send_event: SendEvent):
    class Stubborn:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            if scope["type"] == "http":
                await send({"type": "http.response.start", "status": int(scope["query_string"]), "headers": []})
                await send({"type": "http.response.body", "body": b"body"})
            else:
                await self.app(scope, receive, send)

    app = Bodies(middleware=[Middleware(Stubborn)])
    for method, status, body in [("HEAD", 200, ""), ("GET", 204, ""), ("GET", 304, ""), ("GET", 299, "Ym9keQ==")]:
        assert send_event(app, http_event(method, query=str(status))).raw["body"] == body


# --- headers


class HeaderEcho(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return [[name, value] for name, value in request.headers.items() if name.startswith("x-a")]


def echo_headers(send_event: SendEvent, event: Event) -> list[list[str]]:
    found: list[list[str]] = send_event(HeaderEcho(), event).json
    return found


def test_two_spellings_of_a_header_are_two_values_of_one_name(send_event: SendEvent):
    for event in events_in_all_formats("GET", "/", [("X-A", "1"), ("x-a", "2")]).values():
        assert echo_headers(send_event, event) == [["x-a", "1"], ["x-a", "2"]]


def test_multi_value_events_keep_repeated_headers(send_event: SendEvent):
    for event in (rest_event(headers=[("x-a", "1"), ("x-a", "2")]), alb_event(headers=[("x-a", "1"), ("x-a", "2")])):
        assert echo_headers(send_event, event) == [["x-a", "1"], ["x-a", "2"]]


def test_thousands_of_header_names_are_received(send_event: SendEvent):
    app = HeaderEcho()
    for number in range(0, 2100, 100):
        names = [(f"X-A-{each}", str(each)) for each in range(number, number + 100)]
        for event in events_in_all_formats("GET", "/", names).values():
            assert send_event(app, event).json == [[name.lower(), value] for name, value in names]


@pytest.mark.parametrize("value", ["é", "\u20ac", "é\u20ac"])
def test_a_header_value_beyond_latin_1_is_sent_as_utf_8(send_event: SendEvent, value: str):
    seen = value.encode("latin-1" if value == "é" else "utf-8").decode("latin-1")
    for event in events_in_all_formats("GET", "/", [("X-A", value), ("X-A-B", "plain")]).values():
        assert echo_headers(send_event, event) == [["x-a", seen], ["x-a-b", "plain"]]


def test_response_headers_are_latin_1_and_hop_by_hop_headers_are_dropped(send_event: SendEvent):
    class Sending(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            hop_by_hop = {"Connection": "close", "Keep-Alive": "1", "Transfer-Encoding": "chunked"}
            return PlainTextResponse("x", headers={"X-Name": "é", **hop_by_hop})

    for name, event in events_in_all_formats("GET", "/").items():
        response = send_event(Sending(), event)
        names = {"content-type", "content-length", "x-name"}
        assert (response.header("x-name"), {key for key, _ in response.headers}) == ("é", names), name


# --- server address


HOSTS = [
    ("shop.example.com", "", "https://shop.example.com", ("shop.example.com", 443)),
    ("shop.example.com:8443", "", "https://shop.example.com:8443", ("shop.example.com", 8443)),
    ("shop.example.com", "8443", "https://shop.example.com", ("shop.example.com", 8443)),
    ("[2001:db8::1]", "", "https://[2001:db8::1]", ("2001:db8::1", 443)),
    ("[2001:db8::1]:8443", "", "https://[2001:db8::1]:8443", ("2001:db8::1", 8443)),
    ("shop.example.com", "no port", "https://shop.example.com", ("shop.example.com", 443)),
]


@pytest.mark.parametrize(("host", "port", "base", "server"), HOSTS)
def test_the_server_is_the_host_of_the_url(send_event: SendEvent, host: str, port: str, base: str, server):
    class Server(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return {"url": str(request.url), "server": request.scope["server"]}

    event = http_event(headers=[("x-forwarded-port", port)] if port else [])
    event["headers"]["host"] = host
    assert send_event(Server(), event).json == {"url": f"{base}/", "server": list(server)}


def test_plain_http_has_port_80(send_event: SendEvent):
    class Server(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return {"url": str(request.url), "server": request.scope["server"]}

    assert send_event(Server(), alb_event()).json == {
        "url": "http://shop.example.com/",
        "server": ["shop.example.com", 80],
    }


# --- size limits


class Large(TechMicroService):
    @entry(no_auth=True)
    async def get(self, *, size: int, kind: str = "text"):
        return {"text": "x" * size, "binary": b"x" * size, "wide": "é" * size, "control": "\x01" * size}[kind]


MB = 1024 * 1024
SIZES = [
    ("text", 6 * MB - 1000, 6 * MB),
    ("binary", 6 * MB * 3 // 4 - 1000, 6 * MB * 3 // 4),
    ("wide", MB - 1000, MB),
    ("control", MB - 1000, MB),
]


@pytest.mark.parametrize(("kind", "fits", "too_large"), SIZES)
def test_a_response_over_lambdas_limit_as_encoded_is_a_500_and_logs_the_sizes(
    send_event: SendEvent, caplog: pytest.LogCaptureFixture, kind: str, fits: int, too_large: int
):
    for create_event in (http_event, url_event):
        response = send_event(Large(), create_event(query=f"size={fits}&kind={kind}"))
        assert (response.status, len(response.body)) == (200, fits * (2 if kind == "wide" else 1))
    assert caplog.records == []
    response = send_event(Large(), http_event(query=f"size={too_large}&kind={kind}"))
    assert response.json == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": f"The response is over the limit of {6 * MB} bytes.",
    }
    assert response.header("content-type") == "application/problem+json"
    [record] = caplog.records
    assert (record.levelno, record.name) == (logging.ERROR, "large")
    line = record.getMessage()
    assert line.startswith("The response to GET '/' has ")
    size, limit = (int(word) for word in line.replace(",", "").split() if word.isdigit())
    assert size > limit == 6 * MB


def test_a_load_balancer_accepts_one_megabyte(send_event: SendEvent, caplog: pytest.LogCaptureFixture):
    assert send_event(Large(), alb_event(query=[("size", str(MB - 1000))])).status == 200
    response = send_event(Large(), alb_event(query=[("size", str(MB))]))
    assert (response.status, response.json["detail"]) == (500, f"The response is over the limit of {MB} bytes.")
    assert len(caplog.records) == 1
    assert send_event(Large(), rest_event(query=[("size", str(MB))])).status == 200


@pytest.mark.parametrize(("runtime", "status"), [("3.11", 500), ("3.12", 200), ("3.13", 200), ("3.9", 500)])
def test_a_runtime_that_does_not_escape_non_ascii_sends_more(
    send_event: SendEvent, monkeypatch: pytest.MonkeyPatch, runtime: str, status: int
):
    monkeypatch.setenv("AWS_EXECUTION_ENV", f"AWS_Lambda_python{runtime}")
    assert send_event(Large(), http_event(query=f"size={2 * MB}&kind=wide")).status == status
    assert send_event(Large(), http_event(query=f"size={3 * MB + 1}&kind=wide")).status == 500


def test_a_result_can_be_encoded_as_json(send_event: SendEvent):
    for event in events_in_all_formats("POST", "/", [("content-type", "application/octet-stream")], BINARY).values():
        raw = send_event(Bodies(), event).raw
        assert json.loads(json.dumps(raw)) == raw
        assert base64.b64decode(raw["body"]) == BINARY

"""What the formats share: bodies in and out, headers, the server, the limits."""

import base64
import gzip
import json
import logging

import pytest
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response

from coworks_async import TechMicroService, entry, request
from tests.aws.lambdas import Ask, Echo, alb, everywhere, http, rest, url

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


# --- bodies in


def test_a_binary_body_comes_whole_and_goes_whole(ask: Ask):
    headers = [("content-type", "application/octet-stream")]
    for name, event in everywhere("POST", "/", headers, BINARY).items():
        answer = ask(Bodies(), event)
        assert (answer.status, answer.body) == (200, BINARY), name
        assert answer.raw["isBase64Encoded"] is True


def test_a_text_body_is_utf_8(ask: Ask):
    for name, event in everywhere("POST", "/item", JSON, '{"name": "é鍵"}').items():
        assert ask(Bodies(), event).json == {"name": "é鍵"}, name


def test_a_body_on_delete_is_read(ask: Ask):
    for name, event in everywhere("DELETE", "/", JSON, '{"name": "pen"}').items():
        assert ask(Bodies(), event).json == {"deleted": "pen"}, name


def test_a_body_on_get_is_refused_though_the_gateway_leaves_its_length_out(ask: Ask):
    for name, event in everywhere("GET", "/", JSON, '{"name": "pen"}').items():
        answer = ask(Bodies(), event)
        assert answer.status == 422, name


def test_the_length_of_a_body_is_told_once(ask: Ask):
    for name, event in everywhere("POST", "/", [*JSON, ("content-length", "8")], '{"a": 1}').items():
        told = ask(Echo(), event).json
        assert [value for key, value in told["headers"] if key == "content-length"] == ["8"], name
    told = ask(Echo(), rest("POST", body='{"a": "é"}', headers=JSON)).json
    assert [value for key, value in told["headers"] if key == "content-length"] == ["11"]


def test_a_body_over_the_services_limit_is_a_413(ask: Ask):
    for name, event in everywhere("POST", "/", JSON, b"x" * 11).items():
        answer = ask(Bodies(max_body_size=10), event)
        assert answer.status == 413, name
        # A connection is the gateway's own matter.
        assert answer.header("connection") is None


# --- bodies out


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
def test_text_goes_as_text_and_so_does_any_json(ask: Ask, media_type: str):
    for event in (rest(query=[("media_type", media_type)], path="/typed"), http(path="/typed")):
        event["rawQueryString"] = f"media_type={media_type}".replace("+", "%2B")
        answer = ask(Bodies(), event)
        assert (answer.raw["isBase64Encoded"], answer.raw["body"]) == (False, "<é>")


def test_what_is_no_text_goes_as_base64(ask: Ask):
    for media_type in ("image/png", "application/octet-stream", "application/zip"):
        answer = ask(Bodies(), rest(path="/typed", query=[("media_type", media_type)]))
        assert (answer.raw["isBase64Encoded"], answer.body.decode()) == (True, "<é>")


def test_text_of_another_charset_keeps_its_bytes(ask: Ask):
    query = [("media_type", "text/html; charset=latin-1"), ("charset", "latin-1")]
    answer = ask(Bodies(), rest(path="/typed", query=query))
    assert (answer.raw["isBase64Encoded"], answer.body) == (True, b"<\xe9>")


def test_a_compressed_answer_goes_as_base64(ask: Ask):
    class Long(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return "long " * 500

    app = Long(middleware=[Middleware(GZipMiddleware)])
    for name, event in everywhere("GET", "/", [("accept-encoding", "gzip")]).items():
        answer = ask(app, event)
        assert answer.header("content-encoding") == "gzip", name
        assert gzip.decompress(answer.body) == b"long " * 500
    assert ask(app, rest()).body == b"long " * 500


def test_head_204_and_304_have_no_body(ask: Ask):
    for method, path, status in [("HEAD", "/", 200), ("GET", "/nothing", 204), ("GET", "/unchanged", 304)]:
        for name, event in everywhere(method, path).items():
            answer = ask(Bodies(), event)
            assert (answer.status, answer.raw["body"], answer.raw["isBase64Encoded"]) == (status, "", False), name
            assert (answer.header("content-type") is None) == (status != 200)


def test_a_middleware_cannot_put_a_body_where_none_may_be(ask: Ask):
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
        assert ask(app, http(method, query=str(status))).raw["body"] == body


# --- the server


HOSTS = [
    ("shop.example.com", "", "https://shop.example.com", ("shop.example.com", 443)),
    ("shop.example.com:8443", "", "https://shop.example.com:8443", ("shop.example.com", 8443)),
    ("shop.example.com", "8443", "https://shop.example.com", ("shop.example.com", 8443)),
    ("[2001:db8::1]", "", "https://[2001:db8::1]", ("2001:db8::1", 443)),
    ("[2001:db8::1]:8443", "", "https://[2001:db8::1]:8443", ("2001:db8::1", 8443)),
    ("shop.example.com", "no port", "https://shop.example.com", ("shop.example.com", 443)),
]


@pytest.mark.parametrize(("host", "port", "base", "server"), HOSTS)
def test_the_server_is_the_host_that_was_asked_for(ask: Ask, host: str, port: str, base: str, server):
    class Server(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return {"url": str(request.url), "server": request.scope["server"]}

    event = http(headers=[("x-forwarded-port", port)] if port else [])
    event["headers"]["host"] = host
    assert ask(Server(), event).json == {"url": f"{base}/", "server": list(server)}


def test_plain_http_has_its_port(ask: Ask):
    class Server(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return {"url": str(request.url), "server": request.scope["server"]}

    assert ask(Server(), alb()).json == {"url": "http://shop.example.com/", "server": ["shop.example.com", 80]}


# --- the limits of the caller


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
def test_an_answer_over_lambdas_limit_as_encoded_is_a_500_and_a_log_line_with_the_sizes(
    ask: Ask, caplog: pytest.LogCaptureFixture, kind: str, fits: int, too_large: int
):
    for event_of in (http, url):
        answer = ask(Large(), event_of(query=f"size={fits}&kind={kind}"))
        assert (answer.status, len(answer.body)) == (200, fits * (2 if kind == "wide" else 1))
    assert caplog.records == []
    answer = ask(Large(), http(query=f"size={too_large}&kind={kind}"))
    assert answer.json == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": f"The answer is over the limit of {6 * MB} bytes.",
    }
    assert answer.header("content-type") == "application/problem+json"
    [record] = caplog.records
    assert (record.levelno, record.name) == (logging.ERROR, "large")
    message, _, request = record.getMessage().partition(" for its caller: ")
    told, limit = (int(word) for word in message.split() if word.isdigit())
    assert told > limit == 6 * MB
    assert request == "GET '/'"


def test_a_load_balancer_takes_one_megabyte(ask: Ask, caplog: pytest.LogCaptureFixture):
    assert ask(Large(), alb(query=[("size", str(MB - 1000))])).status == 200
    answer = ask(Large(), alb(query=[("size", str(MB))]))
    assert (answer.status, answer.json["detail"]) == (500, f"The answer is over the limit of {MB} bytes.")
    assert len(caplog.records) == 1
    assert ask(Large(), rest(query=[("size", str(MB))])).status == 200


@pytest.mark.parametrize(("runtime", "status"), [("3.11", 500), ("3.12", 200), ("3.13", 200), ("3.9", 500)])
def test_a_runtime_that_does_not_escape_sends_more(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, runtime: str, status: int
):
    monkeypatch.setenv("AWS_EXECUTION_ENV", f"AWS_Lambda_python{runtime}")
    assert ask(Large(), http(query=f"size={2 * MB}&kind=wide")).status == status
    assert ask(Large(), http(query=f"size={3 * MB + 1}&kind=wide")).status == 500


def test_an_answer_is_json_that_any_runtime_can_write(ask: Ask):
    for event in everywhere("POST", "/", [("content-type", "application/octet-stream")], BINARY).values():
        raw = ask(Bodies(), event).raw
        assert json.loads(json.dumps(raw)) == raw
        assert base64.b64decode(raw["body"]) == BINARY

"""Bodies: read once and completely, and parsed by their content type."""

import re
from decimal import Decimal
from typing import Annotated

import httpx2
import msgspec
import pytest
from msgspec import Meta

from coworks_async import TechMicroService, entry
from tests.clients import Connect
from tests.http_requests import JSON, assert_bound, assert_rejected, format_values
from tests.pipeline.checks import takes_under_five_seconds


class Notes(TechMicroService):
    @entry(no_auth=True)
    async def post(self, text: str = "", number: int = 0):
        return format_values(text, number)

    @entry(no_auth=True)
    async def put(self, data: bytes = b"", number: int = 0):
        return format_values(data, number)

    @entry(no_auth=True)
    async def patch(self, number: int = 0):
        return format_values(number)

    @entry(no_auth=True)
    async def delete(self, *, anything):
        return format_values(anything)

    @entry(no_auth=True)
    async def options(self, one: str = "", other: str = ""):
        return format_values(one, other)


def typed(content_type: str) -> dict[str, str]:
    return {"content-type": content_type}


def assert_problem(response: httpx2.Response, status: int, title: str, detail: str) -> None:
    assert response.json() == {"type": "about:blank", "title": title, "status": status, "detail": detail}
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


def test_no_content_type_means_json_and_every_json_type_is_json(connect: Connect):
    client = connect(Notes())
    types = (
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/merge-patch+json",
        "application/x+json;a=b",
    )
    for headers in ({}, typed(""), *map(typed, types)):
        response = client.post("/", content=b' {"text": "\xc3\xa9\\u00e9", "number": 5}\n', headers=headers)
        assert_bound(response, "éé", 5)


INVALID_JSON = [
    (b"{", "Input data was truncated"),
    (b" ", "Input data was truncated"),
    (b"{'text': 1}", "malformed: object keys must be strings"),
    (b'{"number": NaN}', "malformed: invalid character"),
    (b'{"number": 1} x', "malformed: trailing characters"),
    (b'{"number": 01}', "malformed: invalid number"),
    (b'{"text": "\xff"}', "not UTF-8"),
    (b'{"text": "\\udc00"}', "malformed: invalid utf-16 surrogate pair"),
    (b"\xef\xbb\xbf{}", "malformed: invalid character"),
    (b"number=1", "malformed: invalid character"),
]


def test_invalid_json_is_a_400_that_does_not_contain_it(connect: Connect):
    client = connect(Notes())
    for body, reason in INVALID_JSON:
        response = client.post("/", content=body, headers=JSON)
        detail = response.json()["detail"]
        assert re.fullmatch(rf"The body is not valid JSON: {reason}( \(byte [0-9]+\))?\.", detail)
        assert_problem(response, 400, "Bad Request", detail)


def test_an_empty_body_is_no_body_with_any_content_type(connect: Connect):
    client = connect(Notes())
    for content_type in ("application/json", "text/plain", "application/pdf", "multipart/form-data"):
        assert_bound(client.post("/?number=5", content=b"", headers=typed(content_type)), "", 5)


def test_of_equal_keys_in_one_json_object_the_last_wins(connect: Connect):
    client = connect(Notes())
    assert_bound(client.post("/", content=b'{"number": 1, "number": 2}', headers=JSON), "", 2)
    assert_bound(client.post("/", content=b'{"number": "x", "number": "2"}', headers=JSON), "", 2)
    response = client.post("/", content=b'{"number": 2, "number": "x"}', headers=JSON)
    assert_rejected(response, ("body", "number", "int", "Expected `int`, got `str`"))


def test_text_binds_to_the_only_str_parameter(connect: Connect):
    client = connect(Notes())
    for content_type in ("text/plain", "text/plain; charset=utf-8", 'TEXT/Markdown; Charset="UTF-8"', "text/csv"):
        assert_bound(client.post("/?number=5", content="é, 5".encode(), headers=typed(content_type)), "é, 5", 5)
    assert_bound(client.post("/", content=b"\xe9", headers=typed("text/plain; charset=latin-1")), "é", 0)
    assert_bound(client.post("/", content="é".encode("utf-16"), headers=typed("text/plain; charset=UTF-16")), "é", 0)


def test_text_in_the_wrong_charset_is_a_400_and_in_an_unknown_one_a_415(connect: Connect):
    client = connect(Notes())
    for charset in ("utf-8", "ascii"):
        response = client.post("/", content=b"\xe9", headers=typed(f"text/plain; charset={charset}"))
        assert_problem(response, 400, "Bad Request", "The body is not encoded in its declared charset.")
    for charset in ("klingon", "unicode_escape", "idna", "punycode", "utf-7", "base64", "undefined"):
        response = client.post("/", content=b"\\ud800", headers=typed(f"text/plain; charset={charset}"))
        assert_problem(response, 415, "Unsupported Media Type", "The charset of the body is not supported.")


FORM_DATA = "multipart/form-data; boundary=x"
FORM_DATA_BODY = b'--x\r\ncontent-disposition: form-data; name="text"\r\n\r\na\r\n--x--\r\n'


@pytest.mark.parametrize(
    "types",
    [
        ("application/json", FORM_DATA),
        (FORM_DATA, "application/json"),
        (FORM_DATA, "multipart/form-data; boundary=y"),
        ("text/plain", "application/octet-stream"),
        ("application/json; charset=utf-8", "text/plain", "application/json; charset=utf-8"),
        ("text/plain, application/json",),
        ("", FORM_DATA),
        (FORM_DATA, ""),
        (f", {FORM_DATA}",),
    ],
)
def test_a_content_type_that_is_sent_with_different_values_is_a_400(connect: Connect, types: tuple[str, ...]):
    client = connect(Notes())
    for method in ("POST", "PUT", "PATCH"):
        headers = [("content-type", each) for each in types]
        response = client.request(method, "/", content=FORM_DATA_BODY, headers=headers)
        detail = "The header Content-Type was sent more than once, with different values."
        assert_problem(response, 400, "Bad Request", detail)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"text": "a"}'),
        ("application/x-www-form-urlencoded", b"text=a"),
        ("text/plain; charset=utf-8", b"a"),
        (FORM_DATA, FORM_DATA_BODY),
        ('multipart/form-data; boundary="x"', FORM_DATA_BODY),
        ('multipart/form-data; boundary="x,y/z"', FORM_DATA_BODY.replace(b"--x", b"--x,y/z")),
    ],
)
def test_a_content_type_that_is_sent_twice_with_one_value_is_that_value(
    connect: Connect, content_type: str, body: bytes
):
    client = connect(Notes())
    for count in (1, 2):
        headers = [("content-type", content_type)] * count
        assert_bound(client.post("/", content=body, headers=headers), "a", 0)


def test_bytes_bind_to_the_only_bytes_parameter(connect: Connect):
    client = connect(Notes())
    for content_type in ("application/octet-stream", "application/pdf", "image/png"):
        response = client.put("/?number=5", content=b"\x00\xff", headers=typed(content_type))
        assert_bound(response, b"\x00\xff", 5)
    assert_bound(client.put("/", content=b"abc", headers=typed("text/plain")), b"abc", 0)


def test_a_content_type_that_no_parameter_accepts_is_a_415(connect: Connect):
    client = connect(Notes())
    for method, content_type in (
        ("POST", "application/octet-stream"),
        ("POST", "application/xml"),
        ("PATCH", "text/plain"),
        ("DELETE", "text/plain"),
    ):
        response = client.request(method, "/", content=b"5", headers=typed(content_type))
        detail = f"No parameter accepts {content_type}."
        assert_problem(response, 415, "Unsupported Media Type", detail)
    response = client.request("OPTIONS", "/", content=b"5", headers=typed("text/plain"))
    detail = "More than one parameter accepts text/plain."
    assert_problem(response, 415, "Unsupported Media Type", detail)


def test_a_raw_body_whose_parameter_is_in_the_query_is_a_duplicate(connect: Connect):
    client = connect(Notes())
    duplicate = "Given in both the query and the body"
    for method, name, kind in (("POST", "text", "str"), ("PUT", "data", "bytes")):
        response = client.request(method, f"/?{name}=YQ==&nope=1", content=b"5", headers=typed("text/plain"))
        unknown = f"Unknown name; accepted names: {name}, number"
        assert_rejected(response, ("query", name, kind, duplicate), ("query", "nope", "nothing", unknown))


def test_bytes_ignore_the_charset(connect: Connect):
    client = connect(Notes())
    for charset in ("", "; charset=rot13", "; charset=iso-8859-15", "; charset=ascii"):
        assert_bound(client.put("/", content=b"\xff", headers=typed(f"text/plain{charset}")), b"\xff", 0)


def test_a_text_body_is_validated(connect: Connect):
    class Short(TechMicroService):
        @entry(no_auth=True)
        async def post(self, text: Annotated[str, Meta(max_length=3)] = ""):
            return format_values(text)

    client = connect(Short())
    assert_bound(client.post("/", content=b"abc", headers=typed("text/plain")), "abc")
    wrong = ("body", "text", "str of length <= 3", "Expected `str` of length <= 3")
    assert_rejected(client.post("/", content=b"abcd", headers=typed("text/plain")), wrong)


def test_a_compressed_body_is_a_415(connect: Connect):
    client = connect(Notes())
    response = client.post("/", content=b"{}", headers={**JSON, "content-encoding": "GZip"})
    assert_problem(response, 415, "Unsupported Media Type", "The content encoding gzip is not supported.")
    assert_bound(client.post("/", content=b"{}", headers={**JSON, "content-encoding": "identity"}), "", 0)


def test_each_value_of_a_repeated_content_encoding_counts(connect: Connect):
    client = connect(Notes())
    for encodings in (("gzip", "identity"), ("identity", "gzip")):
        headers = [("content-type", "image/png"), *(("content-encoding", each) for each in encodings)]
        detail = f"The content encoding {','.join(encodings)} is not supported."
        assert_problem(client.put("/", content=b"a", headers=headers), 415, "Unsupported Media Type", detail)
    headers = [("content-type", "image/png"), *[("content-encoding", "identity")] * 2]
    assert_bound(client.put("/", content=b"a", headers=headers), b"a", 0)


class Tree(msgspec.Struct):
    children: list["Tree"] = []


DEEP = 100_000


class Deep(TechMicroService):
    max_items = 2 * DEEP

    @entry(no_auth=True)
    async def post_typed(self, value: list[int] | None = None):
        return format_values(value)

    @entry(no_auth=True)
    async def post_untyped(self, value=None):
        return "bound"

    @entry(no_auth=True)
    async def post_rest(self, **names):
        return "bound"

    @entry(no_auth=True)
    async def post_whole(self, tree: Tree):
        return "bound"

    @entry(no_auth=True)
    async def post_decimal(self, value=None, price: Decimal | None = None):
        return "bound"


NESTED = [
    ("/typed", b'{"value": %s}'),
    ("/untyped", b'{"value": %s}'),
    ("/rest", b'{"value": %s}'),
    ("/whole", b'{"children": %s}'),
    ("/untyped", b"%s"),
    ("/decimal", b'{"value": %s}'),
]
TOO_DEEP = ("body", "", "JSON", "Nested too deeply")


def test_json_that_is_nested_too_deeply_is_rejected_quickly(connect: Connect):
    client = connect(Deep())
    for path, template in NESTED:
        for inner in (b"[" * DEEP + b"]" * DEEP, b'{"a":' * DEEP + b"1" + b"}" * DEEP):
            with takes_under_five_seconds():
                response = client.post(path, content=template % inner, headers=JSON)
            assert_rejected(response, TOO_DEEP)


def test_json_of_any_depth_is_bound_or_rejected(connect: Connect):
    """The maximum depth depends on the interpreter and on the code that reads the value."""
    client = connect(Deep())
    for path, template in NESTED:
        for depth in (100, 300, 600, 900, 1500, 5000):
            response = client.post(path, content=template % (b"[" * depth + b"]" * depth), headers=JSON)
            assert (response.status_code, response.text) == (200, "bound") or response.status_code == 422


def post_scope(headers: dict[bytes, bytes], **more: object) -> dict[str, object]:
    """Create the scope of a POST to `/`."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": list(headers.items()),
        "client": None,
        "server": None,
        **more,
    }


@pytest.mark.parametrize(
    "content_type", [b"application/json", b"application/x-www-form-urlencoded", b"text/plain", b"multipart/form-data"]
)
@pytest.mark.parametrize("before", [[], [b'{"number": 1}'], [b"", b'{"number"']])
async def test_the_entry_does_not_run_if_the_client_disconnects_during_the_body(
    content_type: bytes, before: list[bytes]
):
    ran = []

    class Once(TechMicroService):
        @entry(no_auth=True)
        async def post(self, number: int = 0):
            ran.append(number)

    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in before]
    messages.append({"type": "http.disconnect"})

    async def receive() -> dict[str, object]:
        return messages.pop(0)

    async def send(message: object) -> None:
        raise AssertionError(f"the client is disconnected, but gets {message}")

    await Once()(post_scope({b"content-type": content_type}), receive, send)
    assert (ran, messages) == ([], [])


async def test_a_body_in_several_parts_is_joined():
    bound = []

    class Once(TechMicroService):
        @entry(no_auth=True)
        async def post(self, text: str = ""):
            bound.append(text)

    body = '{"text": "é"}'.encode()
    pieces = [body[at : at + 1] for at in range(len(body))] + [b""]

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message: object) -> None:
        """The response is not checked."""

    await Once()(post_scope({}), receive, send)
    assert bound == ["é"]

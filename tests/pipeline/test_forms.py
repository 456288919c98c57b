"""Forms, urlencoded and multipart, and the files in them."""

from dataclasses import dataclass

import httpx2
import pytest
from starlette.datastructures import UploadFile

from coworks_async import Request, TechMicroService, entry, request
from tests.clients import Connect, in_process
from tests.differences import differs
from tests.http_requests import FORM, assert_bound, assert_rejected, format_values

UPLOADED: list[UploadFile] = []


class Files(TechMicroService):
    @entry(no_auth=True)
    async def post(self, file: UploadFile | None = None, title: str = "", count: int = 0):
        return format_values(file and (file.filename, file.content_type, file.size, await file.read()), title, count)

    @entry(no_auth=True)
    async def put(self, *, files: list[UploadFile], title: str = ""):
        return format_values([(file.filename, await file.read()) for file in files], title)

    @entry(no_auth=True)
    async def patch(self, *, file: UploadFile):
        UPLOADED.append(file)
        return format_values(file.file.closed)

    @entry(no_auth=True)
    async def delete(self, **fields):
        values = {name: value if isinstance(value, str) else await value.read() for name, value in fields.items()}
        return format_values(values)


def assert_bad_request(response: httpx2.Response, detail: str) -> None:
    assert response.json() == {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": detail}
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"


def multipart(*parts: bytes, end: bytes = b"--x--\r\n") -> bytes:
    """Return a multipart body; each part has its headers, an empty line and its content."""
    return b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + end


def field(name: bytes, value: bytes) -> bytes:
    return b'content-disposition: form-data; name="' + name + b'"\r\n\r\n' + value


MULTIPART = {"content-type": "multipart/form-data; boundary=x"}


def test_a_file_comes_with_its_name_type_and_size(connect: Connect):
    client = connect(Files())
    response = client.post("/", data={"title": "a", "count": "2"}, files={"file": ("é.txt", b"\x00\xff", "text/x")})
    assert_bound(response, ("é.txt", "text/x", 2, b"\x00\xff"), "a", 2)
    assert_bound(client.post("/", files={"file": ("empty", b"")}), ("empty", "application/octet-stream", 0, b""), "", 0)
    assert_bound(client.post("/", data={"title": "a"}), None, "a", 0)


@differs("alb-size-limits")
def test_a_large_file_and_a_large_field_are_complete(connect: Connect):
    client = connect(Files())
    large = b"0123456789abcdef" * 128 * 1024
    response = client.post("/", data={"title": "x" * 1_500_000}, files={"file": ("f", large, "text/x")})
    assert_bound(response, ("f", "text/x", len(large), large), "x" * 1_500_000, 0)


def test_several_files_are_a_list(connect: Connect):
    client = connect(Files())
    response = client.put("/", files=[("files", ("a", b"1")), ("files", ("b", b"2"))])
    assert_bound(response, [("a", b"1"), ("b", b"2")], "")
    assert_bound(client.put("/", files=[("files", ("a", b"1"))]), [("a", b"1")], "")


def test_files_and_other_values_are_not_interchangeable(connect: Connect):
    client = connect(Files())
    file = ("f", b"secret")
    assert_rejected(
        client.post("/", files=[("title", file), ("count", file), ("nope", file)]),
        ("body", "title", "str", "Expected `str`, got `UploadFile`"),
        ("body", "count", "int", "Expected `int`, got `UploadFile`"),
        ("body", "nope", "nothing", "Unknown name; accepted names: file, title, count"),
    )
    assert_rejected(
        client.post("/", files=[("file", file), ("file", file)]),
        ("body", "file", "UploadFile | None", "Given more than once"),
    )
    for response in (client.patch("/", data={"file": "x"}), client.patch("/", json={"file": "x"})):
        assert_rejected(response, ("body", "file", "UploadFile", "Expected a file, got `str`"))
    assert_rejected(client.patch("/", json={}), ("body", "file", "UploadFile", "Missing"))
    assert_rejected(client.patch("/"), ("body", "file", "UploadFile", "Missing"))
    assert_rejected(client.put("/"), ("body", "files", "list[UploadFile]", "Missing"))
    assert_rejected(
        client.put("/", files=[("files", file), ("files", (None, "x"))]),
        ("body", "files", "list[UploadFile]", "Expected a file, got `str` - at `files[1]`"),
    )


def test_without_an_annotation_a_file_stays_a_file(connect: Connect):
    response = connect(Files()).request("DELETE", "/", files=[("a", ("f", b"1")), ("b", (None, "2"))])
    assert_bound(response, {"a": b"1", "b": "2"})


def test_a_name_in_both_a_form_and_the_query_is_a_duplicate(connect: Connect):
    response = connect(Files()).post("/?title=a", data={"title": "b"}, files={"file": ("f", b"")})
    assert_rejected(response, ("query", "title", "str", "Given in both the query and the body"))


def test_form_json_and_query_bind_the_same_values(connect: Connect):
    client = connect(Files())
    for response in (
        client.post("/", json={"title": "a", "count": 2}),
        client.post("/?title=a&count=2"),
        client.post("/", data={"title": "a", "count": "2"}),
        client.post("/", content=multipart(field(b"title", b"a"), field(b"count", b"2")), headers=MULTIPART),
    ):
        assert_bound(response, None, "a", 2)


def test_a_multipart_form_without_parts_is_an_empty_form(connect: Connect):
    response = connect(Files()).post("/", content=multipart(), headers=MULTIPART)
    assert_bound(response, None, "", 0)


UNPARSED = [
    ("multipart/form-data", multipart(field(b"title", b"a")), "Missing boundary in multipart."),
    ("multipart/form-data; boundary=y", multipart(field(b"title", b"a")), "Invalid multipart data."),
    ("multipart/form-data; boundary=x", b"title=a", "Invalid multipart data."),
    (
        "multipart/form-data; boundary=x",
        multipart(b"content-disposition: form-data\r\n\r\na"),
        'The Content-Disposition header field "name" must be provided.',
    ),
]


def test_a_multipart_form_that_cannot_be_parsed_is_a_400(connect: Connect):
    client = connect(Files())
    for content_type, body, why in UNPARSED:
        response = client.post("/", content=body, headers={"content-type": content_type})
        assert_bad_request(response, f"The form cannot be parsed: {why}")


def test_a_multipart_form_without_its_end_is_a_400(connect: Connect):
    """Starlette's parser would drop the unfinished part."""
    client = connect(Files())
    for end in (b"", b"--x\r\n", b"--x\r\n" + field(b"count", b"2"), b"--x-"):
        response = client.post("/", content=multipart(field(b"title", b"a"), end=end), headers=MULTIPART)
        assert_bad_request(response, "The form cannot be parsed: the closing boundary is missing.")


def test_invalid_utf_8_in_a_multipart_form_is_a_400(connect: Connect):
    client = connect(Files())
    for part in (field(b"title", b"\xe9"), field(b"\xe9", b"a")):
        response = client.post("/", content=multipart(field(b"count", b"1"), part), headers=MULTIPART)
        assert_bad_request(response, "The form is not encoded in its declared charset.")


def test_text_of_a_multipart_form_is_utf_8_and_files_are_any_bytes(connect: Connect):
    client = connect(Files())
    file = (
        b'content-disposition: form-data; name="file"; filename="\xc3\xa9"\r\ncontent-type: text/x\r\n\r\n\xe9\r\n\r\n'
    )
    body = multipart(field(b"title", "é".encode()), file)
    for charset in ("", "; charset=utf-8", "; charset=UTF8"):
        response = client.post("/", content=body, headers={"content-type": MULTIPART["content-type"] + charset})
        assert_bound(response, ("é", "text/x", 5, b"\xe9\r\n\r\n"), "é", 0)


def test_a_multipart_form_declared_as_ascii_must_be_ascii(connect: Connect):
    client = connect(Files())
    headers = {"content-type": f"{MULTIPART['content-type']}; charset=US-ASCII"}
    assert_bound(client.post("/", content=multipart(field(b"title", b"a")), headers=headers), None, "a", 0)
    response = client.post("/", content=multipart(field(b"title", "é".encode())), headers=headers)
    assert_bad_request(response, "The form is not encoded in its declared charset.")


def test_a_multipart_form_in_another_charset_is_a_415(connect: Connect):
    client = connect(Files())
    for charset, detail in (
        ("latin-1", "A multipart form must be UTF-8."),
        ("utf-7", "The charset of the body is not supported."),
    ):
        headers = {"content-type": f"{MULTIPART['content-type']}; charset={charset}"}
        response = client.post("/", content=multipart(field(b"title", b"a")), headers=headers)
        assert response.status_code == 415
        assert response.json()["detail"] == detail


def test_files_are_closed_after_the_response():
    UPLOADED.clear()
    with in_process(Files()) as client:
        for size in (10, 2_000_000):
            assert_bound(client.patch("/", files={"file": ("f", b"x" * size)}), False)
    assert [file.file.closed for file in UPLOADED] == [True, True]


def test_files_are_closed_after_an_error():
    class Failing(TechMicroService):
        @entry(no_auth=True)
        async def post(self, *, file: UploadFile, number: int = 0):
            UPLOADED.append(file)
            raise ValueError("a bug")

    service = Failing()

    @service.errorhandler(422)
    async def rejected(error: Exception):
        UPLOADED.append((await request.form())["file"])  # type: ignore[arg-type]
        return "rejected", 422

    UPLOADED.clear()
    with in_process(service) as client:
        assert client.post("/", files={"file": ("f", b"x")}).status_code == 500
        assert client.post("/", data={"number": "x"}, files={"file": ("f", b"x")}).status_code == 422
    assert [file.file.closed for file in UPLOADED] == [True, True]


def test_a_structured_parameter_takes_a_whole_form(connect: Connect):
    @dataclass
    class Upload:
        title: str
        files: list[UploadFile]

    class Uploads(TechMicroService):
        @entry(no_auth=True)
        async def post(self, upload: Upload):
            return format_values(upload.title, [await file.read() for file in upload.files])

    response = connect(Uploads()).post("/", data={"title": "a"}, files=[("files", ("f", b"1")), ("files", ("g", b"2"))])
    assert_bound(response, "a", [b"1", b"2"])


# --- JSON that is sent as a form, as curl does without a content type

NOT_A_FORM = ("body", "", "a form", "The body is not a form. Send JSON with the header Content-Type: application/json")


@dataclass
class Card:
    number: int
    owner: str = ""


class Cards(TechMicroService):
    @entry(no_auth=True)
    async def post(self, *, number: int = 0, owner: str = ""):
        return format_values(number, owner)

    @entry(no_auth=True)
    async def put(self, card: Card):
        return format_values(card)

    @entry(no_auth=True)
    async def patch(self, **names):
        return format_values(names)

    @entry(no_auth=True)
    async def delete(self, http: Request):
        return await http.body()


@pytest.mark.parametrize(
    "body",
    [b'{"number": 4111, "owner": "ann"}', b' \n{"number": "4111=x&y"}', b"[4111]", b'"4111"', b'{"number": 4111'],
)
def test_json_sent_as_a_form_is_a_422_that_names_the_content_type_and_no_value(connect: Connect, body: bytes):
    client = connect(Cards())
    for method in ("POST", "PUT", "PATCH"):
        response = client.request(method, "/", content=body, headers=FORM)
        assert_rejected(response, NOT_A_FORM)
        assert "4111" not in response.text
    assert client.request("DELETE", "/", content=body, headers=FORM).content == body


@pytest.mark.parametrize("body", [b"4111", b"secret-4111 text", b"4111&4112"])
def test_a_body_without_names_sent_as_a_form_is_not_repeated(connect: Connect, body: bytes):
    client = connect(Cards())
    response = client.post("/", content=body, headers=FORM)
    assert_rejected(response, NOT_A_FORM)
    response = client.put("/", content=body, headers=FORM)
    assert_rejected(response, ("body", "number", "int", "Missing"), NOT_A_FORM)
    assert "411" not in response.text
    assert client.patch("/", content=b"flag", headers=FORM).text == "{'flag': ''}"


def test_an_error_in_the_value_of_a_form_without_values_is_that_of_its_parameter(connect: Connect):
    response = connect(Cards()).post("/", content=b"number", headers=FORM)
    assert_rejected(response, ("body", "number", "int", "Expected `int`, got `str`"))


def test_the_names_of_a_form_may_contain_encoded_brackets(connect: Connect):
    response = connect(Cards()).patch("/", content=b"%7Ba%7D=1&%5Bb%5D=2", headers=FORM)
    assert_bound(response, {"{a}": "1", "[b]": "2"})


def test_json_sent_as_another_content_type_is_a_415_that_names_the_right_one(connect: Connect):
    class Numbers(TechMicroService):
        @entry(no_auth=True)
        async def post(self, *, number: int = 0):
            return number

    client = connect(Numbers())
    details = {
        b'{"number": 1}': "No parameter accepts text/plain. Send JSON with the header Content-Type: application/json.",
        b"number": "No parameter accepts text/plain.",
    }
    for body, detail in details.items():
        response = client.post("/", content=body, headers={"content-type": "text/plain"})
        assert (response.status_code, response.json()["detail"]) == (415, detail)

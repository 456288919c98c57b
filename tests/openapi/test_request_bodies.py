"""The request body has a schema for each content type: JSON, forms, files, plain text and bytes."""

import json
from typing import Any

import httpx2
import msgspec
import pytest
from starlette.datastructures import UploadFile
from starlette.testclient import TestClient

from coworks_async import Request
from tests.openapi.document_validation import create_document, get_operation, is_valid
from tests.openapi.services import (
    FORM,
    JSON,
    MULTIPART,
    Schema,
    create_service,
    describe_entry,
    describe_input,
    get_structured_operation,
)
from tests.openapi.structured_types import Array, Cat, Data, Dog, Part

Content = dict[str, dict[str, Any]]


def get_content(method: Any) -> Content:
    content: Content = describe_entry("post", method)["requestBody"]["content"]
    return content


def test_named_parameters_are_json_or_a_form():
    async def post(self, *, name: int, parts: list[int] = ()):  # type: ignore[assignment]
        return ""

    content = get_content(post)
    assert set(content) == {JSON, FORM}
    assert content[FORM]["schema"]["required"] == ["name"]
    assert describe_entry("post", post)["requestBody"]["required"] is True


def test_a_form_omits_what_strings_cannot_carry():
    async def post(self, name: str = "", part: dict[str, int] | None = None):
        return ""

    content = get_content(post)
    assert set(content[JSON]["schema"]["oneOf"][0]["properties"]) == {"name", "part"}
    assert set(content[FORM]["schema"]["properties"]) == {"name"}


def test_there_is_no_form_if_strings_cannot_carry_a_required_parameter():
    assert set(describe_input(dict[str, int])["requestBody"]["content"]) == {JSON}


def test_required_files_allow_multipart_only():
    async def post(self, *, doc: UploadFile, title: str = ""):
        return ""

    content = get_content(post)
    assert set(content) == {MULTIPART}
    assert content[MULTIPART]["schema"]["properties"]["doc"] == {"type": "string", "format": "binary"}


def test_optional_files_add_multipart_to_the_other_content_types():
    async def post(self, docs: list[UploadFile] = (), title: str = ""):  # type: ignore[assignment]
        return ""

    content = get_content(post)
    assert set(content) == {JSON, FORM, MULTIPART, "text/plain"}
    assert set(content[FORM]["schema"]["properties"]) == {"title"}
    assert content[MULTIPART]["schema"]["properties"]["docs"]["items"] == {"type": "string", "format": "binary"}


def test_a_structured_body_is_a_component_in_json_and_its_fields_in_a_form():
    body = get_structured_operation("post", Part)["requestBody"]
    assert body["content"][JSON]["schema"] == {"$ref": "#/components/schemas/Part"}
    assert body["content"][FORM]["schema"]["properties"]["x"] == {"type": "integer"}
    tagged = get_structured_operation("post", Cat | Dog)["requestBody"]["content"]
    assert len(tagged[FORM]["schema"]["oneOf"]) == 2
    assert set(get_structured_operation("post", Array)["requestBody"]["content"]) == {JSON}


def test_a_structured_body_with_a_default_is_optional():
    assert get_structured_operation("post", Part, None)["requestBody"]["required"] is False


def test_the_docstring_of_a_structured_parameter_describes_the_body():
    async def post(self, part: Part):
        """Add.

        :param part: what is added
        """
        return ""

    assert describe_entry("post", post)["requestBody"]["description"] == "what is added"


def test_plain_text_is_allowed_if_one_parameter_takes_it_and_no_other_is_required():
    async def several(self, name: str = "", other: str = ""):
        return ""

    async def beside(self, name: str = "", count: int = 1):
        return ""

    async def not_alone(self, *, count: int, name: str = ""):
        return ""

    body = describe_input(int | str)["requestBody"]
    assert body["content"]["text/plain"]["schema"] == {"type": "string", "minLength": 1}
    assert body["description"] == "Text is also accepted under any other `text/` type."
    assert get_content(beside)["text/plain"]["schema"] == {"type": "string", "default": ""}
    assert "text/plain" not in get_content(not_alone)
    assert "text/plain" not in get_content(several)
    assert "text/plain" not in describe_input(int)["requestBody"]["content"]


def test_bytes_are_allowed_if_no_other_parameter_is_required():
    async def post(self, raw: bytes = b"", name: str = ""):
        return ""

    async def not_alone(self, *, raw: bytes, name: str):
        return ""

    body = describe_entry("post", post)["requestBody"]
    assert body["content"]["application/octet-stream"] == {}
    assert body["description"].endswith("Bytes are also accepted under any other content type.")
    assert "application/octet-stream" not in get_content(not_alone)


def test_an_entry_without_parameters_has_no_body():
    async def post(self, key: str):
        return ""

    assert "requestBody" not in describe_entry("post", post)
    assert not {"413", "415"} & set(describe_entry("post", post)["responses"])


def test_an_entry_with_the_request_allows_any_body():
    async def post(self, request: Request, name: str = ""):
        return ""

    async def post_any(self, request: Request):
        return ""

    content = get_content(post)
    assert content["*/*"] == {}
    assert "additionalProperties" not in content[JSON]["schema"]["oneOf"][0]
    assert set(get_content(post_any)) == {"*/*"}


def test_kwargs_allow_other_names_in_the_body():
    async def post(self, limit: int = 1, **others: int | None):
        return ""

    content = get_content(post)
    schema = content[JSON]["schema"]["oneOf"][0]
    assert schema["additionalProperties"] == {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    assert schema["propertyNames"] == {"not": {"enum": ["self"]}}
    assert content[FORM]["schema"]["additionalProperties"] == {"type": "integer"}


def test_kwargs_that_strings_cannot_carry_are_forbidden_in_a_form():
    async def post(self, limit: int = 1, **others: dict[str, int]):
        return ""

    service = create_service({"post": post})
    schema = get_operation(create_document(service))["requestBody"]["content"][FORM]["schema"]
    assert schema["additionalProperties"] == {"not": {}}
    client = TestClient(service)
    assert client.post("/", data={"limit": "7"}).status_code == 200
    assert client.post("/", data={"other": "7"}).status_code == 422


async def one_optional(self, value: int | None = None):
    return ""


async def two_kinds(self, name: int = 0, parts: list[int] = ()):  # type: ignore[assignment]
    return ""


async def two_alike(self, name: int = 0, other: int = 0):
    return ""


async def one_required(self, *, parts: list[int], other: int | None = None, more: dict[str, int] | None = None):
    return ""


async def required_alike(self, *, name: int, other: int = 0):
    return ""


async def two_required(self, *, name: int, other: str):
    return ""


async def anything(self, value=None):
    return ""


async def struct_or_not(self, value: dict[str, Part] | bool = True):
    return ""


@pytest.mark.parametrize(
    "method",
    [one_optional, two_kinds, two_alike, one_required, required_alike, two_required, anything, struct_or_not],
)
@pytest.mark.parametrize("value", [None, 5, 7.5, True, [1], [], ["x"]])
def test_json_that_is_not_an_object_is_allowed_if_one_parameter_can_take_it(method: Any, value: Any):
    service = create_service({"post": method})
    document = create_document(service)
    schema: Schema = get_operation(document)["requestBody"]["content"][JSON]["schema"]
    response: httpx2.Response = TestClient(service).post("/", content=json.dumps(value))
    assert response.status_code == (200 if is_valid(document, schema, value) else 422)


def test_a_read_only_field_is_not_in_the_form():
    form = get_structured_operation("post", Data)["requestBody"]["content"][FORM]["schema"]
    assert set(form["properties"]) == {"x", "y"}


def test_a_type_that_strings_cannot_carry_has_no_form():
    class Deep(msgspec.Struct):
        part: Part

    assert set(get_structured_operation("post", Deep)["requestBody"]["content"]) == {JSON}

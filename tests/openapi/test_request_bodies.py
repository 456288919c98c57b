"""The bodies that an entry can be sent: JSON, forms, files, text and bytes as they are."""

import json
from typing import Any

import httpx2
import msgspec
import pytest
from starlette.datastructures import UploadFile
from starlette.testclient import TestClient

from coworks_async import Request
from tests.http_requests import taking_whole
from tests.openapi.describing import FORM, JSON, Schema, one, taking
from tests.openapi.judging import allows, described, only_operation, operation_of
from tests.openapi.structured import Array, Cat, Dog, Part

MULTIPART = "multipart/form-data"
Content = dict[str, dict[str, Any]]


def content_of(method: Any) -> Content:
    content: Content = operation_of(one("post", method))["requestBody"]["content"]
    return content


def test_a_named_body_is_json_or_a_form():
    async def post(self, *, name: int, parts: list[int] = ()):  # type: ignore[assignment]
        return ""

    content = content_of(post)
    assert set(content) == {JSON, FORM}
    assert content[FORM]["schema"]["required"] == ["name"]
    assert operation_of(one("post", post))["requestBody"]["required"] is True


def test_what_has_no_text_is_not_in_the_form():
    async def post(self, name: str = "", part: dict[str, int] | None = None):
        return ""

    content = content_of(post)
    assert set(content[JSON]["schema"]["oneOf"][0]["properties"]) == {"name", "part"}
    assert set(content[FORM]["schema"]["properties"]) == {"name"}


def test_there_is_no_form_where_something_required_has_no_text():
    assert set(only_operation(described(taking(dict[str, int])))["requestBody"]["content"]) == {JSON}


def test_files_come_in_multipart_alone():
    async def post(self, *, doc: UploadFile, title: str = ""):
        return ""

    content = content_of(post)
    assert set(content) == {MULTIPART}
    assert content[MULTIPART]["schema"]["properties"]["doc"] == {"type": "string", "format": "binary"}


def test_without_its_optional_files_a_body_is_what_it_is_elsewhere():
    async def post(self, docs: list[UploadFile] = (), title: str = ""):  # type: ignore[assignment]
        return ""

    content = content_of(post)
    assert set(content) == {JSON, FORM, MULTIPART, "text/plain"}
    assert set(content[FORM]["schema"]["properties"]) == {"title"}
    assert content[MULTIPART]["schema"]["properties"]["docs"]["items"] == {"type": "string", "format": "binary"}


def test_a_structured_body_is_its_component_in_json_and_its_fields_in_a_form():
    body = described(taking_whole(Part))["paths"]["/"]["post"]["requestBody"]
    assert body["content"][JSON]["schema"] == {"$ref": "#/components/schemas/Part"}
    assert body["content"][FORM]["schema"]["properties"]["x"] == {"type": "integer"}
    tagged = described(taking_whole(Cat | Dog))["paths"]["/"]["post"]["requestBody"]["content"]
    assert len(tagged[FORM]["schema"]["oneOf"]) == 2
    assert set(described(taking_whole(Array))["paths"]["/"]["post"]["requestBody"]["content"]) == {JSON}


def test_a_structured_body_with_a_default_may_lack():
    assert described(taking_whole(Part, None))["paths"]["/"]["post"]["requestBody"]["required"] is False


def test_a_docstring_tells_of_a_structured_body():
    async def post(self, part: Part):
        """Add.

        :param part: what is added
        """
        return ""

    assert operation_of(one("post", post))["requestBody"]["description"] == "what is added"


def test_text_is_taken_as_it_is_by_the_only_parameter_for_it_where_nothing_else_must_be_sent():
    async def several(self, name: str = "", other: str = ""):
        return ""

    async def beside(self, name: str = "", count: int = 1):
        return ""

    async def not_alone(self, *, count: int, name: str = ""):
        return ""

    body = only_operation(described(taking(int | str)))["requestBody"]
    assert body["content"]["text/plain"]["schema"] == {"type": "string", "minLength": 1}
    assert body["description"] == "Text is taken under any other `text/` type as well."
    assert content_of(beside)["text/plain"]["schema"] == {"type": "string", "default": ""}
    assert "text/plain" not in content_of(not_alone)
    assert "text/plain" not in content_of(several)
    assert "text/plain" not in only_operation(described(taking(int)))["requestBody"]["content"]


def test_bytes_are_taken_as_they_are_where_nothing_else_must_be_sent():
    async def alone(self, raw: bytes = b"", name: str = ""):
        return ""

    async def not_alone(self, *, raw: bytes, name: str):
        return ""

    body = operation_of(one("post", alone))["requestBody"]
    assert body["content"]["application/octet-stream"] == {}
    assert body["description"].endswith("Bytes are taken under any other content type as well.")
    assert "application/octet-stream" not in content_of(not_alone)


def test_an_entry_without_parameters_has_no_body():
    async def post(self, key: str):
        return ""

    assert "requestBody" not in operation_of(one("post", post))
    assert not {"413", "415"} & set(operation_of(one("post", post))["responses"])


def test_an_entry_that_reads_for_itself_takes_any_body():
    async def post(self, request: Request, name: str = ""):
        return ""

    async def silent(self, request: Request):
        return ""

    content = content_of(post)
    assert content["*/*"] == {}
    assert "additionalProperties" not in content[JSON]["schema"]["oneOf"][0]
    assert set(content_of(silent)) == {"*/*"}


def test_the_names_that_are_left_are_in_the_body():
    async def post(self, limit: int = 1, **others: int | None):
        return ""

    content = content_of(post)
    open_to = content[JSON]["schema"]["oneOf"][0]
    assert open_to["additionalProperties"] == {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    assert open_to["propertyNames"] == {"not": {"enum": ["self"]}}
    assert content[FORM]["schema"]["additionalProperties"] == {"type": "integer"}


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
def test_json_that_is_no_object_is_allowed_where_one_parameter_can_take_it(method: Any, value: Any):
    service = one("post", method, no_auth=True)
    document = described(service)
    schema: Schema = only_operation(document)["requestBody"]["content"][JSON]["schema"]
    answer: httpx2.Response = TestClient(service).post("/", content=json.dumps(value))
    assert answer.status_code == (200 if allows(document, schema, value) else 422)


def test_a_field_that_a_dataclass_sets_itself_is_in_no_form():
    from tests.openapi.structured import Data

    form = described(taking_whole(Data))["paths"]["/"]["post"]["requestBody"]["content"][FORM]["schema"]
    assert set(form["properties"]) == {"x", "y"}


def test_a_form_of_a_type_with_no_plain_field_is_none():
    class Deep(msgspec.Struct):
        part: Part

    assert set(described(taking_whole(Deep))["paths"]["/"]["post"]["requestBody"]["content"]) == {JSON}

"""A type has the schema of the values that convert to it."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from msgspec import Meta

from tests.openapi.services import create_input_service, get_components, get_input_schema
from tests.openapi.structured_types import Array, Cat, Colour, Data, Dog, Level, Node, Part, Point, Typed


class Tag1(msgspec.Struct, tag=1):
    x: int


class Tag2(msgspec.Struct, tag=2):
    y: int


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (str, {"type": "string"}),
        (Any, {}),
        (UUID, {"type": "string", "format": "uuid"}),
        (date, {"type": "string", "format": "date"}),
        (datetime, {"type": "string", "format": "date-time"}),
        (Annotated[datetime, Meta(tz=True)], {"type": "string", "format": "date-time"}),
        (time, {"type": "string", "format": "time"}),
        (Annotated[int, Meta(ge=1, le=9)], {"type": "integer", "minimum": 1, "maximum": 9}),
        (Annotated[int, Meta(gt=1, lt=9)], {"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 9}),
        (Annotated[float, Meta(multiple_of=0.5)], {"type": "number", "multipleOf": 0.5}),
        (Annotated[str, Meta(min_length=1, max_length=2)], {"type": "string", "minLength": 1, "maxLength": 2}),
        (Annotated[str, Meta(pattern="^a")], {"type": "string", "pattern": "^a"}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal["a", 1], {"enum": [1, "a"]}),
        (Literal["a", None], {"enum": [None, "a"]}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (None | str, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (list, {"type": "array", "items": {}}),
        (set[str], {"type": "array", "items": {"type": "string"}}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (
            tuple[int, str],
            {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2},
        ),
        (tuple[()], {"type": "array", "minItems": 0, "maxItems": 0}),
        (
            Annotated[list[int], Meta(min_length=1, max_length=3)],
            {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3},
        ),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (
            dict[int, str],
            {"type": "object", "additionalProperties": {"type": "string"}, "propertyNames": {"pattern": "^-?[0-9]+$"}},
        ),
        (
            Annotated[dict[date, Any], Meta(min_length=1)],
            {
                "type": "object",
                "additionalProperties": {},
                "propertyNames": {"format": "date"},
                "minProperties": 1,
            },
        ),
        (
            dict[Level, int],
            {"type": "object", "additionalProperties": {"type": "integer"}, "propertyNames": {"enum": ["1", "2"]}},
        ),
    ],
)
def test_a_type_has_its_schema(annotation: Any, schema: dict[str, Any]):
    assert get_input_schema(annotation) == schema


@pytest.mark.parametrize(
    ("annotation", "valid", "invalid"),
    [
        (timedelta, ["P1D", "-PT1.5S", "P1DT2H"], ["P1Y", "P1W", "P", "PT", "1"]),
        (Decimal, ["1.50", "1e3", "-.5"], ["NaN", "1_0", ""]),
        (bytes, ["", "YQ==", "YWI="], ["a", "YQ=", "YQ==="]),
        (Annotated[datetime, Meta(tz=False)], ["2024-02-29T10:00:00"], ["2024-02-29T10:00:00Z", "2024-02-29"]),
        (Annotated[time, Meta(tz=False)], ["10:00:00.5"], ["10:00:00Z", "25:00:00"]),
    ],
)
def test_the_pattern_of_a_type_matches_what_converts(annotation: Any, valid: list[str], invalid: list[str]):
    pattern = msgspec.convert(get_input_schema(annotation)["pattern"], str)
    limited = Annotated[str, Meta(pattern=pattern)]
    for text in valid:
        assert msgspec.convert(text, limited) == text
        assert msgspec.convert(text, annotation) is not None
    for text in invalid:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(text, limited)


def test_the_schema_contains_what_meta_declares():
    meta = Meta(title="Count", description="How many.", examples=[3], extra_json_schema={"x-unit": "pens"})
    assert get_input_schema(Annotated[int, meta]) == {
        "type": "integer",
        "title": "Count",
        "description": "How many.",
        "examples": [3],
        "x-unit": "pens",
    }


@pytest.mark.parametrize(
    ("annotation", "default", "shown"),
    [
        (int, 3, 3),
        (Decimal, Decimal("1.50"), "1.50"),
        (date, date(2024, 2, 29), "2024-02-29"),
        (list[int], [1], [1]),
        (bool, False, False),
    ],
)
def test_a_default_has_the_form_of_a_response(annotation: Any, default: Any, shown: Any):
    assert get_input_schema(annotation, default)["default"] == shown


@pytest.mark.parametrize(("annotation", "default"), [(int, None), (float, float("nan")), (Any, object())])
def test_a_default_without_json_is_omitted(annotation: Any, default: Any):
    assert "default" not in get_input_schema(annotation, default)


def test_enumerations_are_components_with_the_values_as_declared():
    class Kind(IntEnum):
        """Kinds."""

        TWO = 2
        ONE = 1

    assert get_components(create_input_service(Colour)) == {
        "Colour": {"title": "Colour", "type": "string", "enum": ["red", "blue"]}
    }
    [kind] = get_components(create_input_service(Kind)).values()
    assert kind == {"title": "Kind", "description": "Kinds.", "type": "integer", "enum": [2, 1]}


def test_an_object_has_its_fields_and_rejects_others():
    assert get_components(create_input_service(list[Part])) == {
        "Part": {
            "title": "Part",
            "type": "object",
            "properties": {"x": {"type": "integer"}, "y": {"type": "string", "default": ""}},
            "required": ["x"],
            "additionalProperties": False,
        }
    }


def test_a_dataclass_has_read_only_fields_and_its_generated_docstring_is_omitted():
    data = get_components(create_input_service(list[Data]))["Data"]
    assert data["properties"]["made"] == {"type": "string", "default": "x", "readOnly": True}
    assert data["required"] == ["x"]
    assert "description" not in data

    @dataclass
    class Documented:
        """A documented type."""

        x: int = 1

    [documented] = get_components(create_input_service(list[Documented])).values()
    assert documented["description"] == "A documented type."
    assert "required" not in documented


def test_a_typed_dict_requires_its_required_keys():
    typed = get_components(create_input_service(list[Typed]))["Typed"]
    assert typed["required"] == ["x"]
    assert set(typed["properties"]) == {"x", "y", "z"}
    assert typed["additionalProperties"] is False


def test_a_type_can_contain_itself():
    node = get_components(create_input_service(list[Node]))["Node"]
    assert node["description"] == "A tree."
    assert node["properties"]["parts"]["items"] == {"$ref": "#/components/schemas/Node"}
    assert node["properties"]["parts"]["default"] == []


@pytest.mark.parametrize(("kind", "minimum", "maximum"), [(Array, 1, 3), (Point, 1, 2)])
def test_an_array_like_type_is_an_array(kind: Any, minimum: int, maximum: int):
    array = get_components(create_input_service(list[kind]))[kind.__name__]
    assert (array["type"], array["minItems"], array["maxItems"]) == ("array", minimum, maximum)


def test_tagged_types_have_a_discriminator():
    schema = get_input_schema(list[Cat | Dog])["items"]
    assert schema["discriminator"] == {
        "propertyName": "type",
        "mapping": {"cat": "#/components/schemas/Cat", "dog": "#/components/schemas/Dog"},
    }
    cat = get_components(create_input_service(list[Cat | Dog]))["Cat"]
    assert cat["properties"]["type"] == {"const": "cat"}
    assert cat["required"] == ["type"]


def test_integer_tags_have_no_discriminator_because_openapi_requires_strings():
    schema = get_input_schema(list[Tag1 | Tag2])["items"]
    assert "discriminator" not in schema
    assert len(schema["anyOf"]) == 2


def test_an_enumeration_without_a_docstring_has_no_description():
    class Silent(Enum):
        A = "a"

    [silent] = get_components(create_input_service(Silent)).values()
    assert "description" not in silent


def test_a_service_can_have_a_type_named_problem():
    class Problem(msgspec.Struct):
        x: int

    assert set(get_components(create_input_service(list[Problem]))) == {
        "coworks_async.Problem",
        "tests.openapi.test_schemas.test_a_service_can_have_a_type_named_problem._locals_.Problem",
    }

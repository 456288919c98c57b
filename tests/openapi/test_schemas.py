"""Each type has the schema of the values that convert to it."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from msgspec import Meta

from coworks_async import TechMicroService
from tests.openapi.describing import components_of, schema_of, taking
from tests.openapi.structured import Array, Cat, Colour, Data, Dog, Level, Node, Part, Point, Typed


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
    assert schema_of(annotation) == schema


@pytest.mark.parametrize(
    ("annotation", "right", "wrong"),
    [
        (timedelta, ["P1D", "-PT1.5S", "P1DT2H"], ["P1Y", "P1W", "P", "PT", "1"]),
        (Decimal, ["1.50", "1e3", "-.5"], ["NaN", "1_0", ""]),
        (bytes, ["", "YQ==", "YWI="], ["a", "YQ=", "YQ==="]),
        (Annotated[datetime, Meta(tz=False)], ["2024-02-29T10:00:00"], ["2024-02-29T10:00:00Z", "2024-02-29"]),
        (Annotated[time, Meta(tz=False)], ["10:00:00.5"], ["10:00:00Z", "25:00:00"]),
    ],
)
def test_the_pattern_of_a_type_is_what_converts(annotation: Any, right: list[str], wrong: list[str]):
    pattern = msgspec.convert(schema_of(annotation)["pattern"], str)
    limited = Annotated[str, Meta(pattern=pattern)]
    for text in right:
        assert msgspec.convert(text, limited) == text
        assert msgspec.convert(text, annotation) is not None
    for text in wrong:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(text, limited)


def test_what_meta_tells_is_in_the_schema():
    meta = Meta(title="Count", description="How many.", examples=[3], extra_json_schema={"x-unit": "pens"})
    assert schema_of(Annotated[int, meta]) == {
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
def test_a_default_is_written_as_an_answer_would_be(annotation: Any, default: Any, shown: Any):
    assert schema_of(annotation, default)["default"] == shown


@pytest.mark.parametrize(("annotation", "default"), [(int, None), (float, float("nan")), (Any, object())])
def test_a_default_that_json_cannot_tell_is_left_out(annotation: Any, default: Any):
    assert "default" not in schema_of(annotation, default)


def test_enumerations_are_components_with_the_values_as_declared():
    class Kind(IntEnum):
        """Kinds."""

        TWO = 2
        ONE = 1

    assert components_of(taking(Colour)) == {"Colour": {"title": "Colour", "type": "string", "enum": ["red", "blue"]}}
    [kind] = components_of(taking(Kind)).values()
    assert kind == {"title": "Kind", "description": "Kinds.", "type": "integer", "enum": [2, 1]}


def test_an_object_has_its_fields_and_no_others():
    assert components_of(taking(list[Part])) == {
        "Part": {
            "title": "Part",
            "type": "object",
            "properties": {"x": {"type": "integer"}, "y": {"type": "string", "default": ""}},
            "required": ["x"],
            "additionalProperties": False,
        }
    }


def test_what_a_dataclass_sets_itself_is_read_only_and_its_own_docstring_is_none():
    data = components_of(taking(list[Data]))["Data"]
    assert data["properties"]["made"] == {"type": "string", "default": "x", "readOnly": True}
    assert data["required"] == ["x"]
    assert "description" not in data

    @dataclass
    class Documented:
        """What it is."""

        x: int = 1

    [documented] = components_of(taking(list[Documented])).values()
    assert documented["description"] == "What it is."
    assert "required" not in documented


def test_a_typed_dict_requires_what_it_says():
    typed = components_of(taking(list[Typed]))["Typed"]
    assert typed["required"] == ["x"]
    assert set(typed["properties"]) == {"x", "y", "z"}
    assert typed["additionalProperties"] is False


def test_a_type_may_hold_itself():
    node = components_of(taking(list[Node]))["Node"]
    assert node["description"] == "A tree."
    assert node["properties"]["parts"]["items"] == {"$ref": "#/components/schemas/Node"}
    assert node["properties"]["parts"]["default"] == []


@pytest.mark.parametrize(("kind", "least", "most"), [(Array, 1, 3), (Point, 1, 2)])
def test_what_is_written_as_an_array_is_one(kind: Any, least: int, most: int):
    array = components_of(taking(list[kind]))[kind.__name__]
    assert (array["type"], array["minItems"], array["maxItems"]) == ("array", least, most)


def test_tagged_types_have_a_discriminator():
    schema = schema_of(list[Cat | Dog])["items"]
    assert schema["discriminator"] == {
        "propertyName": "type",
        "mapping": {"cat": "#/components/schemas/Cat", "dog": "#/components/schemas/Dog"},
    }
    cat = components_of(taking(list[Cat | Dog]))["Cat"]
    assert cat["properties"]["type"] == {"const": "cat"}
    assert cat["required"] == ["type"]


def test_tags_that_are_numbers_have_none_since_openapi_knows_strings_alone():
    schema = schema_of(list[Tag1 | Tag2])["items"]
    assert "discriminator" not in schema
    assert len(schema["anyOf"]) == 2


def test_an_enumeration_that_says_nothing_of_itself_is_not_described():
    class Silent(Enum):
        A = "a"

    [silent] = components_of(taking(Silent)).values()
    assert "description" not in silent


def test_a_service_may_have_a_problem_of_its_own():
    class Problem(msgspec.Struct):
        x: int

    names = set(components_of(taking(list[Problem])))
    assert isinstance(taking(list[Problem]), TechMicroService)
    assert names == {
        "coworks_async.Problem",
        "tests.openapi.test_schemas.test_a_service_may_have_a_problem_of_its_own._locals_.Problem",
    }

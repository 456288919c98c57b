"""Conversion of strings from path, query, form and JSON."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from coworks_async import DeclarationError, TechMicroService, entry
from tests.clients import Connect
from tests.entries.annotations import ANNOTATIONS, Colour, Level
from tests.http_requests import assert_bound, assert_refused, sent_everywhere, shown, taking

CONVERTED: list[tuple[str, str, object]] = [
    ("int", "42", 42),
    ("int", "-7", -7),
    ("int", "007", 7),
    ("int", "9" * 400, int("9" * 400)),
    ("float", "1.5", 1.5),
    ("float", "3", 3.0),
    ("float", "-.5e-3", -0.0005),
    ("float", "1e308", 1e308),
    ("str", "null", "null"),
    ("str", "07", "07"),
    ("str", "é漢😀 +&=%", "é漢😀 +&=%"),
    ("decimal", "0.10", Decimal("0.10")),
    ("decimal", "1.234567890123456789012345678901", Decimal("1.234567890123456789012345678901")),
    ("decimal", "1E+3", Decimal("1E+3")),
    ("uuid", "12345678-1234-5678-1234-567812345678", UUID(int=0x12345678123456781234567812345678)),
    ("datetime", "2024-02-29T10:00:00Z", datetime(2024, 2, 29, 10, tzinfo=UTC)),
    ("datetime", "2024-02-29T10:00:00", datetime(2024, 2, 29, 10)),
    ("date", "2024-02-29", date(2024, 2, 29)),
    ("time", "10:20:30", time(10, 20, 30)),
    ("timedelta", "P1DT2H", timedelta(days=1, hours=2)),
    ("colour", "red", Colour.RED),
    ("colour", "it's", Colour.GREEN),
    ("level", "2", Level.HIGH),
    ("word", "a", "a"),
    ("wordornumber", "1", "1"),
    ("wordornumber", "2", 2),
    ("optional", "5", 5),
    ("optionaltext", "null", "null"),
    ("described", "5", 5),
    ("describedunion", "5", 5),
    ("intorstr", "5", 5),
    ("intorstr", "5.0", "5.0"),
    ("strorint", "5", 5),
    ("strorint", "five", "five"),
    ("describedorstr", "5", 5),
    ("floatorstr", "5", 5.0),
    ("floatorstr", "1e400", "1e400"),
    ("floatorstr", "nan", "nan"),
    ("boolorstr", "Yes", True),
    ("boolorstr", "maybe", "maybe"),
    ("yes", "true", True),
    ("yes", "YES", True),
    ("yes", "1", True),
    ("yesortwo", "1", True),
    ("yesortwo", "2", 2),
    ("yesorstr", "on", True),
    ("yesorstr", "off", "off"),
    ("oneorfloat", "1", 1),
    ("oneorfloat", "2", 2.0),
    ("levelorbool", "1", Level.LOW),
    ("levelorbool", "0", False),
    ("intorfloat", "1", 1),
    ("intorfloat", "1.0", 1.0),
    ("intorbool", "1", 1),
    ("intorbool", "on", True),
    ("intordate", "20240229", 20240229),
    ("intordate", "2024-02-29", date(2024, 2, 29)),
    ("intoruuid", "12345678123456781234567812345678", 12345678123456781234567812345678),
    ("intordecimal", "1", 1),
    ("intordecimal", "1.0", Decimal("1.0")),
    ("limited", "10", 10),
    ("short", "abc", "abc"),
    ("coded", "abc", "abc"),
    ("anything", "5", "5"),
    ("bytes", "aGVsbG8=", b"hello"),
]


REFUSED: list[tuple[str, str, str, str]] = [
    ("int", "7.0", "int", "Expected `int`, got `str`"),
    ("int", "1_000", "int", "Expected `int`, got `str`"),
    ("int", " 5", "int", "Expected `int`, got `str`"),
    ("int", "٣", "int", "Expected `int`, got `str`"),
    ("int", "null", "int", "Expected `int`, got `str`"),
    ("int", "true", "int", "Expected `int`, got `str`"),
    ("int", "9" * 5000, "int", "Number out of range"),
    ("float", "nan", "float", "Expected `float`, got `str`"),
    ("float", "inf", "float", "Expected `float`, got `str`"),
    ("float", "-Infinity", "float", "Expected `float`, got `str`"),
    ("float", "1e400", "float", "Number out of range"),
    ("bool", "2", "bool", "Expected `bool`, got `str`"),
    ("bool", "oui", "bool", "Expected `bool`, got `str`"),
    ("decimal", "NaN", "Decimal", "Expected `decimal`, got `str`"),
    ("decimal", "Infinity", "Decimal", "Expected `decimal`, got `str`"),
    ("decimal", "1_000", "Decimal", "Expected `decimal`, got `str`"),
    ("decimal", "1e99999999999999999999", "Decimal", "Number out of range"),
    ("uuid", "not-one", "UUID", "Invalid UUID"),
    ("datetime", "1709200800", "datetime", "Invalid RFC3339 encoded datetime"),
    ("date", "1709200800", "date", "Invalid RFC3339 encoded date"),
    ("date", "2023-02-29", "date", "Invalid RFC3339 encoded date"),
    ("time", "25:00:00", "time", "Invalid RFC3339 encoded time"),
    ("timedelta", "5", "timedelta", "Invalid ISO8601 duration"),
    ("colour", "blue", "one of 'red', \"it's\"", "Not one of the allowed values"),
    ("level", "3", "one of 1, 2", "Not one of the allowed values"),
    ("word", "c", "one of 'a', 'b'", "Not one of the allowed values"),
    ("wordornumber", "2.0", "one of '1', 2", "Not one of the allowed values"),
    ("yes", "false", "one of True | None", "Not one of the allowed values"),
    ("optional", "null", "int | None", "Expected `int | null`, got `str`"),
    ("intordecimal", "nan", "int | Decimal", "Expected `decimal`, got `str`"),
    ("limited", "11", "int >= 1 <= 10", "Expected `int` <= 10"),
    ("short", "abcd", "str of length <= 3", "Expected `str` of length <= 3"),
    ("coded", "ABC", "str matching ^[a-z]+$", "Expected `str` matching regex '^[a-z]+$'"),
    ("bytes", "a b", "bytes", "Invalid base64 encoded string"),
]


def test_a_string_converts_the_same_way_from_every_source(connect: Connect):
    client = connect(taking(ANNOTATIONS, path=True))
    for name, text, value in CONVERTED:
        for _, response in sent_everywhere(client, name, text):
            assert (name, text, response.status_code, response.text) == (name, text, 200, shown(value))


def test_an_invalid_string_is_the_same_error_from_every_source(connect: Connect):
    client = connect(taking(ANNOTATIONS, path=True))
    for name, text, expected, detail in REFUSED:
        for where, response in sent_everywhere(client, name, text):
            assert_refused(response, (where, "value", expected, detail))


def test_booleans_are_case_insensitive_words(connect: Connect):
    client = connect(taking({"bool": bool}, path=True))
    for words, value in ((("true", "1", "yes", "on"), True), (("false", "0", "no", "off"), False)):
        for word in words:
            for text in (word, word.upper(), word.title()):
                for _, response in sent_everywhere(client, "bool", text):
                    assert_bound(response, value)


def test_an_empty_string_converts_only_to_str(connect: Connect):
    annotations = {"str": str, "optionaltext": str | None, "int": int | None, "bool": bool}
    client = connect(taking(annotations, path=True))
    for name in ("str", "optionaltext"):
        for _, response in sent_everywhere(client, name, ""):
            assert_bound(response, "")
    for name, expected, kind in (("int", "int | None", "int | null"), ("bool", "bool", "bool")):
        for where, response in sent_everywhere(client, name, ""):
            assert_refused(response, (where, "value", expected, f"Expected `{kind}`, got `str`"))


def test_an_error_never_contains_the_value(connect: Connect):
    client = connect(taking(ANNOTATIONS, path=True))
    for secret in ("hunter2", 'x" - at `$.y', "it's - at `$.y`", "x - at `key` in `$`"):
        for name in ("int", "colour", "level", "word", "wordornumber", "uuid", "date", "limited", "coded", "decimal"):
            for where, response in sent_everywhere(client, name, secret):
                assert response.status_code == 422
                [error] = response.json()["errors"]
                assert (error["where"], error["name"]) == (where, "value")
                assert secret not in response.text
                assert " - at " not in error["detail"]


def test_without_an_annotation_a_value_is_passed_as_received(connect: Connect):
    class Bare(TechMicroService):
        @entry(no_auth=True)
        async def get(self, value=None):
            return shown(value)

        @entry(no_auth=True)
        async def post(self, value=None):
            return shown(value)

    client = connect(Bare())
    assert_bound(client.get("/?value=5"), "5")
    assert_bound(client.get("/?value=5&value=6"), ["5", "6"])
    assert_bound(client.get("/?value="), "")
    assert_bound(client.post("/", data={"value": "5"}), "5")
    for value in (5, 1.5, "5", None, True, [1, {"a": None}], {"a": [1.5]}):
        assert_bound(client.post("/", json={"value": value}), value)


def test_errors_show_a_union_in_the_order_of_each_entry(connect: Connect):
    class Both(TechMicroService):
        @entry(no_auth=True)
        async def get_one(self, *, value: date | bool):
            return shown(value)

        @entry(no_auth=True)
        async def get_other(self, *, value: bool | date):
            return shown(value)

    client = connect(Both())
    expected = [client.get(f"/{path}?value=never").json()["errors"][0]["expected"] for path in ("one", "other")]
    assert expected == ["date | bool", "bool | date"]


@pytest.mark.parametrize("annotation", [Decimal | str, date | str, Colour | str, object, complex, Connect, [int]])
def test_an_ambiguous_or_unsupported_annotation_is_a_declaration_error(annotation: Any):
    with pytest.raises(DeclarationError, match=r"Taking\.get_query_x: cannot convert parameter 'value': .+"):
        taking({"x": annotation})

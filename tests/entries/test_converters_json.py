"""Conversion of JSON values."""

from decimal import Decimal
from typing import Any

from coworks_async import TechMicroService, entry
from tests.clients import Connect
from tests.entries.annotations import ANNOTATIONS, Level
from tests.http_requests import JSON, assert_bound, assert_refused, shown, taking


def test_json_numbers_booleans_and_null_are_accepted(connect: Connect):
    client = connect(taking(ANNOTATIONS, path=True))
    for name, value in (("int", 5), ("float", 1.5), ("bool", False), ("optional", None), ("intorstr", 5), ("level", 1)):
        response = client.post(f"/body/{name}", json={"value": value})
        assert_bound(response, Level.LOW if name == "level" else value)
    assert_bound(client.post("/body/float", json={"value": 3}), 3.0)


WRONG_JSON = [
    ("int", "7.0", "int", "Expected `int`, got `float`"),
    ("int", "true", "int", "Expected `int`, got `bool`"),
    ("int", "null", "int", "Expected `int`, got `null`"),
    ("float", "true", "float", "Expected `float`, got `bool`"),
    ("float", "1" + "0" * 400, "float", "Number out of range"),
    ("bool", "1", "bool", "Expected `bool`, got `int`"),
    ("str", "5", "str", "Expected `str`, got `int`"),
    ("date", "1709200800", "date", "Expected `date`, got `int`"),
    ("datetime", "1709200800.5", "datetime", "Expected `datetime`, got `float`"),
    ("timedelta", "5", "timedelta", "Expected `duration`, got `int`"),
    ("word", "[1]", "one of 'a', 'b'", "Expected `str`, got `array`"),
    ("wordornumber", '["1"]', "one of '1', 2", "Expected `int | str`, got `array`"),
    ("level", "{}", "one of 1, 2", "Expected `int`, got `object`"),
    ("intorstr", "{}", "int | str", "Expected `int | str`, got `object`"),
    ("intorstr", "[1]", "int | str", "Expected `int | str`, got `array`"),
]


def test_json_of_the_wrong_type_is_an_error(connect: Connect):
    client = connect(taking(ANNOTATIONS))
    for name, sent, expected, got in WRONG_JSON:
        response = client.post(f"/body/{name}", content=f'{{"value": {sent}}}', headers=JSON)
        assert_refused(response, ("body", "value", expected, got))


def test_a_json_number_keeps_its_digits_in_a_decimal(connect: Connect):
    client = connect(taking({"decimal": Decimal, "intordecimal": int | Decimal}))
    digits = "1.234567890123456789012345678901"
    for name in ("decimal", "intordecimal"):
        assert_bound(client.post(f"/body/{name}", content=f'{{"value": {digits}}}', headers=JSON), Decimal(digits))
    assert_bound(client.post("/body/decimal", content='{"value": 1e400}', headers=JSON), Decimal("1E+400"))
    assert_bound(client.post("/body/decimal", content='{"value": 7}', headers=JSON), Decimal(7))
    beyond = client.post("/body/decimal", content='{"value": 1e99999999999999999999}', headers=JSON)
    assert_refused(beyond, ("body", "", "JSON", "A number is out of range"))


def test_other_json_numbers_beside_a_decimal_are_floats(connect: Connect):
    class Prices(TechMicroService):
        @entry(no_auth=True)
        async def post(
            self,
            price: Decimal | None = None,
            weight: float = 0.0,
            either: float | str = "",
            whole: int | str = "",
            raw: Any = None,
            named: dict[str, float] | None = None,
        ):
            return shown(price, weight, either, whole, raw, named)

    client = connect(Prices())
    response = client.post(
        "/", json={"price": 1.10, "weight": 0.5, "either": 2.5, "raw": [{"a": 1.5}], "named": {"a": 7}}
    )
    assert_bound(response, Decimal("1.1"), 0.5, 2.5, "", [{"a": 1.5}], {"a": 7.0})
    response = client.post("/", content='{"price": 1, "weight": 1e400, "either": 1e400, "whole": 1.5, "raw": 1e400}')
    assert_refused(
        response,
        ("body", "weight", "float", "Number out of range"),
        ("body", "either", "float | str", "Number out of range"),
        ("body", "whole", "int | str", "Expected `int | str`, got `float`"),
        ("body", "raw", "any value", "Number out of range"),
    )

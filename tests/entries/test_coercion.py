"""Properties of coercion, for any string."""

import sys
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import ValidationError
from msgspec.inspect import type_info

from coworks_async.entries import coercion
from coworks_async.entries.converters import Converter

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.integers())
def test_a_string_of_digits_converts_to_that_integer(number: int):
    assert coercion.coerce_int(str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_repr_of_a_finite_float_converts_to_that_float(number: float):
    assert coercion.coerce_float(repr(number)) == number


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_keeps_all_digits(number: Decimal):
    assert str(coercion.coerce_decimal(str(number))) == str(number)


@given(st.text())
def test_a_string_that_converts_to_a_number_is_the_same_number_in_python(text: str):
    for convert, kind in ((coercion.coerce_int, int), (coercion.coerce_float, float)):
        try:
            number = convert(text)
        except ValidationError:
            continue
        if number is not text:
            assert Fraction(kind(text)) == Fraction(number)  # a Fraction is finite


@given(ANYTHING)
def test_values_other_than_strings_are_not_coerced(value: Any):
    if not isinstance(value, str):
        for convert in (coercion.coerce_int, coercion.coerce_float, coercion.coerce_bool, coercion.coerce_decimal):
            assert convert(value) is value


TYPES = [int, float, bool, Decimal, int | str, float | bool | None, list[int], dict[int, float], tuple[int, bool], Any]


@given(st.sampled_from(TYPES), ANYTHING)
def test_a_coercer_raises_only_validation_errors(annotation: Any, value: Any):
    try:
        coerced = coercion.compile_coercer(type_info(annotation))(value)
    except ValidationError:
        return
    assert isinstance(coerced, type(value)) or isinstance(value, str)


@given(st.sampled_from(TYPES[:-1]), st.text() | st.sampled_from(["nan", "inf", "-Infinity", "1e999", "NaN"]))
def test_no_string_converts_to_nan_or_infinity(annotation: Any, text: str):
    try:
        value = Converter(annotation).from_strings([text])
    except ValidationError:
        return
    for one in value if isinstance(value, list | dict | tuple) else [value]:
        assert isinstance(one, str | None) or abs(Fraction(one)) >= 0


def test_an_integer_with_too_many_digits_is_out_of_range():
    with pytest.raises(ValidationError, match="Number out of range"):
        coercion.coerce_int("9" * (sys.get_int_max_str_digits() + 1))


def test_decimals_become_floats_where_the_type_is_not_decimal():
    value = {"a": [Decimal("1.5"), {"b": Decimal(2)}], "c": "1.5", "d": None}
    assert coercion.decimals_to_floats(value) == {"a": [1.5, {"b": 2.0}], "c": "1.5", "d": None}

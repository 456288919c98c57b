"""What a string converts to: the laws, for any string."""

import sys
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import ValidationError
from msgspec.inspect import type_info

from coworks_async.entries import coercion as relax
from coworks_async.entries.converters import Converter

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.integers())
def test_an_integer_written_in_digits_is_that_integer(number: int):
    assert relax.coerce_int(str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_finite_float_is_read_as_python_writes_it(number: float):
    assert relax.coerce_float(repr(number)) == number


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_keeps_each_of_its_digits(number: Decimal):
    assert str(relax.coerce_decimal(str(number))) == str(number)


@given(st.text())
def test_what_is_read_as_a_number_is_that_number_to_python_too(text: str):
    for convert, kind in ((relax.coerce_int, int), (relax.coerce_float, float)):
        try:
            number = convert(text)
        except ValidationError:
            continue
        if number is not text:
            assert Fraction(kind(text)) == Fraction(number)  # and so it is finite


@given(ANYTHING)
def test_what_is_no_string_is_left_to_the_type(value: Any):
    if not isinstance(value, str):
        for convert in (relax.coerce_int, relax.coerce_float, relax.coerce_bool, relax.coerce_decimal):
            assert convert(value) is value


TYPES = [int, float, bool, Decimal, int | str, float | bool | None, list[int], dict[int, float], tuple[int, bool], Any]


@given(st.sampled_from(TYPES), ANYTHING)
def test_a_relaxer_makes_no_other_error_than_the_one_of_a_wrong_value(annotation: Any, value: Any):
    try:
        relaxed = relax.compile_coercion(type_info(annotation))(value)
    except ValidationError:
        return
    assert isinstance(relaxed, type(value)) or isinstance(value, str)


@given(st.sampled_from(TYPES[:-1]), st.text() | st.sampled_from(["nan", "inf", "-Infinity", "1e999", "NaN"]))
def test_no_string_converts_to_what_is_not_finite(annotation: Any, text: str):
    try:
        value = Converter(annotation).from_text([text])
    except ValidationError:
        return
    for one in value if isinstance(value, list | dict | tuple) else [value]:
        assert isinstance(one, str | None) or abs(Fraction(one)) >= 0


def test_a_number_longer_than_python_reads_is_out_of_range():
    with pytest.raises(ValidationError, match="Number out of range"):
        relax.coerce_int("9" * (sys.get_int_max_str_digits() + 1))


def test_the_exact_reading_of_numbers_is_undone_where_no_type_asks_for_it():
    value = {"a": [Decimal("1.5"), {"b": Decimal(2)}], "c": "1.5", "d": None}
    assert relax.decimals_to_floats(value) == {"a": [1.5, {"b": 2.0}], "c": "1.5", "d": None}

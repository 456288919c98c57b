"""`read_strings`: options that are a string or several."""

from typing import Any

import pytest

from coworks_async.entries.strings import read_strings


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", ("a",)),
        ("", ("",)),
        ((), ()),
        (["a", "b", "a"], ("a", "b")),
        (iter("ab"), ("a", "b")),
        ({"a": 1}, ("a",)),
        (None, None),
        (5, None),
        (b"a", None),
        (["a", None], None),
        ([["a"]], None),
    ],
)
def test_a_string_or_several_are_a_tuple_without_duplicates(value: Any, expected: tuple[str, ...] | None):
    assert read_strings(value) == expected

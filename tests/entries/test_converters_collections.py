"""Conversion to lists, tuples, sets and dicts."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, NamedTuple

import msgspec
import pytest

from tests.clients import Connect
from tests.entries.annotations import Colour, Level
from tests.entries.services import declaration_error
from tests.http_requests import assert_bound, assert_refused, pairs, taking


@dataclass
class Spot:
    x: int


@dataclass(frozen=True)
class Frozen:
    x: int


class Loose(msgspec.Struct):
    x: int


class Fixed(msgspec.Struct, frozen=True):
    x: int


COLLECTIONS: dict[str, Any] = {
    "list": list,
    "ints": list[int],
    "set": set[int],
    "frozenset": frozenset[str],
    "tuple": tuple[int, ...],
    "pair": tuple[int, str],
    "manyornone": list[int] | None,
}


SENT: list[tuple[str, list[str], object]] = [
    ("list", ["a", "b"], ["a", "b"]),
    ("list", ["a"], ["a"]),
    ("ints", ["1", "2"], [1, 2]),
    ("ints", ["1"], [1]),
    ("set", ["1", "01"], {1}),
    ("frozenset", ["a"], frozenset({"a"})),
    ("tuple", ["1", "2"], (1, 2)),
    ("pair", ["1", "2"], (1, "2")),
    ("manyornone", ["1"], [1]),
]


def test_a_repeated_name_is_a_list(connect: Connect):
    client = connect(taking(COLLECTIONS))
    for name, sent, value in SENT:
        assert_bound(client.get(f"/query/{name}?{pairs('value', sent)}"), value)
        assert_bound(client.post(f"/body/{name}", data={"value": sent}), value)
        assert_bound(client.post(f"/body/{name}", files=[("value", (None, text)) for text in sent]), value)
        assert_bound(client.post(f"/body/{name}", json={"value": sent}), value)


def test_an_error_in_a_list_names_the_index(connect: Connect):
    client = connect(taking({"ints": list[int], "pair": tuple[int, str]}))
    wrong = ("value", "list[int]", "Expected `int`, got `str` - at `value[1]`")
    assert_refused(client.get("/query/ints?value=1&value=x"), ("query", *wrong))
    assert_refused(client.post("/body/ints", json={"value": [1, "x"]}), ("body", *wrong))
    assert_refused(
        client.get("/query/pair?value=1"),
        ("query", "value", "tuple[int, str]", "Expected `array` of length 2, got 1"),
    )
    assert_refused(
        client.post("/body/ints", json={"value": 5}), ("body", "value", "list[int]", "Expected `array`, got `int`")
    )


def test_a_union_of_scalar_and_list_takes_one_value_or_several(connect: Connect):
    client = connect(taking({"oneormany": int | list[int], "flags": bool | list[int], "anything": Any}))
    assert_bound(client.get("/query/oneormany?value=1"), 1)
    assert_bound(client.get("/query/oneormany?value=1&value=2"), [1, 2])
    assert_bound(client.get("/query/flags?value=true"), True)
    assert_bound(client.get("/query/flags?value=7"), [7])
    assert_bound(client.get("/query/anything?value=1"), "1")
    assert_bound(client.get("/query/anything?value=1&value=2"), ["1", "2"])


def test_a_scalar_given_twice_is_an_error(connect: Connect):
    client = connect(taking({"str": str, "int": int | None}))
    twice = "Given more than once"
    assert_refused(client.get("/query/str?value=a&value=a"), ("query", "value", "str", twice))
    assert_refused(client.post("/body/int", data={"value": ["1", "2"]}), ("body", "value", "int | None", twice))


def test_a_named_tuple_is_read_from_an_array(connect: Connect):
    class Pair(NamedTuple):
        number: int
        name: str = "pen"

    client = connect(taking({"pair": Pair}))
    assert_bound(client.post("/body/pair", json={"value": ["1", "pad"]}), Pair(1, "pad"))
    assert_bound(client.get("/query/pair?value=1"), Pair(1))
    error = ("query", "value", "Pair", "Expected `array` of length 1 to 2, got 3")
    assert_refused(client.get("/query/pair?value=1&value=2&value=3"), error)
    assert_refused(
        client.post("/body/pair", json={"value": 5}), ("body", "value", "Pair", "Expected `array`, got `int`")
    )


def test_a_dict_converts_its_keys_and_values(connect: Connect):
    client = connect(taking({"dict": dict[int, float], "days": dict[date, bool], "words": dict[str, int | str]}))
    assert_bound(client.post("/body/dict", json={"value": {"1": "2", "3": 4}}), {1: 2.0, 3: 4.0})
    assert_bound(client.post("/body/days", json={"value": {"2024-02-29": "on"}}), {date(2024, 2, 29): True})
    assert_bound(client.post("/body/words", json={"value": {"a": "1", "b": "x"}}), {"a": 1, "b": "x"})
    assert_refused(
        client.post("/body/dict", json={"value": {"1.0": 2}}),
        ("body", "value", "dict[int, float]", "Expected `int`, got `str` - at `key` in `value`"),
    )


def test_a_float_key_cannot_be_nan_or_infinity(connect: Connect):
    client = connect(taking({"dict": dict[float, int]}))
    for key in ("nan", "NaN", "Infinity"):
        assert_refused(
            client.post("/body/dict", json={"value": {key: 1}}),
            ("body", "value", "dict[float, int]", "Expected `float`, got `str` - at `key` in `value`"),
        )


def test_two_keys_that_convert_to_the_same_value_are_an_error(connect: Connect):
    client = connect(taking({"dict": dict[int, int]}))
    assert_refused(
        client.post("/body/dict", json={"value": {"1": 1, "01": 2}}),
        ("body", "value", "dict[int, int]", "Object contains two keys that convert to the same value"),
    )


def test_a_set_with_an_unhashable_item_is_an_error(connect: Connect):
    client = connect(taking({"set": set, "pairs": set[tuple[int, str]]}))
    assert_bound(client.post("/body/set", json={"value": [1.5, 1.5]}), {1.5})
    assert_bound(client.post("/body/pairs", json={"value": [[1, "a"], [1, "a"]]}), {(1, "a")})
    for inner in ([1], {"a": 1}):
        assert_refused(
            client.post("/body/set", json={"value": [inner]}),
            ("body", "value", "set", "A set cannot hold an array or an object"),
        )


@pytest.mark.parametrize(
    ("held", "named"),
    [(Spot, "Spot"), (Spot | None, "Spot"), (tuple[Spot, int], "Spot"), (Loose, "Loose"), (list[int], "list")],
)
def test_a_set_of_an_unhashable_type_is_a_declaration_error(held: Any, named: str):
    for annotation in (set[held], list[frozenset[held]]):
        assert f"a set cannot contain {named}, which is not hashable; " in declaration_error(
            taking, {"set": annotation}
        )


def test_a_set_may_contain_frozen_types(connect: Connect):
    client = connect(taking({"spots": set[Frozen], "structs": frozenset[Fixed]}))
    assert_bound(client.post("/body/spots", json={"value": [{"x": "1"}, {"x": 1}]}), {Frozen(1)})
    assert_bound(client.post("/body/structs", json={"value": [{"x": "1"}]}), frozenset({Fixed(1)}))


def test_in_a_union_with_str_other_numbers_than_those_listed_stay_strings(connect: Connect):
    class Struct(msgspec.Struct, forbid_unknown_fields=True):
        it: Literal[1] | str

    annotations = {"list": list[Level | str], "dict": dict[str, Literal[1] | str], "struct": list[Struct]}
    client = connect(taking(annotations))
    for content_type in ("application/json", "application/json; charset=utf-8"):
        for name, sent, value in (
            ("list", '["1", "9"]', [Level.LOW, "9"]),
            ("dict", '{"a": "1", "b": "9"}', {"a": 1, "b": "9"}),
            ("struct", '[{"it": "1"}, {"it": "9"}]', [Struct(1), Struct("9")]),
        ):
            headers = {"content-type": content_type}
            response = client.post(f"/body/{name}", content=f'{{"value": {sent}}}', headers=headers)
            assert_bound(response, value)


def test_an_error_in_a_collection_names_the_location_without_the_value(connect: Connect):
    client = connect(taking({"colours": list[Colour], "named": dict[str, Level], "keyed": dict[Colour, int]}))
    expected = "one of 'red', \"it's\""
    for sent in ("blue", "it's - at `$.x`"):
        assert_refused(
            client.post("/body/colours", json={"value": ["red", sent]}),
            ("body", "value", f"list[{expected}]", "Not one of the allowed values - at `value[1]`"),
        )
        assert_refused(
            client.post("/body/keyed", json={"value": {sent: 1}}),
            ("body", "value", f"dict[{expected}, int]", "Not one of the allowed values - at `key` in `value`"),
        )
    assert_refused(
        client.post("/body/named", json={"value": {"a": 9}}),
        ("body", "value", "dict[str, one of 1, 2]", "Not one of the allowed values - at `value[...]`"),
    )

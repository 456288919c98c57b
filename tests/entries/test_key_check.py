"""Unknown keys in JSON that is decoded in one pass, compared with JSON that is converted field by field."""

from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple

import msgspec
import pytest
from typing_extensions import TypedDict

from tests.clients import Connect
from tests.http_requests import create_value_service, format_values


class Pen(msgspec.Struct, rename="camel"):
    pen_name: str
    price: float = 1.0


class Case(msgspec.Struct, forbid_unknown_fields=True):
    pen: Pen
    spare: Pen | None = None


class Cat(msgspec.Struct, tag="cat"):
    lives: int = 9


class Dog(msgspec.Struct, tag="dog"):
    pens: list[Pen] = []


class Node(msgspec.Struct):
    children: "list[Node]" = []


class Row(msgspec.Struct, array_like=True):
    pen: Pen


class Pair(NamedTuple):
    pen: Pen


@dataclass
class Box:
    pen: Pen
    label: str = "box"
    made: str = field(init=False, default="today")


@dataclass
class Crate:
    boxes: dict[str, Box]
    first: Box | None = None


@dataclass(slots=True)
class Slim:
    box: Box
    size: int = 3


class Note(TypedDict, total=False):
    text: str
    box: Box


PEN = {"penName": "a"}
BOX = {"pen": PEN}

# A type, a value for it, and the same with an unknown key.
KEYS: dict[str, tuple[Any, Any, Any]] = {
    "pen": (list[Pen], [PEN], [{**PEN, "nope": 1}]),
    "name": (list[Pen], [{**PEN, "price": 2}], [{**PEN, "pen_name": "b"}]),
    "case": (list[Case], [{"pen": PEN, "spare": None}], [{"pen": PEN, "spare": {**PEN, "nope": 1}}]),
    "pets": (
        list[Cat | Dog | None],
        [{"type": "cat"}, None, {"type": "dog", "pens": [PEN]}],
        [{"type": "dog", "lives": 1}],
    ),
    "nodes": (list[Node], [{"children": [{}]}], [{"children": [{"nope": 1}]}]),
    "rows": (list[Row], [[PEN]], [[{**PEN, "nope": 1}]]),
    "pairs": (list[Pair], [[PEN]], [[{**PEN, "nope": 1}]]),
    "boxes": (list[Box], [BOX, {**BOX, "label": "b"}], [{**BOX, "made": "now"}]),
    "crates": (tuple[Crate, ...], [{"boxes": {"a": BOX}}], [{"boxes": {"a": {**BOX, "nope": 1}}}]),
    "slims": (list[Slim], [{"box": BOX}], [{"box": {**BOX, "nope": 1}}]),
    "notes": (dict[str, Note], {"a": {"text": "b", "box": BOX}}, {"a": {"nope": 1}}),
    "noted": (Annotated[list[Note] | None, msgspec.Meta(description="Notes")], [{}], [{"nope": 1}]),
    "mixed": (list[Pen | int], [PEN, 5], [{**PEN, "nope": 1}]),
    "sets": (list[set[int] | Pen], [[1], PEN], [{**PEN, "nope": 1}]),
}
FULL = {"content-type": "application/vnd.items+json"}
"""A content type that fast binding leaves to full binding."""


@pytest.mark.parametrize("in_array", [False, True])
def test_unknown_keys_are_rejected_as_in_full_binding(connect: Connect, in_array: bool):
    client = connect(create_value_service({name: kind for name, (kind, _, _) in KEYS.items()}))
    for name, (_, value, unknown) in KEYS.items():
        if in_array and not isinstance(value, list):
            continue
        for sent, status in ((value, 200), (unknown, 422)):
            body = msgspec.json.encode(sent if in_array else {"value": sent})
            fast = client.post(f"/body/{name}", content=body, headers={"content-type": "application/json"})
            full = client.post(f"/body/{name}", content=body, headers=FULL)
            assert (name, fast.status_code, fast.text) == (name, status, full.text)


def test_defaults_of_dataclasses_are_set(connect: Connect):
    client = connect(create_value_service({name: kind for name, (kind, _, _) in KEYS.items()}))
    box = Box(Pen("a"))
    for name, expected in (
        ("crates", (Crate({"a": box}),)),
        ("slims", [Slim(box)]),
        ("notes", {"a": {"text": "b", "box": box}}),
    ):
        response = client.post(f"/body/{name}", json={"value": KEYS[name][1]})
        assert response.text == format_values(expected)

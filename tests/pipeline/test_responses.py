"""Returned values and their responses: one test for each line of the table, and values that cannot be sent."""

import asyncio
import math
from collections import Counter, OrderedDict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from uuid import UUID

import msgspec
import pydantic
import pytest

from coworks_async import Problem, TechMicroService, entry
from coworks_async.exceptions import ReturnError
from coworks_async.pipeline.responses import encode_value
from tests.clients import Connect
from tests.differences import differs
from tests.pipeline.checks import assert_hidden_500, assert_logged_once, get_responses, returning, warnings_and_worse


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Word(StrEnum):
    HELLO = "hello"


class Text(str):
    __slots__ = ()


class Blob(bytes):
    __slots__ = ()


class Number(int):
    pass


class Ratio(float):
    pass


@dataclass
class Point:
    x: int
    y: float | None = None


class Pen(msgspec.Struct):
    colour: Colour
    price: Decimal


class Model(pydantic.BaseModel):
    size: float
    made_on: date = pydantic.Field(serialization_alias="madeOn", default=date(2024, 2, 29))


# --- values that can be sent


def test_a_str_is_text(connect: Connect):
    response = connect(returning("Grüße, 世界\n")).get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.content == "Grüße, 世界\n".encode()
    assert response.headers["content-length"] == str(len(response.content))


def test_an_empty_str_is_an_empty_text(connect: Connect):
    response = connect(returning("")).get("/")
    assert (response.status_code, response.content, response.headers["content-length"]) == (200, b"", "0")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


def test_bytes_are_an_octet_stream(connect: Connect):
    response = connect(returning(bytes(range(256)))).get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.content == bytes(range(256))


JSON = [
    ({"a": [1, None, True], "é": {}}, '{"a":[1,null,true],"é":{}}'),
    ([], "[]"),
    ({1: "x"}, '{"1":"x"}'),
    (42, "42"),
    (2**80, str(2**80)),
    (1.5, "1.5"),
    (True, "true"),
    (False, "false"),
    (0, "0"),
    (Decimal("1.50"), '"1.50"'),
    (Point(1, 2.5), '{"x":1,"y":2.5}'),
    (Point(1), '{"x":1,"y":null}'),
    (Pen(Colour.RED, Decimal("0.10")), '{"colour":"red","price":"0.10"}'),
    (Model(size=1.5), '{"size":1.5,"madeOn":"2024-02-29"}'),
    ([Point(0, 0.0), Pen(Colour.RED, Decimal(1))], '[{"x":0,"y":0.0},{"colour":"red","price":"1"}]'),
    ([Model(size=0)], '[{"size":0.0,"madeOn":"2024-02-29"}]'),
]


def test_dicts_lists_numbers_bools_and_structures_are_json(connect: Connect):
    for (_, body), (value, response) in zip(JSON, get_responses(connect, [value for value, _ in JSON]), strict=True):
        assert (response.status_code, response.text) == (200, body), value
        assert response.headers["content-type"] == "application/json"
        assert response.headers["content-length"] == str(len(response.content))


@differs("rest-content-type")
def test_none_is_a_204_without_body_type_or_length(connect: Connect):
    response = connect(returning(None)).get("/")
    assert (response.status_code, response.content) == (204, b"")
    assert "content-type" not in response.headers
    assert "content-length" not in response.headers


BEYOND_JSON = [
    (datetime(2024, 2, 29, 12, 30, tzinfo=UTC), "2024-02-29T12:30:00Z"),
    (date(2024, 2, 29), "2024-02-29"),
    (time(12, 30), "12:30:00"),
    (timedelta(seconds=90), "PT90S"),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (Decimal("12345678901234567890.10"), "12345678901234567890.10"),
    (Colour.RED, "red"),
    (Level.HIGH, 3),
    (Word.HELLO, "hello"),
    (Text("t"), "t"),
    (Number(7), 7),
    (Ratio(0.5), 0.5),
    (b"\x00\xff", "AP8="),
    ((1, "a"), [1, "a"]),
    ({5}, [5]),
]


def test_python_types_beyond_json_have_their_usual_form(connect: Connect):
    response = connect(returning([value for value, _ in BEYOND_JSON])).get("/")
    assert response.json() == [plain for _, plain in BEYOND_JSON]


SUBCLASSES = [
    (Text("text"), "text/plain; charset=utf-8", b"text"),
    (Word.HELLO, "text/plain; charset=utf-8", b"hello"),
    (Blob(b"\x00"), "application/octet-stream", b"\x00"),
    (OrderedDict(a=1), "application/json", b'{"a":1}'),
    (Counter("aab"), "application/json", b'{"a":2,"b":1}'),
    (Level.HIGH, "application/json", b"3"),
    (Number(7), "application/json", b"7"),
    (Ratio(0.5), "application/json", b"0.5"),
]


def test_a_subclass_is_sent_as_its_base_class(connect: Connect):
    for expected, (_, response) in zip(
        SUBCLASSES, get_responses(connect, [value[0] for value in SUBCLASSES]), strict=True
    ):
        assert (response.status_code, response.headers["content-type"], response.content) == (200, *expected[1:])


# --- values that cannot be sent


INVALID_VALUES = [
    object(),
    {1, 2},
    frozenset(),
    date(2024, 1, 1),
    UUID(int=0),
    Colour.RED,
    1j,
    bytearray(b"x"),
    memoryview(b"x"),
    range(3),
    iter([1]),
    len,
    Point,
    Exception("no"),
    "\ud800",
    {"deep": [object()]},
    {"deep": {(1, 2): 3}},
    ["\ud800"],
]


def test_anything_else_is_a_500(connect: Connect):
    for _, response in get_responses(connect, INVALID_VALUES):
        assert_hidden_500(response)


NANS = [
    math.nan,
    -math.inf,
    Ratio("nan"),
    [1, [math.nan]],
    {"a": {"b": math.inf}},
    {"a": [None, {"b": (1, math.nan)}]},
    Decimal("NaN"),
    [Decimal("-Infinity")],
    Point(1, math.nan),
    {"points": [Point(1, 2), Point(1, math.inf)]},
    Model(size=math.nan),
    [Model(size=1), {"model": Model(size=-math.inf)}],
]


def test_a_nan_or_an_infinity_anywhere_is_a_500(connect: Connect):
    for _, response in get_responses(connect, NANS):
        assert_hidden_500(response)


def test_text_that_looks_like_nan_is_sent(connect: Connect):
    for value, response in get_responses(connect, [["NaN", "null", None], {"Infinity": None}, [None, 1.0]]):
        assert response.json() == value


def test_deeply_nested_data_is_sent_and_recursive_data_is_a_500(connect: Connect):
    deep: list[object] = [None]
    for _ in range(400):
        deep = [deep]
    endless: list[object] = []
    endless.append(endless)
    assert connect(returning(deep)).get("/").text == "[" * 401 + "null" + "]" * 401
    assert_hidden_500(connect(returning(endless)).get("/"))


LOG_MESSAGES = [
    (object(), "returned object, which cannot be sent. Return str, bytes, JSON data, "),
    ({"deep": object()}, "returned dict, which cannot be encoded: object has no JSON form"),
    ([math.nan], "returned list containing NaN or infinity, which JSON does not allow"),
    ("\ud800", "returned str, which cannot be encoded"),
    ((object(), 200), "returned object, which cannot be sent"),
    (("a", "b", "c"), "a tuple must be (body, status), (body, headers) or (body, status, headers)"),
    (("a", 99), "status 99 is not between 200 and 599"),
    (("a", {"x": "\n"}), "invalid header 'x': a name is a token; a value has no line break"),
    (("a", {"x": 1}), "headers must map names to values, both latin-1 strings. To return a JSON array, use a list"),
]


def test_the_log_names_the_entry_and_the_type_of_an_invalid_value(connect: Connect, caplog: pytest.LogCaptureFixture):
    get_responses(connect, [value for value, _ in LOG_MESSAGES])
    records = warnings_and_worse(caplog)
    for record, (_, message) in zip(records, LOG_MESSAGES, strict=True):
        where = "GET /value/{number} (returning.<locals>.Returning.get_value)"
        assert record.getMessage().startswith(f"{where}: {message}")
        assert record.exc_info is not None
        assert record.exc_info[0] is ReturnError


def test_a_forgotten_await_is_a_500_and_named_in_the_log(connect: Connect, caplog: pytest.LogCaptureFixture):
    class Service(TechMicroService):
        async def load(self):
            return "loaded"

        @entry(no_auth=True)
        async def get(self):
            return self.load()

    assert_hidden_500(connect(Service()).get("/"))
    message = f"GET / ({Service.__qualname__}.get): returned a coroutine. Did you forget 'await'?"
    assert_logged_once(caplog, message, ReturnError)


def test_a_forgotten_await_inside_a_value_is_a_500_and_named_in_the_log(
    connect: Connect, caplog: pytest.LogCaptureFixture
):
    class Service(TechMicroService):
        async def load(self):
            return "loaded"

        @entry(no_auth=True)
        async def get(self):
            return {"items": [self.load()]}

    assert_hidden_500(connect(Service()).get("/"))
    message = (
        f"GET / ({Service.__qualname__}.get): returned dict, which cannot be encoded: it contains a coroutine. "
        "Did you forget 'await'?"
    )
    assert_logged_once(caplog, message, ReturnError)


def test_a_task_that_is_not_awaited_is_a_500_and_named_in_the_log(connect: Connect, caplog: pytest.LogCaptureFixture):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return asyncio.create_task(asyncio.sleep(0))

    assert_hidden_500(connect(Service()).get("/"))
    message = f"GET / ({Service.__qualname__}.get): returned Task, which is not awaited. Did you forget 'await'?"
    assert_logged_once(caplog, message, ReturnError)


def test_a_returned_exception_is_a_500_and_named_in_the_log(connect: Connect, caplog: pytest.LogCaptureFixture):
    assert_hidden_500(connect(returning(Problem(409, "Already there."))).get("/"))
    message = "GET / (returning.<locals>.Returning.get): returned Problem, which is an exception. Did you mean 'raise'?"
    assert_logged_once(caplog, message, ReturnError)


def test_each_response_has_a_new_list_of_headers():
    first, second = encode_value("same"), encode_value("same")
    assert first == second
    assert first[1] is not second[1]

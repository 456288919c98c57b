"""Limits of the objects in a body and of hash keys in a request, and other requests during a large one."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import httpx2
import msgspec
import pydantic
import pytest
from typing_extensions import TypedDict

from coworks_async import Header, Request, TechMicroService, entry, request
from tests.clients import Connect, on_a_socket
from tests.http_requests import FORM, JSON, assert_bound, create_value_service, format_values
from tests.pipeline.checks import takes_under_five_seconds
from tests.pipeline.test_limits import assert_too_large
from tests.tools import PATIENCE

MODULUS = 2**61 - 1
"""Integers that differ by a multiple of it have equal hashes in CPython."""

HASHED = "The request has over 1000 values for sets and for keys that are not strings."
FEW = "The body has over 3 JSON objects."
OBJECTS = "The body has over 50000 JSON objects."
ARRAYS = "The body has over 50000 JSON arrays."


class Pen(msgspec.Struct):
    name: str = ""
    price: float = 0


class ForbiddingPen(Pen, forbid_unknown_fields=True):
    pass


@dataclass
class DataPen:
    name: str = ""
    price: float = 0


class ArrayPen(msgspec.Struct, array_like=True):
    name: str = ""
    price: float = 0


class DictPen(TypedDict, total=False):
    name: str
    price: float


class ModelPen(pydantic.BaseModel):
    name: str = ""
    price: float = 0


class Pens(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "here"

    @entry(no_auth=True)
    async def post_array(self, *, items: list[ArrayPen]):
        return format_values(len(items))

    @entry(no_auth=True)
    async def post_pen(self, *, items: list[Pen]):
        return format_values(len(items))

    @entry(no_auth=True)
    async def post_forbidding(self, *, items: list[ForbiddingPen]):
        return format_values(len(items))

    @entry(no_auth=True)
    async def post_data(self, *, items: list[DataPen]):
        return format_values(len(items))

    @entry(no_auth=True)
    async def post_dict(self, *, items: list[DictPen]):
        return format_values(len(items))

    @entry(no_auth=True)
    async def post_model(self, *, items: list[ModelPen]):
        return format_values(len(items))

    @entry(no_auth=True)
    async def post_any(self, *, items: list[Any]):
        return format_values(len(items))

    @entry(no_auth=True)
    async def post_read(self, received: Request, *, items: list[Pen]):
        return format_values(len(items), len(await received.body()))


KINDS = ("pen", "forbidding", "data", "dict", "model", "any")


def objects_of(count: int) -> bytes:
    return b"[" + b",".join([b"{}"] * count) + b"]"


def arrays_of(count: int) -> bytes:
    return b"[" + b",".join([b"[]"] * count) + b"]"


class Line(msgspec.Struct):
    counts: dict[int, int] = {}


class Row(msgspec.Struct, array_like=True):
    label: str
    ids: set[int] = set()


class Triple(NamedTuple):
    label: str
    ids: set[int]


@dataclass
class Tree:
    ids: set[int]
    children: "list[Tree]"


class Many(pydantic.RootModel[set[int]]):
    pass


class Model(pydantic.BaseModel):
    ids: set[int] = set()
    label: str = ""


@pydantic.dataclasses.dataclass
class ModelData:
    ids: set[int]


class Outer(pydantic.BaseModel):
    inner: list[Model] = []
    data: ModelData | None = None


COLLIDING = [str(number * MODULUS) for number in range(1, 1002)]
NUMBERS = [number * MODULUS for number in range(1, 1002)]
UUIDS = [str(UUID(int=number * MODULUS)) for number in range(1, 1002)]


def keyed(keys: list[str], value: Any = 1) -> dict[str, Any]:
    return dict.fromkeys(keys, value)


# A type, and 1001 hash keys of it.
HASHED_VALUES: dict[str, tuple[Any, Any]] = {
    "ints": (set[int], NUMBERS),
    "uuids": (set[UUID], UUIDS),
    "decimals": (frozenset[Decimal], COLLIDING),
    "anything": (set, NUMBERS),
    "pairs": (set[tuple[int, str]], [[number, ""] for number in NUMBERS]),
    "optional": (set[int] | None, NUMBERS),
    "union": (list[int] | dict[int, int], keyed(COLLIDING)),
    "either": (set[int] | dict[int, int], NUMBERS),
    "keys": (dict[int, int], keyed(COLLIDING)),
    "uuidkeys": (dict[UUID, str], keyed(UUIDS, "")),
    "counter": (Annotated[dict[Decimal, int], "x"], keyed(COLLIDING)),
    "sets": (list[set[int]], [[number] for number in NUMBERS]),
    "members": (dict[str, set[int]], {"a": NUMBERS[:500], "b": NUMBERS[500:]}),
    "lines": (list[Line], [{"counts": {number: 1}} for number in COLLIDING]),
    "rows": (list[Row], [["a", [number]] for number in NUMBERS]),
    "triples": (list[Triple], [["a", [number]] for number in NUMBERS]),
    "tuples": (tuple[int, set[int]], [1, NUMBERS]),
    "trees": (list[Tree], [{"ids": [], "children": [{"ids": NUMBERS, "children": []}]}]),
    "models": (list[Model], [{"ids": NUMBERS}]),
    "root": (Many, NUMBERS),
    "outer": (list[Outer], [{"inner": [{"ids": NUMBERS[:500]}], "data": {"ids": NUMBERS[500:]}}]),
}


def test_values_that_become_hash_keys_are_limited(connect: Connect):
    client = connect(create_value_service({name: kind for name, (kind, _) in HASHED_VALUES.items()}))
    for name, (_, value) in HASHED_VALUES.items():
        sent = value if name == "root" else {"value": value}
        response = client.post(f"/body/{name}", json=sent)
        assert (name, response.status_code) == (name, 413)
        assert_too_large(response, HASHED)


UNCOUNTED: dict[str, tuple[Any, Any]] = {
    "strings": (set[str], [str(number) for number in range(1001)]),
    "literals": (set[Literal[1, 2]], [1, 2] * 501),
    "names": (dict[str, int], keyed(COLLIDING)),
    "untyped": (dict, keyed(COLLIDING)),
    "numbers": (list[int], NUMBERS),
    "tuple": (tuple[int, ...], NUMBERS),
    "pair": (tuple[str, int], ["a", 1]),
    "thousand": (set[int], NUMBERS[:1000]),
    "counts": (dict[int, int], keyed(COLLIDING[:1000])),
}


def test_other_values_are_not_limited(connect: Connect):
    client = connect(create_value_service({name: kind for name, (kind, _) in UNCOUNTED.items()}))
    for name, (_, value) in UNCOUNTED.items():
        assert (name, client.post(f"/body/{name}", json={"value": value}).status_code) == (name, 200)


def test_a_value_of_another_type_than_the_counted_one_is_not_counted(connect: Connect):
    client = connect(create_value_service({name: kind for name, (kind, _) in HASHED_VALUES.items()}))
    for name in HASHED_VALUES:
        for value in (5, [5], {"nope": 5}, "x"):
            assert client.post(f"/body/{name}", json={"value": value}).status_code in (200, 422)


class Ids(TechMicroService):
    max_hashed_items = 3

    @entry(no_auth=True)
    async def get(self, *, ids: set[int], more: set[int] | None = None):
        return format_values(len(ids) + len(more or ()))

    @entry(no_auth=True)
    async def post(self, *, ids: set[int], more: set[int] | None = None):
        return format_values(len(ids) + len(more or ()))

    @entry(no_auth=True)
    async def get_header(self, x_ids: Annotated[set[int], Header()]):
        return format_values(len(x_ids))

    @entry(no_auth=True)
    async def get_headers(
        self,
        x_ids: Annotated[set[int], Header()],
        y_ids: Annotated[set[int], Header()],
        numbers: set[int] | None = None,
    ):
        return format_values(len(x_ids) + len(y_ids) + len(numbers or ()))

    @entry(no_auth=True)
    async def get_counts(self, counts__: dict[int, int] | None = None):
        return format_values(counts__)


SMALL_HASHED = "The request has over 3 values for sets and for keys that are not strings."


def test_hash_keys_are_limited_in_queries_forms_and_headers(connect: Connect):
    client = connect(Ids())
    assert_bound(client.get("/?ids=1&ids=2&more=3"), 3)
    assert_too_large(client.get("/?ids=1&ids=2&more=3&more=4"), SMALL_HASHED)
    assert_bound(client.post("/", content="ids=1&ids=2&more=3", headers=FORM), 3)
    assert_too_large(client.post("/", content="ids=1&ids=2&more=3&more=4", headers=FORM), SMALL_HASHED)
    assert_bound(client.get("/header", headers={"x-ids": "1,2,3"}), 3)
    assert_too_large(client.get("/header", headers={"x-ids": "1,2,3,4"}), SMALL_HASHED)
    assert_too_large(client.get("/counts?" + "&".join(f"counts[{n}]=1" for n in range(4))), SMALL_HASHED)


def test_each_header_is_counted_apart_from_path_query_and_body(connect: Connect):
    client = connect(Ids())
    headers = {"x-ids": "1,2,3", "y-ids": "1"}
    for query, count in (("", 4), ("?numbers=1&numbers=2&numbers=3", 7)):  # fast and full binding
        assert_bound(client.get(f"/headers{query}", headers=headers), count)
        assert_too_large(client.get(f"/headers{query}", headers={**headers, "x-ids": "1,2,3,4"}), SMALL_HASHED)


def test_16_000_uuids_of_one_hash_are_rejected_at_once(connect: Connect):
    class Sets(TechMicroService):
        @entry(no_auth=True)
        async def post(self, *, ids: set[UUID]):
            return format_values(len(ids))

    ids = [str(UUID(int=number * MODULUS)) for number in range(1, 16_001)]
    client = connect(Sets())
    with takes_under_five_seconds():  # 12 s without the limit
        assert_too_large(client.post("/", json={"ids": ids}), HASHED)


def test_the_objects_of_a_body_are_limited(connect: Connect):
    client = connect(Pens())
    for kind in KINDS:
        assert_bound(client.post(f"/{kind}", content=b'{"items":%b}' % objects_of(49_999), headers=JSON), 49_999)
        assert_bound(client.post(f"/{kind}", content=objects_of(50_000), headers=JSON), 50_000)
        for body in (b'{"items":%b}' % objects_of(50_000), objects_of(300_000)):
            with takes_under_five_seconds():
                assert_too_large(client.post(f"/{kind}", content=body, headers=JSON), OBJECTS)


def test_the_arrays_of_a_body_are_limited(connect: Connect):
    client = connect(Pens())
    for kind in ("array", "any"):
        assert_bound(client.post(f"/{kind}", content=arrays_of(49_999), headers=JSON), 49_999)
        with takes_under_five_seconds():
            assert_too_large(client.post(f"/{kind}", content=arrays_of(300_000), headers=JSON), ARRAYS)


def test_a_service_sets_its_own_limit_of_objects(connect: Connect):
    class Few(Pens):
        max_items = 3

    client = connect(Few())
    for kind in KINDS:
        assert_bound(client.post(f"/{kind}", content=objects_of(3), headers=JSON), 3)
        assert_too_large(
            client.post(f"/{kind}", content=objects_of(4), headers=JSON), "The body has over 3 JSON objects."
        )
    assert_bound(client.post("/read", content=objects_of(3), headers=JSON), 3, 10)
    assert_too_large(client.post("/read", content=objects_of(4), headers=JSON), FEW)


def test_brackets_in_strings_are_no_arrays(connect: Connect):
    class Few(Pens):
        max_items = 2

    client = connect(Few())
    assert_bound(client.post("/any", json={"items": ["[[[[", []]}), 2)
    assert_too_large(client.post("/any", json={"items": ["[", [], []]}), "The body has over 2 JSON arrays.")


def test_braces_in_strings_are_not_objects(connect: Connect):
    class Few(Pens):
        max_items = 2

    client = connect(Few())
    for text in ("{{{{", '"{"{"{', "\\{\\{\\{", '\\"{\\"{\\"{'):
        assert_bound(client.post("/any", json={"items": [text, {text: text}]}), 2)
        assert_too_large(client.post("/any", json={"items": [text, {}, {}]}), "The body has over 2 JSON objects.")


def test_an_unterminated_string_of_braces_is_searched_once(connect: Connect):
    body = b'["' + b'\\"{' * 300_000
    client = connect(Pens())
    with takes_under_five_seconds():
        assert client.post("/any", content=body, headers=JSON).status_code == 400


def test_a_body_that_a_hook_has_read_is_limited(connect: Connect):
    class Few(Pens):
        max_items = 3

    app = Few()

    @app.before_request
    async def read():
        await request.body()

    client = connect(app)
    assert_bound(client.post("/pen", content=objects_of(3), headers=JSON), 3)
    assert_too_large(client.post("/pen", content=objects_of(4), headers=JSON), FEW)


def test_another_request_is_served_while_a_large_body_is_converted():
    served = threading.Event()

    class WaitingModel(pydantic.BaseModel):
        text: str

        @pydantic.field_validator("text")
        @classmethod
        def wait(cls, value: str) -> str:
            assert served.wait(PATIENCE)
            return value

    class WaitingStruct(msgspec.Struct):
        text: str

        def __post_init__(self) -> None:
            assert served.wait(PATIENCE)

    class Waiting(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            served.set()
            return "here"

        @entry(no_auth=True)
        async def post_model(self, item: WaitingModel):
            return format_values(len(item.text))

        @entry(no_auth=True)
        async def post_struct(self, item: WaitingStruct):
            return format_values(len(item.text))

    large = {"text": "x" * 70_000}
    with on_a_socket(Waiting()) as client, ThreadPoolExecutor() as threads:
        for path in ("/model", "/struct"):
            served.clear()
            response = threads.submit(client.post, path, json=large)
            assert client.get("/").text == "here"
            assert_bound(response.result(), 70_000)


async def test_the_event_loop_runs_while_a_large_form_is_parsed():
    class Texts(TechMicroService):
        @entry(no_auth=True)
        async def post(self, *, text: str):
            return format_values(len(text))

    pauses: list[float] = []

    async def measure() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            last, before = time.perf_counter(), last
            pauses.append(last - before)

    body = b"text=" + b"%41" * 1_000_000
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(Texts()), base_url="http://testserver") as client:
        assert_bound(await client.post("/", content=b"text=a", headers=FORM), 1)  # builds the service
        measuring = asyncio.create_task(measure())
        await asyncio.sleep(0)
        start = time.perf_counter()
        assert_bound(await client.post("/", content=body, headers=FORM), 1_000_000)
        duration = time.perf_counter() - start
        measuring.cancel()
    # On the event loop, the longest pause is nearly the whole request. On a busy machine there are others.
    assert max(pauses) < 0.75 * duration


@pytest.mark.parametrize("kind", KINDS)
def test_the_errors_of_a_large_body_are_those_of_a_small_one(connect: Connect, kind: str):
    client = connect(Pens())
    for wrong in (b'{"name":5,"nope":1}', b"5"):
        small, large = ([b"{}"] * 3 + [wrong] for _ in range(2))
        large[:0] = [b"{}"] * 30_000
        responses = [client.post(f"/{kind}", content=b"[" + b",".join(items) + b"]") for items in (small, large)]
        assert [response.status_code for response in responses] == [200 if kind == "any" else 422] * 2
        if kind != "any":
            [[first], [second]] = (response.json()["errors"] for response in responses)
            assert second == {**first, "detail": first["detail"].replace("[3]", "[30003]")}


def test_of_very_many_errors_of_a_model_only_the_number_is_listed(connect: Connect):
    class Box(pydantic.BaseModel):
        sizes: list[int]

    class Boxes(TechMicroService):
        @entry(no_auth=True)
        async def post(self, box: Box):
            return format_values(len(box.sizes))

        @entry(no_auth=True)
        async def post_list(self, *, boxes: list[Box]):
            return format_values(len(boxes))

    client = connect(Boxes())
    listed = client.post("/", json={"sizes": ["x"] * 10_000}).json()["errors"]
    assert (len(listed), listed[-1]["detail"]) == (301, "9700 more errors are not listed")
    # Without the limit, pydantic creates about a kilobyte for each error.
    [error] = client.post("/", json={"sizes": ["x"] * 150_000}).json()["errors"]
    assert (error["name"], error["detail"]) == ("", "150000 errors, which are too many to list")
    [error] = client.post("/list", json={"boxes": [{"sizes": ["x"] * 10_001}]}).json()["errors"]
    assert error["detail"] == "10001 errors, which are too many to list - at `boxes[0]`"

"""Compare the binding of large JSON bodies with the bare parser of each type: processor time of one request.

    python benchmarks/bodies.py [--rounds 15] [--size 1000000] [--check]

A service binds a list of items of each kind. The same bytes go to the parser alone: `msgspec.json.Decoder(list[Item])`,
or for pydantic `msgspec.json.decode` and `TypeAdapter(list[Item]).validate_python`. It ignores unknown names, which the
service rejects. Both take turns within a round; a ratio is the median of the rounds' ratios.

Meanwhile another client sends a small request every millisecond. Its longest time from when it was due to its response
is the delay that the large body causes; the table shows the median of the rounds. It is real time, so other work on the
machine adds to it.
"""

import sys
from pathlib import Path

# Replaces this script's folder, in which `http.py` would hide the standard library's.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import argparse
import asyncio
import gc
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time
from typing import Any

import msgspec
import pydantic
from typing_extensions import TypedDict

from benchmarks.cases import JSON, TEXT, Case
from benchmarks.harness import (
    Goal,
    create_parser,
    describe_machine,
    format_table,
    median_ratio,
    positive_int,
    report_goals,
)
from benchmarks.inprocess import Probe
from coworks_async import TechMicroService, entry

ITEM = b'{"name":"pen","price":1.5,"quantity":3}'
DELAY_AT_MOST = 100.0


class StructItem(msgspec.Struct):
    name: str
    price: float
    quantity: int = 1


class ForbiddingItem(StructItem, forbid_unknown_fields=True):
    pass


@dataclass
class DataItem:
    name: str
    price: float
    quantity: int = 1


class DictItem(TypedDict):
    name: str
    price: float
    quantity: int


class ModelItem(pydantic.BaseModel):
    name: str
    price: float
    quantity: int = 1


class Bodies(TechMicroService):
    @entry(no_auth=True)
    async def get(self) -> str:
        return "Hello world.\n"

    @entry(no_auth=True)
    async def post_struct(self, *, items: list[StructItem]) -> int:
        return len(items)

    @entry(no_auth=True)
    async def post_forbidding(self, *, items: list[ForbiddingItem]) -> int:
        return len(items)

    @entry(no_auth=True)
    async def post_dataclass(self, *, items: list[DataItem]) -> int:
        return len(items)

    @entry(no_auth=True)
    async def post_typeddict(self, *, items: list[DictItem]) -> int:
        return len(items)

    @entry(no_auth=True)
    async def post_pydantic(self, *, items: list[ModelItem]) -> int:
        return len(items)


Parse = Callable[[bytes], Any]

validate_models = pydantic.TypeAdapter(list[ModelItem]).validate_python


def parse_models(body: bytes) -> list[ModelItem]:
    """Parse like the service: pydantic's own JSON parser accepts `NaN`, and reads numbers by other rules."""
    return validate_models(msgspec.json.decode(body))


# By path: the bare parser, and the goal of the ratio.
PARSERS: dict[str, tuple[Parse, float]] = {
    "struct": (msgspec.json.Decoder(list[StructItem]).decode, 1.5),
    "forbidding": (msgspec.json.Decoder(list[ForbiddingItem]).decode, 1.5),
    "pydantic": (parse_models, 1.5),
    "dataclass": (msgspec.json.Decoder(list[DataItem]).decode, 4.0),
    "typeddict": (msgspec.json.Decoder(list[DictItem]).decode, 4.0),
}
HELLO = Case("hello", "GET", "/", expected_body=b"Hello world.\n", media_type=TEXT)


def main() -> int:
    parser = create_parser(__doc__, rounds=15)
    parser.add_argument("--size", type=positive_int, default=1_000_000, help="bytes of a body (default: %(default)s)")
    options: argparse.Namespace = parser.parse_args()
    print(describe_machine())
    print(f"Medians of {options.rounds} interleaved rounds of a body of {options.size:,} bytes, in processor time.\n")
    return report_goals(asyncio.run(compare_bodies(options.rounds, options.size)), options.check)


async def compare_bodies(rounds: int, size: int) -> list[Goal]:
    count = size // (len(ITEM) + 1)
    body = b"[" + b",".join([ITEM] * count) + b"]"
    app = Bodies(name="bodies")
    hello = Probe(app, HELLO)
    await hello.check("bodies")
    goals, rows = [], []
    for kind, (parse, at_most) in PARSERS.items():
        case = Case(kind, "POST", f"/{kind}", body=body, expected_body=str(count).encode(), media_type=JSON)
        probe = Probe(app, case)
        await probe.check("bodies")
        ours, bare, delays = [], [], []
        for _ in range(rounds):
            bare.append(time_parser(parse, body))
            ours.append(await probe.time(1) / 1000)
            delays.append(await measure_delay(probe, hello))
        ratio = median_ratio(ours, bare)
        rows.append([kind, f"{median(bare):.1f}", f"{median(ours):.1f}", f"{ratio:.2f}", f"{median(delays):.0f}"])
        goals.append(Goal(f"{kind}, service / parser", ratio, at_most=at_most))
        goals.append(Goal(f"{kind}, delay of another client", median(delays), at_most=DELAY_AT_MOST, unit=" ms"))
    print(format_table(["ms per body", "parser", "service", "service / parser", "delay"], rows))
    return goals


def time_parser(parse: Parse, body: bytes) -> float:
    """Return the processor time of a bare parser in ms."""
    gc.collect()
    start = process_time()
    parse(body)
    return (process_time() - start) * 1000


async def measure_delay(large: Probe, small: Probe) -> float:
    """Send small requests while a large body is bound, and return the longest time of one in ms."""
    gc.collect()
    task = asyncio.create_task(large.check("large body"))
    longest = 0.0
    while not task.done():
        due = perf_counter() + 0.001
        await asyncio.sleep(0.001)
        await small.check("bodies")
        longest = max(longest, perf_counter() - due)
    return longest * 1000


if __name__ == "__main__":
    sys.exit(main())

"""Compare CoWorks Async with Starlette, FastAPI and raw ASGI: processor time per request, without a socket.

    python benchmarks/inprocess.py [--rounds 15] [--requests 1000] [--check]

The apps are called on one event loop, as a server calls them. The comparisons are: the three requests of the HTTP
benchmark, the first and the last of 1,000 routes, a `before_request` with an `after_request`, and a pure ASGI
middleware. What is compared takes turns within a round. Times are medians of the rounds; a ratio or difference is the
median of the rounds' ratios or differences.
"""

import sys
from pathlib import Path

# Replaces this script's folder, in which `http.py` would hide the standard library's.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import argparse
import asyncio
import gc
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from importlib import import_module
from statistics import median
from time import process_time
from typing import Any

from benchmarks.apps import APPS, FASTAPI, OURS, RAW, STARLETTE, variants
from benchmarks.cases import JSON, MEASURED, REJECTED, TEXT, Case
from benchmarks.harness import (
    Goal,
    create_parser,
    describe_machine,
    differences,
    format_table,
    median_ratio,
    positive_int,
    report_goals,
    rotate,
)

ROUTES = 1000
ROUTE_ENDS = {
    "static routes": "",
    "routes with a parameter": "/{item_id}",
    "routes with a static end": "/{item_id}/stats",
}
HELLO = MEASURED[0]
AT_MOST_OF_STARLETTE = {"hello": 0.40, "typed": 0.35, "json": 0.30}
HOOKS_AT_MOST = 3.0
# The noise of a difference between two costs of about a microsecond, each a difference of two times. Even this needs
# more rounds.
MIDDLEWARE_NOISE = 0.2
MIDDLEWARE_ROUNDS = 3

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Message, Receive, Send], Awaitable[None]]

# By name of the probe: the µs per request of each round.
Times = dict[str, list[float]]


@dataclass(frozen=True)
class Probe:
    """An app and the request that is sent to it."""

    app: ASGIApp
    case: Case

    async def check(self, name: str) -> None:
        """Assert that the app returns the expected response."""
        messages: list[Message] = []

        async def send(message: Message) -> None:
            messages.append(message)

        await self.app(create_scope(self.case), create_receive(self.case), send)
        headers = dict(messages[0]["headers"])
        body = b"".join(message.get("body", b"") for message in messages[1:])
        self.case.check(name, messages[0]["status"], headers.get(b"content-type", b"").decode(), body)

    async def time(self, requests: int) -> float:
        """Return the mean processor time per request in µs. It includes garbage collection, but no scope creation."""
        scopes = [create_scope(self.case) for _ in range(requests)]
        app, receive = self.app, create_receive(self.case)
        gc.collect()
        start = process_time()
        for scope in scopes:
            await app(scope, receive, discard)
        return (process_time() - start) / requests * 1e6


def create_scope(case: Case) -> Message:
    """Create the scope that uvicorn creates for the case."""
    path, _, query = case.target.partition("?")
    headers = [(b"host", b"127.0.0.1:5000")]
    headers += [(name.lower().encode(), value.encode()) for name, value in case.headers.items()]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 5000),
        "client": ("127.0.0.1", 50000),
        "scheme": "http",
        "root_path": "",
        "headers": headers,
        "state": {},
        "method": case.method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
    }


def create_receive(case: Case) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": case.body, "more_body": False}

    return receive


async def discard(message: Message) -> None:
    """Ignore a sent message."""


def main() -> int:
    options = parse_options()
    print(describe_machine())
    print(f"Medians of {options.rounds} interleaved rounds of {options.requests:,} requests, in processor time.\n")
    return report_goals(asyncio.run(run_comparisons(options.rounds, options.requests)), options.check)


def parse_options() -> argparse.Namespace:
    parser = create_parser(__doc__, rounds=15)
    parser.add_argument("--requests", type=positive_int, default=1000, help="requests per round (default: %(default)s)")
    return parser.parse_args()


async def run_comparisons(rounds: int, requests: int) -> list[Goal]:
    """Run all comparisons. Each prints its table and returns its goals."""
    apps = {name: import_app(spec) for name, spec in APPS.items()}
    for name, app in apps.items():
        for case in REJECTED:
            await Probe(app, case).check(name)
    goals: list[Goal] = []
    for compare in (compare_apps, compare_routes, compare_hooks, compare_middleware):
        goals += await compare(apps, rounds, requests)
    return goals


def import_app(spec: str) -> ASGIApp:
    module, _, attribute = spec.partition(":")
    app: ASGIApp = getattr(import_module(module), attribute)
    return app


async def measure(probes: Mapping[str, Probe], rounds: int, requests: int) -> Times:
    """Check the probes, then time them in turn, in a different order each round."""
    times: Times = {name: [] for name in probes}
    for name, probe in probes.items():
        await probe.check(name)
    for probe in probes.values():
        await probe.time(requests)  # lets the interpreter specialize the code first
    for number in range(rounds):
        for name in rotate(probes, number):
            times[name].append(await probes[name].time(requests))
    print(f"Done: {', '.join(probes)}.", file=sys.stderr)
    return times


async def compare_apps(apps: dict[str, ASGIApp], rounds: int, requests: int) -> list[Goal]:
    """Compare all apps for the three requests."""
    times = {}
    for case in MEASURED:
        times[case.name] = await measure({name: Probe(app, case) for name, app in apps.items()}, rounds, requests)
    rows = [[name, *(f"{median(times[case.name][name]):.1f}" for case in MEASURED)] for name in apps]
    for other in (STARLETTE, FASTAPI, RAW):
        found = [median_ratio(times[case.name][OURS], times[case.name][other]) for case in MEASURED]
        rows.append([f"**{OURS} / {other}**", *(f"**{ratio:.2f}**" for ratio in found)])
    print(format_table(["µs per request", *(case.name for case in MEASURED)], rows))
    return [
        Goal(
            f"{name}, in-process time, {OURS} / {STARLETTE}",
            median_ratio(times[name][OURS], times[name][STARLETTE]),
            at_most=bound,
        )
        for name, bound in AT_MOST_OF_STARLETTE.items()
    ]


async def compare_routes(apps: dict[str, ASGIApp], rounds: int, requests: int) -> list[Goal]:
    """Compare the first and the last of many routes. The times of Starlette have no goal."""
    goals, rows = [], []
    for kind, end in ROUTE_ENDS.items():
        first, last = create_route_case(0, end), create_route_case(ROUTES - 1, end)
        for framework, app in (
            (OURS, variants.coworks_with_routes(ROUTES, end)),
            (STARLETTE, variants.starlette_with_routes(ROUTES, end)),
        ):
            probes = {f"{framework}, first route": Probe(app, first), f"{framework}, last route": Probe(app, last)}
            # Starlette's last route is slow enough to need fewer requests.
            times = await measure(probes, rounds, requests if framework == OURS else max(requests // 10, 1))
            first_times, last_times = times.values()
            ratio = median_ratio(last_times, first_times)
            rows.append(
                [f"{framework}, {kind}", f"{median(first_times):.1f}", f"{median(last_times):.1f}", f"{ratio:.2f}"]
            )
            if framework == OURS:
                goals.append(Goal(f"{ROUTES:,} {kind}, last / first", ratio, at_least=0.9, at_most=1.1))
    print(format_table([f"{ROUTES:,} routes, µs per request", "first", "last", "last / first"], rows))
    return goals


def create_route_case(number: int, end: str) -> Case:
    name, path = f"route {number}", f"/r{number}{end.format(item_id=42)}"
    if end:
        return Case(name, "GET", path, expected_body=b'{"item_id":42}', media_type=JSON)
    return Case(name, "GET", path, expected_body=b"Hello world.\n", media_type=TEXT)


async def compare_hooks(apps: dict[str, ASGIApp], rounds: int, requests: int) -> list[Goal]:
    """Measure the cost of a `before_request` and an `after_request` for the three requests."""
    service = variants.coworks_with_hooks()
    goals, rows = [], []
    for case in MEASURED:
        probes = {"without hooks": Probe(apps[OURS], case), "with hooks": Probe(service, case)}
        without, with_hooks = (await measure(probes, rounds, requests)).values()
        cost = median(differences(with_hooks, without))
        rows.append([case.name, f"{median(without):.1f}", f"{median(with_hooks):.1f}", f"{cost:.2f}"])
        name = f"{case.name}, cost of before_request and after_request"
        goals.append(Goal(name, cost, at_most=HOOKS_AT_MOST, unit=" µs"))
    print(format_table(["hooks, µs per request", "without", "with", "cost"], rows))
    return goals


async def compare_middleware(apps: dict[str, ASGIApp], rounds: int, requests: int) -> list[Goal]:
    """Compare the cost of a pure ASGI middleware in CoWorks Async and in Starlette."""
    probes = {
        OURS: Probe(apps[OURS], HELLO),
        f"{OURS} with middleware": Probe(variants.coworks_with_middleware(), HELLO),
        STARLETTE: Probe(apps[STARLETTE], HELLO),
        f"{STARLETTE} with middleware": Probe(variants.starlette_with_middleware(), HELLO),
    }
    times = await measure(probes, rounds * MIDDLEWARE_ROUNDS, requests)
    costs, rows = {}, []
    for name in (OURS, STARLETTE):
        without, with_middleware = times[name], times[f"{name} with middleware"]
        costs[name] = differences(with_middleware, without)
        numbers = f"{median(without):.1f}", f"{median(with_middleware):.1f}", f"{median(costs[name]):.2f}"
        rows.append([name, *numbers])
    print(format_table(["pure ASGI middleware, µs per request", "without", "with", "cost"], rows))
    difference = median(differences(costs[OURS], costs[STARLETTE]))
    return [Goal(f"middleware cost, {OURS} - {STARLETTE}", difference, at_most=MIDDLEWARE_NOISE, unit=" µs")]


if __name__ == "__main__":
    sys.exit(main())

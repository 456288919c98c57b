"""Time per request without a socket: the apps are called as a server calls them, on one event loop.

    python benchmarks/inprocess.py [--rounds 15] [--requests 1000] [--check]

It compares the three requests of the HTTP benchmark, the first and the last of 1,000 routes, a `before_request` with an
`after_request`, and a pure ASGI middleware. Compared apps take turns within a round. A time is the median of the
rounds; a ratio or a difference is the median of those of the rounds.
"""

import sys
from pathlib import Path

# The `http.py` beside this script would hide the standard library's.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import argparse
import asyncio
from importlib import import_module
from statistics import median

from benchmarks import variants
from benchmarks.apps import APPS, FASTAPI, OURS, RAW, STARLETTE
from benchmarks.asgi import ASGIApp, Probe, Times, check_response, compare
from benchmarks.cases import JSON, MEASURED, REJECTED, TEXT, Case
from benchmarks.machine import describe
from benchmarks.options import parser, positive
from benchmarks.report import Goal, differences, median_ratio, report_goals, table

ROUTES = 1000
HELLO = MEASURED[0]
AT_MOST_OF_STARLETTE = {"hello": 0.40, "typed": 0.35, "json": 0.30}
HOOKS_AT_MOST = 3.0
# The costs are about a microsecond, each a difference of two times. A smaller difference between them is noise, even
# with more rounds.
MIDDLEWARE_NOISE = 0.2
MIDDLEWARE_ROUNDS = 3


def main() -> int:
    """Measure, print the tables and the goals; see the module's docstring for the options."""
    options = parse_options()
    print(describe())
    print(f"Medians of {options.rounds} interleaved rounds of {options.requests:,} requests, in processor time.\n")
    return report_goals(asyncio.run(measure(options)), options.check)


def parse_options() -> argparse.Namespace:
    made = parser(__doc__, rounds=15)
    made.add_argument("--requests", type=positive, default=1000, help="requests a round (default: %(default)s)")
    return made.parse_args()


async def measure(options: argparse.Namespace) -> list[Goal]:
    """Run the comparisons. Each prints its table and returns its goals."""
    apps = {name: import_app(spec) for name, spec in APPS.items()}
    for name, app in apps.items():
        for case in (*MEASURED, *REJECTED):
            await check_response(name, Probe(app, case))
    goals: list[Goal] = []
    for compared in (compare_apps, compare_routes, compare_hooks, compare_middleware):
        goals += await compared(apps, options.rounds, options.requests)
    return goals


def import_app(spec: str) -> ASGIApp:
    module, _, attribute = spec.partition(":")
    app: ASGIApp = getattr(import_module(module), attribute)
    return app


async def compare_checked(probes: dict[str, Probe], rounds: int, requests: int) -> Times:
    """Check the responses, then compare."""
    for name, probe in probes.items():
        await check_response(name, probe)
    return await compare(probes, rounds, requests)


async def compare_apps(apps: dict[str, ASGIApp], rounds: int, requests: int) -> list[Goal]:
    """Compare all apps by the three requests."""
    times = {}
    for case in MEASURED:
        times[case.name] = await compare({name: Probe(app, case) for name, app in apps.items()}, rounds, requests)
    rows = [[name, *(f"{median(times[case.name][name]):.1f}" for case in MEASURED)] for name in apps]
    for other in (STARLETTE, FASTAPI, RAW):
        found = [median_ratio(times[case.name][OURS], times[case.name][other]) for case in MEASURED]
        rows.append([f"**{OURS} / {other}**", *(f"**{ratio:.2f}**" for ratio in found)])
    print(table(["µs a request", *(case.name for case in MEASURED)], rows) + "\n")
    return [
        Goal(
            f"{name}, time in process, {OURS} / {STARLETTE}",
            median_ratio(times[name][OURS], times[name][STARLETTE]),
            at_most=bound,
        )
        for name, bound in AT_MOST_OF_STARLETTE.items()
    ]


async def compare_routes(apps: dict[str, ASGIApp], rounds: int, requests: int) -> list[Goal]:
    """Compare the first and the last of many routes, without and with a parameter. Starlette has no goal."""
    goals, rows = [], []
    for kind, with_parameter in (("static routes", False), ("routes with a parameter", True)):
        first, last = route_case(0, with_parameter), route_case(ROUTES - 1, with_parameter)
        for framework, app in (
            (OURS, variants.coworks_with_routes(ROUTES, with_parameter)),
            (STARLETTE, variants.starlette_with_routes(ROUTES, with_parameter)),
        ):
            probes = {f"{framework}, first route": Probe(app, first), f"{framework}, last route": Probe(app, last)}
            # Starlette's last route is slow, so fewer requests are enough.
            times = await compare_checked(probes, rounds, requests if framework == OURS else max(requests // 10, 1))
            at_first, at_last = times.values()
            ratio = median_ratio(at_last, at_first)
            rows.append([f"{framework}, {kind}", f"{median(at_first):.1f}", f"{median(at_last):.1f}", f"{ratio:.2f}"])
            if framework == OURS:
                goals.append(Goal(f"{ROUTES:,} {kind}, last / first", ratio, at_least=0.9, at_most=1.1))
    print(table([f"{ROUTES:,} routes, µs a request", "first", "last", "last / first"], rows) + "\n")
    return goals


def route_case(number: int, with_parameter: bool) -> Case:
    name = f"route {number}"
    if with_parameter:
        return Case(name, "GET", f"/r{number}/42", expected_body=b'{"item_id":42}', media_type=JSON)
    return Case(name, "GET", f"/r{number}", expected_body=b"Hello world.\n", media_type=TEXT)


async def compare_hooks(apps: dict[str, ASGIApp], rounds: int, requests: int) -> list[Goal]:
    """Measure the cost of a `before_request` with an `after_request`, for each of the three requests."""
    hooked = variants.coworks_with_hooks()
    goals, rows = [], []
    for case in MEASURED:
        probes = {"without hooks": Probe(apps[OURS], case), "with hooks": Probe(hooked, case)}
        times = await compare_checked(probes, rounds, requests)
        without, with_hooks = times.values()
        cost = median(differences(with_hooks, without))
        rows.append([case.name, f"{median(without):.1f}", f"{median(with_hooks):.1f}", f"{cost:.2f}"])
        goals.append(Goal(f"{case.name}, before_request and after_request", cost, at_most=HOOKS_AT_MOST, unit=" µs"))
    print(table(["hooks, µs a request", "without", "with", "cost"], rows) + "\n")
    return goals


async def compare_middleware(apps: dict[str, ASGIApp], rounds: int, requests: int) -> list[Goal]:
    """Compare the cost of a pure ASGI middleware that adds a header in ours and in Starlette."""
    probes = {
        OURS: Probe(apps[OURS], HELLO),
        f"{OURS} with middleware": Probe(variants.coworks_with_middleware(), HELLO),
        STARLETTE: Probe(apps[STARLETTE], HELLO),
        f"{STARLETTE} with middleware": Probe(variants.starlette_with_middleware(), HELLO),
    }
    times = await compare_checked(probes, rounds * MIDDLEWARE_ROUNDS, requests)
    costs = {name: differences(times[f"{name} with middleware"], times[name]) for name in (OURS, STARLETTE)}
    rows = [
        [
            name,
            f"{median(times[name]):.1f}",
            f"{median(times[f'{name} with middleware']):.1f}",
            f"{median(costs[name]):.2f}",
        ]
        for name in (OURS, STARLETTE)
    ]
    print(table(["pure ASGI middleware, µs a request", "without", "with", "cost"], rows) + "\n")
    more = median(differences(costs[OURS], costs[STARLETTE]))
    return [Goal("a middleware's cost in ours minus that in starlette", more, at_most=MIDDLEWARE_NOISE, unit=" µs")]


if __name__ == "__main__":
    sys.exit(main())

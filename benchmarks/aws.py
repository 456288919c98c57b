"""Time per Lambda event: CoWorks Async against Starlette and FastAPI under Mangum, in fresh processes.

    python benchmarks/aws.py [--rounds 7] [--events 2000] [--growth 100000] [--python PATH] [--check]

Each round starts a process for each app, in another order; a ratio is the median of the rounds' ratios. A warm time is
that of the median event and a cold one is processor time, which excludes other work on the machine. There is no socket:
the handler is called as Lambda's runtime calls it, with an event that was just parsed from JSON.
"""

import sys
from pathlib import Path

# The `http.py` beside this script would hide the standard library's.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import argparse
import json
import os
import subprocess
from statistics import median
from tempfile import gettempdir
from typing import Any

from benchmarks.apps import FASTAPI, OURS, STARLETTE
from benchmarks.cases import MEASURED
from benchmarks.events import WITH_LIFESPAN
from benchmarks.options import parser, positive
from benchmarks.report import Goal, median_ratio, report_goals, table
from benchmarks.server import ROOT, cores, pin

APPS = (OURS, STARLETTE, WITH_LIFESPAN, FASTAPI)
CASES = [case.name for case in MEASURED]
COLD_STARTS = 3

AT_MOST_OF_STARLETTE = {"hello": 0.50, "typed": 0.45, "json": 0.40}
AT_MOST_OF_STARLETTE_SINCE_3_13 = 0.35
AT_MOST_OF_FASTAPI = 0.25
COLD_AT_MOST = {STARLETTE: 1.15, FASTAPI: 0.40}
MEMORY_AT_MOST = 1.15
# Variation of the allocator between two measurements, in MB.
GROWTH_AT_MOST = 0.5

# As in Lambda: the process is a function, and all modules are compiled.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
ENVIRONMENT |= {"AWS_LAMBDA_FUNCTION_NAME": "bench", "PYTHONPYCACHEPREFIX": str(Path(gettempdir(), "coworks-bench"))}

# Values by measurement and app, one per round.
Figures = dict[str, dict[str, list[float]]]


def main() -> int:
    """Measure, print the tables and the goals; see the module's docstring for the options."""
    options = parse_options()
    figures = measure(options)
    print(describe_run(options))
    print(tables(figures))
    growth, _, _ = run(options.python, OURS, "grow", str(options.growth))
    more = growth["last"] - growth["first"]
    print(f"Memory of {OURS} after {options.growth // 10:,} events: {growth['first']:.1f} MB; ", end="")
    print(f"after {options.growth:,}: {growth['last']:.1f} MB.\n")
    grown = Goal(f"growth over {options.growth:,} events", more, at_most=GROWTH_AT_MOST, unit=" MB")
    return report_goals([*goals(figures, is_since_3_13(options.python)), grown], options.check)


def parse_options() -> argparse.Namespace:
    made = parser(__doc__, rounds=7)
    made.add_argument("--events", type=positive, default=2000, help="events a turn (default: %(default)s)")
    made.add_argument(
        "--growth", type=positive, default=100_000, help="events that must not grow (default: %(default)s)"
    )
    made.add_argument("--python", default=sys.executable, help="the interpreter that is measured (default: this one)")
    return made.parse_args()


def run(python: str, app: str, what: str, *count: str) -> tuple[dict[str, Any], float, float]:
    """Return the output of a fresh process, its processor time in ms and its maximum memory in MB."""
    command = [python, str(ROOT / "benchmarks" / "lambda_process.py"), app, what, *count]
    process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, preexec_fn=pin(cores()[0]))
    assert process.stdout is not None
    with process.stdout:
        printed: dict[str, Any] = json.load(process.stdout)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{app} ended with exit code {process.returncode}")
    return printed, (usage.ru_utime + usage.ru_stime) * 1000, usage.ru_maxrss / 1024


def measure(options: argparse.Namespace) -> Figures:
    """Measure the apps in turn, each in its own process."""
    figures: Figures = {}

    def add(name: str, app: str, value: float) -> None:
        figures.setdefault(name, {}).setdefault(app, []).append(value)

    for app in APPS:
        run(options.python, app, "cold")  # compile all modules
    for number in range(options.rounds):
        for turn in range(COLD_STARTS):
            for app in in_turn(number + turn):
                _, time, memory = run(options.python, app, "cold")
                add("cold", app, time)
                add("memory", app, memory)
        for app in in_turn(number):
            printed, _, _ = run(options.python, app, "warm", str(options.events))
            for name, time in printed["times"].items():
                add(name, app, time)
        print(f"Round {number + 1} of {options.rounds} is done.", file=sys.stderr)
    return figures


def in_turn(number: int) -> tuple[str, ...]:
    """Return the apps with another one first each time, so that compared apps run close together."""
    first = number % len(APPS)
    return APPS[first:] + APPS[:first]


def describe_run(options: argparse.Namespace) -> str:
    """Describe the machine, the versions of the measured interpreter, and the run."""
    command = [options.python, "-m", "benchmarks.machine"]
    machine = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return (
        f"{machine}Medians of {options.rounds} rounds, {options.events:,} events a turn, fresh processes on one core; "
        f"{WITH_LIFESPAN} is Mangum(app), Mangum's default; {STARLETTE} and {FASTAPI} are Mangum(app, "
        'lifespan="off"), which a service with connections cannot use.\n'
    )


def is_since_3_13(python: str) -> bool:
    command = [python, "-c", "import sys; print(sys.version_info >= (3, 13))"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == "True"


def tables(figures: Figures) -> str:
    """Return the tables of warm times and of cold starts."""
    rows = []
    for kind, title in (("rest", "REST API"), ("http", "HTTP API")):
        for app in APPS:
            found = [f"{median(figures[f'{kind} {case}'][app]):.1f}" for case in CASES]
            rows.append([f"{title}, {app}", *found])
        for other in APPS[1:]:
            rows.append(
                [f"**{title}, {OURS} / {other}**", *(f"**{ratio(figures, kind, case, other):.2f}**" for case in CASES)]
            )
    rows.append(
        [
            f"REST API, {OURS}, authorized by the gateway",
            *(f"{median(figures[f'marked {case}'][OURS]):.1f}" for case in CASES),
        ]
    )
    environment = [
        [app, f"{median(figures['cold'][app]):.0f}", f"{median(figures['memory'][app]):.1f}"] for app in APPS
    ]
    return (
        f"{table(['warm, µs an event', *CASES], rows)}\n\n{table(['', 'cold start, ms', 'memory, MB'], environment)}\n"
    )


def ratio(figures: Figures, kind: str, case: str, other: str) -> float:
    times = figures[f"{kind} {case}"]
    return median_ratio(times[OURS], times[other])


def goals(figures: Figures, since_3_13: bool) -> list[Goal]:
    made = []
    for other in (WITH_LIFESPAN, STARLETTE):
        for case, bound in AT_MOST_OF_STARLETTE.items():
            bound = AT_MOST_OF_STARLETTE_SINCE_3_13 if since_3_13 else bound
            made.append(Goal(f"REST, {case}, {OURS} / {other}", ratio(figures, "rest", case, other), at_most=bound))
    for case in CASES:
        found = ratio(figures, "rest", case, FASTAPI)
        made.append(Goal(f"REST, {case}, {OURS} / {FASTAPI}", found, at_most=AT_MOST_OF_FASTAPI))
    for case in CASES:
        found = median_ratio(figures[f"http {case}"][OURS], figures[f"rest {case}"][OURS])
        made.append(Goal(f"{case}, {OURS}, HTTP / REST", found, at_most=1.0))
    for other, bound in COLD_AT_MOST.items():
        found = median_ratio(figures["cold"][OURS], figures["cold"][other])
        made.append(Goal(f"cold start, {OURS} / {other}", found, at_most=bound))
    memory = median_ratio(figures["memory"][OURS], figures["memory"][STARLETTE])
    return [*made, Goal(f"memory, {OURS} / {STARLETTE}", memory, at_most=MEMORY_AT_MOST)]


if __name__ == "__main__":
    sys.exit(main())

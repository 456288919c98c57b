"""Compare CoWorks Async with Starlette and FastAPI under Mangum: time per Lambda event, cold start and memory.

    python benchmarks/aws.py [--rounds 7] [--events 2000] [--growth 100000] [--python PATH] [--check]

The handlers are called as Lambda's runtime calls them, without a socket, with events that were just parsed from JSON.
Each round starts new processes for each app, in a different order; a ratio is the median of the rounds' ratios. A warm
time is that of the median event, a cold start is processor time, so that both exclude other work on the machine.
"""

import sys
from pathlib import Path

# Replaces this script's folder, in which `http.py` would hide the standard library's.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import argparse
import json
import os
import subprocess
from dataclasses import dataclass
from statistics import median
from tempfile import gettempdir
from typing import Any

from benchmarks.apps import FASTAPI_LIFESPAN_OFF, OURS, STARLETTE_LIFESPAN_OFF, STARLETTE_MANGUM
from benchmarks.cases import MEASURED
from benchmarks.events import AUTHORIZED
from benchmarks.harness import (
    ROOT,
    Goal,
    create_parser,
    describe_interpreter,
    find_cores,
    format_table,
    median_ratio,
    pin_to,
    positive_int,
    report_goals,
    rotate,
)

APPS = (OURS, STARLETTE_LIFESPAN_OFF, STARLETTE_MANGUM, FASTAPI_LIFESPAN_OFF)
CASES = [case.name for case in MEASURED]
COLD_STARTS = 3

# Starlette with lifespan="off" has no goal: a service that opens connections cannot use it.
WARM_AT_MOST = {STARLETTE_MANGUM: 0.35, FASTAPI_LIFESPAN_OFF: 0.30}
COLD_AT_MOST = {STARLETTE_MANGUM: 1.15, FASTAPI_LIFESPAN_OFF: 0.40}
MEMORY_AT_MOST = 1.15
# In MB; the allocator may take this much without a leak.
GROWTH_AT_MOST = 0.5

# As in Lambda: a function's environment and compiled modules.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
ENVIRONMENT |= {
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "CWS_SIGNING_KEY": "k" * 32,
    "PYTHONPYCACHEPREFIX": str(Path(gettempdir(), "coworks-bench")),
}

# By name of the measured value and app: one value per round.
Measurements = dict[str, dict[str, list[float]]]


@dataclass(frozen=True)
class ProcessResult:
    """The parsed output of a `lambda_process.py`, its processor time and its peak resident memory."""

    output: dict[str, Any]
    cpu_ms: float
    memory_mb: float


def main() -> int:
    options = parse_options()
    measurements = measure(options)
    print(describe_run(options))
    print(format_results(measurements))
    growth = run_process(options.python, OURS, "grow", options.growth).output
    print(
        f"Memory of {OURS} after {options.growth // 10:,} events: {growth['first']:.1f} MB; "
        f"after {options.growth:,}: {growth['last']:.1f} MB.\n"
    )
    name, value = f"growth over {options.growth:,} events", growth["last"] - growth["first"]
    growth_goal = Goal(name, value, at_most=GROWTH_AT_MOST, unit=" MB")
    return report_goals([*create_goals(measurements), growth_goal], options.check)


def parse_options() -> argparse.Namespace:
    parser = create_parser(__doc__, rounds=7)
    parser.add_argument(
        "--events",
        type=positive_int,
        default=2000,
        help="warm-up events; five times as many are measured (default: %(default)s)",
    )
    parser.add_argument(
        "--growth", type=positive_int, default=100_000, help="events to measure memory growth (default: %(default)s)"
    )
    parser.add_argument("--python", default=sys.executable, help="interpreter of the handlers (default: this one)")
    return parser.parse_args()


def measure(options: argparse.Namespace) -> Measurements:
    """Measure all apps in turn, in a different order each round, in a new process each time."""
    measurements: Measurements = {}

    def add(name: str, app: str, value: float) -> None:
        measurements.setdefault(name, {}).setdefault(app, []).append(value)

    for app in APPS:
        run_process(options.python, app, "cold")  # compiles the modules
    for number in range(options.rounds):
        for turn in range(COLD_STARTS):
            for app in rotate(APPS, number + turn):
                result = run_process(options.python, app, "cold")
                add("cold", app, result.cpu_ms)
                add("memory", app, result.memory_mb)
        for app in rotate(APPS, number):
            for name, time in run_process(options.python, app, "warm", options.events).output.items():
                add(name, app, time)
        print(f"Round {number + 1} of {options.rounds} is done.", file=sys.stderr)
    return measurements


def run_process(python: str, app: str, mode: str, events: int = 1) -> ProcessResult:
    """Run `lambda_process.py` in a new process on the first core. Exit if it fails."""
    command = [python, str(ROOT / "benchmarks" / "lambda_process.py"), app, mode, str(events)]
    pin = pin_to(find_cores()[0])
    process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, preexec_fn=pin)
    assert process.stdout is not None
    with process.stdout:
        printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{app} ended with exit code {process.returncode}.")
    return ProcessResult(json.loads(printed), (usage.ru_utime + usage.ru_stime) * 1000, usage.ru_maxrss / 1024)


def describe_run(options: argparse.Namespace) -> str:
    """Describe the machine, the versions and the measurement."""
    return (
        f"{describe_interpreter(options.python)}\n"
        f"Medians of {options.rounds} rounds, {options.events:,} warm-up events, new processes on one core.\n"
        'Mangum(app) runs the lifespan for every event; with lifespan="off" it never does.\n'
    )


def format_results(measurements: Measurements) -> str:
    """Format the times of warm events, then cold start and memory."""
    rows = []
    for kind in ("REST API", "HTTP API"):
        rows += [[f"{kind}, {app}", *warm_times(measurements, kind, app)] for app in APPS]
        for other in APPS[1:]:
            found = [warm_ratio(measurements, kind, case, other) for case in CASES]
            rows.append([f"**{kind}, {OURS} / {other}**", *(f"**{ratio:.2f}**" for ratio in found)])
    rows.append([f"REST API, {OURS}, {AUTHORIZED}", *warm_times(measurements, f"REST API, {AUTHORIZED}", OURS)])
    starts = [
        [app, f"{median(measurements['cold'][app]):.0f}", f"{median(measurements['memory'][app]):.1f}"] for app in APPS
    ]
    warm_table = format_table(["warm, µs per event", *CASES], rows)
    return f"{warm_table}\n{format_table(['', 'cold start, ms', 'memory, MB'], starts)}"


def warm_times(measurements: Measurements, kind: str, app: str) -> list[str]:
    return [f"{median(measurements[f'{kind}, {case}'][app]):.1f}" for case in CASES]


def warm_ratio(measurements: Measurements, kind: str, case: str, other: str) -> float:
    times = measurements[f"{kind}, {case}"]
    return median_ratio(times[OURS], times[other])


def create_goals(measurements: Measurements) -> list[Goal]:
    goals = []
    for other, bound in WARM_AT_MOST.items():
        for case in CASES:
            ratio = warm_ratio(measurements, "REST API", case, other)
            goals.append(Goal(f"REST API, {case}, {OURS} / {other}", ratio, at_most=bound))
    for case in CASES:
        ratio = median_ratio(measurements[f"HTTP API, {case}"][OURS], measurements[f"REST API, {case}"][OURS])
        goals.append(Goal(f"{case}, {OURS}, HTTP API / REST API", ratio, at_most=1.02))
    for other, bound in COLD_AT_MOST.items():
        ratio = median_ratio(measurements["cold"][OURS], measurements["cold"][other])
        goals.append(Goal(f"cold start, {OURS} / {other}", ratio, at_most=bound))
    ratio = median_ratio(measurements["memory"][OURS], measurements["memory"][STARLETTE_MANGUM])
    return [*goals, Goal(f"memory, {OURS} / {STARLETTE_MANGUM}", ratio, at_most=MEMORY_AT_MOST)]


if __name__ == "__main__":
    sys.exit(main())

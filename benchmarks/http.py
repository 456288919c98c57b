"""Requests per second over HTTP: CoWorks Async against hand-written Starlette, FastAPI and raw ASGI.

    python benchmarks/http.py [--rounds 7] [--seconds 2] [--python PATH] [--check]

Every app is served by one uvicorn worker on the first core; wrk runs on the last one. The apps take turns within a
round, so that other work on the machine affects all of them; a ratio is the median of the rounds' ratios. Ratios are of
requests per second of the server's processor time. On an idle machine these are the requests per second that wrk
measures; on a shared one they exclude the time in which the server waited for its core or for wrk.
"""

import sys
from pathlib import Path

# A script's folder is first in the path, so this file would hide the standard library's `http`.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import argparse
import http.client
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from benchmarks.apps import APPS, FASTAPI, OURS, RAW, STARLETTE
from benchmarks.cases import MEASURED, REJECTED, Case
from benchmarks.options import parser, positive
from benchmarks.report import Goal, median_ratio, ratios, report_goals, table
from benchmarks.server import ROOT, Server, cores, pin, serve

CONNECTIONS = 32
# Ratios to raw ASGI. Those to the frameworks depend on the processor, so they are not goals.
AT_LEAST_OF_RAW = {"hello": 0.85, "typed": 1.0, "json": 1.0}

# A server that runs for a smaller part of the time shares its core, or waits for a client that does.
UNDISTURBED = 0.9


@dataclass(frozen=True)
class Turn:
    """The requests per second of wrk, and the part of the time in which the server ran."""

    rate: float
    busy: float

    @property
    def processor_rate(self) -> float:
        """Requests per second of the server's processor time."""
        return self.rate / self.busy


# Turns by case and app, one per round.
Turns = dict[tuple[str, str], list[Turn]]


@dataclass(frozen=True)
class Load:
    """wrk, pinned to a core, with a script for each case."""

    wrk: str
    scripts: Mapping[str, Path]
    core: int | None

    def turn(self, server: Server, case: Case, seconds: int) -> Turn:
        """Load a server for some seconds. Without a known processor time the server counts as busy."""
        start, before = time.perf_counter(), server.cpu_seconds()
        rate = self.run(server, case, seconds)
        elapsed, after = time.perf_counter() - start, server.cpu_seconds()
        return Turn(rate, 1.0 if before is None or after is None else (after - before) / elapsed)

    def run(self, server: Server, case: Case, seconds: int) -> float:
        """Run wrk and return the requests per second. A failed request is an error."""
        url = f"http://127.0.0.1:{server.port}{case.target}"
        command = [self.wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(self.scripts[case.name]), url]
        done = subprocess.run(command, check=True, capture_output=True, text=True, preexec_fn=pin(self.core))
        rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
        if rate is None or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
            raise SystemExit(f"wrk saw failed requests at {url}:\n{done.stdout}")
        return float(rate[1])


def main() -> int:
    """Measure, print the table and the goals; see the module's docstring for the options."""
    options = parse_options()
    wrk = shutil.which("wrk")
    if wrk is None:
        print("wrk is not on PATH: install it (Debian: apt-get install wrk)", file=sys.stderr)
        return 2
    server_core, client_core = cores()
    with ExitStack() as stack:
        scripts = write_scripts(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        servers = {app: stack.enter_context(serve(options.python, APPS[app], server_core)) for app in APPS}
        for app, server in servers.items():
            check_responses(app, server)
        print(f"The four apps agree on {len(MEASURED)} responses and {len(REJECTED)} errors.", file=sys.stderr)
        load = Load(wrk, scripts, client_core)
        turns = measure(servers, load, options.rounds, options.seconds)
    print(describe_run(options, turns, server_core is not None and server_core != client_core))
    print(turns_table(turns))
    return report_goals(goals(turns), options.check)


def parse_options() -> argparse.Namespace:
    made = parser(__doc__, rounds=7)
    made.add_argument("--seconds", type=positive, default=2, help="seconds a request, app and round (default: 2)")
    made.add_argument("--python", default=sys.executable, help="the interpreter that serves (default: this one)")
    return made.parse_args()


def write_scripts(folder: Path) -> dict[str, Path]:
    """Write a wrk script for each case: method, headers and body."""
    scripts = {}
    for case in MEASURED:
        lines = [f"wrk.method = {json.dumps(case.method)}"]
        lines += [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in case.headers.items()]
        if case.body:
            lines.append(f"wrk.body = {json.dumps(case.body.decode())}")
        scripts[case.name] = folder / f"{case.name}.lua"
        scripts[case.name].write_text("\n".join(lines) + "\n")
    return scripts


def check_responses(app: str, server: Server) -> None:
    """Assert that an app returns the expected response to every case, on one keep-alive connection."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        for case in (*MEASURED, *REJECTED):
            connection.request(case.method, case.target, case.body or None, case.headers)
            response = connection.getresponse()
            case.check(app, response.status, response.getheader("content-type", ""), response.read())
    finally:
        connection.close()


def measure(servers: Mapping[str, Server], load: Load, rounds: int, seconds: int) -> Turns:
    """Load the apps in turn, in another order each round, after a second of warm-up each."""
    turns: Turns = {(case.name, app): [] for case in MEASURED for app in servers}
    for case in MEASURED:
        for server in servers.values():
            load.run(server, case, 1)
    apps = list(servers)
    for number in range(rounds):
        first = number % len(apps)
        for case in MEASURED:
            for app in apps[first:] + apps[:first]:
                turns[case.name, app].append(load.turn(servers[app], case, seconds))
        print(f"Round {number + 1} of {rounds} is done.", file=sys.stderr)
    return turns


def describe_run(options: argparse.Namespace, turns: Turns, pinned: bool) -> str:
    """Describe the machine, the versions of the serving interpreter, and the run."""
    command = [options.python, "-m", "benchmarks.machine"]
    machine = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    where = "server and client each on its own core" if pinned else "server and client NOT on separate cores"
    busy = [turn.busy for taken in turns.values() for turn in taken]
    disturbed = sum(part < UNDISTURBED for part in busy)
    return (
        f"{machine}Medians of {options.rounds} interleaved rounds of {options.seconds} s, {CONNECTIONS} kept "
        f"connections, {where}.\n{disturbed} of {len(busy)} turns were disturbed by other work on the machine.\n"
    )


def turns_table(turns: Turns) -> str:
    """Return a table of requests per second, and of the median, lowest and highest ratios."""
    cases = [case.name for case in MEASURED]
    rows = []
    for app in APPS:
        taken = [turns[case, app] for case in cases]
        rows.append([f"{app}, requests/s", *(f"{median(turn.rate for turn in column):,.0f}" for column in taken)])
    for app in APPS:
        columns = [processor_rates(turns, case, app) for case in cases]
        rows.append([f"{app}, requests/s of processor time", *(f"{median(column):,.0f}" for column in columns)])
    for other in (STARLETTE, FASTAPI, RAW):
        row = [f"**{OURS} / {other}**"]
        for case in cases:
            found = ratios(processor_rates(turns, case, OURS), processor_rates(turns, case, other))
            row.append(f"**{median(found):.2f}** ({min(found):.2f} to {max(found):.2f})")
        rows.append(row)
    return table(["", *cases], rows) + "\n"


def processor_rates(turns: Turns, case: str, app: str) -> list[float]:
    return [turn.processor_rate for turn in turns[case, app]]


def goals(turns: Turns) -> list[Goal]:
    return [
        Goal(
            f"{case}, {OURS} / {RAW}",
            median_ratio(processor_rates(turns, case, OURS), processor_rates(turns, case, RAW)),
            at_least=bound,
        )
        for case, bound in AT_LEAST_OF_RAW.items()
    ]


if __name__ == "__main__":
    sys.exit(main())

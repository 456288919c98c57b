"""Compare CoWorks Async with Starlette, FastAPI and raw ASGI: requests per second over HTTP.

    python benchmarks/http.py [--rounds 7] [--seconds 2] [--python PATH] [--check]

One uvicorn worker on the first core serves each app; wrk on the last core sends the requests. The apps take turns
within a round, so that other work on the machine affects all of them. A ratio is the median of the rounds' ratios.

Ratios compare requests per second of the server's processor time. On an idle machine this equals the rate that wrk
measured; on a shared one it excludes the time in which the server waited for its core or for wrk.
"""

import sys
from pathlib import Path

# Replaces this script's folder, in which this file would hide the standard library's `http`.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import argparse
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median

from benchmarks.apps import APPS, FASTAPI, OURS, RAW, STARLETTE
from benchmarks.cases import MEASURED, REJECTED, Case
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
    ratios,
    report_goals,
    rotate,
)

CONNECTIONS = 32
START_TIMEOUT = 20.0
# Raw ASGI is the upper limit. The ratios to the frameworks depend on the processor, so they have no goal.
AT_LEAST_OF_RAW = {"hello": 0.85, "typed": 1.0, "json": 1.0}

# A loaded server that uses less of its core shares it with other work, or waits for a client that does.
UNDISTURBED = 0.9


@dataclass(frozen=True)
class Server:
    """A process that serves an app."""

    port: int
    pid: int

    def cpu_seconds(self) -> float | None:
        """Return the processor time used so far, or None if the system has no /proc."""
        stat = Path(f"/proc/{self.pid}/stat")
        if not stat.exists():
            return None
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Measurement:
    """The requests per second that wrk measured, and the share of the time in which the server ran."""

    rate: float
    busy: float

    @property
    def processor_rate(self) -> float:
        """Requests per second of the server's processor time."""
        return self.rate / self.busy


# By name of case and app: one measurement per round.
Measurements = dict[tuple[str, str], list[Measurement]]


@dataclass(frozen=True)
class LoadGenerator:
    """wrk, pinned to a core, with a script for each case."""

    wrk: str
    scripts: Mapping[str, Path]
    core: int | None

    def measure(self, server: Server, case: Case, seconds: int) -> Measurement:
        """Send requests and return the rate. Without /proc, the server counts as busy all the time."""
        start, before = time.perf_counter(), server.cpu_seconds()
        rate = self.run(server, case, seconds)
        elapsed, after = time.perf_counter() - start, server.cpu_seconds()
        return Measurement(rate, 1.0 if before is None or after is None else (after - before) / elapsed)

    def run(self, server: Server, case: Case, seconds: int) -> float:
        """Send requests and return how many succeeded per second. Exit if one failed."""
        url = f"http://127.0.0.1:{server.port}{case.target}"
        command = [self.wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(self.scripts[case.name]), url]
        done = subprocess.run(command, check=True, capture_output=True, text=True, preexec_fn=pin_to(self.core))
        rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
        if rate is None or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
            raise SystemExit(f"Requests to {url} failed. The output of wrk:\n{done.stdout}")
        return float(rate[1])


def main() -> int:
    options = parse_options()
    wrk = shutil.which("wrk")
    if wrk is None:
        print("wrk is not installed (Debian: apt-get install wrk).", file=sys.stderr)
        return 2
    server_core, client_core = find_cores()
    with ExitStack() as stack:
        scripts = write_scripts(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        servers = {app: stack.enter_context(serve(options.python, APPS[app], server_core)) for app in APPS}
        for app, server in servers.items():
            check_responses(app, server)
        print(f"All apps return the expected {len(MEASURED) + len(REJECTED)} responses.", file=sys.stderr)
        load = LoadGenerator(wrk, scripts, client_core)
        measurements = measure(servers, load, options.rounds, options.seconds)
    print(describe_run(options, measurements, server_core is not None and server_core != client_core))
    print(format_results(measurements))
    return report_goals(create_goals(measurements), options.check)


def parse_options() -> argparse.Namespace:
    parser = create_parser(__doc__, rounds=7)
    parser.add_argument(
        "--seconds", type=positive_int, default=2, help="seconds per app, case and round (default: %(default)s)"
    )
    parser.add_argument("--python", default=sys.executable, help="interpreter of the servers (default: this one)")
    return parser.parse_args()


def write_scripts(folder: Path) -> dict[str, Path]:
    """Write a wrk script for each case with its method, headers and body."""
    scripts = {}
    for case in MEASURED:
        lines = [f"wrk.method = {json.dumps(case.method)}"]
        lines += [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in case.headers.items()]
        if case.body:
            lines.append(f"wrk.body = {json.dumps(case.body.decode())}")
        scripts[case.name] = folder / f"{case.name}.lua"
        scripts[case.name].write_text("\n".join(lines) + "\n")
    return scripts


@contextmanager
def serve(python: str, app: str, core: int | None) -> Iterator[Server]:
    """Serve an app with one uvicorn worker on a free port of the loopback interface."""
    port = find_free_port()
    command = [python, "-m", "uvicorn", app, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--no-access-log", "--log-level", "warning"]
    process = subprocess.Popen(command, cwd=ROOT, preexec_fn=pin_to(core))
    try:
        wait_until_ready(process, app, port)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(process: subprocess.Popen[bytes], app: str, port: int) -> None:
    """Wait until the port is open. Exit if the server ends or does not start in time."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"Cannot serve {app}: uvicorn ended with exit code {process.returncode}.")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"Cannot serve {app}: uvicorn did not start within {START_TIMEOUT:.0f} s.")


def check_responses(app: str, server: Server) -> None:
    """Assert that an app returns the expected responses, over one keep-alive connection."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        for case in (*MEASURED, *REJECTED):
            connection.request(case.method, case.target, case.body or None, case.headers)
            response = connection.getresponse()
            case.check(app, response.status, response.getheader("content-type", ""), response.read())
    finally:
        connection.close()


def measure(servers: Mapping[str, Server], load: LoadGenerator, rounds: int, seconds: int) -> Measurements:
    """Measure all apps in turn, in a different order each round, after one second of warm-up for each case."""
    measurements: Measurements = {(case.name, app): [] for case in MEASURED for app in servers}
    for case in MEASURED:
        for server in servers.values():
            load.run(server, case, 1)
    for number in range(rounds):
        for case in MEASURED:
            for app in rotate(servers, number):
                measurements[case.name, app].append(load.measure(servers[app], case, seconds))
        print(f"Round {number + 1} of {rounds} is done.", file=sys.stderr)
    return measurements


def describe_run(options: argparse.Namespace, measurements: Measurements, pinned: bool) -> str:
    """Describe the machine, the versions and the measurement."""
    cores = "server and client on separate cores" if pinned else "server and client NOT on separate cores"
    busy = [measurement.busy for rounds in measurements.values() for measurement in rounds]
    disturbed = sum(share < UNDISTURBED for share in busy)
    return (
        f"{describe_interpreter(options.python)}\nMedians of {options.rounds} interleaved rounds of {options.seconds} "
        f"s, {CONNECTIONS} keep-alive connections, {cores}.\n"
        f"{disturbed} of {len(busy)} measurements were disturbed by other work on the machine.\n"
    )


def format_results(measurements: Measurements) -> str:
    """Format the rates, and the median ratios with the lowest and the highest round."""
    cases = [case.name for case in MEASURED]
    rows = []
    for app in APPS:
        columns = [[measurement.rate for measurement in measurements[case, app]] for case in cases]
        rows.append([f"{app}, requests/s", *(f"{median(column):,.0f}" for column in columns)])
    for app in APPS:
        columns = [processor_rates(measurements, case, app) for case in cases]
        rows.append([f"{app}, requests/s of processor time", *(f"{median(column):,.0f}" for column in columns)])
    for other in (STARLETTE, FASTAPI, RAW):
        row = [f"**{OURS} / {other}**"]
        for case in cases:
            found = ratios(processor_rates(measurements, case, OURS), processor_rates(measurements, case, other))
            row.append(f"**{median(found):.2f}** ({min(found):.2f} to {max(found):.2f})")
        rows.append(row)
    return format_table(["", *cases], rows)


def processor_rates(measurements: Measurements, case: str, app: str) -> list[float]:
    return [measurement.processor_rate for measurement in measurements[case, app]]


def create_goals(measurements: Measurements) -> list[Goal]:
    return [
        Goal(
            f"{case}, {OURS} / {RAW}",
            median_ratio(processor_rates(measurements, case, OURS), processor_rates(measurements, case, RAW)),
            at_least=bound,
        )
        for case, bound in AT_LEAST_OF_RAW.items()
    ]


if __name__ == "__main__":
    sys.exit(main())

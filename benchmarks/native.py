"""Compare the native runtime with awslambdaric, AWS's Python runtime: processor time, cold start and concurrency.

    python benchmarks/native.py [--rounds 7] [--events 500] [--python PATH] [--check]

The runtimes are processes that receive events from a Runtime API in this process. Only their own processor time is
counted. All of them run at once, and a round measures each in turn; a ratio is the median of the rounds' ratios.
"""

import sys
from pathlib import Path

# Replaces this script's folder, in which `http.py` would hide the standard library's.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import argparse
import asyncio
import ctypes
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import median
from tempfile import gettempdir

from benchmarks.cases import MEASURED
from benchmarks.events import Event, create_rest_event
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
from coworks_async.gateway.runtime_api import RuntimeApi

NATIVE = "native runtime"
RIC = "awslambdaric, coworks_async"
RIC_THREADS = "awslambdaric 3.12+, coworks_async"
FASTAPI = "awslambdaric 3.12+, fastapi, Mangum"


@dataclass(frozen=True)
class Variant:
    """A runtime and its handler. On 3.12 and later, awslambdaric polls with a thread pool for each event."""

    module: str
    handler: str
    python: str = "3.11"


VARIANTS = {
    NATIVE: Variant("coworks_async.aws.runtime", "coworks"),
    RIC: Variant("awslambdaric", "coworks"),
    RIC_THREADS: Variant("awslambdaric", "coworks", "3.12"),
    "awslambdaric, starlette, Mangum": Variant("awslambdaric", "starlette"),
    "awslambdaric 3.12+, starlette, Mangum": Variant("awslambdaric", "starlette", "3.12"),
    "awslambdaric, fastapi, Mangum": Variant("awslambdaric", "fastapi"),
    FASTAPI: Variant("awslambdaric", "fastapi", "3.12"),
}

AT_MOST = {RIC_THREADS: 0.4, FASTAPI: 0.25}
CASES = [case.name for case in MEASURED]
COLD_STARTS = 15
CONCURRENCY = 64
REQUESTS = 10  # of each poller
MEMORY_AT_MOST = 15.0  # MB for 64 pollers instead of one

# By variant: one value per round.
Times = dict[str, list[float]]


class Runtime:
    """A runtime process and its Runtime API."""

    def __init__(self, api: RuntimeApi, pid: int) -> None:
        self.api = api
        self.pid = pid
        self._clock = find_processor_clock(pid)

    async def invoke(self, event: Event) -> Event:
        result = await self.api.submit(event).result()
        if result.kind != "response":
            raise SystemExit(f"An event failed: {result.body!r}")
        response: Event = result.json()
        return response

    def processor_time(self) -> float:
        """Return the processor time of the process in seconds, with that of its ended threads."""
        return time.clock_gettime(self._clock)

    def list_processes(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]

    def memory(self, name: str) -> float:
        """Return `Rss`, or `Pss` (shared pages count once), of all processes in MB."""
        total = 0
        for pid in self.list_processes():
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
        return total / 1024


def find_processor_clock(pid: int) -> int:
    """Return the clock of a process. It is more precise than the 10 ms of `/proc`; Python has no function for it."""
    clock = ctypes.c_int()
    if error := ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock)):
        raise OSError(error, os.strerror(error))
    return clock.value


@asynccontextmanager
async def running(python: str, variant: Variant, **variables: str) -> AsyncIterator[Runtime]:
    """Run a runtime on the first core. Its processes end with this context."""
    handler = f"benchmarks.apps.lambda_{variant.handler}.handler"
    async with RuntimeApi("bench", timeout=900) as api:
        environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{variant.python}",
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "PYTHONPATH": str(ROOT),
            "PYTHONPYCACHEPREFIX": str(Path(gettempdir(), "coworks-bench")),
            "_HANDLER": handler,
            **variables,
        }
        command = [python, "-m", variant.module, handler]
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=environment, stdout=asyncio.subprocess.DEVNULL, preexec_fn=pin_to(find_cores()[0])
        )
        runtime = Runtime(api, process.pid)
        try:
            yield runtime
        finally:
            for pid in reversed(runtime.list_processes()):
                os.kill(pid, 9)
            await process.wait()


async def measure_events(python: str, rounds: int, events: int) -> dict[str, Times]:
    """Return the processor time of an event in µs, by case."""
    times: dict[str, Times] = {case: {name: [] for name in VARIANTS} for case in CASES}
    async with AsyncExitStack() as stack:
        runtimes = {
            name: await stack.enter_async_context(running(python, variant)) for name, variant in VARIANTS.items()
        }
        for case in MEASURED:
            event = create_rest_event(case)
            for runtime in runtimes.values():
                for _ in range(events):
                    await runtime.invoke(event)
            for number in range(rounds):
                for name in rotate(VARIANTS, number):
                    start = runtimes[name].processor_time()
                    for _ in range(events):
                        assert (await runtimes[name].invoke(event))["statusCode"] == 200
                    spent = runtimes[name].processor_time() - start
                    times[case.name][name].append(spent / events * 1e6)
            print(f"Events of {case.name!r} are done.", file=sys.stderr)
    return times


async def measure_starts(python: str) -> Times:
    """Return the processor time in ms of a new process until its first response."""
    names = (NATIVE, RIC, RIC_THREADS, FASTAPI)
    times: Times = {name: [] for name in names}
    event = create_rest_event(MEASURED[0])
    for number in range(COLD_STARTS):
        for name in rotate(names, number):
            async with running(python, VARIANTS[name]) as runtime:
                await runtime.invoke(event)
                times[name].append(runtime.processor_time() * 1000)
    return times


@dataclass
class PoolServer:
    """Responds to each byte after 50 ms. `peak` is the largest number of requests at once."""

    now: int = 0
    peak: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1):
            self.now += 1
            self.peak = max(self.peak, self.now)
            await asyncio.sleep(0.05)
            self.now -= 1
            writer.write(b"!")
        writer.close()


@dataclass(frozen=True)
class Load:
    """What a runtime needed for the requests of the concurrency test."""

    processes: int
    pools: int
    peak: int
    seconds: float
    rss: float
    pss: float


async def measure_load(python: str, variant: Variant, concurrency: int) -> Load:
    """Send as many requests at once as the runtime takes, to an entry that waits 50 ms for its pool."""
    pool_server = PoolServer()
    server = await asyncio.start_server(pool_server.serve, "127.0.0.1", 0)
    port = str(server.sockets[0].getsockname()[1])
    event = create_rest_event(MEASURED[0])
    async with (
        server,
        running(python, variant, POOL_PORT=port, AWS_LAMBDA_MAX_CONCURRENCY=str(concurrency)) as runtime,
    ):
        while runtime.api.polling < concurrency:  # noqa: ASYNC110 - the API has no event for it
            await asyncio.sleep(0.01)
        # The lifespan starts, and the pools open their connections.
        await asyncio.gather(*(runtime.invoke(event) for _ in range(2 * concurrency)))
        start = time.perf_counter()
        results = await asyncio.gather(*(runtime.invoke(event) for _ in range(REQUESTS * concurrency)))
        seconds = time.perf_counter() - start
        pools = {result["body"] for result in results}
        processes = len(runtime.list_processes())
        return Load(processes, len(pools), pool_server.peak, seconds, runtime.memory("Rss"), runtime.memory("Pss"))


async def measure_loads(python: str) -> dict[str, Load]:
    variants = {
        f"{NATIVE}, 1 poller": (Variant("coworks_async.aws.runtime", "pool"), 1),
        f"{NATIVE}, {CONCURRENCY} pollers": (Variant("coworks_async.aws.runtime", "pool"), CONCURRENCY),
        f"awslambdaric, {CONCURRENCY} workers": (Variant("awslambdaric", "pool"), CONCURRENCY),
    }
    return {name: await measure_load(python, *parameters) for name, parameters in variants.items()}


def format_events(times: dict[str, Times]) -> str:
    rows = [[name, *(f"{median(times[case][name]):.0f}" for case in CASES)] for name in VARIANTS]
    for other in VARIANTS:
        if other != NATIVE:
            found = [median_ratio(times[case][NATIVE], times[case][other]) for case in CASES]
            rows.append([f"**{NATIVE} / {other}**", *(f"**{ratio:.2f}**" for ratio in found)])
    return format_table(["processor time, µs per event", *CASES], rows)


def format_loads(loads: dict[str, Load]) -> str:
    header = [f"{REQUESTS} requests of 50 ms per poller", "processes", "pools", "in flight", "s", "RSS, MB", "PSS, MB"]
    rows = []
    for name, load in loads.items():
        counts = [str(number) for number in (load.processes, load.pools, load.peak)]
        rows.append([name, *counts, f"{load.seconds:.2f}", f"{load.rss:.1f}", f"{load.pss:.1f}"])
    return format_table(header, rows)


def create_goals(times: dict[str, Times], starts: Times, loads: dict[str, Load]) -> list[Goal]:
    goals = [
        Goal(f"{case}, {NATIVE} / {other}", median_ratio(times[case][NATIVE], times[case][other]), at_most=bound)
        for other, bound in AT_MOST.items()
        for case in CASES
    ]
    one, many, _ = loads.values()
    return [
        *goals,
        Goal(f"cold start, {NATIVE} / {RIC_THREADS}", median_ratio(starts[NATIVE], starts[RIC_THREADS]), at_most=1.0),
        Goal("requests in flight", many.peak, at_least=CONCURRENCY),
        Goal("pools", many.pools, at_most=1),
        Goal(
            f"memory of {CONCURRENCY} pollers over that of one", many.rss - one.rss, at_most=MEMORY_AT_MOST, unit=" MB"
        ),
    ]


async def run(options: argparse.Namespace) -> int:
    times = await measure_events(options.python, options.rounds, options.events)
    starts = await measure_starts(options.python)
    loads = await measure_loads(options.python)
    print(describe_interpreter(options.python))
    print(f"Medians of {options.rounds} rounds of {options.events:,} events, the runtimes on one core.\n")
    print(format_events(times))
    print(format_table(["", "cold start, ms"], [[name, f"{median(found):.0f}"] for name, found in starts.items()]))
    print(format_loads(loads))
    return report_goals(create_goals(times, starts, loads), options.check)


def main() -> int:
    parser = create_parser(__doc__, rounds=7)
    parser.add_argument("--events", type=positive_int, default=500, help="events per round (default: %(default)s)")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the runtimes (default: this one)")
    options = parser.parse_args()
    if cores := find_cores()[1]:
        os.sched_setaffinity(0, {cores})
    return asyncio.run(run(options))


if __name__ == "__main__":
    sys.exit(main())

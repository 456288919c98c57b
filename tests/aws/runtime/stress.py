"""Many invocations of the native runtime through the Runtime API simulator, with faults at random.

The kinds of requests, the connections that break and the callers that leave depend on a seed. Each invocation must have
exactly one result, and each event must run exactly once.
"""

import asyncio
import gc
import logging
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coworks_async import TechMicroService, entry
from coworks_async.aws.runtime.client import RuntimeClient
from coworks_async.aws.runtime.context import FunctionInfo
from coworks_async.aws.runtime.poller import Poller
from coworks_async.aws.runtime.stream import read_callers
from coworks_async.gateway.events import alb_event, url_event
from coworks_async.gateway.invocation import Invocation
from coworks_async.gateway.messages import HttpRequest, HttpResponse
from coworks_async.gateway.native_responses import FunctionError, read_response
from coworks_async.gateway.runtime_api import Fault, FaultPoint, RuntimeApi

# Seconds. All events of a function have the same timeout. A request that hangs gets a 504 at half of it.
TIMEOUT = 10.0
MARGIN = 5.0

POLLERS = 64

# Of all requests to the Runtime API, and of all chunks.
FAULT_RATE = 0.01

FAULTS: dict[FaultPoint, list[Fault]] = {
    "next": ["cut", "error"],
    "response": ["cut", "error"],
    "chunk": ["cut", "slow"],
    "accepted": ["cut", "error"],
}

# Paths, and how often each is requested. Through a load balancer the response is buffered, or else streamed.
KINDS = {
    ("alb", "value"): 300,
    ("alb", "stream"): 100,
    ("alb", "fail"): 20,
    ("alb", "hang"): 1,
    ("url", "value"): 200,
    ("url", "stream"): 300,
    ("url", "late"): 30,
    ("url", "leave"): 30,
    ("url", "slow"): 18,
    ("url", "hang"): 1,
}


@dataclass
class Report:
    """What happened.

    Attributes:
        outcomes: the results by caller and kind: a status, `cut` for a stream that broke off, `left`.
        faults: those that were injected.
        memory: the resident memory in megabytes after each tenth of the invocations.
        objects: the objects that the garbage collector knows then, after a collection.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    memory: list[float] = field(default_factory=list)
    objects: list[int] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def growth(self) -> float:
        """Megabytes by which the memory has grown in the second half."""
        return self.memory[-1] - self.memory[4]

    def lines(self) -> Iterator[str]:
        count = sum(self.outcomes.values())
        yield f"{count} invocations in {self.seconds:.1f} s, {self.faults.total()} faults"
        yield from (f"  {name}: {number}" for name, number in sorted(self.faults.items()))
        yield from (f"  {name}: {number}" for name, number in sorted(self.outcomes.items()))
        yield f"memory: {', '.join(f'{size:.1f}' for size in self.memory)} MB"
        yield f"objects: {', '.join(map(str, self.objects))}"


class Stressed(TechMicroService):
    """Counts the runs of each event, and the generators that are open."""

    lambda_timeout_margin = MARGIN

    def __init__(self, count: int) -> None:
        super().__init__(name="stressed")
        # By number. A bytearray does not grow, and the memory is measured.
        self.runs = bytearray(count + 1)
        self.open = 0

    @entry(no_auth=True)
    async def get_value(self, number: int):
        self.runs[number] += 1
        return {"number": number}

    @entry(no_auth=True)
    async def get_fail(self, number: int):
        self.runs[number] += 1
        raise LookupError(number)

    @entry(no_auth=True)
    async def get_hang(self, number: int):
        self.runs[number] += 1
        await asyncio.sleep(60)

    @entry(no_auth=True)
    async def get_stream(self, number: int):
        return self.produce(number, 5)

    @entry(no_auth=True)
    async def get_slow(self, number: int):
        return self.produce(number, 5)

    @entry(no_auth=True)
    async def get_leave(self, number: int):
        return self.produce(number, 1_000_000)

    @entry(no_auth=True)
    async def get_late(self, number: int):
        return self.produce(number, 2, fails=True)

    async def produce(self, number: int, count: int, *, fails: bool = False) -> AsyncIterator[str]:
        self.runs[number] += 1
        self.open += 1
        try:
            for index in range(count):
                yield f"{number}.{index} "
                await asyncio.sleep(0)
            if fails:
                raise LookupError(number)
        finally:
            self.open -= 1


class Stress:
    """One run."""

    def __init__(self, count: int, seed: int) -> None:
        self.count = count
        # Apart, so that a seed always gives the same requests.
        self.kinds, self.random = random.Random(seed), random.Random(seed)
        self.report = Report()
        self.app = Stressed(count)
        self.lost: list[str] = []

    async def run(self) -> Report:
        """Make the invocations. Raise an `AssertionError` if a result is missing or wrong."""
        begin = time.monotonic()
        tasks_before = asyncio.all_tasks()
        handler = self.app.lambda_handler
        handler.streaming_callers = read_callers({"CWS_STREAM": "url"})
        async with RuntimeApi("stressed", timeout=TIMEOUT, inject=self.inject) as api:
            function = FunctionInfo.read({"AWS_LAMBDA_FUNCTION_NAME": "stressed"})
            pollers = [
                Poller(RuntimeClient(api.address), handler, function, lambda error: None, is_alone=False)
                for _ in range(POLLERS)
            ]
            polling = [asyncio.create_task(poller.run()) for poller in pollers]
            await self.invoke_all(api)
            for poller in pollers:
                poller.stop()
            await asyncio.gather(*polling)
            await handler.lifespan.stop()
        assert (api.waiting, api.polling) == (0, 0), f"waiting: {api.waiting} events, {api.polling} pollers"
        self.check()
        assert asyncio.all_tasks() == tasks_before, "tasks are left"
        self.report.seconds = time.monotonic() - begin
        return self.report

    def inject(self, point: FaultPoint) -> Fault | None:
        if self.random.random() >= FAULT_RATE:
            return None
        fault = self.random.choice(FAULTS[point])
        self.report.faults[f"{point} {fault}"] += 1
        return fault

    async def invoke_all(self, api: RuntimeApi) -> None:
        waiting = iter(range(1, self.count + 1))

        async def call() -> None:
            for number in waiting:
                await self.invoke(api, number)
                if number % (self.count // 10) == 0:
                    gc.collect()
                    self.report.memory.append(resident_megabytes())
                    self.report.objects.append(len(gc.get_objects()))

        async with asyncio.TaskGroup() as group:
            for _ in range(POLLERS):
                group.create_task(call())

    async def invoke(self, api: RuntimeApi, number: int) -> None:
        [(via, kind)] = self.kinds.choices([*KINDS], [*KINDS.values()])
        request = HttpRequest("GET", f"/{kind}/{number}", headers=(("host", "abc.lambda-url.eu-west-1.on.aws"),))
        event = alb_event(request) if via == "alb" else url_event(request)
        outcome = await self.read(api.submit(event), via, kind, number)
        self.report.outcomes[f"{via} {kind} {outcome}"] += 1

    async def read(self, invocation: Invocation, via: str, kind: str, number: int) -> str:
        """Read a response as a client of this kind, check it, and return the outcome."""
        try:
            response = await read_response(via, "GET", invocation)
            if isinstance(response, HttpResponse):
                check_body(kind, response.status, response.body.decode(), number)
                return str(response.status)
            body = response.head.body
            async for chunk in response.chunks:
                body += chunk
                if kind == "leave":
                    invocation.abandon()
                if kind == "slow":
                    await asyncio.sleep(0.02)
            await response.check_end()
        except FunctionError as error:
            if kind == "late" and str(error) == str(number):
                return "error"
            if via == "alb":
                self.lost.append(f"/{kind}/{number}: {error}")
            return "left" if invocation.is_abandoned else "cut"
        check_body(kind, response.head.status, body.decode(), number)
        return str(response.head.status)

    def check(self) -> None:
        wrong = {number: runs for number, runs in enumerate(self.app.runs) if runs != 1 and number}
        assert not wrong, f"events did not run once: {wrong}"
        assert self.report.outcomes.total() == self.count, "responses were lost"
        assert self.app.open == 0, "generators are open"
        cuts = sum(number for name, number in self.report.outcomes.items() if name.endswith("cut"))
        causes = ("response cut", "response error", "chunk cut")
        assert cuts <= sum(self.report.faults[name] for name in causes), "streams broke without a fault"
        assert not self.lost, f"buffered responses were lost: {self.lost[:5]}"


def check_body(kind: str, status: int, body: str, number: int) -> None:
    """Check that a complete response is the one of this event."""
    expected: dict[str, tuple[int, str]] = {
        "value": (200, f'{{"number":{number}}}'),
        "stream": (200, "".join(f"{number}.{index} " for index in range(5))),
        "slow": (200, "".join(f"{number}.{index} " for index in range(5))),
        "fail": (500, ""),
        "hang": (504, ""),
    }
    assert kind in expected, f"a complete response to /{kind}/{number}: {status}"
    assert (status, body if status == 200 else "") == expected[kind], f"/{kind}/{number}: {status} {body[:200]}"


def resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1024 / 1024


@contextmanager
def quiet() -> Iterator[None]:
    """Do not log the faults."""
    loggers: list[Any] = [logging.getLogger(name) for name in ("coworks_async.runtime", "stressed")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


async def stress(count: int, seed: int) -> Report:
    """Make a number of invocations. Raise an `AssertionError` if a result is missing or wrong."""
    with quiet():
        return await Stress(count, seed).run()

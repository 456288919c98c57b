"""A fresh process that imports a Lambda handler, passes events to it, and prints the times as JSON.

    python benchmarks/lambda_process.py HANDLER cold | warm EVENTS | grow EVENTS

`aws.py` starts it.
"""

import sys
from pathlib import Path

sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import gc
import json
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any, cast

from benchmarks.apps import OURS, STARLETTE
from benchmarks.cases import MEASURED, Case
from benchmarks.events import WITH_LIFESPAN, Context, Event, copies, http_event, rest_event

Handler = Callable[[Event, Any], dict[str, Any]]
TURNS = 5


def create_handler(name: str) -> Handler:
    """Return the handler of an app. Mangum runs the lifespan at every event, or never."""
    if name == OURS:
        from benchmarks.apps import coworks_app

        ours: Handler = coworks_app.app.lambda_handler
        return ours
    from mangum import Mangum

    if name in (STARLETTE, WITH_LIFESPAN):
        from benchmarks.apps import starlette_app

        return cast(Handler, Mangum(starlette_app.app, lifespan="off" if name == STARLETTE else "on"))
    from benchmarks.apps import fastapi_app

    return cast(Handler, Mangum(fastapi_app.app, lifespan="off"))


def cold(name: str) -> None:
    """Handle one event. The parent process measures this one from start to end."""
    result = create_handler(name)(rest_event(MEASURED[0]), Context())
    assert result["statusCode"] == 200
    print("{}", flush=True)


def warm(name: str, number: int) -> None:
    """Print the µs per event of each kind."""
    handler = create_handler(name)
    times = {}
    for case in MEASURED:
        events = {"rest": rest_event(case), "http": http_event(case)}
        if name == OURS:
            events["marked"] = rest_event(case, marked=True)
        for kind, event in events.items():
            check(name, case, handler, event)
            times[f"{kind} {case.name}"] = time_events(handler, event, number)
    print(json.dumps({"times": times}))


def check(name: str, case: Case, handler: Handler, event: Event) -> None:
    """Assert that the response is the expected one."""
    result = handler(event, Context())
    headers = {key: value for key, [value] in result.get("multiValueHeaders", {}).items()} | result.get("headers", {})
    body = result["body"].encode()
    case.check(name, result["statusCode"], headers["content-type"], body)


def time_events(handler: Handler, event: Event, number: int) -> float:
    """Return the median µs per event, which excludes other work on the machine.

    Each event is parsed from JSON just before, as a runtime does, after a warm-up of the interpreter.
    """
    text, context = json.dumps(event), Context()
    for _ in range(number):
        handler(json.loads(text), context)
    times = []
    for _ in range(number * TURNS):
        one = json.loads(text)
        start = perf_counter()
        handler(one, context)
        times.append(perf_counter() - start)
    return median(times) * 1e6


def grow(name: str, number: int) -> None:
    """Print the resident memory after a tenth of the events and after all of them."""

    handler, context = create_handler(name), Context()
    kinds = [make(case) for case in MEASURED for make in (rest_event, http_event)]
    memory = []
    for turn in range(10):
        for _ in range(number // 600):
            for event in (one for kind in kinds for one in copies(kind, 10)):
                handler(event, context)
        if turn in (0, 9):
            gc.collect()
            memory.append(resident())
    print(json.dumps({"first": memory[0], "last": memory[1]}))


def resident() -> float:
    """Return the resident memory of this process in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / (1024 if sys.platform == "darwin" else 1)


if __name__ == "__main__":
    _, app, what, *count = sys.argv
    if what == "cold":
        cold(app)
    else:
        {"warm": warm, "grow": grow}[what](app, int(count[0]))

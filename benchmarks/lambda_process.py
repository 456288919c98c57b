"""Call a Lambda handler in a new process and print the measurements as JSON. Started by `aws.py`.

python benchmarks/lambda_process.py APP cold|warm|grow EVENTS
"""

import sys
from pathlib import Path

# Replaces this script's folder, in which `http.py` would hide the standard library's.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import gc
import json
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any, cast

from benchmarks.apps import OURS, STARLETTE_LIFESPAN_OFF, STARLETTE_MANGUM
from benchmarks.cases import MEASURED, TOKEN, Case
from benchmarks.events import AUTHORIZED, METHOD_ARN, Context, Event, create_http_event, create_rest_event

Handler = Callable[[Event, Any], dict[str, Any]]
MEASURED_PER_WARM_UP = 5


def create_handler(app: str) -> Handler:
    """Import an app and return its handler. The imports are local: a cold start must not include other apps."""
    if app == OURS:
        from benchmarks.apps import coworks_app

        ours: Handler = coworks_app.app.lambda_handler
        return ours
    from mangum import Mangum

    if app in (STARLETTE_MANGUM, STARLETTE_LIFESPAN_OFF):
        from benchmarks.apps import starlette_app

        return cast(Handler, Mangum(starlette_app.app, lifespan="auto" if app == STARLETTE_MANGUM else "off"))
    from benchmarks.apps import fastapi_app

    return cast(Handler, Mangum(fastapi_app.app, lifespan="off"))


def handle_one(app: str, events: int) -> dict[str, float]:
    """Handle one event. The parent process measures the whole process."""
    assert create_handler(app)(create_rest_event(MEASURED[0]), Context())["statusCode"] == 200
    return {}


def measure_times(app: str, events: int) -> dict[str, float]:
    """Return the time in µs of an event of each kind and case."""
    handler = create_handler(app)
    times = {}
    for case in MEASURED:
        kinds = {"REST API": create_rest_event(case), "HTTP API": create_http_event(case)}
        if app == OURS:
            kinds[f"REST API, {AUTHORIZED}"] = create_rest_event(case, authorizer=authorize(handler))
        for kind, event in kinds.items():
            check_response(app, case, handler(event, Context()))
            times[f"{kind}, {case.name}"] = measure_time(handler, event, events)
    return times


def authorize(handler: Handler) -> dict[str, str]:
    """Return what a REST API adds to requests once it has called the authorizer."""
    event = {"type": "TOKEN", "authorizationToken": TOKEN, "methodArn": METHOD_ARN}
    result = handler(event, Context())
    return {**result["context"], "principalId": result["principalId"]}


def check_response(app: str, case: Case, result: dict[str, Any]) -> None:
    headers = {key: value for key, [value] in result.get("multiValueHeaders", {}).items()} | result.get("headers", {})
    case.check(app, result["statusCode"], headers["content-type"], result["body"].encode())


def measure_time(handler: Handler, event: Event, events: int) -> float:
    """Return the median time of an event in µs, which excludes other work on the machine.

    Each event is parsed from JSON just before, as a runtime does. The events before the measured ones let the
    interpreter specialize the code.
    """
    text, context = json.dumps(event), Context()
    for _ in range(events):
        handler(json.loads(text), context)
    times = []
    for _ in range(events * MEASURED_PER_WARM_UP):
        parsed = json.loads(text)
        start = perf_counter()
        handler(parsed, context)
        times.append(perf_counter() - start)
    return median(times) * 1e6


def measure_growth(app: str, events: int) -> dict[str, float]:
    """Return the resident memory in MB after a tenth of the events and after all of them."""
    handler, context = create_handler(app), Context()
    texts = [json.dumps(create(case)) for case in MEASURED for create in (create_rest_event, create_http_event)]
    memory = []
    for _ in range(10):
        for _ in range(events // (10 * len(texts))):
            for text in texts:
                handler(json.loads(text), context)
        gc.collect()
        memory.append(resident_memory())
    return {"first": memory[0], "last": memory[-1]}


def resident_memory() -> float:
    """Return the resident memory of this process in MB, or its peak if the system has no /proc."""
    status = Path("/proc/self/status")
    if status.exists():
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1]) / 1024
    import resource  # not part of a cold start on Linux

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / (1024 if sys.platform == "darwin" else 1)


if __name__ == "__main__":
    _, app, mode, events = sys.argv
    run = {"cold": handle_one, "warm": measure_times, "grow": measure_growth}[mode]
    print(json.dumps(run(app, int(events))), flush=True)

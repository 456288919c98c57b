"""Time requests to an ASGI app in process, without a socket."""

import gc
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from time import process_time
from typing import Any

from benchmarks.cases import Case

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Message, Receive, Send], Awaitable[None]]

# Microseconds a request of each probe, round by round.
Times = dict[str, list[float]]


@dataclass(frozen=True)
class Probe:
    """An app and the request to send to it."""

    app: ASGIApp
    case: Case


async def compare(probes: Mapping[str, Probe], rounds: int, requests: int) -> Times:
    """Time the probes in turn, in another order each round, and return the µs per request of each."""
    times: Times = {name: [] for name in probes}
    names = list(probes)
    for probe in probes.values():
        await time_requests(probe, requests)  # warm-up: the interpreter specializes code it has run
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            times[name].append(await time_requests(probes[name], requests))
    print(f"Done: {', '.join(names)}.", file=sys.stderr)
    return times


async def time_requests(probe: Probe, requests: int) -> float:
    """Return the mean processor time of a request in µs. Scopes are created before; garbage collection is included."""
    scopes = [make_scope(probe.case) for _ in range(requests)]
    app, receive = probe.app, make_receive(probe.case)
    gc.collect()
    start = process_time()
    for scope in scopes:
        await app(scope, receive, ignore)
    return (process_time() - start) / requests * 1e6


async def check_response(name: str, probe: Probe) -> None:
    """Assert that the app returns the expected response."""
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await probe.app(make_scope(probe.case), make_receive(probe.case), keep)
    headers = dict(messages[0]["headers"])
    body = b"".join(message.get("body", b"") for message in messages[1:])
    probe.case.check(name, messages[0]["status"], headers.get(b"content-type", b"").decode(), body)


def make_scope(case: Case) -> Message:
    """Return the scope that uvicorn would create for the case."""
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


def make_receive(case: Case) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": case.body, "more_body": False}

    return receive


async def ignore(message: Message) -> None:
    """Discard a message."""

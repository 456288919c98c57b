"""What the tests of profiles share: their trees, by names, and what requests call and wait for."""

import asyncio
import re
import time
from typing import Any

from coworks_async.blueprints.profiler_calls import Call, label

_C = re.compile(r"<(?:built-in method (?:\w+\.)*(\w+)|method '(\w+)' of '\w+' objects)>")


def name_of(call: Call) -> str:
    name = label(call.function)[2]
    found = _C.fullmatch(name)
    return found[1] or found[2] if found else name.rpartition(".")[2]


def tree(call: Call) -> dict[str, Any]:
    """What called what, by names."""
    return {name_of(child): tree(child) for child in call.children.values()}


def find(call: Call, name: str) -> Call:
    """The one call of this name in a tree."""
    left, found = [call], []
    while left:
        one = left.pop()
        left += one.children.values()
        found += [child for child in one.children.values() if name_of(child) == name]
    [only] = found
    return only


def held_up(told: list[float]) -> asyncio.Future[None]:
    """Return a future that is done a while after the one who awaits it is suspended.

    `told` gets the seconds of that while: whatever else the machine does, who awaited has waited for no less.
    """
    loop = asyncio.get_running_loop()
    future = loop.create_future()

    def release() -> None:
        started = time.perf_counter()
        time.sleep(0.01)
        told.append(time.perf_counter() - started)
        future.set_result(None)

    loop.call_soon(release)
    return future


def nothing() -> None:
    """It is called, and that is all."""

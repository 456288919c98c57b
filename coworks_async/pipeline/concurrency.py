"""Run async functions on the event loop and sync functions in a thread."""

import functools
import inspect
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeVar

from anyio import to_thread
from starlette.concurrency import run_in_threadpool

from coworks_async._compat import is_async_callable
from coworks_async.types import Function

if TYPE_CHECKING:
    from anyio import CapacityLimiter
    from anyio.lowlevel import RunVar

T = TypeVar("T")

AsyncFunction = Callable[..., Awaitable[Any]]

AUTHORIZER_THREADS = 40
"""Maximum number of threads in which sync authorizers run. AnyIO has the same maximum for all other functions."""


class ThreadLimit:
    """Runs functions in at most `maximum` threads at a time on each event loop, apart from those of other functions."""

    def __init__(self, name: str, maximum: int) -> None:
        self.name = name
        self.maximum = maximum
        self._limiter: RunVar[CapacityLimiter] | None = None

    async def run(self, function: Callable[..., T], /, *args: Any) -> T:
        # Lambda cold start: these imports take 5 ms, and most functions need neither.
        from anyio import CapacityLimiter
        from anyio.lowlevel import RunVar

        self._limiter = self._limiter or RunVar(self.name)
        try:
            limiter = self._limiter.get()
        except LookupError:
            limiter = CapacityLimiter(self.maximum)
            self._limiter.set(limiter)
        return await to_thread.run_sync(function, *args, limiter=limiter)


_authorizers = ThreadLimit("coworks_authorizers", AUTHORIZER_THREADS)


def ensure_async(function: Function) -> AsyncFunction:
    """Make a function awaitable. A sync one runs in a thread, unless it only creates a generator or a coroutine."""
    return _ensure_async(function, _call_in_thread)


def ensure_async_authorizer(rule: Function) -> AsyncFunction:
    """Make an authorizer awaitable. Sync entries that block all their threads do not delay a sync authorizer."""
    return _ensure_async(rule, _authorize_in_thread)


def _ensure_async(function: Function, call_in_thread: AsyncFunction) -> AsyncFunction:
    if is_async_callable(function):
        return function
    original = inspect.unwrap(function)
    if any(test(function) or test(original) for test in _ASYNC_FACTORIES):
        return functools.partial(_call, function)
    return functools.partial(call_in_thread, function)


_ASYNC_FACTORIES = (inspect.isasyncgenfunction, inspect.isgeneratorfunction, is_async_callable)


async def _call(function: Function, /, *args: Any, **kwargs: Any) -> Any:
    result = function(*args, **kwargs)
    return await result if isawaitable(result) else result


async def _call_in_thread(function: Function, /, *args: Any, **kwargs: Any) -> Any:
    result = await run_in_threadpool(functools.partial(function, *args, **kwargs))
    return await result if isawaitable(result) else result


async def _authorize_in_thread(rule: Function, /, token: str) -> Any:
    result = await _authorizers.run(rule, token)
    return await result if isawaitable(result) else result

"""Run async functions on the event loop and sync functions in a thread."""

import functools
import inspect
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from starlette.concurrency import run_in_threadpool

from coworks_async._compat import is_async_callable
from coworks_async.types import Function

AsyncFunction = Callable[..., Awaitable[Any]]

AUTHORIZER_THREADS = 40
"""Maximum number of threads in which sync authorizers run. AnyIO has the same maximum for all other functions."""

# By event loop, as AnyIO's own limiter.
_authorizer_limiter: RunVar[CapacityLimiter] = RunVar("coworks_authorizer_limiter")


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
    try:
        limiter = _authorizer_limiter.get()
    except LookupError:
        limiter = CapacityLimiter(AUTHORIZER_THREADS)
        _authorizer_limiter.set(limiter)
    result = await to_thread.run_sync(rule, token, limiter=limiter)
    return await result if isawaitable(result) else result

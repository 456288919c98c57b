"""Run async functions on the event loop and sync functions in a thread."""

import functools
import inspect
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

from starlette.concurrency import run_in_threadpool

from coworks_async._compat import is_async_callable
from coworks_async.types import Function

AsyncFunction = Callable[..., Awaitable[Any]]


def ensure_async(function: Function) -> AsyncFunction:
    """Make a function awaitable. A sync one runs in a thread, unless it only creates a generator or a coroutine."""
    if is_async_callable(function):
        return function
    original = inspect.unwrap(function)
    if any(test(function) or test(original) for test in _ASYNC_FACTORIES):
        return functools.partial(_call, function)
    return functools.partial(_call_in_thread, function)


_ASYNC_FACTORIES = (inspect.isasyncgenfunction, inspect.isgeneratorfunction, is_async_callable)


async def _call(function: Function, /, *args: Any, **kwargs: Any) -> Any:
    result = function(*args, **kwargs)
    return await result if isawaitable(result) else result


async def _call_in_thread(function: Function, /, *args: Any, **kwargs: Any) -> Any:
    result = await run_in_threadpool(functools.partial(function, *args, **kwargs))
    return await result if isawaitable(result) else result

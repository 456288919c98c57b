"""Async entries run on the event loop, sync entries in a thread, decorated ones, too."""

import functools
import threading
from collections.abc import Callable
from typing import Any

import anyio

from coworks_async import TechMicroService, entry, request
from tests.clients import Connect
from tests.pipeline.checks import assert_hidden_500


def in_loop() -> bool:
    """Return whether an event loop runs in this thread."""
    try:
        anyio.get_current_task()
    except anyio.NoEventLoopError:
        return False
    return True


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function in a sync one, as decorators do."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


class Service(TechMicroService):
    @entry(no_auth=True)
    async def get_async(self, name: str = ""):
        return [in_loop(), name, request.url.path]

    @entry(no_auth=True)
    def get_sync(self, name: str = ""):
        return [in_loop(), name, request.url.path]

    @entry(no_auth=True)
    @wrapped
    async def get_wrapped_async(self, name: str = ""):
        return [in_loop(), name, request.url.path]

    @entry(no_auth=True)
    @wrapped
    def get_wrapped_sync(self, name: str = ""):
        return [in_loop(), name, request.url.path]

    @entry(no_auth=True)
    @wrapped
    async def get_wrapped_generator(self, name: str = ""):
        yield f"{in_loop()} {name}"

    @entry(no_auth=True)
    def get_awaitable(self, name: str = ""):
        assert not in_loop()
        return self.get_async(name)

    @entry(no_auth=True)
    def get_stop(self):
        raise StopIteration


def test_async_entries_run_on_the_event_loop_and_sync_entries_in_a_thread(connect: Connect):
    client = connect(Service())
    for path, loop in [("/async", True), ("/sync", False), ("/wrapped/async", True), ("/wrapped/sync", False)]:
        assert client.get(f"{path}?name=a").json() == [loop, "a", path]
    assert client.get("/wrapped/generator?name=a").text == "True a"


def test_an_awaitable_result_of_a_sync_entry_is_awaited(connect: Connect):
    assert connect(Service()).get("/awaitable?name=a").json() == [True, "a", "/awaitable"]


def test_a_stop_iteration_from_a_thread_is_a_500(connect: Connect):
    assert_hidden_500(connect(Service()).get("/stop"))


def test_hooks_and_handlers_may_be_callable_objects(connect: Connect):
    class Hook:
        def __init__(self) -> None:
            self.threads: set[bool] = set()

        def __call__(self, *args: Any) -> Any:
            self.threads.add(threading.current_thread() is threading.main_thread() or in_loop())
            return args[0] if args else None

    class AsyncHook(Hook):
        async def __call__(self, *args: Any) -> Any:
            return super().__call__(*args)

    sync_hook, async_hook = Hook(), AsyncHook()
    app = Service()
    app.before_request(sync_hook)
    app.before_request(functools.partial(async_hook))
    app.after_request(sync_hook)
    app.after_request(async_hook)
    assert connect(app).get("/async").status_code == 200
    assert (sync_hook.threads, async_hook.threads) == ({False}, {True})

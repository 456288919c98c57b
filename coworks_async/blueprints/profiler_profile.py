"""The profile of one request: what runs for it is written down, while other requests are answered in between."""

import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Generator
from time import perf_counter, time
from typing import Any, cast

from coworks_async.blueprints.profiler_calls import Call, Recorder


class Profile:
    """The calls of one request: in its task, and in the threads that it waits for.

    Attributes:
        started_at: when it came, in seconds of the epoch.
        seconds: from its start to its end, or to now.
        waited: how many of them it was suspended, and no thread ran for it.
    """

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.thread = Recorder()
        self.started_at = time()
        self.started = perf_counter()
        self.ended: float | None = None
        self.waited = 0.0
        self._suspended = self.started
        self._leaf = self.recorder.root
        self._in_thread = threading.Lock()
        self._adopted = 0
        self._ran = 0.0

    @property
    def root(self) -> Call:
        return self.recorder.root

    @property
    def cut(self) -> bool:
        """Whether it called more than there is room for."""
        return self.recorder.cut or self.thread.cut

    @property
    def seconds(self) -> float:
        return (perf_counter() if self.ended is None else self.ended) - self.started

    def resume(self) -> None:
        """Tell that its task runs on: what it awaited has waited so long, less what ran for it in threads."""
        # Threads may have run side by side with something else.
        waited = max(perf_counter() - self._suspended - self._adopt(), 0.0)
        self._leaf.waited += waited
        self.waited += waited
        self.recorder.last = perf_counter()

    def suspend(self, awaitable: Any) -> None:
        """Tell that its task waits, or has ended."""
        self._suspended = perf_counter()
        self._leaf = self.recorder.suspended(awaitable)

    def end(self) -> None:
        """Tell that the request is answered."""
        self.ended = perf_counter()
        self.recorder.forget()

    def _adopt(self) -> float:
        """Put what ran in threads where it was waited for, and return for how many seconds that ran.

        What runs there at this moment is left for another time; what runs there again counts where it stands.
        """
        if not self._in_thread.acquire(blocking=False):
            return 0.0
        try:
            calls = list(self.thread.root.children.values())
            self._leaf.children |= {id(call): call for call in calls[self._adopted :]}
            self._adopted = len(calls)
            ran, self._ran = self._ran, 0.0
        finally:
            self._in_thread.release()
        return ran

    def run_in_thread(self, function: Any, args: Any, kwargs: Any) -> Any:
        """Call a function in the thread where it is, and write down what it does."""
        if self.ended is not None or sys.getprofile() is not None:
            return function(*args, **kwargs)
        if not self._in_thread.acquire(blocking=False):
            return function(*args, **kwargs)
        recorder, started = self.thread, perf_counter()
        recorder.last = started
        sys.setprofile(recorder.note)
        try:
            return function(*args, **kwargs)
        finally:
            sys.setprofile(None)
            recorder.forget()
            self._ran += perf_counter() - started
            self._in_thread.release()

    def follow(self, generator: Generator[Any, Any, Any]) -> Generator[Any, Any, None]:
        """Yield what a generator yields, each time in the thread where it is, and write down what it does."""
        try:
            while True:
                try:
                    item = self.run_in_thread(next, (generator,), {})
                except StopIteration:
                    return
                yield item
        finally:
            self.run_in_thread(generator.close, (), {})

    async def follow_async(self, generator: AsyncGenerator[Any, Any]) -> AsyncGenerator[Any, None]:
        """Yield what a generator yields, whatever task asks for it, and write down what it does."""
        try:
            while True:
                try:
                    item = await self._step(generator, anext(generator))
                except StopAsyncIteration:
                    return
                yield item
        finally:
            await self._step(generator, generator.aclose())

    def _step(self, generator: AsyncGenerator[Any, Any], awaitable: Any) -> Awaitable[Any]:
        """Return what awaits a step of a generator, watched where the task is not the one that is watched already.

        Servers that tell an ASGI version before 2.4 have an answer streamed by a task of its own.
        """
        if self.ended is not None or sys.getprofile() is not None:
            return cast("Awaitable[Any]", awaitable)
        return Watched(awaitable, self, generator)


class Watched:
    """Awaits something and writes its calls to a profile: on while it runs, off while other tasks do.

    Parameters:
        awaitable: a coroutine, or a step of an asynchronous generator.
        suspended: what tells the frames that wait: the awaitable itself, or its generator.
    """

    def __init__(self, awaitable: Any, profile: Profile, suspended: Any = None) -> None:
        self.awaitable = awaitable
        self.profile = profile
        self.suspended = awaitable if suspended is None else suspended

    def __await__(self) -> Generator[Any, Any, Any]:
        profile, note = self.profile, self.profile.recorder.note
        step, value = self.awaitable.send, None
        while True:
            profile.resume()
            sys.setprofile(note)
            try:
                awaited = step(value)
            except StopIteration as ended:
                return ended.value
            finally:
                sys.setprofile(None)
                profile.suspend(self.suspended)
            try:
                step, value = self.awaitable.send, (yield awaited)
            except BaseException as error:
                step, value = self.awaitable.throw, error

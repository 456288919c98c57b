"""What the code of one request does: its calls as a tree, with how often and how long.

`cProfile` would not do: since Python 3.12 it stands on `sys.monitoring`, whose events are those of all threads, and
the frames of a sync entry of another request would be among ours. `sys.setprofile` is for its own thread alone
(https://docs.python.org/3/library/sys.html#sys.setprofile).
"""

import sys
from collections.abc import Coroutine, Generator, Hashable, Iterator
from time import perf_counter, time
from types import CodeType, FrameType
from typing import Any

MAX_CALLS = 20_000
"""How many places of its tree a request may fill; what comes more counts as a part of what called it."""


class Call:
    """A place in the tree: a function, called from where its parent tells.

    Attributes:
        function: its code, or the C function itself.
        count: how often it was called; a coroutine is, each time that it runs on.
        seconds: how long it ran, without what it called.
        waited: how long the request was suspended while it awaited something.
    """

    __slots__ = ("children", "count", "function", "seconds", "waited")

    def __init__(self, function: Any) -> None:
        self.function = function
        self.count = 0
        self.seconds = 0.0
        self.waited = 0.0
        self.children: dict[Hashable, Call] = {}


class Recorder:
    """Writes the calls of the thread in which `sys.setprofile(recorder.note)` is on, as children of `root`.

    Attributes:
        returned: the latest calls that returned in a row, the innermost first, each with its frame.
        cut: there were more than `limit` places.
    """

    def __init__(self, limit: int = MAX_CALLS) -> None:
        self.root = Call(None)
        self.returned: list[tuple[Call, FrameType]] = []
        self.cut = False
        self.last = perf_counter()
        self._free = limit
        # A Python function with its frame, a C function with None.
        self._stack: list[tuple[Call, FrameType | None]] = [(self.root, None)]

    def note(self, frame: FrameType, event: str, function: Any) -> None:
        """Take an event of `sys.setprofile`; the time that this takes is nobody's."""
        stack = self._stack
        call, own = stack[-1]
        call.seconds += perf_counter() - self.last
        if event == "return":
            self.returned.append((call, frame))
            self._leave(frame)
        elif event == "call":
            self.returned.clear()
            stack.append((self._child(call, id(frame.f_code), frame.f_code), frame))
        elif len(stack) > 1:  # what stands at the root is the caller of all this, and no part of the request
            self.returned.clear()
            if event == "c_call":
                stack.append((self._child(call, (function.__module__, function.__qualname__), function), None))
            elif own is None:
                stack.pop()
        self.last = perf_counter()

    def suspended(self, coroutine: Coroutine[Any, Any, Any]) -> Call:
        """Return the innermost call in which a coroutine awaits, as far as Python tells; the root if it has ended."""
        frames = set(_frames(coroutine))
        found = next((call for call, frame in self.returned if frame in frames), self.root)
        self.returned.clear()
        return found

    def _child(self, parent: Call, key: Hashable, function: Any) -> Call:
        call = parent.children.get(key)
        if call is None:
            if not self._free:
                self.cut = True
                return parent
            self._free -= 1
            call = parent.children[key] = Call(function)
        call.count += 1
        return call

    def _leave(self, frame: FrameType) -> None:
        stack = self._stack
        if stack[-1][1] is frame:
            stack.pop()
            return
        # Python 3.11 does not tell that a coroutine runs on when an exception is thrown into it, only that it returns.
        for depth in range(len(stack) - 1, 0, -1):
            if stack[depth][1] is frame:
                del stack[depth:]
                return


def _frames(awaitable: Any) -> Iterator[FrameType]:
    """Yield the frames that are suspended, from a coroutine to what it awaits in the end.

    https://docs.python.org/3/library/inspect.html#types-and-members
    """
    while awaitable is not None:
        for frame, awaited in (("cr_frame", "cr_await"), ("gi_frame", "gi_yieldfrom")):
            if getattr(awaitable, frame, None) is not None:
                yield getattr(awaitable, frame)
                awaitable = getattr(awaitable, awaited)
                break
        else:
            return


class Profile:
    """The calls of one request: in its task, and in the threads that it waits for.

    Attributes:
        started_at: when it came, in seconds of the epoch.
        seconds: from its start to its end, or to now.
        waited: how many of them it was suspended, and no thread ran for it.
    """

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.threads: list[Recorder] = []
        self.started_at = time()
        self.started = perf_counter()
        self.ended: float | None = None
        self.waited = 0.0
        self._suspended = self.started
        self._leaf = self.recorder.root

    @property
    def root(self) -> Call:
        return self.recorder.root

    @property
    def cut(self) -> bool:
        """Whether it called more than there is room for."""
        return self.recorder.cut

    @property
    def seconds(self) -> float:
        return (perf_counter() if self.ended is None else self.ended) - self.started

    def resume(self) -> None:
        """Tell that its task runs on: what it awaited has waited so long, less what ran for it in threads."""
        recorder = self.recorder
        waited = perf_counter() - self._suspended
        while self.threads:
            thread = self.threads.pop()
            recorder.cut = recorder.cut or thread.cut
            for call in thread.root.children.values():
                self._leaf.children[id(call)] = call
                waited -= _total(call)
        waited = max(waited, 0.0)  # threads may have run side by side
        self._leaf.waited += waited
        self.waited += waited
        recorder.last = perf_counter()

    def suspend(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Tell that its task waits, or has ended."""
        self._suspended = perf_counter()
        self._leaf = self.recorder.suspended(coroutine)

    def end(self) -> None:
        """Tell that the request is answered."""
        self.ended = perf_counter()

    def run_in_thread(self, function: Any, args: Any, kwargs: Any) -> Any:
        """Call a function in the thread where it is, and write down what it does."""
        if sys.getprofile() is not None:
            return function(*args, **kwargs)
        recorder = Recorder()
        sys.setprofile(recorder.note)
        try:
            return function(*args, **kwargs)
        finally:
            sys.setprofile(None)
            self.threads.append(recorder)


def _total(call: Call) -> float:
    total, left = 0.0, [call]
    while left:
        call = left.pop()
        total += call.seconds
        left.extend(call.children.values())
    return total


class Watched:
    """Awaits a coroutine and writes its calls to a profile: on while it runs, off while other tasks do."""

    def __init__(self, coroutine: Coroutine[Any, Any, None], profile: Profile) -> None:
        self.coroutine = coroutine
        self.profile = profile

    def __await__(self) -> Generator[Any, Any, None]:
        profile, note = self.profile, self.profile.recorder.note
        step, value = self.coroutine.send, None
        while True:
            profile.resume()
            sys.setprofile(note)
            try:
                awaited = step(value)
            except StopIteration:
                return
            finally:
                sys.setprofile(None)
                profile.suspend(self.coroutine)
            try:
                step, value = self.coroutine.send, (yield awaited)
            except BaseException as error:
                step, value = self.coroutine.throw, error


def label(function: Any) -> tuple[str, int, str]:
    """Return how `pstats` names a function: its file, line and name."""
    if isinstance(function, CodeType):
        return function.co_filename, function.co_firstlineno, function.co_qualname
    owner, _, name = function.__qualname__.rpartition(".")
    if owner and function.__module__ is None:
        return "~", 0, f"<method '{name}' of '{owner}' objects>"
    return "~", 0, f"<built-in method {function.__module__}.{function.__qualname__}>"

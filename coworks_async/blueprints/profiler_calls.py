"""What the code of one request does: its calls as a tree, with how often and how long.

`cProfile` would not do: since Python 3.12 it stands on `sys.monitoring`, whose events are those of all threads, and
the frames of a sync entry of another request would be among ours. `sys.setprofile` is for its own thread alone
(https://docs.python.org/3/library/sys.html#sys.setprofile).
"""

from collections.abc import Hashable, Iterator
from time import perf_counter
from types import CodeType, FrameType
from typing import Any

Label = tuple[str, int, str]
"""File, line and name of a function, as `pstats` has them."""

MAX_CALLS = 20_000
"""How many places of its tree a request may fill; what comes more counts as a part of what called it."""


class Call:
    """A place in the tree: a function, called from where its parent tells.

    Attributes:
        function: its code; of a C function the label alone, since the function itself holds what it is a method of.
        count: how often it was called; a coroutine is, each time that it runs on.
        seconds: how long it ran, without what it called.
        waited: how long the request was suspended while it awaited something.
    """

    __slots__ = ("children", "count", "function", "seconds", "waited")

    def __init__(self, function: CodeType | Label) -> None:
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
        self.root = Call(("", 0, ""))
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

    def suspended(self, awaitable: Any) -> Call:
        """Return the innermost call in which a coroutine awaits, as far as Python tells; the root if it has ended."""
        frames = set(_frames(awaitable))
        found = next((call for call, frame in self.returned if frame in frames), self.root)
        self.returned.clear()
        return found

    def forget(self) -> None:
        """Let go of all frames, and so of what their variables hold; the calls stay."""
        del self._stack[1:]
        self.returned.clear()

    def _child(self, parent: Call, key: Hashable, function: Any) -> Call:
        call = parent.children.get(key)
        if call is None:
            if not self._free:
                self.cut = True
                return parent
            self._free -= 1
            call = parent.children[key] = Call(function if isinstance(function, CodeType) else c_label(function))
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


_SUSPENDED = (("cr_frame", "cr_await"), ("gi_frame", "gi_yieldfrom"), ("ag_frame", "ag_await"))


def _frames(awaitable: Any) -> Iterator[FrameType]:
    """Yield the frames that are suspended, from a coroutine or a generator to what it awaits in the end.

    https://docs.python.org/3/library/inspect.html#types-and-members
    """
    while awaitable is not None:
        for frame, awaited in _SUSPENDED:
            if getattr(awaitable, frame, None) is not None:
                yield getattr(awaitable, frame)
                awaitable = getattr(awaitable, awaited)
                break
        else:
            return


def label(function: CodeType | Label) -> Label:
    """Return how `pstats` names a function: its file, line and name."""
    if isinstance(function, CodeType):
        return function.co_filename, function.co_firstlineno, function.co_qualname
    return function


def c_label(function: Any) -> Label:
    """Return how `pstats` names a function of C's."""
    owner, _, name = function.__qualname__.rpartition(".")
    if owner and function.__module__ is None:
        return "~", 0, f"<method '{name}' of '{owner}' objects>"
    return "~", 0, f"<built-in method {function.__module__}.{function.__qualname__}>"

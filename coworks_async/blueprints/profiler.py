"""`Profiler`: shows the last request as a table of calls (`/profile`) or as pyinstrument's page (`/profile/flame`).

Calls are recorded with `sys.setprofile`, which applies to one thread. `cProfile` is not used: since Python 3.12 it
records all threads at once and would mix the sync entries of concurrent requests into the profile.
"""

import functools
import io
import sys
import threading
import types
from collections import defaultdict
from collections.abc import AsyncGenerator, Collection, Generator, Iterator
from dataclasses import dataclass, field
from inspect import isasyncgen, isgenerator
from time import perf_counter, time
from types import FrameType
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import quote

import msgspec
from starlette.responses import HTMLResponse, Response

from coworks_async._compat import get_route_path, is_async_callable
from coworks_async.entries.blueprints import Blueprint
from coworks_async.entries.decorators import entry
from coworks_async.exceptions import Problem
from coworks_async.pipeline.request import current, explicit_stage
from coworks_async.pipeline.routing import EntryRoute
from coworks_async.service import TechMicroService
from coworks_async.types import ASGIApp, Function, Message, Receive, Scope, Send

PROFILE = "coworks.profile"
"""Scope key of the request's profile."""

MAX_CALLS = 20_000
"""Maximum size of a call tree. Further calls count as part of their caller."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
)
"""The page loads nothing from other hosts."""

SortKey = Literal["calls", "cumulative", "filename", "line", "name", "nfl", "pcalls", "stdname", "time"]
"""https://docs.python.org/3/library/profile.html#pstats.Stats.sort_stats"""

Label = tuple[str, int, str]
"""File, line and name of a function, as `pstats` shows them."""

_END = object()


class Profiler(Blueprint):
    """Profiles a service's requests, one at a time, and shows the last one.

    Args:
        app: the service; this registers the blueprint and a middleware on it.
        stage: the stage or stages where the profiler exists; None means all, also without a stage. `CWS_STAGE` must be
            set to it: `cws run` and a deploy do this. Profiled requests take several times as long; elsewhere there is
            no entry, no middleware and no cost.

    Examples:
        >>> from coworks_async import TechMicroService
        >>> from coworks_async.blueprints import Profiler
        >>> app = TechMicroService(name="shop")
        >>> profiler = Profiler(app)
        >>> profiler.name
        'profiler'
    """

    instance_attributes: ClassVar[frozenset[str]] = Blueprint.instance_attributes | {"latest", "missed"}

    def __init__(
        self,
        app: TechMicroService,
        *,
        name: str | None = None,
        url_prefix: str = "/profile",
        stage: str | Collection[str] | None = "dev",
    ) -> None:
        super().__init__(name)
        self.latest: Profile | None = None
        self.missed = 0
        self._busy = threading.Lock()
        if stage is None or explicit_stage() in ({stage} if isinstance(stage, str) else stage):
            app.register_blueprint(self, url_prefix)
            app.add_middleware(ProfilerMiddleware, service=app, profiler=self)

    # Sync, like `get_flame`: a large profile takes seconds to show.
    @entry
    def get(self, sort: SortKey = "time", limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 30) -> str:
        """Show the functions that the last profiled request called."""
        profile = self.latest
        if profile is None:
            return "No request has been profiled yet.\n"
        lines = [
            "-" * 80,
            f"PATH: {profile.path!r}",
            f"{profile.method}, status {profile.status}, {profile.seconds:.3f} seconds, {profile.waited:.3f} waiting.",
            f"Concurrent requests not profiled: {self.missed}.",
        ]
        return "\n".join([*lines, format_table(profile, sort, limit).rstrip(), lines[0], ""])

    @entry
    def get_flame(self) -> Response:
        """Show the last profiled request as pyinstrument's page, including the time it waited."""
        if self.latest is None:
            raise Problem(404, "No request has been profiled yet.")
        try:
            return HTMLResponse(render_page(self.latest), headers={"content-security-policy": CONTENT_SECURITY_POLICY})
        except ImportError as error:
            raise Problem(501, "The page needs pyinstrument: pip install 'coworks-async[profiler]'") from error

    def begin(self, scope: Scope) -> "Profile | None":
        """Return a new profile, or None while another request is profiled or another profiler is active."""
        if sys.getprofile() is not None or not self._busy.acquire(blocking=False):
            self.missed += 1
            return None
        return Profile(scope["method"], get_route_path(scope))

    def end(self, profile: "Profile") -> None:
        """End a profile, which replaces the previous one."""
        profile.end()
        self.latest = profile
        self._busy.release()


class ProfilerMiddleware:
    """Profiles all requests of a service except those for the profiler itself."""

    def __init__(self, app: ASGIApp, service: TechMicroService, profiler: Profiler) -> None:
        self.app = app
        self.service = service
        self.profiler = profiler
        for route in service.routes:
            for inner in (route, *(getattr(route, "routes", None) or ())):
                if isinstance(inner, EntryRoute) and not is_async_callable(inner.entry.function):
                    inner.entry = msgspec.structs.replace(inner.entry, function=record_entry(inner.entry.function))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        entry = self.service.entry_at(scope["method"], get_route_path(scope))
        is_own = entry is not None and entry.blueprint == self.profiler.name
        profile = None if is_own else self.profiler.begin(scope)
        if profile is None:
            return await self.app(scope, receive, send)

        complete = False

        async def send_wrapper(message: Message) -> None:
            nonlocal complete
            if message["type"] == "http.response.start":
                profile.status = message["status"]
            await send(message)
            complete = message["type"] == "http.response.body" and not message.get("more_body", False)

        scope[PROFILE] = profile
        try:
            await profile.record(self.app(scope, receive, send_wrapper))
        finally:
            if not complete and "aws.event" in scope:
                # Lambda sends a response as a whole, and a 500 instead of a part of it.
                profile.status = 500
            self.profiler.end(profile)


def record_entry(function: Function) -> Function:
    """Wrap an entry that runs in a thread or returns a generator, so that it is recorded wherever it runs."""

    @functools.wraps(function)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        connection = current.get()
        profile: Profile | None = connection[0].get(PROFILE) if connection is not None else None
        if profile is None:
            return function(*args, **kwargs)
        returned = profile.run(functools.partial(function, *args, **kwargs))
        if isgenerator(returned):
            return profile.iterate(returned)
        return profile.iterate_async(returned) if isasyncgen(returned) else returned

    return recorded


@dataclass(slots=True)
class Call:
    """A node of the call tree. `seconds` excludes callees and waiting; resuming a coroutine counts as a call."""

    count: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    children: dict[Label, "Call"] = field(default_factory=dict)


class Profile:
    """Records the calls of one request, in its task and in the threads and tasks that run parts of it."""

    def __init__(self, method: str, path: str) -> None:
        self.method = method
        self.path = path
        self.status = 0
        self.seconds = 0.0
        self.root = Call()
        self.size = 0
        self.waited = 0.0
        self.started_at = time()
        self._started = self._last = perf_counter()
        self._lock = threading.Lock()
        self._suspended = self.root
        # The call to record under, then the open calls with their frames; C functions have none.
        self._stack: list[tuple[Call, FrameType | None]] = [(self.root, None)]

    def end(self) -> None:
        self.seconds = perf_counter() - self._started

    @types.coroutine
    def record(self, awaitable: Any) -> Generator[Any, Any, Any]:
        """Await a coroutine, or a step of an async generator, and record it without the tasks that run meanwhile."""
        base = self._suspended
        step, value = awaitable.send, None
        try:
            while True:
                awaited = self.run(functools.partial(step, value), base, awaitable)
                try:
                    step, value = awaitable.send, (yield awaited)
                except BaseException as error:
                    step, value = awaitable.throw, error
        except StopIteration as ended:
            return ended.value
        finally:
            self._suspended = base

    def run(self, function: Function, base: Call | None = None, awaitable: Any = None) -> Any:
        """Call a function and record it under `base`, or from a thread under the call that waits for the thread."""
        # A thread waits for the step of the coroutine that started it.
        if self.seconds or sys.getprofile() is not None or not self._lock.acquire(timeout=1 if base is None else 0):
            return function()
        waited = perf_counter() - self._last
        self._suspended.waited += waited
        self.waited += waited
        self._stack[0] = base or self._suspended, None
        self._last = perf_counter()
        sys.setprofile(self.handle_event)
        try:
            return function()
        finally:
            sys.setprofile(None)
            del self._stack[1:]
            if base is not None:
                self._suspended = find_suspended(base, awaitable)
            self._last = perf_counter()
            self._lock.release()

    def iterate(self, generator: Generator[Any, Any, Any]) -> Generator[Any, Any, None]:
        """Iterate over a generator and record its steps, whichever threads they run in."""
        try:
            while (item := self.run(functools.partial(next, generator, _END))) is not _END:
                yield item
        finally:
            self.run(generator.close)

    async def iterate_async(self, generator: AsyncGenerator[Any, Any]) -> AsyncGenerator[Any, None]:
        """Iterate over a generator and record its steps, even if another task streams the response."""
        try:
            while (item := await self.record(anext(generator, _END))) is not _END:
                yield item
        finally:
            await self.record(generator.aclose())

    def handle_event(self, frame: FrameType, event: str, function: Any) -> None:
        """Record an event of `sys.setprofile`. The time that this takes is not counted."""
        stack = self._stack
        call, own_frame = stack[-1]
        call.seconds += perf_counter() - self._last
        if event == "call":
            stack.append((self._add(call, get_label(frame)), frame))
        elif event == "return":
            # Python 3.11 reports the return, but not the call, of a coroutine that an exception is thrown into.
            for depth in range(len(stack) - 1, 0, -1):
                if stack[depth][1] is frame:
                    del stack[depth:]
                    break
        elif event == "c_call" and len(stack) > 1:  # at the bottom are the calls of the profiler itself
            name = ".".join(filter(None, (function.__module__, function.__qualname__)))
            stack.append((self._add(call, ("~", 0, f"<built-in method {name}>")), None))
        elif event != "c_call" and own_frame is None and len(stack) > 1:
            stack.pop()
        self._last = perf_counter()

    def _add(self, parent: Call, label: Label) -> Call:
        call = parent.children.get(label)
        if call is None:
            if self.size == MAX_CALLS:
                return parent
            self.size += 1
            call = parent.children[label] = Call()
        call.count += 1
        return call

    def walk(self) -> Iterator[tuple[list[Label], Call]]:
        """Yield each call with the labels of its stack, callers first."""
        pending: list[tuple[list[Label], Call]] = [([], self.root)]
        while pending:
            callers, caller = pending.pop()
            stacks = [([*callers, label], call) for label, call in tuple(caller.children.items())]
            yield from stacks
            pending += reversed(stacks)


def get_label(frame: FrameType) -> Label:
    return frame.f_code.co_filename, frame.f_code.co_firstlineno, frame.f_code.co_qualname


def find_suspended(call: Call, awaitable: Any) -> Call:
    """Return the innermost call in which a coroutine is suspended, as far as Python exposes it."""
    while (frame := getattr(awaitable, "cr_frame", None)) is not None:
        child = call.children.get(get_label(frame))
        if child is None:
            break
        call, awaitable = child, awaitable.cr_await
    return call


def format_table(profile: Profile, sort: SortKey, limit: int) -> str:
    """Return the functions of a profile as `pstats` prints them. Waiting is not counted."""
    import pstats  # late: most processes never show a table

    rows: dict[Label, list[Any]] = defaultdict(lambda: [0, 0, 0.0, 0.0, {}])
    for stack, call in profile.walk():
        row = rows[stack[-1]]
        row[0] += 0 if stack[-1] in stack[:-1] else call.count
        row[1] += call.count
        row[2] += call.seconds
        for label in set(stack):
            rows[label][3] += call.seconds
    output = io.StringIO()
    stats: Any = pstats.Stats(stream=output)
    stats.stats = rows
    stats.get_top_level_stats()
    stats.sort_stats(*(("time", "calls") if sort == "time" else (sort,))).print_stats(limit)
    return output.getvalue()


def render_page(profile: Profile) -> str:
    from pyinstrument.renderers import HTMLRenderer  # late: an optional extra
    from pyinstrument.session import Session

    # Quoted, because pyinstrument does not escape titles.
    title = f"{quote(profile.method)} {quote(profile.path)}"
    root = f"{title}\0<request>\x000"
    records = [([root, "[await]"], profile.root.waited)]
    for stack, call in profile.walk():
        frames = [root, *(f"{name.strip('<>')}\0{file}\0{line}" for file, line, name in stack)]
        records += [(frames, call.seconds), ([*frames, "[await]"], call.waited)]
    session = Session(
        frame_records=[record for record in records if record[1]],
        start_time=profile.started_at,
        duration=profile.seconds,
        min_interval=0.0,
        max_interval=0.0,
        sample_count=len(records),
        start_call_stack=[root],
        target_description=title,
        cpu_time=profile.seconds - profile.waited,
        sys_path=sys.path,
        sys_prefixes=Session.current_sys_prefixes(),
    )
    return str(HTMLRenderer().render(session))

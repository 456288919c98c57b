"""Where a request's time goes: `/profile` for the last one as a table, `/profile/flame` as a page."""

import functools
import sys
import threading
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from inspect import isasyncgen, isgenerator
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from starlette.responses import HTMLResponse, Response

from coworks_async._compat import get_route_path, is_async_callable
from coworks_async.blueprints.profiler_calls import MAX_CALLS
from coworks_async.blueprints.profiler_profile import Profile, Watched
from coworks_async.entries.blueprints import Blueprint
from coworks_async.entries.decorators import entry
from coworks_async.exceptions import Problem
from coworks_async.pipeline.request import current, current_stage
from coworks_async.pipeline.routing import EntryRoute
from coworks_async.service import TechMicroService
from coworks_async.types import ASGIApp, Function, Message, Receive, Scope, Send

PROFILE = "coworks.profile"
"""The key of a scope under which stands the profile that its request writes."""

MAX_TEXT = 200

_RULE = "-" * 80

Sort = Literal["calls", "cumulative", "filename", "line", "name", "nfl", "pcalls", "stdname", "time"]
"""What `pstats` sorts by: https://docs.python.org/3/library/profile.html#pstats.Stats.sort_stats"""


@dataclass(frozen=True, slots=True)
class Profiled:
    """A request that was profiled; `path` is cut where it is long, `status` is 0 where nothing was answered."""

    time: str
    method: str
    path: str
    status: int
    seconds: float
    waiting: float


class Profiler(Blueprint):
    """Profiles a service's requests, one at a time, and shows the last one.

    Parameters:
        app: the service; this registers the blueprint and a middleware on it.
        url_prefix: where the blueprint is mounted.
        stage: the name of the only stage where this exists, or several, or None for all: elsewhere there is no such
            entry, no middleware, and no cost. A request that is profiled takes several times as long.
        keep: of how many requests the list tells; calls are kept of the last one alone.

    Raises:
        DeclarationError: the blueprint cannot be registered.

    Example:
        >>> app = SimpleMicroService()
        >>> Profiler(app)
    """

    instance_attributes: ClassVar[frozenset[str]] = Blueprint.instance_attributes | {"latest", "missed", "profiled"}

    def __init__(
        self,
        app: TechMicroService,
        *,
        name: str | None = None,
        url_prefix: str = "/profile",
        stage: str | Collection[str] | None = "dev",
        keep: int = 50,
    ) -> None:
        super().__init__(name)
        self.latest: tuple[Profiled, str, Profile] | None = None
        self.profiled: deque[Profiled] = deque(maxlen=keep)
        self.missed = 0
        self._busy = threading.Lock()
        if stage is None or current_stage() in ({stage} if isinstance(stage, str) else stage):
            app.register_blueprint(self, url_prefix)
            app.add_middleware(ProfilerMiddleware, service=app, profiler=self)

    @entry
    async def get(self, sort: Sort = "time", limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 30) -> str:
        """Show the last request that was profiled: the functions that it called, by the time they took."""
        from coworks_async.blueprints.profiler_report import table  # where nobody asks, nobody waits for it

        if self.latest is None:
            return "No request was profiled yet.\n"
        told, _, profile = self.latest
        lines = [
            _RULE,
            f"PATH: {told.path!r}",
            f"{told.method}, answered {told.status} in {told.seconds:.3f} seconds, {told.waiting:.3f} of them waiting.",
            f"Requests not profiled, since one at a time is: {self.missed}.",
        ]
        if profile.cut:
            lines.append(f"It called from more than {MAX_CALLS} places; what is beyond counts for what called it.")
        return "\n".join([*lines, table(profile, sort, limit).rstrip(), _RULE, ""])

    # In a thread, since a page of a large profile takes seconds to make.
    @entry
    def get_flame(self) -> Response:
        """Show the last request that was profiled as a page, with what it waited for; it needs pyinstrument."""
        from coworks_async.blueprints.profiler_report import page, policy

        if self.latest is None:
            raise Problem(404, "No request was profiled yet.")
        _, title, profile = self.latest
        try:
            html = page(profile, title)
        except ImportError as error:
            raise Problem(501, str(error)) from error
        return HTMLResponse(html, headers={"content-security-policy": policy(html)})

    @entry
    async def get_list(self) -> list[Profiled]:
        """List the last requests that were profiled, the latest first."""
        return list(reversed(self.profiled))

    def begin(self) -> Profile | None:
        """Return the profile of a request that begins, None while one is profiled or another profiler is on."""
        if sys.getprofile() is not None or not self._busy.acquire(blocking=False):
            self.missed += 1
            return None
        return Profile()

    def end(self, profile: Profile, scope: Scope, path: str, status: int) -> None:
        """Keep the profile of a request, in place of the one before."""
        profile.end()
        told = Profiled(
            time=datetime.fromtimestamp(profile.started_at, UTC).isoformat(timespec="milliseconds"),
            method=scope["method"],
            path=path[:MAX_TEXT],
            status=status,
            seconds=round(profile.seconds, 6),
            waiting=round(profile.waited, 6),
        )
        self.latest = told, _title(scope), profile
        self.profiled.append(told)
        self._busy.release()


def _title(scope: Scope) -> str:
    """Return what a request asks for by its route: of a path that is a client's, nothing gets into the page."""
    route = scope.get("route")
    path = route.entry.path if isinstance(route, EntryRoute) else getattr(route, "path", "a route that is not there")
    return f"{scope['method']} {path}"


class ProfilerMiddleware:
    """Profiles the requests of a service but the profiler's own, with what entries do in threads and streams."""

    def __init__(self, app: ASGIApp, service: TechMicroService, profiler: Profiler) -> None:
        self.app = app
        self.service = service
        self.profiler = profiler
        for route in _entry_routes(service):
            if not is_async_callable(route.entry.function):
                route.entry = msgspec.structs.replace(route.entry, function=followed(route.entry.function))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        # Without the stage, or wherever else the service is mounted; a router below may change it in the scope.
        path = get_route_path(scope)
        profile = None if self.is_own(scope["method"], path) else self.profiler.begin()
        if profile is None:
            return await self.app(scope, receive, send)
        status = 0

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        async def answer() -> None:
            await self.app(scope, receive, tell)

        scope[PROFILE] = profile
        try:
            await Watched(answer(), profile)
        finally:
            self.profiler.end(profile, scope, path, status)

    def is_own(self, method: str, path: str) -> bool:
        """Tell whether a request is for the profiler itself."""
        found = self.service.entry_at(method, path)
        return found is not None and found.blueprint == self.profiler.name


def _entry_routes(service: TechMicroService) -> Iterator[EntryRoute]:
    """Yield the routes of the service's own entries, and of those in blueprints and in services mounted on it."""
    for route in service.routes:
        for inner in (route, *(getattr(route, "routes", None) or ())):
            if isinstance(inner, EntryRoute):
                yield inner


def followed(function: Function) -> Function:
    """Return an entry's function that writes what it does, in whatever thread or task, to the profile of its request.

    It is a sync function, or makes a generator, which goes on when the function has returned.
    """

    @functools.wraps(function)
    def watched(*args: Any, **kwargs: Any) -> Any:
        connection = current.get()
        profile: Profile | None = connection[0].get(PROFILE) if connection is not None else None
        if profile is None:
            return function(*args, **kwargs)
        returned = profile.run_in_thread(function, args, kwargs)
        if isgenerator(returned):
            return profile.follow(returned)
        return profile.follow_async(returned) if isasyncgen(returned) else returned

    return watched

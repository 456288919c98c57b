"""What is no entry: the author's plain routes and mounts, the automatic OPTIONS, 404 and 405."""

from collections.abc import Iterator, Sequence
from inspect import isclass, isroutine
from typing import NoReturn

from starlette.datastructures import URL, Headers
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Host, Match, Mount, Router

from coworks_async._compat import get_route_path
from coworks_async.entries.entry import Entry
from coworks_async.entries.route_table import RouteTable
from coworks_async.pipeline.binding.fast import Arguments
from coworks_async.pipeline.cors import preflight_headers, preflight_method
from coworks_async.pipeline.limits import Limits
from coworks_async.pipeline.routing import BlueprintMount, EntryRoute
from coworks_async.types import ASGIApp, Message, Receive, Scope, Send

ALLOWED_METHODS = "coworks.allowed"


class Fallback:
    """Answers the requests that no entry takes, as if all routes stood in one table.

    Parameters:
        table: the entries, whose methods on a path count for `Allow`.
        router: Starlette's, with the routes that the author added.
        miss: answers 404 and 405, inside of the service's hooks.
    """

    def __init__(
        self, table: RouteTable[EntryRoute], router: Router, miss: ASGIApp, limits: Limits, token_key: str
    ) -> None:
        self.table = table
        self.router = router
        self.miss = miss
        self.limits = limits
        self.token_key = token_key
        self._own: Sequence[BaseRoute] = ()
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        of_routes: set[str] = set()
        for spelling in self.spellings(scope):
            for route, match, child_scope in self.matches(spelling):
                if match is not Match.FULL:
                    of_routes |= getattr(route, "methods", None) or set()
                    continue
                others = self.entries_beside(route, scope) | of_routes
                # A page needs the slash, from which its relative links go; nothing else does at a path of an entry's.
                redirected = isinstance(route, Mount) and spelling is not scope
                if redirected and (not others or scope["method"] in ("GET", "HEAD")):
                    return await RedirectResponse(str(URL(scope=spelling)))(scope, receive, send)
                inner = {**child_scope, "route": route, "path": spelling["path"]}
                if others and isinstance(route, Mount | Host):
                    return await self.ask_mount(route, inner, others, scope, receive, send)
                scope.update(inner)
                return await self.hand_over(route, scope, receive, send)
        await self.answer_miss(self.table.allowed_methods(get_route_path(scope)) | of_routes, scope, receive, send)

    async def answer_miss(self, allowed: set[str], scope: Scope, receive: Receive, send: Send) -> None:
        """Answer OPTIONS, 405 or 404."""
        if allowed and scope["method"] == "OPTIONS":
            return await self.options(allowed)(scope, receive, send)
        scope[ALLOWED_METHODS] = allowed
        await self.miss(scope, receive, send)

    def entries_beside(self, route: BaseRoute, scope: Scope) -> set[str]:
        """Return the methods of the entries that a mount or a host must not hide: their static path is as long."""
        if not isinstance(route, Mount | Host):
            return set()
        depth = static_depth(route)
        found = self.table.candidates(get_route_path(scope))
        return {
            name for methods, _ in found for name in methods if methods[name].entry.static_prefix.count("/") >= depth
        }

    async def ask_mount(
        self, route: BaseRoute, inner: Scope, others: set[str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Let a mount answer at a path that has other methods too; of its 404 or 405 is made one answer for all.

        A 404 of a route inside of it stands, as that route says "no such item". And an app that has read of the body
        has taken the request: nobody could read it again.
        """
        outer = dict(scope)
        missed: Headers | None = None
        taken = False

        async def take() -> Message:
            nonlocal taken
            taken = True
            return await receive()

        async def tell(message: Message) -> None:
            nonlocal missed, taken
            if not taken and message["type"] == "http.response.start" and is_unmatched(message["status"], scope, inner):
                missed = Headers(raw=message["headers"])
            elif missed is None:
                taken = True
                await send(message)

        scope.update(inner)
        try:
            await self.hand_over(route, scope, take, tell)
        except HTTPException as error:
            if taken or not is_unmatched(error.status_code, scope, inner):
                raise
            missed = Headers(error.headers)
        if missed is not None:
            # What the mounted app wrote on the scope is not true of the service's own answer.
            scope.clear()
            scope.update(outer)
            await self.answer_miss(others | allowed_methods(missed), scope, receive, send)

    def goes_first(self, scope: Scope, entry: Entry) -> bool:
        """Tell whether a route of the author's answers, by a longer static path than that of this entry."""
        full = (
            route
            for spelling in self.spellings(scope)
            for route, match, _ in self.matches(spelling)
            if match is Match.FULL and (spelling is scope or not isinstance(route, Mount))
        )
        route = next(full, None)
        return route is not None and static_depth(route) > entry.static_prefix.count("/")

    def matches(self, scope: Scope) -> Iterator[tuple[BaseRoute, Match, Scope]]:
        """Yield the author's own routes that match, fully or but for the method."""
        for route in self.own:
            match, child_scope = route.matches(scope)
            if match is not Match.NONE:
                yield route, match, child_scope

    @property
    def own(self) -> Sequence[BaseRoute]:
        """The author's own routes, which may be added at any time."""
        routes = self.router.routes
        if len(routes) != self._count:
            self._count = len(routes)
            self._own = [route for route in routes if not isinstance(route, EntryRoute | BlueprintMount)]
        return self._own

    def spellings(self, scope: Scope) -> Iterator[Scope]:
        """Yield a request as it came, then with a trailing slash more or less."""
        yield scope
        path: str = scope["path"]
        if get_route_path(scope) not in ("", "/"):
            yield {**scope, "path": path[:-1] if path.endswith("/") else f"{path}/"}

    async def hand_over(self, route: BaseRoute, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a route of the author's answer."""
        # Starlette's routes would leave what they raise to the handlers of an app in which the service is mounted.
        scope["starlette.exception_handlers"] = ({}, {})
        await route.handle(scope, self.limited(scope, receive), send)

    def options(self, allowed: set[str]) -> Response:
        """Return the automatic answer to OPTIONS, for which nobody is asked for a token."""
        return Response(status_code=204, headers={"allow": format_allow(allowed)})

    def preflight(self, scope: Scope, path: str) -> Response | None:
        """Return the answer to a browser's preflight, where the path has entries that are open to other origins."""
        asked = preflight_method(scope)
        if asked is None:
            return None
        opened: dict[str, bool] = {}
        for methods, _ in self.table.candidates(path):
            for method, route in methods.items():
                opened.setdefault(method, not route.entry.no_cors)
        if not opened.get(asked):
            return None
        cors = preflight_headers((method for method, is_open in opened.items() if is_open), self.token_key)
        return Response(status_code=204, headers={"allow": format_allow(set(opened)), **cors})

    def limited(self, scope: Scope, receive: Receive) -> Receive:
        """Return a receive that holds a plain route to the service's limit as well."""
        size = 0

        async def receive_limited() -> Message:
            nonlocal size
            self.limits.check_length(scope)
            message = await receive()
            size += len(message.get("body", b""))
            self.limits.check_size(size)
            return message

        return receive_limited


def static_depth(route: BaseRoute) -> int:
    """Return how many whole segments stand before the first parameter of a route's path."""
    start, brace, _ = getattr(route, "path", "").partition("{")
    return (start.rpartition("/")[0] if brace else start.rstrip("/")).count("/")


def is_unmatched(status: int, scope: Scope, mount: Scope) -> bool:
    """Tell whether a mount's answer is that nothing is there: its own, and none of a route inside of it."""
    endpoint = scope.get("endpoint")
    is_route = endpoint is not mount["endpoint"] and (isroutine(endpoint) or isclass(endpoint))
    return status == 405 or (status == 404 and not is_route)


def allowed_methods(headers: Headers) -> set[str]:
    """Return the methods that the headers of a 405 allow."""
    return {name for value in headers.getlist("allow") for name in value.replace(",", " ").split()}


def format_allow(methods: set[str]) -> str:
    """Return the value of `Allow` (RFC 9110, section 10.2.1); OPTIONS is always answered."""
    return ", ".join(sorted(methods | {"OPTIONS"}))


async def bind_allowed_methods(scope: Scope, receive: Receive, send: Send) -> Arguments:
    """Bind what a miss is told by."""
    return [scope[ALLOWED_METHODS]], {}


async def raise_unmatched(allowed: set[str]) -> NoReturn:
    """Raise the 405 of a path that is there, the 404 of one that is not."""
    if allowed:
        raise HTTPException(405, headers={"allow": format_allow(allowed)})
    raise HTTPException(404)

"""What is no entry: the author's plain routes and mounts, the automatic OPTIONS, 404 and 405."""

from collections.abc import Iterator
from typing import NoReturn

from starlette._utils import get_route_path
from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Router

from coworks_async.entries.table import RouteTable
from coworks_async.pipeline.bind import Arguments
from coworks_async.pipeline.cors import preflight_headers, preflight_method
from coworks_async.pipeline.limits import Limits
from coworks_async.pipeline.routing import BlueprintMount, EntryRoute
from coworks_async.types import ASGIApp, Message, Receive, Scope, Send

ALLOWED = "coworks.allowed"


class Fallback:
    """Answers the requests that no entry takes, as if all routes stood in one table.

    Parameters:
        table: the entries, whose methods on a path count for `Allow`.
        router: Starlette's, with the routes that the author added.
        miss: answers 404 and 405, inside of the service's hooks.
        guarded: wraps a route of the author's, so that what it raises is answered.
    """

    def __init__(
        self, table: RouteTable[EntryRoute], router: Router, miss: ASGIApp, limits: Limits, token_key: str
    ) -> None:
        self.table = table
        self.router = router
        self.miss = miss
        self.limits = limits
        self.token_key = token_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = get_route_path(scope)
        allowed = self.table.methods(path)
        for route, match, child_scope in self.matches(scope):
            if match is Match.FULL:
                scope.update(child_scope, route=route)
                return await route.handle(scope, self.limited(scope, receive), send)
            allowed |= getattr(route, "methods", None) or set()
        if not allowed:
            other = self.with_other_slash(scope, path)
            if other is not None:
                return await other(scope, receive, send)
        if allowed and scope["method"] == "OPTIONS":
            return await self.options(allowed)(scope, receive, send)
        scope[ALLOWED] = allowed
        await self.miss(scope, receive, send)

    def matches(self, scope: Scope) -> Iterator[tuple[BaseRoute, Match, Scope]]:
        """Yield the author's own routes that match, fully or but for the method."""
        for route in self.router.routes:
            if not isinstance(route, EntryRoute | BlueprintMount):
                match, child_scope = route.matches(scope)
                if match is not Match.NONE:
                    yield route, match, child_scope

    def with_other_slash(self, scope: Scope, path: str) -> ASGIApp | None:
        """Return what answers the path with a trailing slash more or less: a route itself, a mount by a redirect."""
        if path in ("", "/"):
            return None
        changed = scope["path"][:-1] if path.endswith("/") else scope["path"] + "/"
        other = {**scope, "path": changed}
        for route, _, _ in self.matches(other):
            if isinstance(route, Mount):
                return RedirectResponse(str(URL(scope=other)))
            scope["path"] = changed
            return self
        return None

    def options(self, allowed: set[str]) -> Response:
        """Return the automatic answer to OPTIONS, for which nobody is asked for a token."""
        return Response(status_code=204, headers={"allow": allow(allowed)})

    def preflight(self, scope: Scope, path: str) -> Response | None:
        """Return the answer to a browser's preflight, where the path has entries that are open to other origins."""
        asked = preflight_method(scope)
        if asked is None:
            return None
        opened: dict[str, bool] = {}
        for methods, _ in self.table.find(path):
            for method, route in methods.items():
                opened.setdefault(method, not route.entry.no_cors)
        if not opened.get(asked):
            return None
        cors = preflight_headers((method for method, is_open in opened.items() if is_open), self.token_key)
        return Response(status_code=204, headers={"allow": allow(set(opened)), **cors})

    def limited(self, scope: Scope, receive: Receive) -> Receive:
        """Return a receive that holds a plain route to the service's limit as well."""
        size = 0

        async def receive_limited() -> Message:
            nonlocal size
            if size == 0:
                self.limits.check_length(scope)
            message = await receive()
            size += len(message.get("body", b""))
            self.limits.check_size(size)
            return message

        return receive_limited


def allow(methods: set[str]) -> str:
    """Return the value of `Allow` (RFC 9110, section 10.2.1); OPTIONS is always answered."""
    return ", ".join(sorted(methods | {"OPTIONS"}))


async def bind_miss(scope: Scope, receive: Receive, send: Send) -> Arguments:
    """Bind what a miss is told by."""
    return [scope[ALLOWED]], {}


async def raise_miss(allowed: set[str]) -> NoReturn:
    """Raise the 405 of a path that is there, the 404 of one that is not."""
    if allowed:
        raise HTTPException(405, headers={"allow": allow(allowed)})
    raise HTTPException(404)

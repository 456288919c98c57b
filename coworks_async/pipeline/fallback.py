"""Handle requests that no entry takes: the user's routes and mounts, OPTIONS, 404 and 405."""

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import msgspec
from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Host, Match, Mount, Router

from coworks_async._compat import get_route_path
from coworks_async.entries.cors import CORS
from coworks_async.entries.entry import Entry
from coworks_async.entries.header_syntax import is_header_name
from coworks_async.entries.route_table import RouteTable
from coworks_async.exceptions import ContentTooLarge
from coworks_async.pipeline.body import Limits, is_plain_json, read_body
from coworks_async.pipeline.cors import preflight_headers, preflight_method
from coworks_async.pipeline.invocation import MOUNTED
from coworks_async.pipeline.responses import check_headers
from coworks_async.pipeline.routing import BlueprintMount, EntryRoute
from coworks_async.types import ASGIApp, Message, Receive, Scope, Send

UNMATCHED = "coworks.unmatched"
"""Scope key of an unmatched request: the methods of its path, and the detail of the response or None."""


class Fallback:
    """ASGI app for requests that no entry takes. The longest static path wins; `unmatched` responds with 404 or 405.

    At a path of a mount that also has entries, OPTIONS gets the service's response; other methods go to the mount.
    """

    def __init__(
        self,
        table: RouteTable[EntryRoute],
        router: Router,
        unmatched: ASGIApp,
        limits: Limits,
        cors: CORS | None,
        token_key: str,
        in_lambda: bool,
    ) -> None:
        self.table = table
        self.router = router
        self.unmatched = unmatched
        self.limits = limits
        self.cors = cors
        self.token_key = token_key
        self.in_lambda = in_lambda
        self._user_routes: Sequence[BaseRoute] = ()
        self._route_count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        route_methods: set[str] = set()
        for variant in _slash_variants(scope):
            for route, match, child_scope in self._matches(variant):
                if match is not Match.FULL:
                    route_methods |= getattr(route, "methods", None) or set()
                    continue
                entry_methods = self._entry_methods(route, scope)
                if entry_methods and method == "OPTIONS":
                    return await _options_response(entry_methods | route_methods)(scope, receive, send)
                # Redirect, because a page's relative links need the slash; other methods only if nothing else matches.
                is_page = method in ("GET", "HEAD") or not entry_methods | route_methods
                if is_page and isinstance(route, Mount) and variant is not scope:
                    # Relative, because the `Host` header may name any host.
                    target = URL(scope={**variant, "headers": (), "server": None})
                    return await RedirectResponse(str(target))(scope, receive, send)
                scope.update(child_scope, route=route, path=variant["path"])
                scope[MOUNTED] = True
                # Otherwise Starlette's routes would use the handlers of an app in which the service is mounted.
                scope["starlette.exception_handlers"] = ({}, {})
                return await route.handle(scope, self._limit_body(scope, receive), _check_start(send))
        allowed = self.table.allowed_methods(get_route_path(scope)) | route_methods
        if method == "OPTIONS":
            headers = None if route_methods else self._unmatched_preflight_headers(scope, allowed)
            if allowed or headers:
                return await _options_response(allowed, headers)(scope, receive, send)
        hint = None if self.in_lambda else await self._path_parameter_hint(scope, receive)
        scope[UNMATCHED] = allowed, hint
        await self.unmatched(scope, receive, send)

    def takes_precedence(self, scope: Scope, entry: Entry) -> bool:
        """Return whether a user's route has a longer static path than this matching entry."""
        matching = (
            route
            for variant in _slash_variants(scope)
            for route, match, _ in self._matches(variant)
            if match is Match.FULL and (variant is scope or not isinstance(route, Mount))
        )
        route = next(matching, None)
        return route is not None and _static_depth(route) > entry.template.static_length

    def preflight_response(self, scope: Scope, path: str) -> Response | None:
        """Return the response to a browser's preflight of an entry with a CORS policy; otherwise None."""
        requested = preflight_method(scope)
        if requested is None:
            return None
        entries: dict[str, Entry] = {}
        for methods in self.table.candidates(path):
            for method, route in methods.items():
                entries.setdefault(method, route.entry)
        policies = {method: entry.cors for method, entry in entries.items()}
        cors = policies.get(requested)
        if cors is None:
            return None
        if self.user_routes and self.takes_precedence({**scope, "method": requested}, entries[requested]):
            return None
        same_policy = [method for method in policies if policies[method] == cors]
        return _options_response(set(policies), preflight_headers(cors, scope, same_policy, self.token_key))

    def _unmatched_preflight_headers(self, scope: Scope, allowed: set[str]) -> dict[str, str] | None:
        """Return the headers for a preflight of a method that no entry takes, so that a page can read the 404 or 405.

        Other methods of the path are not allowed: browsers remember the response.
        """
        requested = preflight_method(scope)
        if self.cors is None or requested is None or requested in allowed or not is_header_name(requested):
            return None
        return preflight_headers(self.cors, scope, [requested], self.token_key)

    @property
    def user_routes(self) -> Sequence[BaseRoute]:
        """The routes that are not entries. They may be added at any time."""
        routes = self.router.routes
        if len(routes) != self._route_count:
            self._route_count = len(routes)
            self._user_routes = [route for route in routes if not isinstance(route, EntryRoute | BlueprintMount)]
        return self._user_routes

    def _matches(self, scope: Scope) -> Iterator[tuple[BaseRoute, Match, Scope]]:
        for route in self.user_routes:
            match, child_scope = route.matches(scope)
            if match is not Match.NONE:
                yield route, match, child_scope

    def _entry_methods(self, route: BaseRoute, scope: Scope) -> set[str]:
        """Return the methods of the entries here whose static path is at least as long as that of a mount."""
        if not isinstance(route, Mount | Host):
            return set()
        depth = _static_depth(route)
        return {
            method
            for methods in self.table.candidates(get_route_path(scope))
            for method, found in methods.items()
            if found.entry.template.static_length >= depth
        }

    async def _path_parameter_hint(self, scope: Scope, receive: Receive) -> str | None:
        """Explain an unmatched request whose JSON body has the names of path parameters, for developers."""
        path = get_route_path(scope).rstrip("/")
        entries = [
            entry
            for entry in self.table.entries
            if (entry.method, entry.path.partition("/{")[0]) == (scope["method"], path)
            and entry.template.names
            and not entry.declaration.has_template
        ]
        if not entries or not is_plain_json(scope):
            return None
        try:
            names = msgspec.json.decode(await read_body(scope, receive, self.limits), type=dict[str, Any]).keys()
        except (ContentTooLarge, ClientDisconnect, msgspec.DecodeError):
            return None
        for entry in entries:
            if names >= set(entry.template.names):
                return (
                    f"{entry.method} {entry.path} reads {', '.join(entry.template.names)} from the path: parameters "
                    f'without a default are path segments. To read them from the body, use @entry("{path or "/"}").'
                )
        return None

    def _limit_body(self, scope: Scope, receive: Receive) -> Receive:
        size = 0

        async def receive_limited() -> Message:
            nonlocal size
            self.limits.check_length(scope)
            message = await receive()
            size += len(message.get("body", b""))
            self.limits.check_size(size)
            return message

        return receive_limited


def _check_start(send: Send) -> Send:
    """Wrap `send` so that invalid headers are an error before the response starts. Not every server checks them."""

    async def send_checked(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            check_headers(headers)
            message = {**message, "headers": headers}
        await send(message)

    return send_checked


async def raise_unmatched(scope: Scope, receive: Receive, send: Send) -> NoReturn:
    """Raise 405 if the path has other methods, and 404 otherwise."""
    allowed, detail = scope[UNMATCHED]
    if allowed:
        raise HTTPException(405, detail, headers={"allow": format_allow(allowed)})
    raise HTTPException(404, detail)


def _slash_variants(scope: Scope) -> Iterator[Scope]:
    """Yield the scope, then one whose path has a trailing slash added or removed."""
    yield scope
    path: str = scope["path"]
    if get_route_path(scope) not in ("", "/"):
        yield {**scope, "path": path[:-1] if path.endswith("/") else f"{path}/"}


def _static_depth(route: BaseRoute) -> int:
    """Return the number of whole segments before the first parameter of a route's path."""
    start, brace, _ = getattr(route, "path", "").partition("{")
    return (start.rpartition("/")[0] if brace else start.rstrip("/")).count("/")


def format_allow(methods: set[str]) -> str:
    """Return the value of `Allow` (RFC 9110, section 10.2.1). OPTIONS always gets a response."""
    return ", ".join(sorted(methods | {"OPTIONS"}))


def _options_response(allowed: set[str], headers: dict[str, str] | None = None) -> Response:
    return Response(status_code=204, headers={"allow": format_allow(allowed), **(headers or {})})

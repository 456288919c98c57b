"""Entries as Starlette sees them: a route each, and a mount for a blueprint, in `app.routes`."""

from collections.abc import Callable, Sequence
from typing import Any

from starlette.routing import Match, Mount, Route, compile_path

from coworks_async.entries.entry import Entry
from coworks_async.types import ASGIApp, Scope

_COMPILED = ("path_regex", "path_format", "param_convertors")


class EntryRoute(Route):
    """The route of an entry. The service finds it by its table; Starlette's own matching, made at need, agrees.

    Parameters:
        entry: what is declared.
        path: its path below where it is mounted.
        build: makes the ASGI app of the entry, at the first request.
    """

    def __init__(self, entry: Entry, path: str, build: Callable[[Entry], ASGIApp]) -> None:
        self.entry = entry
        self.path = path
        self.endpoint = entry.function
        self.name = entry.declaration.name
        self.include_in_schema = True
        self.methods = {"GET", "HEAD"} if entry.method == "GET" else {entry.method}
        self._build = build

    def __getattr__(self, name: str) -> Any:
        if name == "app":
            self.app = self._build(self.entry)
        elif name in _COMPILED:
            self.path_regex, self.path_format, self.param_convertors = compile_path(self.path)
        else:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self.__dict__[name]


class BlueprintMount(Mount):
    """A blueprint, mounted: it matches what its entries match and nothing else."""

    def __init__(self, path: str, routes: Sequence[EntryRoute], name: str) -> None:
        super().__init__(path, routes=routes, name=name)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches(scope)
        if match is Match.NONE:
            return match, child_scope
        inner = {**scope, **child_scope}
        best = max((route.matches(inner)[0] for route in self.routes or ()), key=_strength, default=Match.NONE)
        return best, child_scope if best is not Match.NONE else {}


def _strength(match: Match) -> int:
    return match.value

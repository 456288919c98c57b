"""The one table of a service: from method and path to what answers.

Parameters are always the end of a path, so an entry is a static prefix, a count of segments and perhaps a rest. The
longest static prefix wins, whatever the order of definition; one trailing slash is as good as none.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from coworks_async.entries.entry import Entry
from coworks_async.exceptions import DeclarationError


class HasEntry(Protocol):
    """What a table holds."""

    @property
    def entry(self) -> Entry: ...


R = TypeVar("R", bound=HasEntry)


@dataclass(slots=True)
class _Node(Generic[R]):
    """What stands behind one static prefix, by the count of parameters: exactly so many segments, or more."""

    exact: dict[int, dict[str, R]] = field(default_factory=dict)
    tails: dict[int, dict[str, R]] = field(default_factory=dict)


class RouteTable(Generic[R]):
    """Finds the route of a request.

    `static` maps each path without parameters, with and without its trailing slash, to its routes by method.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.static: dict[str, dict[str, R]] = {}
        self._nodes: dict[str, _Node[R]] = {}
        self._deepest = 1

    def add(self, route: R) -> None:
        """Add a route; a GET answers HEAD as well.

        Raises:
            DeclarationError: another one answers this method on this path.
        """
        entry = route.entry
        count, prefix = len(entry.path_names), entry.prefix
        node = self._nodes.setdefault(prefix, _Node())
        kind = node.exact if entry.tail_name is None else node.tails
        methods = kind.setdefault(count, {})
        if entry.method in methods:
            raise DeclarationError(f"{methods[entry.method].entry} and {entry} answer the same requests; rename one.")
        methods[entry.method] = route
        self.entries.append(entry)
        if entry.method == "GET":
            methods["HEAD"] = route
        self._deepest = max(self._deepest, prefix.count("/") + 1)
        if count == 0 and entry.tail_name is None:
            for path in (prefix, f"{prefix}/"):
                self.static[path] = methods

    def find(self, path: str) -> Iterator[tuple[dict[str, R], list[str]]]:
        """Yield the routes that a path can mean, by method, the best first, with the segments behind its prefix."""
        segments = path.removesuffix("/").split("/")
        for depth in range(min(len(segments), self._deepest), 0, -1):
            node = self._nodes.get("/".join(segments[:depth]))
            if node is None:
                continue
            rest = segments[depth:]
            if len(rest) in node.exact and all(rest):
                yield node.exact[len(rest)], rest
            for count in sorted(node.tails, reverse=True):
                if count <= len(rest) and all(rest[:count]):
                    yield node.tails[count], rest

    def match(self, method: str, path: str) -> tuple[R, dict[str, str]] | None:
        """Return the route of a request and the values of its path, or None."""
        static = self.static.get(path)
        if static is not None and method in static:
            return static[method], {}
        for methods, rest in self.find(path):
            route = methods.get(method)
            if route is not None:
                return route, path_values(route.entry, rest)
        return None

    def methods(self, path: str) -> set[str]:
        """Return the methods that this path answers: what `Allow` says of it."""
        return {method for methods, _ in self.find(path) for method in methods}


def path_values(entry: Entry, segments: list[str]) -> dict[str, str]:
    """Return the values of an entry's path parameters, as Starlette has them: the rest of a path is one string."""
    names = entry.path_names
    values = dict(zip(names, segments, strict=False))
    if entry.tail_name is not None:
        values[entry.tail_name] = "/".join(segments[len(names) :])
    return values

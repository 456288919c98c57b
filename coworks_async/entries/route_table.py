"""The one table of a service: from method and path to what answers.

Parameters are always the end of a path, so an entry is a static prefix, a count of segments and perhaps a rest. The
longest static prefix wins, whatever the order of definition; one trailing slash is as good as none.
"""

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from coworks_async.entries.entry import Entry
from coworks_async.exceptions import DeclarationError


class RouteLike(Protocol):
    """What a table holds."""

    @property
    def entry(self) -> Entry: ...


RouteT = TypeVar("RouteT", bound=RouteLike)


Methods = dict[str, RouteT]


class RouteTable(Generic[RouteT]):
    """Finds the route of a request.

    Routes are kept by how many parameters end their path, then by its static start: exactly so many segments, or
    (`_tails`) so many and more.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._static: dict[str, Methods[RouteT]] = {}
        self._exact: dict[int, dict[str, Methods[RouteT]]] = {}
        self._tails: dict[int, dict[str, Methods[RouteT]]] = {}
        self._ones: dict[str, Methods[RouteT]] = {}
        self._deepest = 1

    def add(self, route: RouteT) -> None:
        """Add a route; a GET answers HEAD as well.

        Raises:
            DeclarationError: another one answers this method on this path.
        """
        entry = route.entry
        kind = self._exact if entry.path_rest_name is None else self._tails
        methods = kind.setdefault(len(entry.path_param_names), {}).setdefault(entry.prefix, {})
        if entry.method in methods:
            raise DeclarationError(f"{methods[entry.method].entry} and {entry} answer the same requests; rename one.")
        self.entries.append(entry)
        methods[entry.method] = route
        if entry.method == "GET":
            methods["HEAD"] = route
        self._ones = {} if self._tails else self._exact.get(1, {})
        self._deepest = max(self._deepest, entry.prefix.count("/") + 1)
        if not entry.path_param_names and entry.path_rest_name is None:
            self._static[entry.prefix] = self._static[f"{entry.prefix}/"] = methods

    def match(self, method: str, path: str) -> tuple[RouteT, dict[str, str]] | None:
        """Return the route of a request and the values of its path, or None."""
        static = self._static.get(path)
        if static is not None and method in static:
            return static[method], {}
        if self._ones:
            # What most services have most of, at the price of one look: a single parameter at the end.
            prefix, _, value = path.rpartition("/")
            ones = self._ones.get(prefix)
            if ones is not None and value and method in ones:
                route = ones[method]
                return route, {route.entry.path_param_names[0]: value}
        for methods, rest in self.find(path):
            if method in methods:
                return methods[method], path_values(methods[method].entry, rest)
        return None

    def find(self, path: str) -> Iterator[tuple[Methods[RouteT], list[str]]]:
        """Yield the routes that a path can mean, by method, the best first, with the segments behind its prefix."""
        segments = path.removesuffix("/").split("/")
        for depth in range(min(len(segments), self._deepest), 0, -1):
            prefix, rest = "/".join(segments[:depth]), segments[depth:]
            methods = self._exact.get(len(rest), {}).get(prefix)
            if methods is not None and all(rest):
                yield methods, rest
            for count in sorted(self._tails, reverse=True):
                methods = self._tails[count].get(prefix)
                # A rest of one empty segment (`//`) would be bound to nothing at all.
                if methods is not None and count <= len(rest) and all(rest[:count]) and rest[count:] != [""]:
                    yield methods, rest

    def methods(self, path: str) -> set[str]:
        """Return the methods that this path answers: what `Allow` says of it."""
        return {method for methods, _ in self.find(path) for method in methods}


def path_values(entry: Entry, segments: list[str]) -> dict[str, str]:
    """Return the values of an entry's path parameters, as Starlette has them: the rest of a path is one string."""
    names = entry.path_param_names
    values = dict(zip(names, segments, strict=False))
    if entry.path_rest_name is not None:
        values[entry.path_rest_name] = "/".join(segments[len(names) :])
    return values

"""The route table of a service, from method and path to a route. Each path is a static prefix, then its parameters.

The longest static prefix wins, in any order of definition. A trailing slash is ignored.
"""

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from coworks_async.entries.entry import Entry
from coworks_async.exceptions import DeclarationError


class HasEntry(Protocol):
    @property
    def entry(self) -> Entry: ...


RouteT = TypeVar("RouteT", bound=HasEntry)

RoutesByMethod = dict[str, RouteT]
RoutesByPrefix = dict[str, RoutesByMethod[RouteT]]


class RouteTable(Generic[RouteT]):
    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._static: RoutesByPrefix[RouteT] = {}
        # By number of path parameters; the paths of `_open_ended` continue with `*path`.
        self._fixed: dict[int, RoutesByPrefix[RouteT]] = {}
        self._open_ended: dict[int, RoutesByPrefix[RouteT]] = {}
        self._single_parameter: RoutesByPrefix[RouteT] = {}  # of `_fixed`, while no other route can take precedence
        self._max_depth = 1

    def add(self, route: RouteT) -> None:
        """Add a route. A GET route also handles HEAD."""
        entry = route.entry
        by_count = self._fixed if entry.path_rest_name is None else self._open_ended
        routes = by_count.setdefault(len(entry.path_param_names), {}).setdefault(entry.static_prefix, {})
        if entry.method in routes:
            raise DeclarationError(
                f"{routes[entry.method].entry} and {entry} match the same requests. Rename one of them."
            )
        self.entries.append(entry)
        routes[entry.method] = route
        if entry.method == "GET":
            routes["HEAD"] = route
        self._single_parameter = {} if self._open_ended else self._fixed.get(1, {})
        self._max_depth = max(self._max_depth, entry.static_prefix.count("/") + 1)
        if not entry.path_param_names and entry.path_rest_name is None:
            self._static[entry.static_prefix] = self._static[f"{entry.static_prefix}/"] = routes

    def match(self, method: str, path: str) -> tuple[RouteT, dict[str, str]] | None:
        """Return the route of a request and its path parameters, or None."""
        static = self._static.get(path)
        if static is not None and method in static:
            return static[method], {}
        if self._single_parameter:
            # The most common dynamic route, found with a single lookup.
            prefix, _, value = path.rpartition("/")
            routes = self._single_parameter.get(prefix)
            if routes is not None and value and method in routes:
                route = routes[method]
                return route, {route.entry.path_param_names[0]: value}
        for routes, segments in self.candidates(path):
            if method in routes:
                return routes[method], _path_params(routes[method].entry, segments)
        return None

    def candidates(self, path: str) -> Iterator[tuple[RoutesByMethod[RouteT], list[str]]]:
        """Yield the routes that match a path, best first, by method, with the segments after their static prefix."""
        segments = path.removesuffix("/").split("/")
        for depth in range(min(len(segments), self._max_depth), 0, -1):
            prefix, rest = "/".join(segments[:depth]), segments[depth:]
            routes = self._fixed.get(len(rest), {}).get(prefix)
            if routes is not None and all(rest):
                yield routes, rest
            for count in sorted(self._open_ended, reverse=True):
                routes = self._open_ended[count].get(prefix)
                # A rest of one empty segment (`//`) would bind to an empty tuple.
                if routes is not None and count <= len(rest) and all(rest[:count]) and rest[count:] != [""]:
                    yield routes, rest

    def allowed_methods(self, path: str) -> set[str]:
        return {method for routes, _ in self.candidates(path) for method in routes}


def _path_params(entry: Entry, segments: list[str]) -> dict[str, str]:
    """Return path parameters as Starlette does: the rest of the path is one string."""
    names = entry.path_param_names
    values = dict(zip(names, segments, strict=False))
    if entry.path_rest_name is not None:
        values[entry.path_rest_name] = "/".join(segments[len(names) :])
    return values

"""The route table of a service, from method and path to a route.

Paths are compared segment by segment: a static segment wins over a parameter, and a parameter over the rest of the
path, in any order of definition. A route without the request's method is skipped. A trailing slash is ignored.
"""

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from coworks_async.entries.entry import Entry
from coworks_async.entries.paths import PARAMETER, REST, PathTemplate
from coworks_async.exceptions import DeclarationError


class HasEntry(Protocol):
    @property
    def entry(self) -> Entry: ...


RouteT = TypeVar("RouteT", bound=HasEntry)

RoutesByMethod = dict[str, RouteT]


class Node(Generic[RouteT]):
    """The routes that end with a segment, and the nodes of the segments that may follow it."""

    __slots__ = ("parameter", "rest", "routes", "static")

    def __init__(self) -> None:
        self.routes: RoutesByMethod[RouteT] = {}
        self.static: dict[str, Node[RouteT]] = {}
        self.parameter: Node[RouteT] | None = None
        self.rest: Node[RouteT] | None = None

    def child(self, segment: str) -> "Node[RouteT]":
        """Return the node of a segment after this one, and create it if necessary."""
        if segment == PARAMETER:
            self.parameter = self.parameter or Node()
            return self.parameter
        if segment == REST:
            self.rest = self.rest or Node()
            return self.rest
        return self.static.setdefault(segment, Node())


class RouteTable(Generic[RouteT]):
    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._root: Node[RouteT] = Node()
        # Routes without parameters, and those whose only parameter is the last segment: found with a single lookup.
        self._static: dict[str, RoutesByMethod[RouteT]] = {}
        self._single_parameter: dict[str, RoutesByMethod[RouteT]] = {}
        # The rest of a path may be empty, so `/items/new/*path` precedes `/items/{item}`.
        self._has_rest = False

    def add(self, route: RouteT) -> None:
        """Add a route. A GET route also handles HEAD."""
        entry = route.entry
        shape = entry.template.shape
        node = self._root
        for segment in shape:
            node = node.child(segment)
        routes = node.routes
        if entry.method in routes:
            raise DeclarationError(
                f"{routes[entry.method].entry} and {entry} match the same requests. Rename one of them."
            )
        self.entries.append(entry)
        routes[entry.method] = route
        if entry.method == "GET":
            routes["HEAD"] = route
        self._has_rest = self._has_rest or REST in shape
        static = "".join(f"/{segment}" for segment in shape[: entry.template.static_length])
        if entry.template.static_length == len(shape):
            self._static[static] = self._static[f"{static}/"] = routes
        elif shape[entry.template.static_length :] == (PARAMETER,):
            self._single_parameter[static] = routes

    def match(self, method: str, path: str) -> tuple[RouteT, dict[str, str]] | None:
        """Return the route of a request and its path parameters, or None."""
        static = self._static.get(path)
        if static is not None and method in static:
            return static[method], {}
        if not self._has_rest:
            prefix, _, value = path.rpartition("/")
            routes = self._single_parameter.get(prefix)
            if routes is not None and value and method in routes:
                route = routes[method]
                return route, {route.entry.template.names[0]: value}
        segments = _split(path)
        for routes in self._find(segments):
            if method in routes:
                return routes[method], _path_params(routes[method].entry.template, segments)
        return None

    def candidates(self, path: str) -> Iterator[RoutesByMethod[RouteT]]:
        """Yield the routes that match a path, by method, best first."""
        return self._find(_split(path))

    def allowed_methods(self, path: str) -> set[str]:
        """Return the methods of all routes that match a path."""
        return {method for routes in self.candidates(path) for method in routes}

    def _find(self, segments: list[str]) -> Iterator[RoutesByMethod[RouteT]]:
        # Nodes to visit with the number of segments before them, the best one last.
        stack = [(self._root, 1)] if segments[0] == "" else []
        while stack:
            node, depth = stack.pop()
            if depth == len(segments):
                if node.routes:
                    yield node.routes
                if node.rest is not None:
                    yield node.rest.routes
                continue
            segment = segments[depth]
            # A rest of one empty segment (`//`) would bind to an empty tuple.
            if node.rest is not None and segments[depth:] != [""]:
                stack.append((node.rest, len(segments)))
            if node.parameter is not None and segment:
                stack.append((node.parameter, depth + 1))
            if segment in node.static:
                stack.append((node.static[segment], depth + 1))


def _split(path: str) -> list[str]:
    """Split a path into segments; the first is empty."""
    return path.removesuffix("/").split("/")


def _path_params(template: PathTemplate, segments: list[str]) -> dict[str, str]:
    """Return path parameters as Starlette does: the rest of the path is one string."""
    values = {name: segments[index + 1] for name, index in template.parameters}
    if template.rest_name is not None:
        values[template.rest_name] = "/".join(segments[len(template.shape) :])
    return values

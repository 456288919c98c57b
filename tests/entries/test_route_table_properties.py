"""Properties of the route table: it agrees with a linear search and with Starlette."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from coworks_async import Blueprint, Entry, TechMicroService, entry
from coworks_async.entries.route_table import RouteTable
from tests.entries.services import create_echo_service, create_method, create_service


def test_matching_takes_the_same_time_for_each_of_a_thousand_routes():
    table = create_table(
        create_echo_service(**{f"get_route_{number}": "key" if number % 2 else "" for number in range(1000)})
    )

    def cost(path: str) -> float:
        # Time of this thread only: others share the processor.
        start = time.thread_time()
        for _ in range(2000):
            table.match("GET", path)
        return time.thread_time() - start

    def as_fast(last: str, first: str) -> bool:
        """Return whether the smallest of several costs is near that of the other."""
        costs: list[tuple[float, float]] = []
        for _ in range(10):
            costs.append((cost(last), cost(first)))
            least_of_last, least_of_first = map(min, zip(*costs, strict=True))
            # A linear search would take some hundred times as long; a factor of three is noise.
            if least_of_last < 3 * least_of_first:
                return True
        return False

    assert as_fast("/route/999/x", "/route/1/x")
    assert as_fast("/route/998", "/route/0")


@dataclass
class Route:
    entry: Entry


def create_table(app: TechMicroService) -> RouteTable[Route]:
    table: RouteTable[Route] = RouteTable()
    for one in app.entries:
        table.add(Route(one))
    return table


NAMES = ["a", "b", "get"]
SHAPES = ["", "p", "p, q", "*rest", "p, *rest", "p, q, *rest"]

shapes = st.tuples(
    st.sampled_from(["get", "post", "options"]),
    st.lists(st.sampled_from(NAMES), max_size=3).map(tuple),
    st.sampled_from(SHAPES),
)

segment = st.sampled_from(["a", "b", "get", "c", "ab", ""])
paths = st.tuples(st.lists(segment, max_size=5), st.sampled_from(["", "/"])).map(
    lambda drawn: "/" + "/".join(drawn[0]) + drawn[1]
)


def route_key(shape: tuple[str, tuple[str, ...], str]) -> object:
    """Return what two shapes of one service must not share."""
    return shape[0], shape[1], shape[2].count("p") + shape[2].count("q"), "*" in shape[2]


def create_methods(drawn: list[tuple[str, tuple[str, ...], str]]) -> dict[str, Callable[..., Any]]:
    # Leading underscores distinguish methods that differ only in their parameters.
    names = [f"{verb}{'_' * (number + 1)}{'_'.join(path)}" for number, (verb, path, _) in enumerate(drawn)]
    return {name: create_method(name, parameters) for name, (_, _, parameters) in zip(names, drawn, strict=True)}


def linear_search(entries: tuple[Entry, ...], method: str, path: str) -> tuple[str, dict[str, str]] | None:
    """Find the best entry one by one: longest static prefix, then fixed number of segments, then most parameters."""
    segments = path.removesuffix("/").split("/")[1:]
    best: tuple[tuple[int, bool, int], str, dict[str, str]] | None = None
    for one in entries:
        static = [part for part in one.path.split("/")[1:] if part and not part.startswith("{")]
        names, rest = [name for name, _ in one.template.parameters], segments[len(static) :]
        if method != one.method and not (method == "HEAD" and one.method == "GET"):
            continue
        if segments[: len(static)] != static or len(rest) < len(names) or not all(rest[: len(names)]):
            continue
        values, tail = dict(zip(names, rest, strict=False)), rest[len(names) :]
        if one.template.rest_name is not None:
            values[one.template.rest_name] = "/".join(tail)
        if tail == [""] or (tail and one.template.rest_name is None):
            continue
        score = (len(static), one.template.rest_name is None, len(names))
        if best is None or score > best[0]:
            best = (score, one.endpoint, values)
    return best and (best[1], best[2])


@settings(max_examples=300)
@given(
    st.lists(shapes, max_size=12, unique_by=route_key),
    st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "PUT"]),
    paths,
)
def test_the_table_agrees_with_a_linear_search(drawn: Any, method: str, path: str):
    app = create_service(**create_methods(drawn))
    table = create_table(app)
    found = table.match(method, path)
    assert (found and (found[0].entry.endpoint, found[1])) == linear_search(app.entries, method, path)
    methods = {verb for verb in ("GET", "HEAD", "POST", "OPTIONS", "PUT") if linear_search(app.entries, verb, path)}
    assert table.allowed_methods(path) == methods


def starlette_finds(routes: list[BaseRoute], method: str, path: str) -> bool:
    scope: Scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
    return any(route.matches(scope)[0] is Match.FULL for route in routes)


@given(
    st.lists(shapes, max_size=8, unique_by=route_key),
    st.sampled_from(["", "/a", "/b/get"]),
    st.sampled_from(["GET", "POST", "PUT"]),
    st.lists(st.sampled_from(["a", "b", "get", "c"]), max_size=5).map(lambda segments: "/" + "/".join(segments)),
)
def test_the_table_agrees_with_starlettes_matching(drawn: Any, prefix: str, method: str, path: str):
    members = {name: entry(function) for name, function in create_methods(drawn).items()}
    app = TechMicroService()
    app.register_blueprint(type("Pages", (Blueprint,), members)(), url_prefix=prefix)
    found = create_table(app).match(method, path) is not None
    # Starlette distinguishes the two and redirects from one to the other.
    assert found == (starlette_finds(app.routes, method, path) or starlette_finds(app.routes, method, f"{path}/"))

"""The laws of the table: it agrees with a look at each entry, and with Starlette."""

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
from tests.entries.building import endpoint, made_of, service_of


def test_the_last_of_a_thousand_routes_is_found_as_fast_as_the_first():
    table = table_of(made_of(**{f"get_route_{number}": "key" if number % 2 else "" for number in range(1000)}))

    def cost(path: str) -> float:
        # This thread's own: others share the processor.
        start = time.thread_time()
        for _ in range(2000):
            table.match("GET", path)
        return time.thread_time() - start

    def as_fast(last: str, first: str) -> bool:
        """Tell whether the least of several costs of one is near that of the other."""
        costs: list[tuple[float, float]] = []
        for _ in range(10):
            costs.append((cost(last), cost(first)))
            least_of_last, least_of_first = map(min, zip(*costs, strict=True))
            # A search in order would take some hundred times as long; a factor of three is noise.
            if least_of_last < 3 * least_of_first:
                return True
        return False

    assert as_fast("/route/999/x", "/route/1/x")
    assert as_fast("/route/998", "/route/0")


@dataclass
class Held:
    entry: Entry


def table_of(app: TechMicroService) -> RouteTable[Held]:
    table: RouteTable[Held] = RouteTable()
    for one in app.entries:
        table.add(Held(one))
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


def keyed(shape: tuple[str, tuple[str, ...], str]) -> object:
    """What two shapes must not share."""
    return shape[0], shape[1], shape[2].count("p") + shape[2].count("q"), "*" in shape[2]


def methods_of(drawn: list[tuple[str, tuple[str, ...], str]]) -> dict[str, Callable[..., Any]]:
    # Leading underscores tell names apart that are one route but for their parameters.
    names = [f"{verb}{'_' * (number + 1)}{'_'.join(path)}" for number, (verb, path, _) in enumerate(drawn)]
    return {name: endpoint(name, parameters) for name, (_, _, parameters) in zip(names, drawn, strict=True)}


def naive(entries: tuple[Entry, ...], method: str, path: str) -> tuple[str, dict[str, str]] | None:
    """Find the entry by looking at each: the longest static start wins, then a counted end, then the longer one."""
    segments = path.removesuffix("/").split("/")[1:]
    best: tuple[tuple[int, bool, int], str, dict[str, str]] | None = None
    for one in entries:
        static = [part for part in one.path.split("/")[1:] if part and not part.startswith("{")]
        names, rest = one.path_param_names, segments[len(static) :]
        if method != one.method and not (method == "HEAD" and one.method == "GET"):
            continue
        if segments[: len(static)] != static or len(rest) < len(names) or not all(rest[: len(names)]):
            continue
        values, tail = dict(zip(names, rest, strict=False)), rest[len(names) :]
        if one.path_rest_name is not None:
            values[one.path_rest_name] = "/".join(tail)
        if tail == [""] or (tail and one.path_rest_name is None):
            continue
        score = (len(static), one.path_rest_name is None, len(names))
        if best is None or score > best[0]:
            best = (score, one.endpoint, values)
    return best and (best[1], best[2])


@settings(max_examples=300)
@given(
    st.lists(shapes, max_size=12, unique_by=keyed), st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "PUT"]), paths
)
def test_law_the_table_finds_what_a_look_at_each_entry_finds(drawn: Any, method: str, path: str):
    app = service_of(**methods_of(drawn))
    table = table_of(app)
    found = table.match(method, path)
    assert (found and (found[0].entry.endpoint, found[1])) == naive(app.entries, method, path)
    methods = {verb for verb in ("GET", "HEAD", "POST", "OPTIONS", "PUT") if naive(app.entries, verb, path)}
    assert table.methods(path) == methods


def starlette_finds(routes: list[BaseRoute], method: str, path: str) -> bool:
    scope: Scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
    return any(route.matches(scope)[0] is Match.FULL for route in routes)


@given(
    st.lists(shapes, max_size=8, unique_by=keyed),
    st.sampled_from(["", "/a", "/b/get"]),
    st.sampled_from(["GET", "POST", "PUT"]),
    st.lists(st.sampled_from(["a", "b", "get", "c"]), max_size=5).map(lambda segments: "/" + "/".join(segments)),
)
def test_law_starlettes_own_matching_agrees(drawn: Any, prefix: str, method: str, path: str):
    members = {name: entry(function) for name, function in methods_of(drawn).items()}
    app = TechMicroService()
    app.register_blueprint(type("Pages", (Blueprint,), members)(), url_prefix=prefix)
    found = table_of(app).match(method, path) is not None
    # Starlette tells the two apart and redirects from one to the other.
    assert found == (starlette_finds(app.routes, method, path) or starlette_finds(app.routes, method, f"{path}/"))

"""A profile as people read it: a table by `pstats`, and a page by pyinstrument."""

import base64
import hashlib
import io
import pstats
import re
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

from coworks_async.blueprints.profiler_calls import Call, Label, label
from coworks_async.blueprints.profiler_profile import Profile

Row = tuple[int, int, float, float, dict[Label, Any]]
"""Calls but those out of themselves, all calls, time, time with what was called, callers (left out here)."""

_AWAIT = "[await]"
"""How pyinstrument names what is no call but waiting."""

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


class _Table:
    """What `pstats.Stats` takes, as it takes a `cProfile.Profile`."""

    def __init__(self, stats: dict[Label, Row]) -> None:
        self.stats = stats

    def create_stats(self) -> None:
        """The stats are there."""


def table(profile: Profile, sort: str, limit: int) -> str:
    """Return the functions of a profile as a table: the time that they ran, without what they waited.

    Parameters:
        sort: one of `pstats.SortKey`.
        limit: how many rows.
    """
    stream = io.StringIO()
    stats: Any = pstats.Stats(_Table(stats_of(profile.root)), stream=stream)  # type: ignore[arg-type]
    stats.sort_stats(*(("time", "calls") if sort == "time" else (sort,))).print_stats(limit)
    return stream.getvalue()


def stats_of(root: Call) -> dict[Label, Row]:
    """Return the functions of a tree as `pstats` keeps them; the time of one that calls itself counts once."""
    stats: dict[Label, Row] = {}
    opened: Counter[Label] = Counter()
    path = [_Visit(root)]
    while True:
        visit = path[-1]
        child = next(visit.children, None)
        if child is not None:
            path.append(_Visit(child))
            opened[path[-1].label] += 1
            continue
        path.pop()
        if not path:
            return stats
        path[-1].total += visit.total
        opened[visit.label] -= 1
        first, total = (visit.call.count, visit.total) if not opened[visit.label] else (0, 0.0)
        row = stats.get(visit.label, (0, 0, 0.0, 0.0, {}))
        times = row[2] + visit.call.seconds, row[3] + total
        stats[visit.label] = (row[0] + first, row[1] + visit.call.count, *times, {})


class _Visit:
    """A call on the path of a walk through the tree."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.label = label(call.function)
        self.children: Iterator[Call] = iter(call.children.values())
        self.total = call.seconds


def page(profile: Profile, title: str) -> str:
    """Return a profile as pyinstrument's page, with what was waited for.

    Parameters:
        title: what was profiled; it stands in a script as it is, so that nothing of a client's may be in it.

    Raises:
        ImportError: pyinstrument is not installed.
    """
    try:
        from pyinstrument.renderers import HTMLRenderer
        from pyinstrument.session import Session
    except ImportError as error:
        raise ImportError("The page needs pyinstrument: pip install 'coworks-async[profiler]'") from error
    root = f"{title}\0<request>\x000"
    records = [([root, *stack], seconds) for stack, seconds in _records(profile.root)]
    session = Session(
        frame_records=records,
        start_time=profile.started_at,
        duration=profile.seconds,
        min_interval=0.0,
        max_interval=0.0,
        sample_count=len(records),
        start_call_stack=[root],
        target_description=title,
        cpu_time=profile.seconds - profile.waited,
        sys_path=sys.path,
        sys_prefixes=Session.current_sys_prefixes(),
    )
    html: str = HTMLRenderer().render(session)
    return html


def _records(root: Call) -> Iterator[tuple[list[str], float]]:
    """Yield the stacks of a tree, each with the seconds spent in its last call."""
    left: list[tuple[Call, list[str]]] = [(root, [])]
    while left:
        call, stack = left.pop()
        if call.seconds and stack:
            yield stack, call.seconds
        if call.waited:
            yield [*stack, _AWAIT], call.waited
        left += [(child, [*stack, _identifier(child)]) for child in reversed(call.children.values())]


def _identifier(call: Call) -> str:
    file, line, name = label(call.function)
    return f"{name.strip('<>')}\0<built-in>\x000" if file == "~" else f"{name}\0{file}\0{line}"


def policy(html: str) -> str:
    """Return a Content-Security-Policy that lets a page run its own scripts, and load nothing from anywhere."""
    digests = (hashlib.sha256(script.encode()).digest() for script in _SCRIPT.findall(html))
    scripts = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"

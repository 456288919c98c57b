"""A profile as a table and as a page."""

import json
import re
import sys
import time
from types import FrameType
from typing import Any

import pytest

from coworks_async.blueprints.profiler_calls import Call, Recorder, c_label, label
from coworks_async.blueprints.profiler_profile import Profile
from coworks_async.blueprints.profiler_report import page, policy, stats_of, table


def outer() -> FrameType:
    return sys._getframe()


def inner() -> FrameType:
    return sys._getframe()


def recorded(*events: tuple[FrameType, str]) -> Call:
    recorder = Recorder()
    for frame, event in events:
        recorder.note(frame, event, None)
    return recorder.root


def recursive() -> Call:
    """`outer` called itself, twice deep, and `inner` in the depth."""
    first, second, deep = outer(), outer(), inner()
    return recorded(
        (first, "call"), (second, "call"), (deep, "call"), (deep, "return"), (second, "return"), (first, "return")
    )


def test_a_function_that_calls_itself_counts_its_time_once():
    root = recursive()
    [top] = root.children.values()
    [again] = top.children.values()
    [deep] = again.children.values()
    top.seconds, again.seconds, deep.seconds, deep.waited = 1.0, 2.0, 4.0, 100.0
    stats = stats_of(root)
    assert stats[label(outer.__code__)][:4] == (1, 2, 3.0, 7.0)
    assert stats[label(inner.__code__)][:4] == (1, 1, 4.0, 4.0)
    assert len(stats) == 2


def test_a_tree_deeper_than_python_may_recurse_is_added_up():
    root = call = Call(("", 0, ""))
    for _ in range(5000):
        child = Call(outer.__code__)
        child.count, child.seconds = 1, 0.5
        call.children["deeper"] = child
        call = child
    assert stats_of(root)[label(outer.__code__)][:4] == (1, 5000, 2500.0, 2500.0)


def profile() -> Profile:
    profile = Profile()
    profile.recorder.root = recursive()
    profile.end()
    return profile


def test_the_table_is_sorted_and_cut():
    told = profile()
    by_time = table(told, "time", 10)
    assert "3 function calls (2 primitive calls)" in by_time
    assert "Ordered by: internal time, call count" in by_time
    assert "(outer)" in by_time
    by_name = table(told, "name", 1)
    assert "Ordered by: function name" in by_name
    assert "(inner)" in by_name
    assert "(outer)" not in by_name


def shown(html: str) -> Any:
    """What the page has of a profile."""
    found = re.search(r"const sessionData = (.*);\n", html)
    assert found is not None
    return json.loads(found[1])


def times(node: Any) -> dict[str, float]:
    told = {node["identifier"].partition("\0")[0]: node["time"]}
    for child in node["children"]:
        told |= times(child)
    return told


def test_the_page_shows_what_ran_and_what_was_waited_for():
    told = profile()
    [top] = told.root.children.values()
    [again] = top.children.values()
    top.seconds, again.seconds, again.waited = 0.25, 0.5, 2.0
    sleeping = again.children["sleep"] = Call(c_label(time.sleep))
    sleeping.seconds = 0.125
    html = page(told, "GET /items/{name}")
    session = shown(html)
    assert session["session"]["target_description"] == "GET /items/{name}"
    assert session["session"]["duration"] == pytest.approx(told.seconds)
    tree = session["frame_tree"]
    assert (tree["identifier"].split("\0")[:2], tree["time"]) == (
        ["GET /items/{name}", "<request>"],
        pytest.approx(2.875, abs=0.001),
    )
    assert times(tree)["[await]"] == 2.0
    assert times(tree)["built-in method time.sleep"] == 0.125


def test_the_page_needs_pyinstrument(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pyinstrument.renderers", None)
    with pytest.raises(ImportError, match=r"pip install 'coworks-async\[profiler\]'"):
        page(profile(), "GET /")


def test_the_policy_allows_the_scripts_of_the_page_and_nothing_from_anywhere():
    told = policy("<script>a</script><p></p><script>b\n</script>")
    assert told.startswith(
        "default-src 'none'; script-src 'sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=' 'sha256-"
    )
    assert told.count("'sha256-") == 2
    assert "http" not in told

"""The tree of calls, as events make it."""

import gc
import sys
import time
import weakref
from collections import deque
from types import FrameType

from coworks_async.blueprints.profiler_calls import Recorder, c_label, label
from tests.blueprints.profiling import tree


def frame() -> FrameType:
    """A frame of its own, each time."""
    return sys._getframe()


def other() -> FrameType:
    return sys._getframe()


def test_calls_stand_in_what_called_them_and_are_counted():
    recorder = Recorder()
    outer = frame()
    recorder.note(outer, "call", None)
    for _ in range(3):
        inner = other()
        recorder.note(inner, "call", None)
        for event in ("c_call", "c_return", "c_call", "c_exception"):
            recorder.note(inner, event, len)
        recorder.note(inner, "return", None)
    recorder.note(outer, "return", None)
    assert tree(recorder.root) == {"frame": {"other": {"len": {}}}}
    [called] = recorder.root.children.values()
    [within] = called.children.values()
    assert (called.count, within.count, [call.count for call in within.children.values()]) == (1, 3, [6])


def test_the_time_between_two_events_is_that_of_the_innermost_call():
    recorder = Recorder()
    outer = frame()
    begun = time.perf_counter()
    recorder.note(outer, "call", None)
    recorder.note(outer, "c_call", time.sleep)
    asleep = time.perf_counter()
    time.sleep(0.01)
    awake = time.perf_counter()
    recorder.note(outer, "c_return", time.sleep)
    recorder.note(outer, "return", None)
    ended = time.perf_counter()
    [called] = recorder.root.children.values()
    [slept] = called.children.values()
    # Whatever else the machine does in between, it is on this clock too.
    assert awake - asleep <= slept.seconds <= ended - begun
    assert called.seconds <= (asleep - begun) + (ended - awake)


def test_c_functions_at_the_root_are_the_profilers_own():
    recorder = Recorder()
    recorder.note(frame(), "c_call", sys.setprofile)
    recorder.note(frame(), "c_return", sys.setprofile)
    assert tree(recorder.root) == {}


def test_a_return_that_no_call_was_told_of_changes_nothing():
    recorder = Recorder()
    outer = frame()
    recorder.note(outer, "call", None)
    recorder.note(other(), "return", None)
    recorder.note(outer, "c_call", len)
    assert tree(recorder.root) == {"frame": {"len": {}}}


def test_a_return_ends_what_stands_within_it_too():
    recorder = Recorder()
    outer = frame()
    recorder.note(outer, "call", None)
    recorder.note(outer, "c_call", len)
    recorder.note(outer, "return", None)
    recorder.note(other(), "call", None)
    assert tree(recorder.root) == {"frame": {"len": {}}, "other": {}}


def test_an_end_of_a_c_function_that_did_not_begin_is_nothing():
    recorder = Recorder()
    outer = frame()
    recorder.note(outer, "call", None)
    recorder.note(outer, "c_return", len)
    recorder.note(outer, "c_call", abs)
    assert tree(recorder.root) == {"frame": {"abs": {}}}


def test_what_is_over_the_limit_counts_for_what_called_it():
    recorder = Recorder(limit=2)
    outer = frame()
    recorder.note(outer, "call", None)
    inner = other()
    recorder.note(inner, "call", None)
    for _ in range(2):
        recorder.note(inner, "c_call", len)
        recorder.note(inner, "c_return", len)
    recorder.note(inner, "return", None)
    recorder.note(outer, "c_call", len)
    recorder.note(outer, "c_return", len)
    recorder.note(outer, "return", None)
    assert (recorder.cut, tree(recorder.root)) == (True, {"frame": {"other": {}}})
    recorder.note(frame(), "call", None)
    assert tree(recorder.root) == {"frame": {"other": {}}}


def test_what_a_function_of_c_is_a_method_of_is_not_kept():
    items: deque[str] = deque()
    recorder, outer, gone = Recorder(), frame(), weakref.ref(items)
    recorder.note(outer, "call", None)
    recorder.note(outer, "c_call", items.append)
    del items
    gc.collect()
    assert (tree(recorder.root), gone()) == ({"frame": {"append": {}}}, None)


def test_frames_are_let_go_of_and_calls_stay():
    recorder = Recorder()
    recorder.note(frame(), "call", None)
    inner = other()
    recorder.note(inner, "call", None)
    recorder.note(inner, "return", None)
    recorder.forget()
    assert (recorder.returned, tree(recorder.root)) == ([], {"frame": {"other": {}}})
    recorder.note(other(), "call", None)
    assert tree(recorder.root) == {"frame": {"other": {}}, "other": {}}


def test_functions_are_named_as_pstats_names_them():
    code = frame.__code__
    assert label(code) == (__file__, code.co_firstlineno, "frame")
    assert label(c_label(len)) == c_label(len) == ("~", 0, "<built-in method builtins.len>")
    assert c_label([].append) == ("~", 0, "<method 'append' of 'list' objects>")
    assert c_label(time.sleep) == ("~", 0, "<built-in method time.sleep>")

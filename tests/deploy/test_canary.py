"""The rules of a canary: when a new version gets all requests, and when it is taken back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coworks_async.deploy.canary import (
    MIN_DURATIONS,
    MIN_REQUESTS,
    Decision,
    Traffic,
    combine_percentiles,
    decide,
    has_more_errors,
    is_slower,
)

GOOD = Traffic(1000, 0, 20.0)

counts = st.integers(0, 10_000)
durations = st.none() | st.floats(0, 60_000)


@st.composite
def traffic(draw: st.DrawFn) -> Traffic:
    requests = draw(counts)
    return Traffic(requests, draw(st.integers(0, requests)), draw(durations))


def reason(new: Traffic, live: Traffic = GOOD, *alarms: str, is_over: bool = True) -> str:
    decision = decide(new, live, alarms, is_over=is_over)
    assert decision is not None
    assert not decision.is_promoted
    return decision.reason


def test_a_version_that_is_as_good_gets_all_requests_at_the_end_of_the_bake():
    assert decide(GOOD, GOOD, (), is_over=False) is None
    assert decide(GOOD, GOOD, (), is_over=True) == Decision(True, "it is as good as the version before")


def test_a_version_with_more_errors_is_taken_back():
    assert reason(Traffic(200, 5), is_over=False) == "2.5 % errors instead of 0 %"
    assert decide(Traffic(200, 5), Traffic(2000, 40), (), is_over=True) == Decision(
        True, "it is as good as the version before"
    )


def test_errors_of_few_requests_count_at_the_end_only():
    failed = Traffic(MIN_REQUESTS - 1, 1)
    assert decide(failed, GOOD, (), is_over=False) is None
    assert reason(failed) == "11.1 % errors instead of 0 %"


def test_a_slower_version_is_taken_back():
    assert reason(Traffic(MIN_DURATIONS, 0, 90.0)) == "p95 of 90 ms instead of 20 ms"


@pytest.mark.parametrize(
    ("new", "live"),
    [
        (Traffic(MIN_DURATIONS - 1, 0, 900.0), GOOD),
        (GOOD, Traffic(MIN_DURATIONS - 1, 0, 1.0)),
        (Traffic(1000, 0, 69.0), GOOD),
        (Traffic(1000, 0, 140.0), Traffic(1000, 0, 100.0)),
        (Traffic(1000), GOOD),
        (GOOD, Traffic(1000)),
    ],
    ids=["few new requests", "few live requests", "few milliseconds", "small factor", "no new p95", "no live p95"],
)
def test_durations_that_say_little_are_not_compared(new: Traffic, live: Traffic):
    assert not is_slower(new, live)


def test_a_version_without_requests_is_taken_back_at_the_end():
    assert decide(Traffic(), GOOD, (), is_over=False) is None
    assert reason(Traffic()) == "it received no requests that could be compared"


def test_an_alarm_takes_a_version_back_at_once():
    assert reason(GOOD, GOOD, "slow", "errors", is_over=False) == "alarm errors, slow"


def test_traffic_is_shown_with_its_share_of_errors():
    assert str(Traffic(200, 5, 12.3)) == "200 requests, 5 errors (2.5 %), p95 12 ms"
    assert str(Traffic()) == "0 requests, 0 errors (0 %)"


@given(new=traffic(), live=traffic(), is_over=st.booleans())
def test_a_decision_follows_the_rules(new: Traffic, live: Traffic, is_over: bool):
    decision = decide(new, live, (), is_over=is_over)
    if decision is not None and decision.is_promoted:
        assert is_over
        assert new.requests > 0
        assert not has_more_errors(new, live)
        assert not is_slower(new, live)
    if is_over:
        assert decision is not None


@given(new=traffic(), live=traffic(), more=st.integers(0, 100), is_over=st.booleans())
def test_more_errors_never_save_a_version(new: Traffic, live: Traffic, more: int, is_over: bool):
    before = decide(new, live, (), is_over=is_over)
    worse = Traffic(new.requests, min(new.requests, new.errors + more), new.p95)
    if before is not None and not before.is_promoted:
        after = decide(worse, live, (), is_over=is_over)
        assert after is not None
        assert not after.is_promoted


@given(same=traffic())
def test_a_version_is_neither_worse_nor_slower_than_itself(same: Traffic):
    assert not has_more_errors(same, same)
    assert not is_slower(same, same)


@given(minutes=st.lists(st.tuples(st.floats(0, 1e6), st.floats(0.5, 1e6)), min_size=1))
def test_a_combined_percentile_is_between_those_of_the_minutes(minutes: list[tuple[float, float]]):
    combined = combine_percentiles(minutes)
    values = [value for value, _ in minutes]
    assert combined is not None
    assert min(values) - 1e-6 <= combined <= max(values) * (1 + 1e-9)


def test_minutes_without_requests_have_no_percentile():
    assert combine_percentiles([]) is None
    assert combine_percentiles([(10.0, 0.0)]) is None
    assert combine_percentiles([(10.0, 1.0), (20.0, 3.0)]) == 17.5

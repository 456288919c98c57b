"""A short run of `scripts/stress_runtime`."""

import pytest

from tests.aws.runtime.stress import stress


@pytest.mark.end_to_end  # It takes long.
@pytest.mark.parametrize(
    ("count", "seed"), [(2000, 1), pytest.param(20_000, 2, marks=pytest.mark.exhaustive)], ids=["short", "long"]
)
async def test_no_response_is_lost_or_doubled_while_connections_break(count: int, seed: int):
    report = await stress(count, seed)
    assert report.outcomes.total() == count
    # Each fault and each outcome has happened.
    assert len(report.faults) == 8
    assert {name.split()[2] for name in report.outcomes} == {"200", "500", "504", "cut", "error", "left"}
    assert report.growth < 4
    # Some events are running when they are counted.
    assert report.objects[-1] < report.objects[4] + 5000

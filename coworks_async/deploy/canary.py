"""Decide on a canary: compare what a new version and the live one did with their requests.

A canary sends a share of the requests to a new version. This module contains the rules; `deploy/aws/canary.py` shifts
the requests and reads the numbers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

DEFAULT_BAKE = 300
"""Seconds of a canary."""

# Percentage points by which the share of errors may exceed that of the live version.
ERROR_TOLERANCE = 1.0

# Requests of the new version before it is taken back during the bake. At the end, any number counts.
MIN_REQUESTS = 10

# Requests of each version before durations are compared: of fewer, p95 is that of cold starts.
MIN_DURATIONS = 100

# A p95 is worse if it exceeds that of the live version by both.
SLOWER_FACTOR = 1.5
SLOWER_MILLISECONDS = 50.0


@dataclass(frozen=True, slots=True)
class Canary:
    """The options of a canary: percentage of the requests, seconds, and names of CloudWatch alarms."""

    percent: int
    bake: int
    alarms: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Traffic:
    """The requests of a version: how many, how many failed, and the p95 of their durations in milliseconds."""

    requests: int = 0
    errors: int = 0
    p95: float | None = None

    @property
    def error_percent(self) -> float:
        return 100 * self.errors / self.requests if self.requests else 0.0

    def __str__(self) -> str:
        p95 = f", p95 {self.p95:.0f} ms" if self.p95 is not None else ""
        return f"{self.requests} requests, {self.errors} errors ({self.error_percent:.3g} %){p95}"


@dataclass(frozen=True, slots=True)
class Decision:
    """The end of a canary: whether the new version gets all requests, and why."""

    is_promoted: bool
    reason: str


def decide(new: Traffic, live: Traffic, alarms: Iterable[str], *, is_over: bool) -> Decision | None:
    """Return the decision on the new version; None to go on. `alarms` contains those in the state ALARM."""
    if names := ", ".join(sorted(alarms)):
        return Decision(False, f"alarm {names}")
    if new.requests >= MIN_REQUESTS or is_over:
        if has_more_errors(new, live):
            return Decision(False, f"{new.error_percent:.3g} % errors instead of {live.error_percent:.3g} %")
        if is_slower(new, live):
            return Decision(False, f"p95 of {new.p95:.0f} ms instead of {live.p95:.0f} ms")
    if not is_over:
        return None
    if not new.requests:
        return Decision(False, "it received no requests that could be compared")
    return Decision(True, "it is as good as the version before")


def has_more_errors(new: Traffic, live: Traffic) -> bool:
    """Return whether a larger share of the requests failed in the new version."""
    return new.error_percent > live.error_percent + ERROR_TOLERANCE


def is_slower(new: Traffic, live: Traffic) -> bool:
    """Return whether the new version is slower; False with too few requests of either."""
    if new.p95 is None or live.p95 is None or min(new.requests, live.requests) < MIN_DURATIONS:
        return False
    return new.p95 > live.p95 * SLOWER_FACTOR and new.p95 > live.p95 + SLOWER_MILLISECONDS


def combine_percentiles(minutes: Iterable[tuple[float, float]]) -> float | None:
    """Return the mean of percentiles of single minutes, weighted by the number of requests in each."""
    values = [(percentile, count) for percentile, count in minutes if count > 0]
    total = sum(count for _, count in values)
    return sum(percentile * count for percentile, count in values) / total if values else None

"""Known differences between the transports, as listed in `docs/concepts/gateway-differences.md`.

`tests/gateway/test_differences.py` tests each of them once. A contract test that cannot pass behind one of these
gateways is marked with `@differs(NAME)`. It must fail there, so that an outdated difference is noticed.
"""

from collections.abc import Mapping

import pytest

REST = ("rest", "stream-rest")
URL = ("url", "stream-url")
HTTP = ("http", "http-stage")
API = (*REST, *HTTP)
BUFFERED = ("rest", "http", "http-stage", "alb", "url")
EVENTS = (*BUFFERED, "stream-rest", "stream-url")

DIFFERENCES: Mapping[str, tuple[str, ...]] = {
    "rest-missing-route": REST,
    "rest-encoded-path": REST,
    "rest-content-type": REST,
    "rest-query": REST,
    "rest-repeated-token": REST,
    "rest-rejected-token": REST,
    "rest-challenge": REST,
    "rest-cors-headers": REST,
    "http-own-errors": HTTP,
    "http-rejected-token": HTTP,
    "rejected-before-lambda": API,
    "cached-authorizer-result": API,
    "remapped-headers": URL,
    "joined-headers": (*HTTP, *URL),
    "http-question-mark": HTTP,
    "http-path": HTTP,
    "hop-by-hop": EVENTS,
    "size-limits": EVENTS,
    "alb-size-limits": ("alb",),
    "aborted-stream": BUFFERED,
    "timeout": EVENTS,
    "in-lambda": EVENTS,
}
"""Transports that differ, by name of the difference."""


def differs(*names: str) -> pytest.MarkDecorator:
    """Mark a contract test as failing over the transports of these differences."""
    unknown = [name for name in names if name not in DIFFERENCES]
    if unknown:
        raise ValueError(f"unknown differences: {', '.join(unknown)}")
    return pytest.mark.differs(*names)


def expect_difference(request: pytest.FixtureRequest, transport: str) -> None:
    """Expect a test to fail where its transport is known to differ."""
    for mark in request.node.iter_markers("differs"):
        for name in mark.args:
            if transport in DIFFERENCES[name]:
                reason = f"docs/concepts/gateway-differences.md: {name}"
                request.applymarker(pytest.mark.xfail(strict=True, reason=reason))

"""Which trace a request belongs to: that of a caller who traces, of Lambda's, or one of its own."""

import pytest
from opentelemetry.trace import format_span_id, format_trace_id

from tests.aws.events import Context, rest_event
from tests.extensions.conftest import call
from tests.extensions.spans import Spans, shop, spans

__all__ = ["spans"]

TRACE = "5759e988bd862e3fe1be46a994272793"
PARENT = "53995c3f42cd8ad8"


@pytest.mark.parametrize(
    "header",
    [
        {"traceparent": f"00-{TRACE}-{PARENT}-01"},
        {"X-Amzn-Trace-Id": f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={PARENT};Sampled=1"},
        {
            "traceparent": f"00-{TRACE}-{PARENT}-01",
            "X-Amzn-Trace-Id": "Root=1-5759e988-aaaaaaaaaaaaaaaaaaaaaaaa;Parent=53995c3f42cd8ad9;Sampled=1",
        },
    ],
    ids=["w3c", "x-ray", "both"],
)
def test_a_caller_that_traces_is_followed(spans: Spans, header: dict[str, str]):
    [answer] = call(shop(spans), "/headers", headers=header)
    [span] = spans.take()
    assert span.parent is not None
    assert (format_trace_id(span.context.trace_id), format_span_id(span.parent.span_id)) == (TRACE, PARENT)
    own = format_span_id(span.context.span_id)
    assert answer.json() == {
        "traceparent": f"00-{TRACE}-{own}-01",
        "X-Amzn-Trace-Id": f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={own};Sampled=1",
    }


def test_a_header_without_a_parent_as_gateways_add_it_begins_no_trace(spans: Spans):
    call(shop(spans), "/", headers={"X-Amzn-Trace-Id": f"Root=1-{TRACE[:8]}-{TRACE[8:]}"})
    [span] = spans.take()
    assert span.parent is None


@pytest.mark.parametrize(
    ("told", "followed"),
    [(f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={PARENT};Sampled={flag}", flag == 1) for flag in (0, 1)],
)
def test_in_lambda_a_sampled_segment_is_the_parent_and_no_other_turns_spans_off(
    spans: Spans, monkeypatch: pytest.MonkeyPatch, told: str, followed: bool
):
    monkeypatch.setenv("_X_AMZN_TRACE_ID", told)
    app = shop(spans)
    outer = "Root=1-5759e988-aaaaaaaaaaaaaaaaaaaaaaaa"
    app.lambda_handler(rest_event(path="/", headers=[("X-Amzn-Trace-Id", outer)]), Context())
    app.lambda_handler.close()
    [span] = spans.take()
    assert (span.parent is not None, format_trace_id(span.context.trace_id) == TRACE) == (followed, followed)
    assert (span.attributes or {})["faas.invocation_id"] == Context().aws_request_id

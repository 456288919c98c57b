"""The context in which the SDK finds the current segment."""

import asyncio
from typing import Any

import pytest
from aws_xray_sdk import global_sdk_config
from aws_xray_sdk.core.exceptions.exceptions import SegmentNotFoundException

from coworks_async.extensions.xray_middleware import LambdaTraceContext, TraceContext
from tests.extensions.xray_daemon import Daemon

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
OTHER = "1-5759e988-aaaaaaaaaaaaaaaaaaaaaaaa"


@pytest.fixture
def traced(recorder: Any) -> Any:
    recorder.configure(context=TraceContext())
    return recorder


@pytest.fixture
def in_lambda(recorder: Any) -> Any:
    recorder.configure(context=LambdaTraceContext(), streaming_threshold=0)
    return recorder


def test_subsegments_are_nested_and_sent_with_their_segment(xray: Daemon, traced: Any):
    with traced.in_segment("shop"):
        with traced.in_subsegment("outer"), traced.in_subsegment("inner"):
            assert traced.current_segment().name == "shop"
        assert traced.current_subsegment() is None
    [segment] = xray.take()
    assert segment["subsegments"][0]["subsegments"][0]["name"] == "inner"
    assert traced.context.get_trace_entity() is None


def test_ending_a_subsegment_that_was_not_begun_does_nothing(xray: Daemon, traced: Any):
    traced.begin_segment("shop")
    traced.end_subsegment()
    traced.end_segment()
    assert "subsegments" not in xray.take()[0]


def test_outside_of_a_segment_the_configured_strategy_applies(recorder: Any):
    recorder.configure(context=TraceContext("RUNTIME_ERROR"))
    with pytest.raises(SegmentNotFoundException):
        recorder.begin_subsegment("lost")


def test_if_the_sdk_is_disabled_the_segment_is_a_dummy(xray: Daemon, traced: Any):
    global_sdk_config.set_sdk_enabled(False)
    try:
        assert traced.context.get_trace_entity().sampled is False
    finally:
        global_sdk_config.set_sdk_enabled(True)
    assert xray.take_rest() == []


def test_the_current_segment_can_be_set_in_another_thread(xray: Daemon, traced: Any):
    def work(entity: Any) -> None:
        traced.set_trace_entity(entity)
        with traced.in_subsegment("inner"):
            pass

    async def main() -> None:
        with traced.in_segment("shop"), traced.in_subsegment("outer") as outer:
            # Unlike `to_thread`, this does not copy the context.
            await asyncio.get_running_loop().run_in_executor(None, work, outer)

    asyncio.run(main())
    [segment] = xray.take()
    assert segment["subsegments"][0]["subsegments"][0]["name"] == "inner"


def test_in_lambda_subsegments_belong_to_the_segment_in_the_environment(
    xray: Daemon, in_lambda: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1")
    with in_lambda.in_subsegment("first"):
        pass
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={OTHER};Parent=53995c3f42cd8ad9;Sampled=1")
    with in_lambda.in_subsegment("second"):
        pass
    documents = [(each["name"], each["trace_id"], each["parent_id"], each["type"]) for each in xray.take(2)]
    assert documents == [
        ("first", ROOT, "53995c3f42cd8ad8", "subsegment"),
        ("second", OTHER, "53995c3f42cd8ad9", "subsegment"),
    ]


def test_in_lambda_two_events_of_one_trace_have_two_segments(
    xray: Daemon, in_lambda: Any, monkeypatch: pytest.MonkeyPatch
):
    parents = ["53995c3f42cd8ad8", "53995c3f42cd8ad9"]
    for parent in parents:
        monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={ROOT};Parent={parent};Sampled=1")
        with in_lambda.in_subsegment("called"):
            pass
    assert [(each["trace_id"], each["parent_id"]) for each in xray.take(2)] == [(ROOT, parent) for parent in parents]


@pytest.mark.parametrize("header", ["", f"Root={ROOT};Sampled=1", f"Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=0"])
def test_in_lambda_an_unsampled_trace_is_not_sent(
    xray: Daemon, in_lambda: Any, monkeypatch: pytest.MonkeyPatch, header: str
):
    monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
    with in_lambda.in_subsegment("first"), in_lambda.in_subsegment("inner"):
        pass
    assert xray.take_rest() == []

"""Where the X-Ray SDK finds the current segment: in a context variable, so that it follows tasks and threads.

The SDK's `AsyncContext` keeps it on asyncio's task: it is lost in threads
(https://github.com/aws/aws-xray-sdk-python/issues/446), tasks that run side by side close each other's subsegments
(https://github.com/aws/aws-xray-sdk-python/issues/164), and its task factory takes no task's name or context.
"""

import os
from contextvars import ContextVar
from typing import Any

from aws_xray_sdk.core.context import Context
from aws_xray_sdk.core.models.dummy_entities import DummySegment
from aws_xray_sdk.core.models.facade_segment import FacadeSegment
from aws_xray_sdk.core.models.trace_header import TraceHeader
from aws_xray_sdk.sdk_config import SDKConfig

Entities = tuple[Any, ...]
"""A segment and the subsegments that are open in it, each within the one before."""

# A tuple, since a task begins with its parent's: what one of them adds is none of the other's.
_entities: ContextVar[Entities] = ContextVar("xray_entities", default=())


class TraceContext(Context):
    """The SDK's context, in a context variable.

    What a request leaves behind, a task of its own say, may go on when its segment is sent: that is in no trace.
    """

    def put_segment(self, segment: Any) -> None:
        _entities.set((segment,))

    def put_subsegment(self, subsegment: Any) -> None:
        entities = _entities.get()
        while entities and not entities[-1].in_progress:
            entities = entities[:-1]
        if not entities:
            entities = (DummySegment(),)
            subsegment.parent_segment = entities[0]
            subsegment.sampled = False
        entities[-1].add_subsegment(subsegment)
        _entities.set((*entities, subsegment))

    def end_subsegment(self, end_time: Any = None) -> bool:
        entities = _entities.get()
        if len(entities) < 2:
            return False
        entities[-1].close(end_time)
        _entities.set(entities[:-1])
        return True

    def get_trace_entity(self) -> Any:
        entities = _entities.get()
        if entities:
            return entities[-1]
        return self.handle_context_missing() if SDKConfig.sdk_enabled() else DummySegment()

    def set_trace_entity(self, trace_entity: Any) -> None:
        segment = getattr(trace_entity, "parent_segment", None)
        _entities.set((trace_entity,) if segment is None else (segment, trace_entity))

    def clear_trace_entities(self) -> None:
        _entities.set(())


class LambdaTraceContext(TraceContext):
    """The context in Lambda, which has made a segment of each event and tells of it by the environment.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """

    def get_trace_entity(self) -> Any:
        entities = _entities.get()
        header = TraceHeader.from_header_str(os.environ.get("_X_AMZN_TRACE_ID"))
        if not entities or (len(entities) == 1 and header.root is not None and not _is_of(entities[0], header)):
            _entities.set((segment_of(header),))
        return _entities.get()[-1]


def _is_of(segment: Any, header: TraceHeader) -> bool:
    """Tell whether a segment is the one of a header; a trace that comes by twice has another one each time."""
    return bool((segment.trace_id, segment.id) == (header.root, header.parent))


def segment_of(header: TraceHeader) -> Any:
    """Return what stands for Lambda's own segment; one that is not sampled where the header is not whole."""
    if not header.root or not header.parent or header.sampled is None:
        return DummySegment()
    sampled = bool(header.sampled) and SDKConfig.sdk_enabled()
    segment = FacadeSegment(name="facade", entityid=header.parent, traceid=header.root, sampled=sampled)
    segment.save_origin_trace_header(header)
    return segment

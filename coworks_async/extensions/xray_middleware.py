"""The segment of each request. Its classes extend the SDK's, so this is imported only if X-Ray is enabled."""

import traceback
from contextvars import ContextVar
from typing import Any

from aws_xray_sdk.core.context import Context
from aws_xray_sdk.core.models import http
from aws_xray_sdk.core.models.dummy_entities import DummySegment
from aws_xray_sdk.core.models.facade_segment import FacadeSegment
from aws_xray_sdk.core.models.trace_header import TraceHeader
from aws_xray_sdk.core.recorder import AWSXRayRecorder
from aws_xray_sdk.ext.util import calculate_sampling_decision, construct_xray_header, prepare_response_header
from aws_xray_sdk.sdk_config import SDKConfig
from starlette.datastructures import URL, Headers

from coworks_async.extensions.tracing import RequestOutcome
from coworks_async.pipeline.request import current_stage
from coworks_async.pipeline.trace import get_trace_header
from coworks_async.types import ASGIApp, Message, Receive, Scope, Send

XRAY = "coworks.xray"
"""Scope key of the request's outcome."""

# A segment and its open subsegments, outermost first. A tuple, because tasks start with the value of their parent.
_entities: ContextVar[tuple[Any, ...]] = ContextVar("xray_entities", default=())


class TraceContext(Context):
    """Keeps the current segment in a context variable, so that it follows tasks and threads.

    The SDK's `AsyncContext` keeps it on asyncio's task: it is lost in threads
    (https://github.com/aws/aws-xray-sdk-python/issues/446), concurrent tasks close each other's subsegments
    (https://github.com/aws/aws-xray-sdk-python/issues/164), and its task factory ignores a task's name and context.
    """

    def put_segment(self, segment: Any) -> None:
        _entities.set((segment,))

    def put_subsegment(self, subsegment: Any) -> None:
        entities = _entities.get()
        while entities and not entities[-1].in_progress:
            entities = entities[:-1]
        if not entities:
            # The task has outlived its request, whose segment is sent.
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
    """The context in Lambda, which creates a segment for each event and passes it in an environment variable.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """

    def get_trace_entity(self) -> Any:
        entities = _entities.get()
        header = TraceHeader.from_header_str(get_trace_header())
        # A trace that reaches the function twice has the same root and another parent.
        is_current = bool(entities) and (entities[0].trace_id, entities[0].id) == (header.root, header.parent)
        if not entities or (len(entities) == 1 and header.root is not None and not is_current):
            _entities.set((create_lambda_segment(header),))
        return _entities.get()[-1]


def create_lambda_segment(header: TraceHeader) -> Any:
    """Return a replacement for the segment that Lambda sends. It is not sampled if the header is incomplete."""
    if not header.root or not header.parent or header.sampled is None:
        return DummySegment()
    sampled = bool(header.sampled) and SDKConfig.sdk_enabled()
    segment = FacadeSegment(name="facade", entityid=header.parent, traceid=header.root, sampled=sampled)
    segment.save_origin_trace_header(header)
    return segment


def configure_recorder(recorder: AWSXRayRecorder, in_lambda: bool) -> None:
    missing = recorder.context.context_missing or "LOG_ERROR"
    recorder.configure(context=LambdaTraceContext() if in_lambda else TraceContext(missing))
    if in_lambda:
        # Lambda sends its segment itself, so each subsegment is sent when it ends.
        recorder.configure(streaming_threshold=0)


class XRayMiddleware:
    """Creates a segment for each request; in Lambda, a subsegment of Lambda's segment."""

    def __init__(self, app: ASGIApp, recorder: AWSXRayRecorder, name: str, user: str, in_lambda: bool) -> None:
        self.app = app
        self.recorder = recorder
        self.name = name
        self.user = user
        self.in_lambda = in_lambda

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        entity, trace_header = self.begin(scope)

        def record(error: BaseException) -> None:
            stack = traceback.extract_tb(error.__traceback__, limit=-self.recorder.max_trace_back)
            entity.add_exception(error, stack)

        outcome = scope[XRAY] = RequestOutcome(scope, record)

        async def send_wrapper(message: Message) -> None:
            if trace_header is not None and message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (http.XRAY_HEADER.lower().encode(), trace_header.encode())]
                message = {**message, "headers": headers}
            await send(message)
            outcome.handle_message(message)

        try:
            await self.app(scope, receive, send_wrapper)
        except BaseException as error:
            outcome.handle_failure(error)
            raise
        finally:
            self.end(entity, outcome)

    def begin(self, scope: Scope) -> tuple[Any, str | None]:
        """Begin the segment or subsegment of a request. Return it, and the trace header of the response, if any."""
        if self.in_lambda:
            return self.recorder.begin_subsegment(self.name), None
        headers = Headers(scope=scope)
        header = construct_xray_header(headers)
        host = headers.get("host", "")
        request = {"service": self.name, "method": scope["method"], "host": host, "path": scope["path"]}
        decision: Any = calculate_sampling_decision(header, self.recorder, request)  # type: ignore[no-untyped-call]
        segment = self.recorder.begin_segment(self.name, header.root, header.parent, sampling=decision)
        segment.save_origin_trace_header(header)
        return segment, prepare_response_header(header, segment)

    def end(self, entity: Any, outcome: RequestOutcome) -> None:
        """End the segment at the time of the response's last byte."""
        self.describe(entity, outcome)
        ended: Any = outcome.ended_at / 1e9 if outcome.ended_at is not None else None
        # The request may have left other subsegments open.
        self.recorder.set_trace_entity(entity)
        if self.in_lambda:
            self.recorder.end_subsegment(ended)
        else:
            self.recorder.end_segment(ended)
        self.recorder.clear_trace_entities()

    def describe(self, entity: Any, outcome: RequestOutcome) -> None:
        """Add metadata, with the URL but not its query, and annotations, which can be searched."""
        scope = outcome.scope
        client = scope.get("client")
        metadata = {
            http.METHOD: scope["method"],
            http.URL: str(URL(scope=scope).replace(query=None)),
            http.USER_AGENT: Headers(scope=scope).get("user-agent"),
            http.CLIENT_IP: client[0] if client else None,
            http.STATUS: outcome.status,
        }
        annotations = {
            "service": self.name,
            "stage": current_stage(),
            "route": outcome.route,
            "entry": outcome.endpoint,
            "user": outcome.get_user(self.user),
        }
        for key, value in metadata.items():
            entity.put_http_meta(key, value)
        for key, value in annotations.items():
            if value is not None:
                entity.put_annotation(key, value)

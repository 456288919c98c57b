"""What X-Ray is told of each request. Loads the SDK, so that it is imported where X-Ray is on and nowhere else."""

import traceback
from collections.abc import Collection
from typing import Any

from aws_xray_sdk.core.models import http
from aws_xray_sdk.core.patcher import patch
from aws_xray_sdk.core.recorder import AWSXRayRecorder
from aws_xray_sdk.ext.util import calculate_sampling_decision, construct_xray_header, prepare_response_header
from starlette.datastructures import URL, Headers

from coworks_async.exceptions import DeclarationError
from coworks_async.extensions.tracing import Outcome
from coworks_async.extensions.xray import XRAY
from coworks_async.extensions.xray_context import LambdaTraceContext, TraceContext
from coworks_async.pipeline.request import current_stage
from coworks_async.types import ASGIApp, Message, Receive, Scope, Send


def use_context(recorder: AWSXRayRecorder, in_lambda: bool) -> None:
    """Give a recorder a context that follows tasks and threads."""
    missing = recorder.context.context_missing or "LOG_ERROR"
    recorder.configure(context=LambdaTraceContext() if in_lambda else TraceContext(missing))
    if in_lambda:
        # Lambda sends its segment by itself, so that nothing of ours can wait for its end.
        recorder.configure(streaming_threshold=0)


def patch_libraries(libraries: Collection[str]) -> None:
    """Make subsegments of the calls of libraries.

    Raises:
        DeclarationError: the SDK has no patch for one of them.
    """
    try:
        patch(tuple(libraries))
    except Exception as error:
        raise DeclarationError(f"XRay(patch={tuple(libraries)!r}): {error}.") from error


class XRayMiddleware:
    """Makes a segment of each request; in Lambda, a subsegment of the segment that Lambda makes.

    Parameters:
        app: what answers.
        recorder: the SDK's, with a context of ours.
        name: the service's.
        user: the key of `request.auth` that tells who asks.
        in_lambda: whether there is a segment already.
    """

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
        outcome = scope[XRAY] = Outcome(scope, lambda error: self.record(entity, error))

        async def tell(message: Message) -> None:
            if trace_header is not None and message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (http.XRAY_HEADER.lower().encode(), trace_header.encode())]
                message = {**message, "headers": headers}
            await send(message)
            outcome.sent(message)

        try:
            await self.app(scope, receive, tell)
        except BaseException as error:
            outcome.failed(error)
            raise
        finally:
            self.end(entity, outcome)

    def begin(self, scope: Scope) -> tuple[Any, str | None]:
        """Return the segment or subsegment of a request, and the header of its answer, where one is due."""
        if self.in_lambda:
            return self.recorder.begin_subsegment(self.name), None
        headers = Headers(scope=scope)
        header = construct_xray_header(headers)
        asked = {
            "host": headers.get("host", ""),
            "method": scope["method"],
            "path": scope["path"],
            "service": self.name,
        }
        decision: Any = calculate_sampling_decision(header, self.recorder, asked)  # type: ignore[no-untyped-call]
        segment = self.recorder.begin_segment(self.name, header.root, header.parent, sampling=decision)
        segment.save_origin_trace_header(header)
        return segment, prepare_response_header(header, segment)

    def record(self, entity: Any, error: BaseException) -> None:
        """Record an exception, with the innermost of its frames."""
        entity.add_exception(error, traceback.extract_tb(error.__traceback__, limit=-self.recorder.max_trace_back))

    def end(self, entity: Any, outcome: Outcome) -> None:
        """Tell all that is known of a request, and that it ended when its answer was whole."""
        self.describe(entity, outcome)
        ended: Any = outcome.ended_at / 1e9 if outcome.ended_at is not None else None
        # What the request began and did not end is not what ends here.
        self.recorder.set_trace_entity(entity)
        if self.in_lambda:
            self.recorder.end_subsegment(ended)
        else:
            self.recorder.end_segment(ended)
        self.recorder.clear_trace_entities()

    def describe(self, entity: Any, outcome: Outcome) -> None:
        """Tell method, URL without query, client and status; service, stage, route, entry and user to search by."""
        scope = outcome.scope
        headers = Headers(scope=scope)
        client = scope.get("client")
        for key, value in {
            http.METHOD: scope["method"],
            http.URL: str(URL(scope=scope).replace(query=None)),
            http.USER_AGENT: headers.get("user-agent"),
            http.CLIENT_IP: client[0] if client else None,
            http.STATUS: outcome.status,
        }.items():
            entity.put_http_meta(key, value)
        entry = outcome.entry
        annotations = {
            "service": self.name,
            "stage": current_stage(),
            "route": outcome.route,
            "entry": entry.endpoint if entry is not None else None,
            "user": outcome.user(self.user),
        }
        for key, value in annotations.items():
            if value is not None:
                entity.put_annotation(key, value)

"""Asynchronous calls on their way out of one invocation: the envelope, and the second invocation that it is for.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
"""

import os
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool

from coworks_async.aws.authorizer import create_marker
from coworks_async.exceptions import Problem
from coworks_async.types import Event, Scope

ENVELOPE = "coworks.background"


def is_envelope(event: Any) -> bool:
    """Tell whether an event is an envelope: this one key and no other, as no gateway makes it."""
    return isinstance(event, dict) and event.keys() == {ENVELOPE}


def build_envelope(encoded: bytes, context: Any, mount: str) -> bytes:
    """Return the envelope of an encoded call, with the mark of this function and stage, and where its service is."""
    mark, place = msgspec.json.encode(create_marker(context)), msgspec.json.encode(mount)
    return b'{"%s":{"mark":%s,"mount":%s,"call":%s}}' % (ENVELOPE.encode(), mark, place, encoded)


class AsyncInvoker:
    """Invokes this function a second time; where no Lambda runs it, keeps the envelope for the handler to take.

    Parameters:
        service: what the second invocation is given to; it finds the services that are mounted below it.
    """

    def __init__(self, service: Any) -> None:
        self.service = service
        self.kept: list[bytes] = []
        self._lambda: Any = None

    async def __call__(self, encoded: bytes, scope: Scope) -> None:
        from coworks_async.aws.background import mount_of

        context, app = scope["aws.context"], scope["app"]
        mount = mount_of(app, self.service)
        if mount is None:
            detail = f"{app.name} is mounted where no second invocation finds it: it takes no asynchronous calls here."
            app.logger.error("%s What stands around it has to keep it as its attribute `app`.", detail)
            raise Problem(500, detail)
        payload = build_envelope(encoded, context, mount)
        if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
            await run_in_threadpool(self._invoke, context.invoked_function_arn, payload)
        else:
            self.kept.append(payload)

    def _invoke(self, function: str, payload: bytes) -> None:
        from coworks_async.aws.background import aws_client

        self._lambda = self._lambda or aws_client("lambda")
        self._lambda.invoke(FunctionName=function, InvocationType="Event", Payload=payload)

    def take(self) -> list[Event]:
        """Return the envelopes that were kept."""
        kept, self.kept = self.kept, []
        return [msgspec.json.decode(payload) for payload in kept]

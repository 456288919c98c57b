"""AWS X-Ray: a segment of each request, or a subsegment of Lambda's own."""

import os
from collections.abc import Collection
from typing import TYPE_CHECKING

from coworks_async.exceptions import DeclarationError
from coworks_async.extensions.extras import require
from coworks_async.extensions.tracing import watch_failures
from coworks_async.service import TechMicroService

if TYPE_CHECKING:
    from aws_xray_sdk.core.recorder import AWSXRayRecorder

XRAY = "coworks.xray"
"""The key of a scope under which stands what X-Ray will be told of its request."""


class XRay:
    """Traces a service's requests with X-Ray, where there is a daemon: in Lambda, or at `AWS_XRAY_DAEMON_ADDRESS`.

    Anywhere else, and with `AWS_XRAY_SDK_ENABLED=false`, it does nothing at all. The recorder gets a context that
    follows tasks and threads.

    Parameters:
        app: the service.
        recorder: `aws_xray_sdk.core.xray_recorder`, which is also the default.
        patch: libraries whose calls become subsegments: `("boto3", "httpx")`, or others that the SDK knows.
        user: the key of `request.auth` that tells who asks.

    Raises:
        ImportError: aws_xray_sdk is not installed.
        DeclarationError: `patch` with another recorder, which the SDK's patches would not know, or of what it
            does not know; or the service answers requests already.

    Example:
        >>> from aws_xray_sdk.core import xray_recorder
        >>> app = SimpleMicroService()
        >>> XRay(app, xray_recorder, patch=("boto3",))
    """

    def __init__(
        self,
        app: TechMicroService,
        recorder: "AWSXRayRecorder | None" = None,
        *,
        patch: Collection[str] = (),
        user: str = "name",
    ) -> None:
        require("XRay", "aws_xray_sdk", "xray")
        app.extensions["xray"] = self
        self.enabled = self._is_enabled()
        if not self.enabled:
            return
        from aws_xray_sdk.core import xray_recorder

        from coworks_async.extensions.xray_requests import XRayMiddleware, patch_libraries, use_context

        recorder = recorder or xray_recorder
        if patch and recorder is not xray_recorder:
            raise DeclarationError(
                "XRay(patch=...) needs aws_xray_sdk.core.xray_recorder, the recorder of its patches."
            )
        in_lambda = "AWS_LAMBDA_FUNCTION_NAME" in os.environ
        use_context(recorder, in_lambda)
        patch_libraries(patch)
        watch_failures(app, XRAY)
        app.add_middleware(XRayMiddleware, recorder=recorder, name=app.name, user=user, in_lambda=in_lambda)

    @staticmethod
    def _is_enabled() -> bool:
        if not {"AWS_LAMBDA_FUNCTION_NAME", "AWS_XRAY_DAEMON_ADDRESS"} & os.environ.keys():
            return False
        from aws_xray_sdk import global_sdk_config

        return global_sdk_config.sdk_enabled()

"""`XRay`: traces requests with AWS X-Ray. Imports the SDK only if it is enabled, to keep cold starts short."""

import os
from collections.abc import Collection
from typing import TYPE_CHECKING

from coworks_async.exceptions import DeclarationError
from coworks_async.extensions.tracing import report_failures
from coworks_async.extras import require
from coworks_async.service import TechMicroService

if TYPE_CHECKING:
    from aws_xray_sdk.core.recorder import AWSXRayRecorder


class XRay:
    """Traces a service's requests with X-Ray, in Lambda or where `AWS_XRAY_DAEMON_ADDRESS` is set.

    Elsewhere, and with `AWS_XRAY_SDK_ENABLED=false`, it does nothing. The recorder gets a context that follows tasks
    and threads.

    Args:
        app: the service.
        recorder: `aws_xray_sdk.core.xray_recorder`, which is the default.
        patch: libraries whose calls become subsegments: `("boto3", "httpx")`, or others that the SDK supports.
        user: the key of `request.auth` that identifies the user.

    Raises:
        ImportError: aws_xray_sdk is not installed.
        DeclarationError: `patch` names a library that the SDK does not support, or another recorder than the default
            is used with it; or the service has already handled a request.

    Examples:
        >>> from aws_xray_sdk.core import xray_recorder
        >>> from coworks_async import TechMicroService
        >>> from coworks_async.extensions import XRay
        >>> app = TechMicroService(name="shop")
        >>> xray = XRay(app, xray_recorder, patch=("boto3",))
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
        self.enabled = is_enabled()
        if not self.enabled:
            return
        from aws_xray_sdk.core import patch as patch_libraries
        from aws_xray_sdk.core import xray_recorder

        from coworks_async.extensions.xray_middleware import XRAY, XRayMiddleware, configure_recorder

        recorder = recorder or xray_recorder
        if patch and recorder is not xray_recorder:
            raise DeclarationError("XRay(patch=...) works with the recorder aws_xray_sdk.core.xray_recorder only.")
        in_lambda = "AWS_LAMBDA_FUNCTION_NAME" in os.environ
        configure_recorder(recorder, in_lambda)
        try:
            patch_libraries(tuple(patch))
        except Exception as error:
            raise DeclarationError(f"XRay(patch={tuple(patch)!r}): {error}.") from error
        report_failures(app, XRAY)
        app.add_middleware(XRayMiddleware, recorder=recorder, name=app.name, user=user, in_lambda=in_lambda)


def is_enabled() -> bool:
    if not {"AWS_LAMBDA_FUNCTION_NAME", "AWS_XRAY_DAEMON_ADDRESS"} & os.environ.keys():
        return False
    from aws_xray_sdk import global_sdk_config

    return global_sdk_config.sdk_enabled()

"""The context of an event, from the headers with which the Runtime API sends it.

https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
"""

import json
import time
from collections.abc import Mapping
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

from msgspec import Struct


class FunctionInfo(Struct, frozen=True):
    """The attributes of a context that are the same for all events."""

    function_name: str | None
    function_version: str | None
    memory_limit_in_mb: str | None
    log_group_name: str | None
    log_stream_name: str | None

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> "FunctionInfo":
        names = ("FUNCTION_NAME", "FUNCTION_VERSION", "FUNCTION_MEMORY_SIZE", "LOG_GROUP_NAME", "LOG_STREAM_NAME")
        return cls(*(variables.get(f"AWS_LAMBDA_{name}") for name in names))


class LambdaContext:
    """The second argument of the handler, with the attributes of AWS's Python runtime."""

    def __init__(self, headers: Mapping[str, str], function: FunctionInfo) -> None:
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self.function_name = function.function_name
        self.function_version = function.function_version
        self.memory_limit_in_mb = function.memory_limit_in_mb
        self.log_group_name = function.log_group_name
        self.log_stream_name = function.log_stream_name
        self._deadline = int(headers.get("lambda-runtime-deadline-ms", "0"))  # milliseconds since the epoch
        self.client_context = _parse_client_context(headers.get("lambda-runtime-client-context"))
        self.identity = _parse_identity(headers.get("lambda-runtime-cognito-identity"))

    def get_remaining_time_in_millis(self) -> int:
        return max(self._deadline - int(time.time() * 1000), 0)


current_context: ContextVar[LambdaContext | None] = ContextVar("lambda_context", default=None)
"""The context of the event that the current task handles."""


def _parse_client_context(header: str | None) -> SimpleNamespace | None:
    if not header:
        return None
    members: dict[str, Any] = json.loads(header)
    client = members.get("client")
    names = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")
    return SimpleNamespace(
        custom=members.get("custom"),
        env=members.get("env"),
        client=None if client is None else SimpleNamespace(**{name: client.get(name) for name in names}),
    )


def _parse_identity(header: str | None) -> SimpleNamespace:
    members: dict[str, Any] = json.loads(header) if header else {}
    return SimpleNamespace(
        cognito_identity_id=members.get("cognitoIdentityId"),
        cognito_identity_pool_id=members.get("cognitoIdentityPoolId"),
    )

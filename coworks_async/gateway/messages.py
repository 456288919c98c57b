"""Messages of a simulated gateway: HTTP request and response, route match, Lambda context."""

import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

ACCOUNT = "123456789012"
REGION = "eu-west-1"
API = "local00api"

FUNCTION_TIMEOUT = 30.0
"""Seconds that an event may take, as long as a gateway waits."""

Via = Literal["rest", "http", "http-stage", "alb", "url"]
"""A gateway: REST API, HTTP API with stage `$default` or a named one, load balancer, function URL."""

VIAS: tuple[Via, ...] = get_args(Via)

StreamVia = Literal["stream-rest", "stream-url"]
"""A gateway whose function runs in the native runtime and streams: REST API or function URL."""

STREAM_VIAS: tuple[StreamVia, ...] = get_args(StreamVia)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as the gateway receives it, with path and query string as they were sent."""

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    source_ip: str = "127.0.0.1"
    scheme: str = "https"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    time: float = field(default_factory=time.time)

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def value(self, name: str) -> str:
        return next(iter(self.values(name)), "")

    @property
    def host(self) -> str:
        return self.value("host") or "localhost"

    @property
    def domain(self) -> str:
        """The host without its port."""
        return re.sub(r":\d+$", "", self.host)


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """The route of a request."""

    service_path: str  # without stage or base path, as it was sent
    stage: str
    is_default_host: bool = False  # the API's own host, where paths start with a named stage
    resource: str = "/{proxy+}"  # the path of the route, or `$default`
    method: str = "ANY"  # of the route
    parameters: Mapping[str, str] | None = None
    authorizer: Mapping[str, Any] | None = None  # the context in the authorizer's result, if it was called

    def arn(self, method: str) -> str:
        return f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{API}/{self.stage}/{method}{self.service_path}"


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response as the client receives it. `raw` is the function's result; None if it was not called, or failed."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    raw: Any = None


@dataclass(frozen=True, slots=True)
class SimulatedContext:
    """The second argument of a Lambda handler: https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""

    function_name: str
    aws_request_id: str
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 256
    log_stream_name: str = "local"
    identity: None = None
    client_context: None = None
    deadline: float = field(default_factory=lambda: time.monotonic() + FUNCTION_TIMEOUT)  # of `time.monotonic()`

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, round((self.deadline - time.monotonic()) * 1000))

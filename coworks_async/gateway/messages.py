"""What passes between a client, a gateway and a Lambda: a request, where it was routed, an answer, a context."""

import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

ACCOUNT = "123456789012"
REGION = "eu-west-1"
API = "local00api"

Via = Literal["rest", "http", "http-stage", "alb", "url"]
"""A kind of gateway: a REST API, an HTTP API whose stage is `$default` or has a name, a balancer, a function's URL."""

VIAS: tuple[Via, ...] = get_args(Via)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as a gateway gets it.

    Attributes:
        path: percent-encoded, as it was sent.
        query: the query string, as it was sent.
        headers: names and values, in order; a name may come again.
        id: what the gateway, and Lambda, call this request.
    """

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
        """Return the values of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def host(self) -> str:
        return next(iter(self.values("host")), "localhost")

    @property
    def domain(self) -> str:
        """The host without its port."""
        return re.sub(r":\d+$", "", self.host)


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """What a gateway knows of a request once it has routed it.

    Attributes:
        own_path: the service's own part of the path, as it was sent.
        stage: the gateway's stage, `$default` say.
        own_host: whether the API is called by its own host, where a stage's name comes first in the path.
        resource: the path of the route, `/items/{id}`; `$default` for that route of an HTTP API.
        method: that of the route, perhaps `ANY`.
        parameters: the values of the route's parameters.
        authorizer: what the authorizer told, None where it was not asked.
    """

    own_path: str
    stage: str
    own_host: bool = False
    resource: str = "/{proxy+}"
    method: str = "ANY"
    parameters: Mapping[str, str] | None = None
    authorizer: Mapping[str, Any] | None = None

    def arn(self, method: str) -> str:
        """The ARN by which a policy allows a method on this path."""
        return f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{API}/{self.stage}/{method}{self.own_path}"


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer as the client gets it.

    Attributes:
        raw: what the Lambda returned; None where the gateway answered alone.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    raw: Any = None


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """The second argument of a Lambda's handler: https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""

    function_name: str
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 256
    log_stream_name: str = "local"
    identity: None = None
    client_context: None = None
    deadline: float = field(default_factory=lambda: time.monotonic() + 30)

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the call may still take: as long as a gateway waits, from its start."""
        return max(0, round((self.deadline - time.monotonic()) * 1000))

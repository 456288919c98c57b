"""Application load balancers: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html"""

from http.client import responses
from typing import Any
from urllib.parse import unquote

from mangum.handlers import ALB
from mangum.handlers.alb import case_mutated_headers
from mangum.types import Response

from coworks_async.aws.event_formats.base import (
    GatewayEvent,
    ResponseHeaders,
    create_scope,
    encode_raw_path,
    list_pairs,
    parse_headers,
)
from coworks_async.pipeline.body import ALB_PAYLOAD_LIMIT
from coworks_async.types import Scope


class AlbEvent(GatewayEvent, ALB):
    """A request through a load balancer, which sends path and query undecoded.

    Differences from Mangum's class: the query is not re-encoded, headers are latin-1, the client is the address that
    the load balancer appended, and only `set-cookie` is repeated in different spellings.
    """

    limit = ALB_PAYLOAD_LIMIT

    @property
    def scope(self) -> Scope:
        event = self.event
        path: str = event.get("path") or "/"
        query = list_pairs(event.get("multiValueQueryStringParameters"), event.get("queryStringParameters"))
        headers = parse_headers(event.get("multiValueHeaders"), event.get("headers"))
        # The load balancer appends the client's address to whatever the client sent.
        forwarded_for = headers[1].get(b"x-forwarded-for", b"").decode("latin-1")
        return create_scope(
            event,
            self.context,
            method=event["httpMethod"],
            path=unquote(path),
            root_path="",
            query_string="&".join([f"{name}={value}" for name, value in query]).encode(errors="replace"),
            headers=headers,
            source_ip=forwarded_for.rpartition(",")[2].strip() or None,
            raw_path=encode_raw_path(path),
        )

    def __call__(self, response: Response) -> dict[str, Any]:
        status = response["status"]
        return super().__call__(response) | {"statusDescription": f"{status} {responses.get(status, 'Unknown')}"}

    def format_headers(self, headers: ResponseHeaders) -> dict[str, Any]:
        # A setting of the target group decides which form it takes.
        if "multiValueHeaders" in self.event:
            return {"multiValueHeaders": headers}
        # Cookies cannot be joined, so each gets its own spelling of `set-cookie`.
        cookies = headers.pop("set-cookie", [])
        joined = {name: ", ".join(values) for name, values in headers.items()}
        return {"headers": joined | case_mutated_headers({"set-cookie": cookies})}

"""Application load balancers: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html"""

from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from mangum.handlers import ALB
from mangum.handlers.alb import case_mutated_headers
from mangum.types import Response as Answer

from coworks_async.aws.event_formats.base import (
    HeaderLists,
    create_scope,
    decode_body,
    encode_body,
    encode_raw_path,
    group_headers,
    multi_headers,
    multi_pairs,
)
from coworks_async.pipeline.body import ALB_PAYLOAD_LIMIT
from coworks_async.types import Scope


class AlbEvent(ALB):
    """A request through a load balancer, whose path and query come as they were sent.

    Mends of Mangum's class: the query is not decoded and encoded again, headers are read and written as latin-1, the
    client is the one that the load balancer saw, and only cookies need names of several spellings.
    """

    limit = ALB_PAYLOAD_LIMIT

    @property
    def body(self) -> bytes:
        return decode_body(self.event)

    @property
    def scope(self) -> Scope:
        event = self.event
        path: str = event.get("path") or "/"
        query = multi_pairs(event.get("multiValueQueryStringParameters"), event.get("queryStringParameters"))
        headers = multi_headers(event.get("multiValueHeaders"), event.get("headers"))
        # The load balancer appends whom it saw to what the client may have written.
        forwarded = headers[1].get(b"x-forwarded-for", b"").decode("latin-1")
        return create_scope(
            event,
            self.context,
            method=event["httpMethod"],
            path=unquote(path),
            root_path="",
            query_string="&".join([f"{name}={value}" for name, value in query]).encode(errors="replace"),
            headers=headers,
            source_ip=forwarded.rpartition(",")[2].strip() or None,
            raw_path=encode_raw_path(path),
        )

    def __call__(self, response: Answer) -> dict[str, Any]:
        lists = group_headers(response["headers"])
        body, is_base64 = encode_body(response["body"], lists)
        answer = {
            "statusCode": response["status"],
            "statusDescription": f"{response['status']} {_phrase(response['status'])}",
            "body": body,
            "isBase64Encoded": is_base64,
        }
        if "multiValueHeaders" in self.event:
            return {**answer, "multiValueHeaders": lists}
        return {**answer, "headers": _single_headers(lists)}


def _single_headers(lists: HeaderLists) -> dict[str, str]:
    """Return headers by one value a name: several are joined, but cookies, whose name comes in several spellings."""
    cookies = lists.pop("set-cookie", [])
    joined = {name: ", ".join(values) for name, values in lists.items()}
    return {**joined, **case_mutated_headers({"set-cookie": cookies})}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"

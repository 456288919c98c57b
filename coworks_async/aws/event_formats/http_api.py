"""HTTP APIs (payload format 2.0) and function URLs, which use the same format.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

import os
from typing import Any
from urllib.parse import unquote

from mangum.handlers import HTTPGateway
from mangum.types import Response as Answer

from coworks_async.aws.event_formats.base import (
    asgi_headers,
    create_scope,
    decode_body,
    encode_body,
    encode_raw_path,
    group_headers,
    single_headers,
)
from coworks_async.aws.event_formats.rest import split_stage
from coworks_async.pipeline.body import LAMBDA_PAYLOAD_LIMIT
from coworks_async.types import Scope


class HttpApiEvent(HTTPGateway):
    """A request through an HTTP API, whose path comes decoded and holds the stage where that has a name.

    Mends of Mangum's class: authorizer events are none of its own, the path is not decoded twice, the stage is a root
    path by segments, headers are read and written as latin-1, an answer without a body gets no content type.
    """

    limit = LAMBDA_PAYLOAD_LIMIT

    @property
    def body(self) -> bytes:
        return decode_body(self.event)

    @property
    def scope(self) -> Scope:
        event = self.event
        http = event["requestContext"]["http"]
        root_path, path = self.split_path()
        single = event.get("headers") or {}
        if cookies := event.get("cookies"):
            pairs = [(name, value) for name, value in single.items() if name.lower() != "cookie"]
            headers = asgi_headers([*pairs, ("cookie", "; ".join(cookies))])
        else:
            headers = single_headers(single)
        return create_scope(
            event,
            self.context,
            method=http["method"],
            path=path,
            root_path=root_path,
            query_string=query.encode(errors="replace") if (query := event.get("rawQueryString")) else b"",
            headers=headers,
            source_ip=http.get("sourceIp"),
            raw_path=self.raw_path(),
        )

    def split_path(self) -> tuple[str, str]:
        """Return the root path and the service's own path.

        The paths of an event hold a named stage, on a custom domain too, whose URLs have none: there the root path is
        the base path that the API is mapped to. No event tells it, so that the environment has to (`CWS_BASE_PATH`).
        """
        request_context = self.event["requestContext"]
        stage, path = split_stage(self.event["rawPath"] or "/", request_context)
        domain = request_context.get("domainName") or ""
        if ".execute-api." in domain:
            return stage, path
        base_path = os.environ.get("CWS_BASE_PATH", "").strip("/") if is_custom_domain(domain) else ""
        return f"/{base_path}" if base_path else "", path

    def raw_path(self) -> bytes | None:
        """Return the path as it was sent, where that is known: not here, whatever its name in the event says."""
        return None

    def __call__(self, response: Answer) -> dict[str, Any]:
        lists = group_headers(response["headers"])
        body, is_base64 = encode_body(response["body"], lists)
        cookies = lists.pop("set-cookie", None)
        answer = {
            "statusCode": response["status"],
            "headers": {name: ", ".join(values) for name, values in lists.items()},
            "body": body,
            "isBase64Encoded": is_base64,
        }
        return {**answer, "cookies": cookies} if cookies else answer


def is_custom_domain(domain: str) -> bool:
    """Tell whether a domain is neither an API's own nor that of a machine where a service is tried."""
    return "." in domain and ".execute-api." not in domain and not domain.rpartition(".")[2].isdigit()


class FunctionUrlEvent(HttpApiEvent):
    """A request to a function's own URL, whose path comes as it was sent."""

    def split_path(self) -> tuple[str, str]:
        return "", unquote(self.event["rawPath"] or "/")

    def raw_path(self) -> bytes | None:
        return encode_raw_path(self.event["rawPath"])

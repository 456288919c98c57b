"""REST APIs (payload format 1.0): https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html"""

import re
from typing import Any
from urllib.parse import unquote

from mangum.handlers import APIGateway
from mangum.types import Response as Answer

from coworks_async.aws.event_formats.base import (
    create_scope,
    decode_body,
    encode_body,
    encode_query,
    encode_raw_path,
    group_headers,
    multi_headers,
    multi_pairs,
)
from coworks_async.pipeline.body import LAMBDA_PAYLOAD_LIMIT
from coworks_async.types import Event, Scope

_PARAMETER = r"\{([^{}+]+)\+?\}"


class RestEvent(APIGateway):
    """A request through a REST API, or through an HTTP API that was told to use this format.

    Mends of Mangum's class: repeated headers stay apart, headers are read and written as latin-1, and what comes
    before the service's own path (the stage, or a custom domain's base path) is its root path, by segments.
    """

    limit = LAMBDA_PAYLOAD_LIMIT

    @property
    def body(self) -> bytes:
        return decode_body(self.event)

    @property
    def scope(self) -> Scope:
        event = self.event
        root_path, path, raw_path = split_path(event)
        return create_scope(
            event,
            self.context,
            method=event["httpMethod"],
            path=path,
            root_path=root_path,
            query_string=encode_query(
                multi_pairs(event.get("multiValueQueryStringParameters"), event.get("queryStringParameters"))
            ),
            headers=multi_headers(event.get("multiValueHeaders"), event.get("headers")),
            source_ip=(event["requestContext"].get("identity") or {}).get("sourceIp"),
            raw_path=raw_path,
        )

    def __call__(self, response: Answer) -> dict[str, Any]:
        lists = group_headers(response["headers"])
        body, is_base64 = encode_body(response["body"], lists)
        return {
            "statusCode": response["status"],
            "multiValueHeaders": lists,
            "body": body,
            "isBase64Encoded": is_base64,
        }


def split_path(event: Event) -> tuple[str, str, bytes | None]:
    """Return the root path and the service's own path, both decoded, and the whole as it was sent, where that is known.

    On a REST API's own host the event's path is the service's, and the request's context has the stage before it.
    Elsewhere (a custom domain, the test console, an HTTP API) both are alike, with what stands before the service's
    own path: the resource that matched tells how much that is.
    """
    path: str = event.get("path") or "/"
    request_context = event["requestContext"]
    if event.get("version") == "1.0":
        # An HTTP API in this format: its path comes decoded, and holds the stage where that has a name.
        before = _before_resource(event, path)
        root, path = split_stage(path, request_context) if before is None else (before, path[len(before) :] or "/")
        return root, path, None
    outer: str = request_context.get("path") or path
    stage = f"/{request_context.get('stage')}"
    staged = stage + path
    if outer == staged or (outer != path and unquote(outer).rstrip("/") == unquote(staged).rstrip("/")):
        return stage, unquote(path), encode_raw_path(staged)
    raw_path = encode_raw_path(path)
    path = unquote(path)
    root = _before_resource(event, path) or ""
    return root, path[len(root) :] or "/", raw_path


def _before_resource(event: Event, path: str) -> str | None:
    """Return what stands in a path before the resource that matched; None where the two do not fit."""
    parameters = event.get("pathParameters") or {}
    own = re.sub(_PARAMETER, lambda found: parameters.get(found[1]) or found[0], event.get("resource") or "")
    whole = path.rstrip("/")
    if own.startswith("/"):
        # Parameters come encoded or not, which nobody promises.
        for ending in (own.rstrip("/"), unquote(own).rstrip("/")):
            if whole.endswith(ending):
                return whole[: len(whole) - len(ending)]
    return None


def split_stage(path: str, request_context: Event) -> tuple[str, str]:
    """Return a path in two where it starts with the stage, by whole segments: `/dev` is none of `/devices`."""
    stage = f"/{request_context.get('stage')}"
    if path == stage or path.startswith(f"{stage}/"):
        return stage, path[len(stage) :] or "/"
    return "", path

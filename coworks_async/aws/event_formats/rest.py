"""REST APIs (payload format 1.0): https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html"""

import re
from urllib.parse import unquote

from mangum.handlers import APIGateway

from coworks_async.aws.event_formats.base import (
    GatewayEvent,
    create_scope,
    encode_query,
    encode_raw_path,
    list_pairs,
    parse_headers,
    split_stage,
)
from coworks_async.types import Event, Scope


class RestEvent(GatewayEvent, APIGateway):
    """A request through a REST API, or through an HTTP API configured for payload format 1.0.

    Differences from Mangum's class: repeated headers are kept apart, headers are latin-1, and what precedes the
    service's path (the stage, or a custom domain's base path) is the root path, matched by segments.
    """

    @property
    def scope(self) -> Scope:
        event = self.event
        query = list_pairs(event.get("multiValueQueryStringParameters"), event.get("queryStringParameters"))
        root_path, path, raw_path = _split_path(event)
        return create_scope(
            event,
            self.context,
            method=event["httpMethod"],
            path=path,
            root_path=root_path,
            query_string=encode_query(query),
            headers=parse_headers(event.get("multiValueHeaders"), event.get("headers")),
            source_ip=(event["requestContext"].get("identity") or {}).get("sourceIp"),
            raw_path=raw_path,
        )


def _split_path(event: Event) -> tuple[str, str, bytes | None]:
    """Return the root path, the path below it, both decoded, and the whole path as it was sent if known.

    On a REST API's default host, `path` is the service's path, and the path in the request context starts with the
    stage. Elsewhere (custom domain, test console, HTTP API) both are the same and contain what precedes the service's
    path; the matched resource shows how much that is.
    """
    path: str = event.get("path") or "/"
    request_context = event["requestContext"]
    if event.get("version") == "1.0":
        # An HTTP API in this format: the path is decoded and starts with a named stage.
        prefix = _path_before_resource(event, path)
        root, path = split_stage(path, request_context) if prefix is None else (prefix, path[len(prefix) :] or "/")
        return root, path, None
    full_path: str = request_context.get("path") or path
    stage = f"/{request_context.get('stage')}"
    staged = stage + path
    if full_path == staged or (full_path != path and unquote(full_path).rstrip("/") == unquote(staged).rstrip("/")):
        return stage, unquote(path), encode_raw_path(staged)
    raw_path = encode_raw_path(path)
    path = unquote(path)
    root = _path_before_resource(event, path) or ""
    return root, path[len(root) :] or "/", raw_path


def _path_before_resource(event: Event, path: str) -> str | None:
    """Return what precedes the matched resource in a path, or None if the path does not end with it."""
    parameters = event.get("pathParameters") or {}
    template: str = event.get("resource") or ""
    resource = re.sub(r"\{([^{}+]+)\+?\}", lambda found: parameters.get(found[1]) or found[0], template)
    path = path.rstrip("/")
    if resource.startswith("/"):
        # AWS does not document whether parameters are encoded.
        for ending in (resource.rstrip("/"), unquote(resource).rstrip("/")):
            if path.endswith(ending):
                return path[: len(path) - len(ending)]
    return None

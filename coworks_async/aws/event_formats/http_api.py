"""HTTP APIs (payload format 2.0) and function URLs, which use the same format.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

import os
from typing import Any
from urllib.parse import unquote

from mangum.handlers import HTTPGateway

from coworks_async.aws.event_formats.base import (
    GatewayEvent,
    ResponseHeaders,
    create_scope,
    encode_raw_path,
    parse_headers,
    split_stage,
    to_asgi_headers,
)
from coworks_async.types import Scope


class HttpApiEvent(GatewayEvent, HTTPGateway):
    """A request through an HTTP API, which decodes the path and puts a named stage first.

    Differences from Mangum's class: authorizer events are not requests, the path is not decoded twice, the stage is a
    root path matched by segments, headers are latin-1, and a response without a body gets no content type.
    """

    @property
    def scope(self) -> Scope:
        event = self.event
        http = event["requestContext"]["http"]
        root_path, path, raw_path = self.split_path()
        single = event.get("headers") or {}
        if cookies := event.get("cookies"):
            pairs = [(name, value) for name, value in single.items() if name.lower() != "cookie"]
            headers = to_asgi_headers([*pairs, ("cookie", "; ".join(cookies))])
        else:
            headers = parse_headers(None, single)
        return create_scope(
            event,
            self.context,
            method=http["method"],
            path=path,
            root_path=root_path,
            query_string=(event.get("rawQueryString") or "").encode(errors="replace"),
            headers=headers,
            source_ip=http.get("sourceIp"),
            raw_path=raw_path,
        )

    def split_path(self) -> tuple[str, str, bytes | None]:
        """Return the root path, the path below it, and the whole path as it was sent if known.

        `rawPath` of an HTTP API is decoded. It contains a named stage, even on a custom domain, where the root path is
        the base path of the API mapping. No event contains that base path, so it comes from the environment.
        """
        request_context = self.event["requestContext"]
        stage, path = split_stage(self.event["rawPath"] or "/", request_context)
        domain: str = request_context.get("domainName") or ""
        if ".execute-api." in domain:
            return stage, path, None
        base_path = os.environ.get("CWS_BASE_PATH", "").strip("/")
        # An emulator's host, `localhost` or an IP address, has no base path.
        is_custom_domain = "." in domain and not domain.rpartition(".")[2].isdigit()
        return f"/{base_path}" if base_path and is_custom_domain else "", path, None

    def format_headers(self, headers: ResponseHeaders) -> dict[str, Any]:
        cookies = headers.pop("set-cookie", None)
        joined = {"headers": {name: ", ".join(values) for name, values in headers.items()}}
        return joined | {"cookies": cookies} if cookies else joined


class FunctionUrlEvent(HttpApiEvent):
    """A request to a function URL, which sends the path undecoded and has no stage."""

    def split_path(self) -> tuple[str, str, bytes | None]:
        path = self.event["rawPath"] or "/"
        return "", unquote(path), encode_raw_path(path)

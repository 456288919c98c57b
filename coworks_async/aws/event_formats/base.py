"""Base class of the event formats, which convert events to ASGI scopes and responses to results of a gateway."""

import base64
import json
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus

from mangum.types import LambdaConfig, Response

from coworks_async.exceptions import BadRequest, ReturnError
from coworks_async.pipeline.body import LAMBDA_PAYLOAD_LIMIT
from coworks_async.types import Event, Scope

RequestHeaders = tuple[list[tuple[bytes, bytes]], dict[bytes, bytes]]
"""The headers of a request as ASGI pairs, and by name. A repeated name maps to its last value."""

ResponseHeaders = dict[str, list[str]]
"""The values of a response's headers by lower-case name."""

CONFIG = LambdaConfig(api_gateway_base_path="/", text_mime_types=[], exclude_headers=[])
"""An argument that Mangum's event classes require. Our subclasses do not use it."""

ENVELOPE = "coworks.background"
"""The only key of an envelope, the event that runs an asynchronous call (`aws/async_invoke.py`)."""

HOP_BY_HOP_HEADERS = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)
"""Headers of a single connection, which gateways do not forward (RFC 9110, section 7.6.1)."""

# Subtypes of `application/` that are text, alone or as a suffix after `+`.
_TEXT_SUBTYPES = frozenset(("json", "xml", "javascript", "x-www-form-urlencoded", "yaml", "graphql"))


class GatewayEvent:
    """Mixin of the event classes."""

    event: Event
    limit = LAMBDA_PAYLOAD_LIMIT  # bytes of a result as encoded

    @property
    def body(self) -> bytes:
        body = self.event.get("body")
        if not body:
            return b""
        if not self.event.get("isBase64Encoded"):
            return str.encode(body)
        try:
            # The decoder accepts padding after a complete group.
            if len(body) % 4 or body.endswith("==="):
                raise ValueError("invalid padding")
            return base64.b64decode(body, validate=True)
        except ValueError:
            raise BadRequest("The body is not valid base64.") from None

    def __call__(self, response: Response) -> dict[str, Any]:
        # The gateway does not check the response as a server does. Those of entries are checked, others may have any
        # status, and middleware may set any header.
        status = response["status"]
        if not 200 <= status <= 599:
            raise ReturnError(f"status {status} is not between 200 and 599")
        headers: ResponseHeaders = {}
        for name, value in response["headers"]:
            if name not in HOP_BY_HOP_HEADERS:
                key, text = name.decode("latin-1").lower(), value.decode("latin-1")
                if "\n" in text or "\r" in text or "\n" in key or "\r" in key:
                    raise ReturnError(f"invalid header {key!r}: it contains a line break")
                headers.setdefault(key, []).append(text)
        body, is_base64 = encode_body(response["body"], headers)
        result = {"statusCode": status, "body": body, "isBase64Encoded": is_base64}
        return result | self.format_headers(headers)

    def format_headers(self, headers: ResponseHeaders) -> dict[str, Any]:
        """Return the members of the result that contain the headers; by default each value is kept."""
        return {"multiValueHeaders": headers}


def parse_headers(multi: Mapping[str, Sequence[str]] | None, single: Mapping[str, str] | None) -> RequestHeaders:
    """Return the headers of the multi-value mapping, or of the other one if it is missing."""
    try:
        if multi:
            by_name = {_encode_name(name): value.encode("latin-1") for name, (value,) in multi.items()}
        else:
            by_name = {_encode_name(name): value.encode("latin-1") for name, value in (single or {}).items()}
    except ValueError:  # a repeated header, or a value beyond latin-1
        by_name = {}
    if len(by_name) == len(multi or single or ()):
        return list(by_name.items()), by_name
    return to_asgi_headers(list_pairs(multi, single))


def to_asgi_headers(pairs: Iterable[tuple[str, str]]) -> RequestHeaders:
    raw = [(_encode_name(name), encode_header_value(value)) for name, value in pairs]
    return raw, dict(raw)


@lru_cache(maxsize=1024)
def _encode_name(name: str) -> bytes:
    return encode_header_value(name.lower())


def encode_header_value(value: str) -> bytes:
    """Return the bytes of a header value. A value that the gateway decoded as UTF-8 is encoded as UTF-8 again."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode(errors="replace")


def list_pairs(
    multi: Mapping[str, Sequence[str]] | None, single: Mapping[str, str] | None
) -> Collection[tuple[str, str]]:
    """Return the pairs of the multi-value mapping, or of the other one if it is missing."""
    if multi:
        return [(name, value) for name, values in multi.items() for value in values]
    return single.items() if single else ()


def encode_query(pairs: Collection[tuple[str, str]]) -> bytes:
    if not pairs:
        return b""
    return "&".join([f"{_quote(name)}={_quote(value)}" for name, value in pairs]).encode()


def _quote(text: str) -> str:
    return text if text.isalnum() and text.isascii() else quote_plus(text, errors="replace")


def split_stage(path: str, request_context: Event) -> tuple[str, str]:
    """Split the stage off a path that starts with it, by whole segments: `/dev` does not match `/devices`."""
    stage = f"/{request_context.get('stage')}"
    if path == stage or path.startswith(f"{stage}/"):
        return stage, path[len(stage) :] or "/"
    return "", path


def encode_raw_path(path: str) -> bytes | None:
    """Return the path as it was sent if it is percent-encoded, else None."""
    return path.encode(errors="replace") if "%" in path else None


def create_scope(
    event: Event,
    context: Any,
    *,
    method: str,
    path: str,  # decoded, below `root_path`
    root_path: str,
    query_string: bytes,
    headers: RequestHeaders,
    source_ip: str | None,
    raw_path: bytes | None = None,  # the whole path as it was sent: only it contains bytes that are not UTF-8
) -> Scope:
    """Return the ASGI scope of a request (https://asgi.readthedocs.io/en/latest/specs/www.html)."""
    raw, by_name = headers
    body = event.get("body")
    if body and b"content-length" not in by_name:
        # Some gateways omit it, and without it a request has no body (RFC 9112, section 6.3).
        size = len(body) * 3 // 4 - body.count("=", -2) if event.get("isBase64Encoded") else len(body.encode())
        raw.append((b"content-length", b"%d" % size))
    scheme, server = _server_address(
        by_name.get(b"host", b"localhost"),
        by_name.get(b"x-forwarded-proto", b"https"),
        by_name.get(b"x-forwarded-port", b""),
    )
    return {
        "type": "http",
        # Since 2.4 an app need not listen for a disconnect while it streams: sending fails then.
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": root_path + path,
        "raw_path": raw_path,
        "root_path": root_path,
        "query_string": query_string,
        "headers": raw,
        "server": server,
        "client": (source_ip, 0) if source_ip else None,
        "aws.event": event,
        "aws.context": context,
    }


@lru_cache(maxsize=256)
def _server_address(host: bytes, proto: bytes, port: bytes) -> tuple[str, tuple[str, int]]:
    scheme, netloc, forwarded_port = (value.decode("latin-1") for value in (proto, host, port))
    name, colon, own_port = netloc.rpartition(":")
    if colon and _is_port(own_port):
        return scheme, (name.strip("[]"), int(own_port))
    if _is_port(forwarded_port):
        return scheme, (netloc.strip("[]"), int(forwarded_port))
    return scheme, (netloc.strip("[]"), 443 if scheme == "https" else 80)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5


def encode_body(body: bytes, headers: ResponseHeaders) -> tuple[str, bool]:
    """Return the body as text, or as base64 if it is binary, and whether it is base64."""
    if not body:
        return "", False
    if "content-encoding" not in headers and "content-type" in headers and _is_text(headers["content-type"][0]):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass  # text in another charset
    return base64.b64encode(body).decode(), True


@lru_cache(maxsize=256)
def _is_text(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    kind, _, subtype = media_type.partition("/")
    return (
        media_type.startswith("text/")
        or (kind == "application" and subtype.rpartition("+")[2] in _TEXT_SUBTYPES)
        or media_type == "image/svg+xml"
    )


def size_over_limit(result: Mapping[str, Any], limit: int) -> int:
    """Return the size of a result as Lambda encodes it if it is over the limit, else 0."""
    # Fast path: a character takes at most six bytes, and gateways allow only small headers.
    if len(result["body"]) * 6 < limit - 64 * 1024:
        return 0
    size = len(json.dumps(result, ensure_ascii=_runtime_escapes_non_ascii()).encode(errors="replace"))
    return size if size > limit else 0


def _runtime_escapes_non_ascii() -> bool:
    # The runtimes before Python 3.12 do. Outside Lambda the larger size counts.
    found = re.fullmatch(r"AWS_Lambda_python3\.(\d+)", os.environ.get("AWS_EXECUTION_ENV", ""))
    return found is None or int(found[1]) < 12

"""What the formats of gateway events share: bodies, headers, and the scope that they make.

Each format is a class in a file of its own (`rest`, `http_api`, `alb`), a subclass of Mangum's, which reads an event
into a scope and writes an answer as its gateway wants it.
"""

import base64
import json
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus

from mangum.types import LambdaConfig

from coworks_async.types import Event, Scope

RawHeaders = list[tuple[bytes, bytes]]
RequestHeaders = tuple[RawHeaders, dict[bytes, bytes]]
"""The headers of a request as ASGI has them, and by name, the last of those that were sent several times."""
HeaderLists = dict[str, list[str]]

CONFIG = LambdaConfig(api_gateway_base_path="/", text_mime_types=[], exclude_headers=[])
"""What Mangum's classes are made with; ours tell the base path and the text by themselves."""

_TEXT = frozenset(("json", "xml", "javascript", "x-www-form-urlencoded", "yaml", "graphql"))
"""The subtypes of `application/` that are text, alone or behind a `+`."""

HOP_BY_HOP_HEADERS = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)
"""Headers of one connection, which a gateway does not pass on (RFC 9110, section 7.6.1)."""


def decode_body(event: Event) -> bytes:
    """Return the body of a request's event."""
    body = event.get("body")
    if not body:
        return b""
    return base64.b64decode(body) if event.get("isBase64Encoded") else str.encode(body)


def _length(body: str, is_base64: bool | None) -> int:
    return len(body) * 3 // 4 - body.count("=", -2) if is_base64 else len(body.encode())


def multi_headers(multi: Mapping[str, Sequence[str]] | None, single: Mapping[str, str] | None) -> RequestHeaders:
    """Return the headers of a multi-value mapping, or of the single-value one where it lacks."""
    if not multi:
        return single_headers(single or {})
    try:
        named = {_NAMES[name]: value.encode("latin-1") for name, (value,) in multi.items()}
    except (KeyError, ValueError):  # the first of its name, one that was sent several times, or one beyond latin-1
        named = {}
    if len(named) == len(multi):
        return list(named.items()), named
    return asgi_headers([(name, value) for name, values in multi.items() for value in values])


def single_headers(single: Mapping[str, str]) -> RequestHeaders:
    """Return the headers of a single-value mapping."""
    try:
        named = {_NAMES[name]: value.encode("latin-1") for name, value in single.items()}
    except (KeyError, UnicodeEncodeError):
        named = {}
    if len(named) == len(single):
        return list(named.items()), named
    return asgi_headers(single.items())


def asgi_headers(pairs: Iterable[tuple[str, str]]) -> RequestHeaders:
    """Return the headers of any pairs."""
    raw = [(header_name(name), header_bytes(value)) for name, value in pairs]
    return raw, dict(raw)


def header_name(name: str) -> bytes:
    """Return a header's name as ASGI has it."""
    made = _NAMES.get(name)
    if made is None:
        if len(_NAMES) >= _MOST_NAMES:
            _NAMES.clear()
        made = _NAMES[name] = header_bytes(name.lower())
    return made


# By how a gateway writes it.
_NAMES: dict[str, bytes] = {}
_MOST_NAMES = 1024


def header_bytes(value: str) -> bytes:
    """Return the bytes of a header; what a gateway decoded as UTF-8 goes back to them."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode(errors="replace")


def multi_pairs(
    multi: Mapping[str, Sequence[str]] | None, single: Mapping[str, str] | None
) -> Collection[tuple[str, str]]:
    """Return the pairs of a multi-value mapping, or of the single-value one where it lacks."""
    if multi:
        return [(name, value) for name, values in multi.items() for value in values]
    return single.items() if single else ()


def encode_query(pairs: Collection[tuple[str, str]]) -> bytes:
    """Return the query string of decoded names and values."""
    if not pairs:
        return b""
    return "&".join([f"{_encoded(name)}={_encoded(value)}" for name, value in pairs]).encode()


def _encoded(text: str) -> str:
    return text if text.isalnum() and text.isascii() else quote_plus(text, errors="replace")


def encode_raw_path(path: str) -> bytes | None:
    """Return a path as it was sent, where its decoding may have lost something; None for any other."""
    return path.encode(errors="replace") if "%" in path else None


def create_scope(
    event: Event,
    context: Any,
    *,
    method: str,
    path: str,
    root_path: str,
    query_string: bytes,
    headers: RequestHeaders,
    source_ip: str | None,
    raw_path: bytes | None = None,
) -> Scope:
    """Return the ASGI scope of a request (https://asgi.readthedocs.io/en/latest/specs/www.html).

    By `raw_path`, the whole path, what was no UTF-8 is told from a replacement character that was sent.
    """
    raw, names = headers
    if event.get("body") and b"content-length" not in names:
        # Some gateways leave it out, and without it a request has no body (RFC 9112, section 6.3).
        raw.append((b"content-length", b"%d" % _length(event["body"], event.get("isBase64Encoded"))))
    scheme, server = _server_address(
        names.get(b"host", b"localhost"), names.get(b"x-forwarded-proto", b"https"), names.get(b"x-forwarded-port", b"")
    )
    return {
        "type": "http",
        # Nobody leaves before the end, so nothing has to listen for that while an answer is streamed (since 2.4).
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
    """Return the scheme and the server that a client asked for, by what the gateway tells of it."""
    scheme, text, forwarded = (value.decode("latin-1") for value in (proto, host, port))
    name, colon, own = text.rpartition(":")
    if colon and _is_port(own):
        return scheme, (name.strip("[]"), int(own))
    if _is_port(forwarded):
        return scheme, (text.strip("[]"), int(forwarded))
    return scheme, (text.strip("[]"), 443 if scheme == "https" else 80)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5


def group_headers(headers: Iterable[Iterable[bytes]]) -> HeaderLists:
    """Return the headers of an answer by name, in lower case, each with its values."""
    lists: HeaderLists = {}
    for name, value in headers:
        if name not in HOP_BY_HOP_HEADERS:
            lists.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return lists


def encode_body(body: bytes, headers: HeaderLists) -> tuple[str, bool]:
    """Return the body of an answer as a gateway takes it, text where it is text, else base64, and which it is."""
    if not body:
        return "", False
    if "content-encoding" not in headers and _is_text(headers.get("content-type", _NONE)[0]):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass  # text of another charset
    return base64.b64encode(body).decode(), True


_NONE = [""]


@lru_cache(maxsize=256)
def _is_text(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    kind, _, subtype = media_type.partition("/")
    return (
        media_type.startswith("text/")
        or (kind == "application" and subtype.rpartition("+")[2] in _TEXT)
        or media_type == "image/svg+xml"
    )


def oversize(limit: int, answer: Mapping[str, Any]) -> int:
    """Return the bytes of an answer's JSON, as Lambda counts them, where they are over a limit; else 0."""
    # No character takes more than six bytes, and headers a gateway lets through are small.
    if len(answer["body"]) * 6 < limit - 64 * 1024:
        return 0
    size = len(json.dumps(answer, ensure_ascii=_is_ascii_runtime()).encode(errors="replace"))
    return size if size > limit else 0


def _is_ascii_runtime() -> bool:
    """Tell whether the runtime escapes what is not ASCII, as those before Python 3.12 do: a character may take more."""
    found = re.fullmatch(r"AWS_Lambda_python3\.(\d+)", os.environ.get("AWS_EXECUTION_ENV", ""))
    return found is None or int(found[1]) < 12

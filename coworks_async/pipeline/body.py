"""The body of a request: read once, within the limits, and taken apart by its content type."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from coworks_async.exceptions import BadRequest, ContentTooLarge, Fault, Invalid, UnsupportedMedia
from coworks_async.pipeline.limits import Limits
from coworks_async.pipeline.query import parse_query
from coworks_async.pipeline.request import BODY, STREAMED, request_of

_decode = msgspec.json.Decoder().decode
_decode_exact = msgspec.json.Decoder(float_hook=Decimal).decode
_CHARSET = re.compile(r"charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)


class Form(Enum):
    """What a body turned out to be."""

    NONE = "no body"
    OBJECT = "a JSON object"
    FIELDS = "a form"
    VALUE = "JSON, but no object"
    TEXT = "text"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Body:
    """A body taken apart: `names` for an object or a form (whose values are lists), `value` for the others.

    `raw` is what was sent and `media_type` what it says to be, where a parameter may take it as it is.
    """

    form: Form
    names: Mapping[str, Any]
    value: Any = None
    raw: bytes = b""
    media_type: str = ""


NO_BODY = Body(Form.NONE, {})


async def read_body(scope: Scope, receive: Receive, limits: Limits) -> bytes:
    """Read the whole body, or return what was read before.

    Raises:
        ContentTooLarge: it is over the limit; the rest is left unread.
        ClientDisconnect: the client left before its end, so that nothing must run on half of it.
    """
    if BODY in scope:
        body: bytes = scope[BODY]
        return body
    if STREAMED in scope:
        raise RuntimeError(
            "A hook took the body by request.stream(); let it use `await request.body()`, which is kept."
        )
    limits.check_length(scope)
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect()
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(chunk)
        limits.check_size(size)
        chunks.append(chunk)
    scope[BODY] = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    return scope[BODY]  # type: ignore[no-any-return]


def may_have_body(scope: Scope) -> bool:
    """Tell whether there may be a body to read (RFC 9112, section 6.3; later versions of HTTP need no header)."""
    for name, value in scope["headers"]:
        if name == b"transfer-encoding" or (name == b"content-length" and value != b"0"):
            return True
    return str(scope.get("http_version", "1.1")) >= "2"


async def parse_body(scope: Scope, receive: Receive, send: Send, limits: Limits, *, exact: bool) -> Body:
    """Read a body and take it apart; without a content type it is JSON. `exact` reads its numbers as written.

    Raises:
        BadRequest: it cannot be parsed.
        Invalid: it is nested too deeply.
        ContentTooLarge: it has too many fields or files.
        UnsupportedMedia: it is compressed, or in a charset that is not there.
    """
    body = await read_body(scope, receive, limits)
    if not body:
        return NO_BODY
    media_type, content_type = content_type_of(scope)
    if media_type == "application/json" or media_type.endswith("+json"):
        return parse_json(body, exact=exact)
    if media_type == "application/x-www-form-urlencoded":
        return _parse_form(body, limits)
    if media_type == "multipart/form-data":
        return await _parse_multipart(scope, receive, send, limits)
    if media_type.startswith("text/"):
        return Body(Form.TEXT, {}, _text(body, content_type), body, media_type)
    return Body(Form.BYTES, {}, body, body, media_type)


def content_type_of(scope: Scope) -> tuple[str, str]:
    """Return the media type in lower case, JSON where there is none, and the whole header."""
    content_type = ""
    for name, value in scope["headers"]:
        if name == b"content-type":
            content_type = value.decode("latin-1")
        elif name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise UnsupportedMedia(f"A body with content-encoding {value.decode('latin-1')} is not read.")
    return content_type.partition(";")[0].strip().lower() or "application/json", content_type


def parse_json(body: bytes, *, exact: bool) -> Body:
    """Parse a JSON text (RFC 8259)."""
    try:
        value = (_decode_exact if exact else _decode)(body)
    except msgspec.ValidationError:
        raise Invalid([Fault("body", "", "JSON", "A number is out of range")]) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The body is not JSON: {_reason(error)}.") from None
    except RecursionError:
        raise too_deep() from None
    return Body(Form.OBJECT, value) if isinstance(value, dict) else Body(Form.VALUE, {}, value)


def too_deep() -> Invalid:
    """Return the refusal of a body that is nested deeper than it can be read."""
    return Invalid([Fault("body", "", "JSON", "Nested too deeply")])


def _reason(error: Exception) -> str:
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error).removeprefix("JSON is ")


def _text(body: bytes, content_type: str) -> str:
    charset = _CHARSET.search(content_type)
    try:
        return body.decode(charset[1] if charset else "utf-8")
    except LookupError:
        raise UnsupportedMedia("The charset of the body is not known.") from None
    except UnicodeDecodeError:
        raise BadRequest("The body is not in the charset that it says.") from None


def _parse_form(body: bytes, limits: Limits) -> Body:
    """Parse a form as a query string is parsed: strictly, which Starlette's own parser is not."""
    if body.count(b"&") >= limits.fields:
        raise ContentTooLarge(f"The form has over {limits.fields} fields.")
    return Body(Form.FIELDS, parse_query(body, "form"))


async def _parse_multipart(scope: Scope, receive: Receive, send: Send, limits: Limits) -> Body:
    request = request_of(scope, receive, send)
    # The whole body is within its limit already, so a part needs none of its own.
    part_size = len(scope[BODY])
    try:
        form = await request.form(max_fields=limits.fields, max_files=limits.files, max_part_size=part_size)
    except HTTPException as error:
        if error.detail.startswith("Too many"):
            raise ContentTooLarge(error.detail) from None
        raise BadRequest(f"The form cannot be parsed: {error.detail}") from None
    names: dict[str, list[Any]] = {}
    for name, value in form.multi_items():
        names.setdefault(name, []).append(value)
    return Body(Form.FIELDS, names)

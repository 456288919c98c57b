"""A body, taken apart by its content type."""

import codecs
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

import msgspec
from python_multipart.multipart import parse_options_header
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from coworks_async.entries.coercion import parse_decimal as exact_number
from coworks_async.exceptions import BadRequest, ContentTooLarge, FieldError, UnprocessableContent, UnsupportedMediaType
from coworks_async.pipeline.body import read_body
from coworks_async.pipeline.limits import Limits
from coworks_async.pipeline.query import parse_query
from coworks_async.pipeline.request import BODY, get_request

_decode = msgspec.json.Decoder().decode
_decode_exact = msgspec.json.Decoder(float_hook=exact_number).decode
_CHARSET = r"charset\s*=\s*\"?([^\s;\"]+)"
_CHARSETS = ("ascii", "cp1252", "iso8859-1", "utf-16", "utf-8")


class BodyKind(Enum):
    """What a body turned out to be."""

    NONE = "no body"
    OBJECT = "a JSON object"
    FIELDS = "a form"
    VALUE = "JSON, but no object"
    TEXT = "text"
    BYTES = "bytes"


class Body(msgspec.Struct, frozen=True):
    """A body taken apart: `names` for an object or a form (whose values are lists), `value` for other JSON.

    `raw` is what was sent and `content_type` what it says to be, where a parameter may take it as it is.
    """

    form: BodyKind
    names: Mapping[str, Any]
    value: Any = None
    raw: bytes = b""
    content_type: str = ""

    @property
    def media_type(self) -> str:
        """The media type in lower case, JSON where there is none."""
        return _media_type(self.content_type)

    @property
    def text(self) -> str:
        """What was sent, in the charset that it says; where bytes are taken, nobody asks."""
        try:
            return self.raw.decode(_charset(self.content_type))
        except UnicodeDecodeError:
            raise BadRequest("The body is not in the charset that it says.") from None


NO_BODY = Body(BodyKind.NONE, {})


async def parse_body(scope: Scope, receive: Receive, send: Send, limits: Limits, *, exact: bool) -> Body:
    """Read a body and take it apart; without a content type it is JSON. `exact` reads its numbers as written.

    Raises:
        BadRequest: it cannot be parsed.
        Invalid: it is nested too deeply.
        ContentTooLarge: it has too many fields or files.
        UnsupportedMedia: it is compressed, or a form in a charset that is not there.
    """
    body = await read_body(scope, receive, limits)
    if not body:
        return NO_BODY
    media_type, content_type = content_type_of(scope)
    if media_type == "application/json" or re.fullmatch(r"application/.+\+json", media_type):
        return parse_json(body, exact=exact)
    if media_type == "application/x-www-form-urlencoded":
        return _parse_form(body, limits)
    if media_type == "multipart/form-data":
        return await _parse_multipart(scope, receive, send, limits, content_type)
    if media_type.startswith("text/"):
        return Body(BodyKind.TEXT, {}, raw=body, content_type=content_type)
    return Body(BodyKind.BYTES, {}, raw=body, content_type=content_type)


def content_type_of(scope: Scope) -> tuple[str, str]:
    """Return the media type in lower case, JSON where there is none, and the whole header."""
    content_type = encoding = ""
    for name, value in scope["headers"]:
        if name == b"content-type":
            content_type = value.decode("latin-1")
        elif name == b"content-encoding":
            encoding = value.decode("latin-1").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMediaType(f"A body with content-encoding {encoding} is not read.")
    return _media_type(content_type), content_type


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower() or "application/json"


def parse_json(body: bytes, *, exact: bool) -> Body:
    """Parse a JSON text (RFC 8259)."""
    try:
        value = (_decode_exact if exact else _decode)(body)
    except msgspec.ValidationError:
        raise UnprocessableContent([FieldError("body", "", "JSON", "A number is out of range")]) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The body is not JSON: {_reason(error)}.") from None
    except RecursionError:
        raise nesting_error() from None
    return Body(BodyKind.OBJECT, value) if isinstance(value, dict) else Body(BodyKind.VALUE, {}, value)


def nesting_error() -> UnprocessableContent:
    """Return the refusal of a body that is nested deeper than it can be read."""
    return UnprocessableContent([FieldError("body", "", "JSON", "Nested too deeply")])


def _reason(error: Exception) -> str:
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error).removeprefix("JSON is ")


def _charset(content_type: str) -> str:
    """Return the codec of a body; Python has many that are none of the web's, and some are slow to exhaustion."""
    found = re.search(_CHARSET, content_type, re.IGNORECASE)
    try:
        name = codecs.lookup(found[1] if found else "utf-8").name
    except LookupError:
        name = ""
    if name not in _CHARSETS:
        raise UnsupportedMediaType("The charset of the body is not read.")
    return name


def _parse_form(body: bytes, limits: Limits) -> Body:
    """Parse a form as a query string is parsed: strictly, which Starlette's own parser is not."""
    if body.count(b"&") >= limits.fields:
        raise ContentTooLarge(f"The form has over {limits.fields} fields.")
    return Body(BodyKind.FIELDS, parse_query(body, "form"))


async def _parse_multipart(scope: Scope, receive: Receive, send: Send, limits: Limits, content_type: str) -> Body:
    charset = _charset(content_type)
    if charset not in ("ascii", "utf-8"):
        raise UnsupportedMediaType("A multipart form is read as UTF-8 alone.")
    request = get_request(scope, receive, send)
    # The whole body is within its limit already, so a part needs none of its own.
    part_size = len(scope[BODY])
    try:
        form = await request.form(max_fields=limits.fields, max_files=limits.files, max_part_size=part_size)
    except HTTPException as error:
        if error.detail.startswith("Too many"):
            raise ContentTooLarge(error.detail) from None
        raise BadRequest(f"The form cannot be parsed: {error.detail}") from None
    _check_parts(scope[BODY], parse_options_header(content_type)[1][b"boundary"], charset)
    names: dict[str, list[Any]] = {}
    for name, value in form.multi_items():
        names.setdefault(name, []).append(value)
    return Body(BodyKind.FIELDS, names)


_FILE = rb";\s*filename\*?\s*="


def _check_parts(body: bytes, boundary: bytes, charset: str) -> None:
    """Refuse what Starlette's parser passes over: a form that is cut off, and text in it that is not in its charset.

    It drops the part that has no end, and takes what it cannot read for latin-1.
    """
    parts: list[bytes] = []
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:]:
        if part.startswith(b"--"):
            break
        parts.append(part)
    else:
        raise BadRequest("The form cannot be parsed: it has no end.")
    for part in parts:
        head = part.partition(b"\r\n\r\n")[0]
        try:
            (head if re.search(_FILE, head, re.IGNORECASE) else part).decode(charset)
        except UnicodeDecodeError:
            raise BadRequest("The form is not in the charset that it says.") from None

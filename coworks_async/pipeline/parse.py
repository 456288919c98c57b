"""Parse query strings, and bodies by their content type."""

import codecs
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any
from urllib.parse import unquote

import msgspec
from python_multipart.multipart import parse_options_header
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from coworks_async.entries.coercion import parse_decimal
from coworks_async.exceptions import BadRequest, ContentTooLarge, FieldError, UnprocessableContent, UnsupportedMediaType
from coworks_async.pipeline.body import BODY, LARGE, Limits, convert_large, read_checked_body
from coworks_async.pipeline.request import get_request

_decode_json = msgspec.json.Decoder().decode
_decode_exact_json = msgspec.json.Decoder(float_hook=parse_decimal).decode

JSON_HINT = "The body is not a form. Send JSON with the header Content-Type: application/json"
"""Detail of a 422: curl and others send JSON as a form if no content type is given."""

# A browser encodes these characters in the names of a form.
_JSON_STARTS = (b"{", b"[", b'"')

# Text between commas; those in a quoted string do not count (RFC 9110, section 5.6.1). It never backtracks.
_LIST_ITEM = re.compile(r'(?:\A|,)((?:[^",]|"[^"\\]*+(?:\\.?[^"\\]*+)*+"?)*+)')

_CHARSET_PARAMETER = r"charset\s*=\s*\"?([^\s;\"]+)"
# Python has many more codecs; some are not encodings of the web, and some take minutes on crafted input.
_CHARSETS = ("ascii", "cp1252", "iso8859-1", "utf-16", "utf-8")


def parse_query(query_string: bytes, source: str = "query string") -> dict[str, list[str]]:
    """Parse a query string or form like `parse_qs`, but faster; keep empty values and reject invalid UTF-8."""
    names: dict[str, list[str]] = {}
    try:
        for pair in query_string.decode().split("&"):
            if pair:
                name, _, value = pair.partition("=")
                names.setdefault(_unquote(name), []).append(_unquote(value))
    except UnicodeDecodeError:
        raise BadRequest(f"The {source} is not UTF-8.") from None
    return names


def _unquote(text: str) -> str:
    if "+" in text:
        text = text.replace("+", " ")
    return unquote(text, errors="strict") if "%" in text else text


class BodyKind(Enum):
    NONE = "no body"
    OBJECT = "a JSON object"
    FIELDS = "a form"
    VALUE = "JSON, but not an object"
    TEXT = "text"
    BYTES = "bytes"


class Body(msgspec.Struct, frozen=True):
    kind: BodyKind
    fields: Mapping[str, Any]  # members of an object, or fields of a form (each a list of values)
    value: Any = None  # of JSON that is not an object
    raw: bytes = b""  # of text and bytes, as is the content type
    content_type: str = ""
    is_bare: bool = False  # a form without any `=`, so that its names may be values

    @property
    def media_type(self) -> str:
        return _media_type(self.content_type)

    @property
    def text(self) -> str:
        try:
            return self.raw.decode(_charset(self.content_type))
        except UnicodeDecodeError:
            raise BadRequest("The body is not encoded in its declared charset.") from None


NO_BODY = Body(BodyKind.NONE, {})


async def parse_body(scope: Scope, receive: Receive, send: Send, limits: Limits, *, exact_numbers: bool) -> Body:
    """Read and parse a body. Without a content type it is JSON. `exact_numbers` parses JSON fractions as Decimal."""
    body = await read_checked_body(scope, receive, limits)
    if not body:
        return NO_BODY
    media_type, content_type = _read_content_type(scope)
    if media_type == "application/json" or re.fullmatch(r"application/.+\+json", media_type):
        if LARGE not in scope:
            return _parse_json(body, exact_numbers)
        return await convert_large(scope, _parse_large_json, body, exact_numbers, limits)
    if media_type == "application/x-www-form-urlencoded":
        if body.lstrip()[:1] in _JSON_STARTS:
            # Its names would contain values, which an error must not repeat.
            raise UnprocessableContent([FieldError("body", "", "a form", JSON_HINT)])
        # Not by Starlette, whose parser replaces invalid UTF-8.
        if body.count(b"&") >= limits.fields:
            raise ContentTooLarge(f"The form has over {limits.fields} fields.")
        fields = await convert_large(scope, parse_query, body, "form") if LARGE in scope else parse_query(body, "form")
        return Body(BodyKind.FIELDS, fields, is_bare=b"=" not in body)
    if media_type == "multipart/form-data":
        return await _parse_multipart(scope, receive, send, limits, content_type)
    kind = BodyKind.TEXT if media_type.startswith("text/") else BodyKind.BYTES
    return Body(kind, {}, raw=body, content_type=content_type)


def _read_content_type(scope: Scope) -> tuple[str, str]:
    """Return the media type, and the whole header. A repeated header is joined, as HTTP APIs and function URLs do."""
    content_types: list[str] = []
    encoding = ""
    for name, value in scope["headers"]:
        if name == b"content-type":
            content_types.append(value.decode("latin-1"))
        elif name == b"content-encoding":
            text = value.decode("latin-1").strip().lower()
            encoding = f"{encoding},{text}" if encoding else text
    if encoding and any(each.strip() not in ("", "identity") for each in encoding.split(",")):
        raise UnsupportedMediaType(f"The content encoding {encoding} is not supported.")
    content_type = ",".join(content_types)
    if "," in content_type:
        content_type = _single_content_type(content_type)
    return _media_type(content_type), content_type


def _single_content_type(joined: str) -> str:
    """Return the only value of a header with commas, or reject it: readers of the first and the last would differ.

    An empty value is another one. Starlette's parser of forms reads the first, and would find no form.
    """
    values: set[str] = {value.strip() for value in _LIST_ITEM.findall(joined)}
    if len(values) > 1:
        raise BadRequest("The header Content-Type was sent more than once, with different values.")
    return values.pop()


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower() or "application/json"


def _charset(content_type: str) -> str:
    found = re.search(_CHARSET_PARAMETER, content_type, re.IGNORECASE)
    try:
        name = codecs.lookup(found[1] if found else "utf-8").name
    except LookupError:
        name = ""
    if name not in _CHARSETS:
        raise UnsupportedMediaType("The charset of the body is not supported.")
    return name


def _parse_large_json(body: bytes, exact_numbers: bool, limits: Limits) -> Body:
    limits.check_items(body)
    return _parse_json(body, exact_numbers)


def _parse_json(body: bytes, exact_numbers: bool) -> Body:
    try:
        value = (_decode_exact_json if exact_numbers else _decode_json)(body)
    except msgspec.ValidationError:
        raise UnprocessableContent([FieldError("body", "", "JSON", "A number is out of range")]) from None
    except UnicodeDecodeError:
        raise BadRequest("The body is not valid JSON: not UTF-8.") from None
    except msgspec.DecodeError as error:
        raise BadRequest(f"The body is not valid JSON: {str(error).removeprefix('JSON is ')}.") from None
    except RecursionError:
        raise nesting_error() from None
    return Body(BodyKind.OBJECT, value) if isinstance(value, dict) else Body(BodyKind.VALUE, {}, value)


def nesting_error() -> UnprocessableContent:
    return UnprocessableContent([FieldError("body", "", "JSON", "Nested too deeply")])


async def _parse_multipart(scope: Scope, receive: Receive, send: Send, limits: Limits, content_type: str) -> Body:
    charset = _charset(content_type)
    if charset not in ("ascii", "utf-8"):
        raise UnsupportedMediaType("A multipart form must be UTF-8.")
    request = get_request(scope, receive, send)
    # The limit of the whole body has been checked, so parts need no separate limit.
    part_size = len(scope[BODY])
    try:
        form = await request.form(max_fields=limits.fields, max_files=limits.files, max_part_size=part_size)
    except HTTPException as error:
        if error.detail.startswith("Too many"):
            raise ContentTooLarge(error.detail) from None
        raise BadRequest(f"The form cannot be parsed: {error.detail}") from None
    _check_parts(scope[BODY], parse_options_header(content_type)[1][b"boundary"], charset)
    fields: dict[str, list[Any]] = {}
    for name, value in form.multi_items():
        fields.setdefault(name, []).append(value)
    return Body(BodyKind.FIELDS, fields)


_FILENAME_PARAMETER = rb";\s*filename\*?\s*="


def _check_parts(body: bytes, boundary: bytes, charset: str) -> None:
    """Reject a form that is cut off, or whose text is not in its charset. Starlette's parser accepts both."""
    parts: list[bytes] = []
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:]:
        if part.startswith(b"--"):
            break
        parts.append(part)
    else:
        raise BadRequest("The form cannot be parsed: the closing boundary is missing.")
    for part in parts:
        head = part.partition(b"\r\n\r\n")[0]
        is_file = re.search(_FILENAME_PARAMETER, head, re.IGNORECASE)
        try:
            (head if is_file else part).decode(charset)
        except UnicodeDecodeError:
            raise BadRequest("The form is not encoded in its declared charset.") from None

"""The headers of an answer, held to what a server can send."""

from collections.abc import Iterable, Mapping

from starlette.responses import Response

from coworks_async.entries.decorators import is_raw_header_name, is_raw_header_value
from coworks_async.exceptions import ReturnError

RawHeaders = list[tuple[bytes, bytes]]


def check_headers(headers: RawHeaders) -> None:
    """Refuse what no server sends, or one sends and another does not; raises `ReturnError`."""
    for name, value in headers:
        if not is_raw_header_name(name) or not is_raw_header_value(value):
            raise ReturnError(
                f"{name.decode('latin-1')!r} is no header's name, or its value is not of one line without outer space"
            )


def raw_headers(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> RawHeaders:
    """Return headers as ASGI has them; raises `ReturnError` for what are none."""
    try:
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
    except (TypeError, ValueError, AttributeError):
        raise ReturnError(
            "headers map names to values, both strings of latin-1; return a list, not a tuple, for an array of JSON"
        ) from None
    check_headers(raw)
    return raw


def set_headers(response: Response, raw: RawHeaders) -> None:
    """Set headers as told: each replaces those of its name, and pairs of one name are all sent."""
    names = {name for name, _ in raw}
    response.raw_headers[:] = [pair for pair in response.raw_headers if pair[0] not in names] + raw

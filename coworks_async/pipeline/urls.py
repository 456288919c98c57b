"""URLs of entries."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from coworks_async.entries.entry import Entry
from coworks_async.exceptions import UnknownEndpoint
from coworks_async.pipeline.request import current, current_request


def url_for(entries: Sequence[Entry], endpoint: str, params: Mapping[str, Any], *, external: bool) -> str:
    """Return the URL of an endpoint, below the current request's root path where there is a request.

    Raises:
        UnknownEndpoint: no entry has this endpoint, or a parameter of its path lacks.
        RequestContextError: an external URL is asked for outside of a request.
    """
    entry = next((entry for entry in entries if entry.endpoint == endpoint), None)
    if entry is None:
        known = ", ".join(sorted(entry.endpoint for entry in entries))
        raise UnknownEndpoint(f"No entry has the endpoint {endpoint!r}; there are: {known}.")
    path = "".join(f"/{segment}" for segment in _segments(entry, params))
    query = _query(entry, params)
    start = f"{current_request().url.scheme}://{current_request().url.netloc}" if external else ""
    return start + _root_path() + (entry.static_prefix + path or "/") + query


def _segments(entry: Entry, params: Mapping[str, Any]) -> list[str]:
    missing = [name for name in entry.path_param_names if name not in params]
    if missing:
        raise UnknownEndpoint(f"The path of {entry.endpoint!r} takes {', '.join(missing)}.")
    segments = {name: _text(params[name]) for name in entry.path_param_names}
    for name, segment in segments.items():
        if not segment or "/" in segment:
            raise UnknownEndpoint(f"The path of {entry.endpoint!r} takes one segment as {name}, not {segment!r}.")
    tail = params.get(entry.path_rest_name, ()) if entry.path_rest_name is not None else ()
    rest = tail.split("/") if isinstance(tail, str) else [_text(segment) for segment in tail]
    return [quote(segment, safe="") for segment in (*segments.values(), *rest)]


def _query(entry: Entry, params: Mapping[str, Any]) -> str:
    """Write the parameters by the names that the entry binds: `page[number]` for `page__number__`."""
    names = {parameter.name: parameter.alias for parameter in entry.signature.parameters}
    pairs = []
    for name, value in params.items():
        if name in entry.path_param_names or name == entry.path_rest_name:
            continue
        alias = names.get(name, name)
        named = {f"{alias}[{key}]": value[key] for key in value} if isinstance(value, Mapping) else {alias: value}
        for key, item in named.items():
            values = item if isinstance(item, list | tuple | set | frozenset) else [item]
            pairs += [(key, _text(value)) for value in values if value is not None]
    return f"?{urlencode(pairs)}" if pairs else ""


def _text(value: Any) -> str:
    """Write a value so that it is bound again as what it was: a date by ISO 8601, an Enum by its value."""
    plain = msgspec.to_builtins(value, enc_hook=str)
    return str(plain).lower() if isinstance(plain, bool) else str(plain)


def _root_path() -> str:
    """Where the service that answers the current request is mounted."""
    connection = current.get()
    return quote(connection[0].get("root_path", "").rstrip("/")) if connection is not None else ""

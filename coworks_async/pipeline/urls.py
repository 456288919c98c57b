"""URLs of entries."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

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
    path = entry.prefix + "".join(f"/{segment}" for segment in _segments(entry, params))
    query = _query({name: value for name, value in params.items() if name not in (*entry.path_names, entry.tail_name)})
    if external:
        base = current_request().base_url
        return str(base).rstrip("/") + (path or "/") + query
    return _root_path() + (path or "/") + query


def _segments(entry: Entry, params: Mapping[str, Any]) -> list[str]:
    missing = [name for name in entry.path_names if name not in params]
    if missing:
        raise UnknownEndpoint(f"The path of {entry.endpoint!r} takes {', '.join(missing)}.")
    segments = [params[name] for name in entry.path_names]
    if entry.tail_name is not None:
        tail = params.get(entry.tail_name, ())
        segments += tail.split("/") if isinstance(tail, str) else tail
    return [quote(str(segment), safe="") for segment in segments]


def _query(params: Mapping[str, Any]) -> str:
    pairs = []
    for name, value in params.items():
        values = value if isinstance(value, list | tuple | set | frozenset) else [value]
        pairs += [(name, _text(item)) for item in values if item is not None]
    return f"?{urlencode(pairs)}" if pairs else ""


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _root_path() -> str:
    connection = current.get("")
    if isinstance(connection, str):
        return ""
    scope = connection[0]
    root_path: str = scope.get("app_root_path", scope.get("root_path", ""))
    return quote(root_path.rstrip("/"))

"""Starlette routes of entries, mounts of blueprints, and `url_for`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from starlette.routing import Match, Mount, Route

from coworks_async.entries.entry import Entry
from coworks_async.entries.signature import HEADER_AND_COOKIE_KINDS
from coworks_async.exceptions import UnknownEndpoint
from coworks_async.pipeline.request import current, current_request
from coworks_async.types import ASGIApp, Receive, Scope, Send

# Reserved characters that a static segment may contain, see `entries/paths.py`.
_STATIC_CHARACTERS = "!$&'()*+,;=:@"


class EntryRoute(Route):
    """The route of an entry. The service matches by its table; Starlette's own matching agrees."""

    def __init__(self, entry: Entry, path: str, build: Callable[[Entry], ASGIApp]) -> None:
        super().__init__(path, entry.function, methods=[entry.method], name=entry.declaration.name)
        self.entry = entry
        self._build = build  # creates the app at the first request, for a fast cold start in Lambda
        self.app = self._build_and_run

    async def _build_and_run(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.app = self._build(self.entry)
        await self.app(scope, receive, send)


class BlueprintMount(Mount):
    """The mount of a blueprint. It matches only what its entries match."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches(scope)
        if match is Match.NONE:
            return match, child_scope
        inner = {**scope, **child_scope}
        values = (route.matches(inner)[0].value for route in self.routes)
        best = Match(max(values, default=Match.NONE.value))
        return best, child_scope if best is not Match.NONE else {}


def url_for(entries: Sequence[Entry], endpoint: str, params: Mapping[str, Any], *, external: bool) -> str:
    """Return the URL of an entry, below the root path of the current request if there is one."""
    entry = next((entry for entry in entries if entry.endpoint == endpoint), None)
    if entry is None:
        known = ", ".join(sorted(entry.endpoint for entry in entries))
        raise UnknownEndpoint(f"Unknown endpoint {endpoint!r}. Endpoints: {known}.")
    path = _format_path(entry, params)
    query = _query_string(entry, params)
    origin = f"{current_request().url.scheme}://{current_request().url.netloc}" if external else ""
    connection = current.get()
    root_path = quote(connection[0].get("root_path", "").rstrip("/")) if connection is not None else ""
    return origin + root_path + path + query


def _format_path(entry: Entry, params: Mapping[str, Any]) -> str:
    template = entry.template
    # A method's name may contain any letter.
    segments = [quote(segment, safe=_STATIC_CHARACTERS) for segment in template.shape]
    missing = [name for name, _ in template.parameters if name not in params]
    if missing:
        raise UnknownEndpoint(f"The path of {entry.endpoint!r} requires: {', '.join(missing)}.")
    for name, index in template.parameters:
        value = _format_value(params[name])
        if not value or "/" in value:
            raise UnknownEndpoint(f"{name}={value!r} is not one segment of the path of {entry.endpoint!r}.")
        segments[index] = quote(value, safe="")
    if template.rest_name is not None:
        rest = params.get(template.rest_name, ())
        rest = rest.split("/") if isinstance(rest, str) else [_format_value(segment) for segment in rest]
        segments[-1:] = [quote(segment, safe="") for segment in rest]
    return "/" + "/".join(segments)


def _query_string(entry: Entry, params: Mapping[str, Any]) -> str:
    """Encode the parameters under the names that the entry binds: `page[number]` for `page__number__`."""
    aliases = {parameter.name: parameter.alias for parameter in entry.signature.parameters}
    headers = {
        each.name: each.kind.value for each in entry.signature.parameters if each.kind in HEADER_AND_COOKIE_KINDS
    }
    pairs = []
    for name, value in params.items():
        if name in entry.template.names:
            continue
        if name in headers:
            raise UnknownEndpoint(f"{name!r} of {entry.endpoint!r} is {headers[name]}. A URL has only path and query.")
        alias = aliases.get(name, name)
        named = {f"{alias}[{key}]": value[key] for key in value} if isinstance(value, Mapping) else {alias: value}
        for key, item in named.items():
            values = item if isinstance(item, list | tuple | set | frozenset) else [item]
            pairs += [(key, _format_value(value)) for value in values if value is not None]
    return f"?{urlencode(pairs)}" if pairs else ""


def _format_value(value: Any) -> str:
    """Format a value as binding reads it: a date in ISO 8601, an Enum by its value."""
    plain = msgspec.to_builtins(value, enc_hook=str)
    return str(plain).lower() if isinstance(plain, bool) else str(plain)

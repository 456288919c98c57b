"""Create the gateway events that invoke the smoke entries of a service, one for each."""

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from coworks_async.entries.entry import Entry
from coworks_async.gateway.events import http_event, rest_event
from coworks_async.gateway.messages import HttpRequest, RouteMatch
from coworks_async.gateway.routes import GatewayKind
from coworks_async.types import Event


def create_smoke_events(entries: Iterable[Entry], kind: GatewayKind, stage: str, url: str) -> Mapping[str, Event]:
    """Return the event of each smoke entry by its path. `url` is that of the stage, whose host the service may check.

    The requests have no token, because a smoke entry requires none.
    """
    create_event = rest_event if kind == "rest" else http_event
    target = urlsplit(url)
    headers = (("Host", target.netloc), ("User-Agent", "cws"), ("Accept", "*/*"))
    events = {}
    for entry in entries:
        if entry.options.smoke:
            request = HttpRequest("GET", target.path.rstrip("/") + entry.path, headers=headers)
            is_default_host = ".execute-api." in target.netloc
            match = RouteMatch(entry.path, stage, is_default_host, resource=entry.path, method="GET")
            events[entry.path] = create_event(request, match)
    return events

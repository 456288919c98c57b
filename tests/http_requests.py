"""Requests for binding tests, services that show what was bound, and assertions on their responses."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx2

from coworks_async import TechMicroService, entry

Error = tuple[str, str, str, str]
"""An error of a 422: where, name, expected, detail."""

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


def assert_refused(response: httpx2.Response, *errors: Error) -> None:
    """Assert that a response is a 422 with exactly these errors, in this order."""
    names = dict.fromkeys(name or f"the {where}" for where, name, _, _ in errors)
    assert response.json() == {
        "type": "about:blank",
        "title": "Unprocessable Content",
        "status": 422,
        "detail": f"Invalid: {', '.join(names)}.",
        "errors": [dict(zip(("where", "name", "expected", "detail"), error, strict=True)) for error in errors],
    }, response.text
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"


def assert_bound(response: httpx2.Response, *values: object) -> None:
    """Assert that an entry received these values of these types, and returned `shown(...)`."""
    assert (response.status_code, response.text) == (200, shown(*values))
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


def shown(*values: object) -> str:
    """Return the repr of values, which shows their types."""
    return "; ".join(map(repr, values))


def taking(annotations: Mapping[str, Any], *, path: bool = False) -> TechMicroService:
    """Create a service with an entry for each annotation, whose `value` comes from the query, the body or the path.

    GET /query/<name>?value=, POST /body/<name>, and with `path` GET /path/<name>/<value>.
    """
    methods: dict[str, Callable[..., Any]] = {}
    for name, annotation in annotations.items():
        methods |= {f"get_query_{name}": _by_name(annotation), f"post_body_{name}": _by_name(annotation)}
        if path:
            methods[f"get_path_{name}"] = _by_place(annotation)
    members = {name: entry(no_auth=True)(method) for name, method in methods.items()}
    service: TechMicroService = type("Taking", (TechMicroService,), members)()
    return service


def _by_name(annotation: Any) -> Callable[..., Any]:
    async def method(self: TechMicroService, *, value: Any) -> str:
        return shown(value)

    method.__annotations__["value"] = annotation
    return method


def _by_place(annotation: Any) -> Callable[..., Any]:
    async def method(self: TechMicroService, value: Any) -> str:
        return shown(value)

    method.__annotations__["value"] = annotation
    return method


def taking_whole(annotation: Any, *default: Any) -> TechMicroService:
    """Create a service whose POST and GET have one parameter with this annotation, and optionally a default."""

    async def take(self: TechMicroService, item: Any) -> str:
        return shown(item)

    take.__annotations__["item"] = annotation
    take.__defaults__ = default
    method = entry(no_auth=True)(take)
    service: TechMicroService = type("Whole", (TechMicroService,), {"post": method, "get": method})()
    return service


def sent_everywhere(client: httpx2.Client, name: str, text: str) -> Iterator[tuple[str, httpx2.Response]]:
    """Send a string in every possible way to a service of `taking(..., path=True)`; yield location and response."""
    if text:
        yield "path", client.get(f"/path/{name}/{quote(text, safe='')}")
    yield "query", client.get(f"/query/{name}", params={"value": text})
    yield "query", client.post(f"/body/{name}", params={"value": text})
    yield "body", client.post(f"/body/{name}", data={"value": text})
    yield "body", client.post(f"/body/{name}", files=[("value", (None, text))])
    yield "body", client.post(f"/body/{name}", json={"value": text})


def pairs(name: str, values: Sequence[str]) -> str:
    """Return a query string or form with one name and several values."""
    return "&".join(f"{name}={quote(value)}" for value in values)

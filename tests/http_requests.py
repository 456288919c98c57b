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


def assert_rejected(response: httpx2.Response, *errors: Error) -> None:
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
    """Assert that an entry received these values of these types, and returned `format_values(...)`."""
    assert (response.status_code, response.text) == (200, format_values(*values))
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


def format_values(*values: object) -> str:
    """Return the repr of values, which shows their types."""
    return "; ".join(map(repr, values))


def create_value_service(annotations: Mapping[str, Any], *, path: bool = False) -> TechMicroService:
    """Create a service with an entry for each annotation, whose `value` comes from the query, the body or the path.

    GET /query/<name>?value=, POST /body/<name>, and with `path` GET /path/<name>/<value>.
    """
    methods: dict[str, Callable[..., Any]] = {}
    for name, annotation in annotations.items():
        methods |= {f"get_query_{name}": _keyword_method(annotation), f"post_body_{name}": _keyword_method(annotation)}
        if path:
            methods[f"get_path_{name}"] = _positional_method(annotation)
    members = {name: entry(no_auth=True)(method) for name, method in methods.items()}
    service: TechMicroService = type("Values", (TechMicroService,), members)()
    return service


def _keyword_method(annotation: Any) -> Callable[..., Any]:
    async def method(self: TechMicroService, *, value: Any) -> str:
        return format_values(value)

    method.__annotations__["value"] = annotation
    return method


def _positional_method(annotation: Any) -> Callable[..., Any]:
    async def method(self: TechMicroService, value: Any) -> str:
        return format_values(value)

    method.__annotations__["value"] = annotation
    return method


def create_item_service(annotation: Any, *default: Any) -> TechMicroService:
    """Create a service whose POST and GET have one parameter with this annotation, and optionally a default."""

    async def method(self: TechMicroService, item: Any) -> str:
        return format_values(item)

    method.__annotations__["item"] = annotation
    method.__defaults__ = default
    method = entry(no_auth=True)(method)
    service: TechMicroService = type("Items", (TechMicroService,), {"post": method, "get": method})()
    return service


def send_everywhere(client: httpx2.Client, name: str, text: str) -> Iterator[tuple[str, httpx2.Response]]:
    """Send a string in every possible way and yield location and response.

    The service is created with `create_value_service(..., path=True)`.
    """
    if text:
        yield "path", client.get(f"/path/{name}/{quote(text, safe='')}")
    yield "query", client.get(f"/query/{name}", params={"value": text})
    yield "query", client.post(f"/body/{name}", params={"value": text})
    yield "body", client.post(f"/body/{name}", data={"value": text})
    yield "body", client.post(f"/body/{name}", files=[("value", (None, text))])
    yield "body", client.post(f"/body/{name}", json={"value": text})


def encode_values(name: str, values: Sequence[str]) -> str:
    """Encode several values of one name as a query string or form."""
    return "&".join(f"{name}={quote(value)}" for value in values)

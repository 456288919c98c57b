"""What the tests of binding send, and how they look at what was bound or refused."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx2

from coworks_async import TechMicroService, entry

Error = tuple[str, str, str, str]
"""One of the errors of a 422: where, name, expected, detail."""

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


def assert_refused(answer: httpx2.Response, *errors: Error) -> None:
    """Assert that an answer is the 422 of these errors, in this order, and of no other."""
    names = dict.fromkeys(name or f"the {where}" for where, name, _, _ in errors)
    assert answer.json() == {
        "type": "about:blank",
        "title": "Unprocessable Content",
        "status": 422,
        "detail": f"Refused: {', '.join(names)}.",
        "errors": [dict(zip(("where", "name", "expected", "detail"), error, strict=True)) for error in errors],
    }, answer.text
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def assert_bound(answer: httpx2.Response, *values: object) -> None:
    """Assert that an entry got these values, of these types: it answers what `shown` makes of them."""
    assert (answer.status_code, answer.text) == (200, shown(*values))
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def shown(*values: object) -> str:
    """Return values as text that tells their types as well."""
    return "; ".join(map(repr, values))


def taking(annotations: Mapping[str, Any], *, path: bool = False) -> TechMicroService:
    """Return a service that takes a `value` of each annotation, under its name: from the query, the body, the path.

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
    """Return a service whose POST and GET take one parameter of this annotation, with a default or without."""

    async def take(self: TechMicroService, item: Any) -> str:
        return shown(item)

    take.__annotations__["item"] = annotation
    take.__defaults__ = default
    method = entry(no_auth=True)(take)
    service: TechMicroService = type("Whole", (TechMicroService,), {"post": method, "get": method})()
    return service


def sent_everywhere(client: httpx2.Client, name: str, text: str) -> Iterator[tuple[str, httpx2.Response]]:
    """Send one string in each way that there is to what `taking` took `path`; yield where it was, with the answer."""
    if text:
        yield "path", client.get(f"/path/{name}/{quote(text, safe='')}")
    yield "query", client.get(f"/query/{name}", params={"value": text})
    yield "query", client.post(f"/body/{name}", params={"value": text})
    yield "body", client.post(f"/body/{name}", data={"value": text})
    yield "body", client.post(f"/body/{name}", files=[("value", (None, text))])
    yield "body", client.post(f"/body/{name}", json={"value": text})


def pairs(name: str, values: Sequence[str]) -> str:
    """Return a query string, or a form, with one name and several values."""
    return "&".join(f"{name}={quote(value)}" for value in values)

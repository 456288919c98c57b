"""Asynchronous calls of services that are mounted below the one that Lambda calls: the envelope says which."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Host, Mount, Router

from coworks_async import TechMicroService, entry, request
from coworks_async.exceptions import AsyncCallError
from tests.aws.lambdas import MARK, Ask, Invoke, rest


class Job(TechMicroService):
    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, **options)
        self.ran: list[Any] = []

    async def token_authorizer(self, token: str):
        return {"by": self.name} if token == self.name else None

    @entry(background=True)
    async def post_job(self):
        self.ran.append(request.auth)


class Inner(Job):
    @entry(background=True)
    async def post_only(self):
        """An entry that the service around lacks."""
        self.ran.append(request.auth)


SHAPES: dict[str, Callable[[TechMicroService], Mount | Host]] = {
    "mounted": lambda inner: Mount("/in", inner),
    "below another app": lambda inner: Mount("/in", Starlette(routes=[Mount("/deep", inner)])),
    "below a router": lambda inner: Mount("/in", Router([Mount("/deep", inner)])),
    "below another service": lambda inner: Mount("/in", Job("between", routes=[Mount("/deep", inner)])),
    "at a host": lambda inner: Host("in.example.com", inner),
    "within the middleware of its mount": lambda inner: Mount("/in", inner, middleware=[Middleware(GZipMiddleware)]),
    "within middleware": lambda inner: Mount("/in", GZipMiddleware(inner)),
    "at a path with a parameter": lambda inner: Mount("/{shop}", inner),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_second_invocation_finds_the_mounted_service_wherever_it_is(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, shape: str
):
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    inner = Inner("inner")
    app = Job("outer", routes=[SHAPES[shape](inner)])
    place = "" if shape == "at a host" else "/in/deep" if shape.startswith("below") else "/in"
    headers = [("Authorization", "inner"), ("InvocationType", "Event")]
    answer = ask(app, rest("POST", f"{place}/only", headers=headers, host="in.example.com"))
    assert answer.status == 202, answer.body
    assert (inner.ran, app.ran) == ([{"by": "inner"}], [])


def call(**told: Any) -> dict[str, Any]:
    """An envelope of a call of the mounted service, but for what is told."""
    of_call: dict[str, Any] = {
        "method": "POST",
        "path": "/dev/in/only",
        "root_path": "/dev/in",
        "endpoint": "post_only",
    }
    of_call |= {"request_id": "1", "http_version": "1.1", "scheme": "https", "query_string": "", "headers": []}
    of_call |= {"body": "", "client": None, "server": None, "principal": {"by": "inner"}}
    return {"coworks.background": {"mark": MARK, "mount": "/in", "call": of_call} | told}


def test_an_envelope_runs_the_service_at_the_place_that_it_names(invoke: Invoke):
    inner = Inner("inner")
    app = Job("outer", routes=[Mount("/in", inner)])
    assert invoke(app, call())["status"] == 204
    assert (inner.ran, app.ran) == ([{"by": "inner"}], [])


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        ("", "finds no such entry"),
        ("/other", "is for a service that is not mounted at '/other'"),
        (None, "holds no background call"),
    ],
)
def test_an_envelope_of_another_place_fails_and_runs_nothing(invoke: Invoke, mount: str | None, message: str):
    inner = Inner("inner")
    app = Job("outer", routes=[Mount("/in", inner)])
    with pytest.raises(AsyncCallError, match=message):
        invoke(app, call(mount=mount))
    assert (inner.ran, app.ran) == ([], [])

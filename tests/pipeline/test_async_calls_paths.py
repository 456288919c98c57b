"""Asynchronous calls and paths: calls of mounted services are rejected; only the entry that accepted a call runs."""

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Host, Mount, Route

from coworks_async import TechMicroService, entry, request
from coworks_async.gateway import Via
from coworks_async.testing import TestClient
from tests.clients import Connect
from tests.http_requests import assert_refused
from tests.pipeline.async_services import EVENT, StoringService, assert_accepted


class Inner(StoringService):
    """Accepts its own name as token; its entry returns what ran."""

    async def token_authorizer(self, token: str):
        return {"allowed by": self.name} if token == self.name else None

    @entry(background=True)
    async def post_job(self, *, note: str = ""):
        return {"ran": self.name, "note": note, "auth": request.auth}

    @entry(no_auth=True)
    async def post_plain(self):
        return "plain"


class Outer(Inner):
    pass


INNER = {"Authorization": "inner"}
MOUNTED = (
    "header",
    "InvocationType",
    "RequestResponse",
    "Asynchronous calls need the service that Lambda runs; this one is mounted on it",
)


def test_a_call_of_a_mounted_service_is_rejected(connect: Connect):
    app, inner = Outer(), Inner()
    app.mount("/in", inner)
    client = connect(app)
    assert_refused(client.post("/in/job", headers={**INNER, **EVENT}, json={"note": "x"}), MOUNTED)
    assert client.post("/in/job", headers=INNER, json={"note": "x"}).json()["note"] == "x"
    assert client.post("/in/job", headers={**INNER, "InvocationType": "RequestResponse"}).json()["ran"] == "inner"
    assert (app.stored.items, inner.stored.items) == ([], [])


@pytest.mark.parametrize(
    "mount",
    [
        lambda inner: [Mount("/in", TechMicroService("between", routes=[Mount("/deep", inner)]))],
        lambda inner: [Mount("/in", Starlette(routes=[Mount("/deep", inner)]))],
        lambda inner: [Host("in.example", Starlette(routes=[Mount("/in/deep", inner)]))],
    ],
)
def test_a_call_of_a_deeply_mounted_service_is_rejected(mount: Any):
    inner = Inner()
    with TestClient(Outer(routes=mount(inner)), base_url="http://in.example") as client:
        assert_refused(client.post("/in/deep/job", headers={**INNER, **EVENT}), MOUNTED)
        assert client.post("/in/deep/job", headers=INNER).json()["ran"] == "inner"
    assert inner.stored.items == []


def test_the_authorizer_of_a_mounted_service_comes_before_the_rejection(connect: Connect):
    app = Outer()
    app.mount("/in", Inner())
    client = connect(app)
    assert client.post("/in/job", headers=EVENT).status_code == 401
    assert client.post("/in/job", headers={"Authorization": "outer", **EVENT}).status_code == 403


def test_an_entry_without_background_of_a_mounted_service_rejects_calls_as_elsewhere(connect: Connect):
    app = Outer()
    app.mount("/in", Inner())
    error = ("header", "InvocationType", "RequestResponse", "This entry does not accept asynchronous calls")
    assert_refused(connect(app).post("/in/plain", headers=EVENT), error)


def test_a_service_with_mounts_accepts_calls_of_its_own_entries(connect: Connect):
    app, inner = Outer(), Inner()
    app.mount("/in", inner)
    assert_accepted(connect(app).post("/job", headers={"Authorization": "outer", **EVENT}))
    assert (app.stored.json["ran"], app.stored.json["auth"]) == ("outer", {"allowed by": "outer"})
    assert inner.stored.items == []


# --- middleware that rewrites paths


class PrefixMiddleware:
    """Removes `/x` from the start of each path."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": scope["path"].removeprefix("/x")}
        await self.app(scope, receive, send)


class Rewriting(StoringService):
    ran: list[str]

    @entry(background=True, no_auth=True)
    async def post_x_job(self):
        self.ran.append("post_x_job")

    @entry(no_auth=True)
    async def post_job(self):
        self.ran.append("post_job")

    @entry(background=True, no_auth=True)
    async def post_x_task(self):
        self.ran.append("post_x_task")

    @entry(background=True, no_auth=True)
    async def post_task(self):
        self.ran.append("post_task")

    @entry(background=True, no_auth=True)
    async def post_x_plain(self):
        self.ran.append("post_x_plain")

    @entry(background=True, no_auth=True)
    async def post_x_lost(self):
        self.ran.append("post_x_lost")


def rewriting() -> Rewriting:
    async def plain(request: Any) -> None:
        app.ran.append("plain")

    app = Rewriting(middleware=[Middleware(PrefixMiddleware)], routes=[Route("/plain", plain, methods=["POST"])])
    app.ran = []
    return app


# A REST API has a route for `/x/job`, but none for `/x/x/job`.
@pytest.mark.parametrize("via", [None, "http", "alb", "url"])
@pytest.mark.parametrize("name", ["job", "task", "plain", "lost"])
def test_nothing_runs_if_a_middleware_rewrites_the_path_to_another_entry(
    via: Via | None, caplog: pytest.LogCaptureFixture, name: str
):
    app = rewriting()
    with TestClient(app, via=via) as client:
        request_id = assert_accepted(client.post(f"/x/x/{name}", headers=EVENT))
        assert app.stored.response.status_code == 500
    assert app.ran == []
    assert f"POST /x/{name} (Rewriting.post_x_{name}) accepted the asynchronous call, but '/" in caplog.text
    assert f"Asynchronous call {request_id} of post_x_{name} returned status 500" in caplog.messages


def test_the_entry_runs_if_a_middleware_does_not_change_a_rewritten_path(connect: Connect):
    app = rewriting()
    assert_accepted(connect(app).post("/x/task", headers=EVENT))
    assert app.stored.response.status_code == 204
    assert app.ran == ["post_task"]

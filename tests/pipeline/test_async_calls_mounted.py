"""Asynchronous calls of a mounted service, and of what middleware leads elsewhere: the entry that accepted runs."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from starlette.middleware import Middleware
from starlette.routing import Mount, Route

from coworks_async import TechMicroService, entry, request
from coworks_async.gateway import Via
from coworks_async.testing import TestClient
from tests.clients import Connect, in_process, on_a_socket
from tests.pipeline.jobs import EVENT, Keeping, assert_accepted
from tests.tools import PATIENCE


class Guarded(Keeping):
    """Lets in who knows its name; the entry that runs tells of itself."""

    async def token_authorizer(self, token: str):
        return {"let in by": self.name} if token == self.name else None

    @entry(background=True)
    async def post_job(self, *, note: str = ""):
        return {"ran": self.name, "note": note, "auth": request.auth, "path": request.url.path}


class Outer(Guarded):
    pass


class Inner(Guarded):
    pass


def test_a_call_of_a_mounted_service_runs_that_services_entry_for_whom_it_let_in(connect: Connect):
    app, inner = Outer(), Inner()
    app.mount("/in", inner)
    client = connect(app)
    path = client.post("/in/job", headers={"Authorization": "inner"}, json={}).json()["path"]
    assert_accepted(client.post("/in/job", headers={"Authorization": "inner", **EVENT}, json={"note": "é"}))
    assert inner.kept.json == {"ran": "inner", "note": "é", "auth": {"let in by": "inner"}, "path": path}
    assert app.kept.answers == []


def test_a_service_around_a_mounted_one_runs_its_own_entry_of_the_same_name(connect: Connect):
    app, inner = Outer(), Inner()
    app.mount("/in", inner)
    client = connect(app)
    assert_accepted(client.post("/job", headers={"Authorization": "outer", **EVENT}))
    assert (app.kept.json["ran"], app.kept.json["auth"]) == ("outer", {"let in by": "outer"})
    assert inner.kept.answers == []


@pytest.mark.parametrize("token", [{}, {"Authorization": "outer"}])
def test_the_token_of_the_service_around_calls_no_mounted_one(connect: Connect, token: dict[str, str]):
    app, inner = Outer(), Inner()
    app.mount("/in", inner)
    assert connect(app).post("/in/job", headers={**token, **EVENT}).status_code == (403 if token else 401)


@pytest.mark.parametrize("transport", [in_process, on_a_socket])
@pytest.mark.parametrize("depth", [1, 2])
def test_the_shutdown_of_a_service_waits_for_the_calls_of_those_mounted_below_it(transport: Any, depth: int):
    go, begun = threading.Event(), threading.Event()

    class Slow(Keeping):
        @entry(background=True, no_auth=True)
        def get_slow(self):
            begun.set()
            assert go.wait(PATIENCE)
            return {"done": True}

    app, inner = Outer(), Slow()
    app.mount("/in", inner if depth == 1 else TechMicroService("between", routes=[Mount("/deep", inner)]))
    with transport(app) as client:
        assert_accepted(client.get("/in/slow" if depth == 1 else "/in/deep/slow", headers=EVENT))
        assert begun.wait(PATIENCE)
        assert inner.kept.answers == []
        threading.Timer(0.1, go.set).start()
    assert inner.kept.answers != []
    assert inner.kept.json == {"done": True}


class WithoutX:
    """Takes `/x` off the start of each path."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": scope["path"].removeprefix("/x")}
        await self.app(scope, receive, send)


class Rewriting(Keeping):
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

    app = Rewriting(middleware=[Middleware(WithoutX)], routes=[Route("/plain", plain, methods=["POST"])])
    app.ran = []
    return app


# A REST API deploys `/x/job` and no `/x/x/job`.
@pytest.mark.parametrize("via", [None, "http", "alb", "url"])
@pytest.mark.parametrize("name", ["job", "task", "plain", "lost"])
def test_where_a_middleware_leads_the_second_request_elsewhere_nothing_runs(
    via: Via | None, caplog: pytest.LogCaptureFixture, name: str
):
    app = rewriting()
    with TestClient(app, via=via) as client:
        request_id = assert_accepted(client.post(f"/x/x/{name}", headers=EVENT))
        assert app.kept.response.status_code == 500
    assert app.ran == []
    assert f"POST /x/{name} (Rewriting.post_x_{name}) accepted the call, but at '" in caplog.text
    assert f"The background call {request_id} of post_x_{name} was answered 500" in caplog.messages


def test_where_a_middleware_leaves_a_changed_path_as_it_is_the_entry_runs(connect: Connect):
    app = rewriting()
    assert_accepted(connect(app).post("/x/task", headers=EVENT))
    assert app.kept.response.status_code == 204
    assert app.ran == ["post_task"]


def hiding(app: Any) -> Callable[..., Any]:
    """Wrap an app in what keeps it to itself."""

    async def hidden(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    return hidden


def test_a_mounted_service_that_no_second_invocation_finds_is_refused_at_once(caplog: pytest.LogCaptureFixture):
    app, inner = Outer(), Inner()
    app.mount("/in", hiding(inner))
    headers = {"Authorization": "inner", **EVENT}
    with TestClient(app, via="rest") as client:
        answer = client.post("/in/job", headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
        detail = "inner is mounted where no second invocation finds it: it takes no asynchronous calls here."
        assert answer.json()["detail"] == detail
        assert client.post("/in/job", headers={"Authorization": "inner"}).json()["ran"] == "inner"
    assert f"{detail} What stands around it has to keep it as its attribute `app`." in caplog.messages
    assert (app.kept.answers, inner.kept.answers) == ([], [])
    with TestClient(app) as client:
        assert_accepted(client.post("/in/job", headers=headers))
        assert inner.kept.json["ran"] == "inner"


def test_two_services_at_one_place_are_not_taken_for_each_other():
    app, inner, shadowed = Outer(), Inner(), Inner(name="shadowed")

    class ByHeader:
        """Hands a request on to the one of two that it names."""

        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await (shadowed if b"x-shadowed" in dict(scope["headers"]) else self.app)(scope, receive, send)

    app.router.routes += [Mount("/in", inner, middleware=[Middleware(ByHeader)]), Mount("/in", shadowed)]
    with TestClient(app, via="rest") as client:
        told = {"Authorization": "shadowed", "x-shadowed": "1", **EVENT}
        answer = client.post("/in/job", headers=told)
        assert_accepted(client.post("/in/job", headers={"Authorization": "inner", **EVENT}))
    assert answer.status_code == 500
    assert "shadowed is mounted where no second invocation finds it" in answer.text
    assert inner.kept.json["ran"] == "inner"
    assert shadowed.kept.answers == []

"""`request` and `Request`: where they are available, and what they add to Starlette's request."""

import asyncio
import copy
import pickle
import threading

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from coworks_async import Blueprint, Request, RequestContextError, TechMicroService, entry, request
from tests.clients import Connect
from tests.differences import differs
from tests.tools import PATIENCE

NO_REQUEST = r"There is no current request: use `request` in an entry, a hook or an error handler\."


def test_outside_a_request_every_use_raises_with_the_reason():
    for use in (
        lambda: request.method,
        lambda: request["path"],
        lambda: len(request),
        lambda: "path" in request,
        lambda: list(request),
        lambda: request == request,
        lambda: hash(request),
        lambda: setattr(request, "mark", 1),
        lambda: delattr(request, "mark"),
    ):
        with pytest.raises(RequestContextError, match=NO_REQUEST):
            use()
    assert not request
    assert repr(request) == "<request: no current request>"


class Everything(TechMicroService):
    """Uses the proxy in every way that Starlette's request can be used, and returns the results."""

    @entry(no_auth=True)
    async def post(self, injected: Request, number: int = 0):
        request.mark = "set"  # type: ignore[attr-defined]
        value = injected.mark  # type: ignore[attr-defined]
        del request.mark  # type: ignore[attr-defined]
        return {
            "bool": bool(request),
            "repr": repr(request),
            "item": request["path"],
            "contains": ["path" in request, "nothing" in request],
            "iter": sorted(request) == sorted(injected),
            "len": len(request) == len(injected),
            "equal": [request == injected, request == request, request == 1],
            "hash": hash(request) == hash(injected),
            "set": value,
            "deleted": not hasattr(injected, "mark"),
            "kind": isinstance(injected, StarletteRequest),
            "query": request.query_params["number"],
            "body": (await request.body()).decode(),
            "json": await request.json(),
            "cookies": request.cookies,
            "client": request.client is not None,
        }


def test_the_proxy_behaves_as_starlettes_request(connect: Connect):
    response = connect(Everything()).post("/?number=3", json={"a": 1}, headers={"cookie": "b=2"})
    assert response.json() == {
        "bool": True,
        "repr": "<request: POST />",
        "item": "/",
        "contains": [True, False],
        "iter": True,
        "len": True,
        "equal": [True, True, False],
        "hash": True,
        "set": "set",
        "deleted": True,
        "kind": True,
        "query": "3",
        "body": '{"a":1}',
        "json": {"a": 1},
        "cookies": {"b": "2"},
        "client": True,
    }


def test_the_proxy_cannot_be_copied_or_pickled(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            rejected = []
            for use in (copy.copy, copy.deepcopy, pickle.dumps):
                try:
                    use(request)
                except TypeError as error:
                    rejected.append(str(error))
            return rejected

    message = "`request` is a proxy for the current request and cannot be pickled or copied."
    assert connect(Service()).get("/").json() == [message] * 3


@differs("in-lambda")
def test_outside_lambda_there_is_a_stage_but_no_event(connect: Connect, monkeypatch: pytest.MonkeyPatch):
    class Service(TechMicroService):
        @entry(no_auth=True)
        def get(self):
            return [request.stage, request.aws_event, request.aws_context, request.in_lambda_context, request.auth]

    client = connect(Service())
    assert client.get("/").json() == ["dev", None, None, False, {}]
    monkeypatch.setenv("CWS_STAGE", "v1")
    assert client.get("/").json()[0] == "v1"
    monkeypatch.setenv("CWS_STAGE", "")
    assert client.get("/").json()[0] == "dev"


def describe_request() -> str:
    """Return what code outside the entry sees."""
    return f"{request.method} {request.url.path} {request.path_params}"


class Extra(Blueprint):
    @entry(no_auth=True)
    def get(self, name):
        return describe_request()


class Contexts(TechMicroService):
    """Returns what a task, a thread and an error handler see."""

    @entry(no_auth=True)
    async def get_task(self, name):
        return await asyncio.create_task(self.later())

    async def later(self):
        await asyncio.sleep(0)
        return describe_request()

    @entry(no_auth=True)
    async def get_thread(self, name):
        return await asyncio.to_thread(describe_request)

    @entry(no_auth=True)
    def get_fail(self, name):
        raise KeyError


def test_request_is_available_in_entries_hooks_handlers_tasks_and_threads(connect: Connect):
    app = Contexts()
    seen: list[str] = []
    torn = threading.Event()
    app.register_blueprint(Extra(), url_prefix="extra")
    app.before_request(lambda: seen.append(describe_request()))

    @app.after_request
    async def after(response):
        seen.append(describe_request())
        return response

    @app.errorhandler(KeyError)
    def handle(error):
        return describe_request()

    @app.teardown_request
    def tear(error):
        seen.append(describe_request())
        torn.set()

    client = connect(app)
    for path in ("/task/a", "/thread/b", "/extra/c", "/fail/d"):
        assert client.get(path).text == f"GET {path} {{'name': '{path[-1]}'}}"
        assert torn.wait(PATIENCE)
        torn.clear()
        assert seen == [f"GET {path} {{'name': '{path[-1]}'}}"] * 3
        seen.clear()


def test_request_is_restored_after_a_call_of_another_service(connect: Connect):
    class Inner(TechMicroService):
        @entry(no_auth=True)
        def get(self, name):
            return f"{describe_request()} {request.app.name}"

    inner = Inner()

    class Outer(TechMicroService):
        @entry(no_auth=True)
        async def get(self, name):
            transport = httpx2.ASGITransport(app=inner)
            before = describe_request()
            async with httpx2.AsyncClient(transport=transport, base_url="http://inner") as client:
                response = await client.get("/other")
            return [before, response.text, f"{describe_request()} {request.app.name}"]

    assert connect(Outer()).get("/own").json() == [
        "GET /own {'name': 'own'}",
        "GET /other {'name': 'other'} inner",
        "GET /own {'name': 'own'} outer",
    ]


def test_request_is_not_available_in_a_plain_route(connect: Connect):
    async def plain(received: StarletteRequest) -> Response:
        return JSONResponse([received.url.path, bool(request)])

    app = TechMicroService(routes=[Route("/plain", plain)])
    assert connect(app).get("/plain").json() == ["/plain", False]


def test_request_state_is_not_shared_between_requests(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            request.state.count = getattr(request.state, "count", 0) + 1
            return request.state.count

    client = connect(Service())
    assert [client.get("/").json() for _ in range(3)] == [1, 1, 1]


def test_a_parameter_of_starlettes_request_type_receives_the_request(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def post(self, received: StarletteRequest):
            form = await received.form()
            return {"own": isinstance(received, Request), "form": dict(form), "query": dict(received.query_params)}

    response = connect(Service()).post("/?free=1", data={"a": "b"})
    assert response.json() == {"own": True, "form": {"a": "b"}, "query": {"free": "1"}}


def test_the_body_can_be_read_again_and_streamed(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def post(self, received: Request):
            streamed = b"".join([chunk async for chunk in received.stream()])
            try:
                await received.body()
            except RuntimeError as error:
                return [len(streamed), str(error)]

        @entry(no_auth=True)
        async def post_twice(self, received: Request):
            body = await received.body()
            return [len(body), len(await request.body()), len(b"".join([chunk async for chunk in received.stream()]))]

    client = connect(Service())
    assert client.post("/", content=b"x" * 100_000).json() == [100_000, "Stream consumed"]
    assert client.post("/twice", content=b"x" * 100_000).json() == [100_000] * 3


@differs("size-limits")
def test_a_body_that_an_entry_reads_itself_is_limited(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def post(self, received: Request):
            return len(await received.body())

    client = connect(Service(max_body_size=1000))
    assert client.post("/", content=b"x" * 1000).json() == 1000
    assert client.post("/", content=b"x" * 1001).status_code == 413
    assert client.post("/", content=iter([b"x" * 600, b"x" * 600])).status_code == 413
    assert connect(Service(max_body_size=None)).post("/", content=b"x" * 7_000_000).json() == 7_000_000


async def test_a_request_without_a_service_has_the_default_limit():
    async def receive():
        return {"type": "http.request", "body": b"x" * 7_000_000, "more_body": False}

    alone = Request({"type": "http", "headers": []}, receive)
    with pytest.raises(Exception, match="413: The body is over the limit of 6291456 bytes"):
        await alone.body()


def test_a_service_in_a_service_has_its_own_app_and_path(connect: Connect):
    class Inner(TechMicroService):
        @entry(no_auth=True)
        async def get_items(self, key):
            return [request.app.name, request.url.path, request.scope["root_path"], request.path_params]

    class Outer(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return request.app.name

    outer = Outer(routes=[Mount("/tenants/{tenant}", Inner())])
    client = connect(Starlette(routes=[Mount("/outer", outer)]))
    assert client.get("/outer/").text == "outer"
    path = "/outer/tenants/a/items/1"
    params = {"tenant": "a", "key": "1"}
    assert client.get(path).json() == ["inner", path, "/outer/tenants/a", params]


class Seen(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return request.headers.getlist("x-seen")

    @entry(no_auth=True)
    async def get_cookies(self):
        return request.cookies


def test_a_repeated_header_keeps_both_values_in_order(connect: Connect):
    response = connect(Seen()).get("/", headers=[("X-Seen", "2"), ("X-Seen", "1")])
    assert ",".join(response.json()).replace(" ", "") == "2,1"


@pytest.mark.parametrize("sent", [[("cookie", "a=1; b=2")], [("cookie", "a=1"), ("cookie", "b=2")]])
def test_cookies_in_one_or_two_headers_are_all_available(connect: Connect, sent: list[tuple[str, str]]):
    assert connect(Seen()).get("/cookies", headers=sent).json() == {"a": "1", "b": "2"}

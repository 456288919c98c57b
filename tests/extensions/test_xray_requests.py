"""What the daemon is told of a request."""

import asyncio
import time
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from coworks_async import DeclarationError, TechMicroService, entry
from coworks_async.extensions import XRay
from coworks_async.testing import TestClient
from tests.extensions.conftest import call
from tests.extensions.daemon import Daemon
from tests.extensions.shops import SCOPE, Shop, ignore, receive, shop


def test_a_request_is_a_segment_that_tells_route_status_and_who_asked(xray: Daemon, recorder: Any):
    app = shop(recorder)
    before = time.time()
    [answer] = call(app, "/items/pen?q=1", headers={"Authorization": "s3cr3t", "User-Agent": "curl/8"})
    [segment] = xray.take()
    assert (answer.status_code, segment["name"]) == (200, "shop")
    assert segment["http"] == {
        "request": {
            "method": "GET",
            "url": "http://shop.example.com/items/pen",
            "user_agent": "curl/8",
            "client_ip": "127.0.0.1",
        },
        "response": {"status": 200},
    }
    assert segment["annotations"] == {
        "service": "shop",
        "stage": "dev",
        "route": "/items/{name}",
        "entry": "items.get",
        "user": "ann",
    }
    assert before <= segment["start_time"] <= segment["end_time"] <= time.time()
    assert not segment.keys() & {"fault", "error", "throttle", "cause"}
    assert answer.headers["x-amzn-trace-id"] == f"Root={segment['trace_id']}"


def test_neither_token_nor_query_is_told(xray: Daemon, recorder: Any):
    call(shop(recorder), "/items/pen?card=4711", headers={"Authorization": "s3cr3t", "Cookie": "session=c00kie"})
    xray.take()
    assert not [secret for secret in (b"s3cr3t", b"4711", b"c00kie", b"card") if secret in xray.raw]


@pytest.mark.parametrize(
    ("url", "flags"),
    [
        ("/?status=404", {"error"}),
        ("/?status=429", {"error", "throttle"}),
        ("/?status=503", {"fault"}),
        ("/items/pen", {"error"}),
        ("/nowhere", {"error"}),
    ],
)
def test_a_status_is_an_error_a_throttle_or_a_fault(xray: Daemon, recorder: Any, url: str, flags: set[str]):
    [answer] = call(shop(recorder), url)
    [segment] = xray.take()
    assert segment["http"]["response"]["status"] == answer.status_code
    assert segment.keys() & {"fault", "error", "throttle"} == flags
    assert ("cause" in segment) is ("fault" in flags)


def test_a_bug_is_told_with_its_place(xray: Daemon, recorder: Any):
    [answer] = call(shop(recorder), "/bug")
    [segment] = xray.take()
    assert answer.status_code == 500
    [cause] = segment["cause"]["exceptions"]
    assert (cause["type"], cause["message"], cause["remote"]) == ("LookupError", "no such shelf", False)
    assert (cause["stack"][-1]["path"], cause["stack"][-1]["label"]) == ("shops.py", "get_bug")
    assert segment["fault"] is True


def test_what_an_error_handler_answers_is_no_fault(xray: Daemon, recorder: Any):
    app = shop(recorder)

    @app.errorhandler(LookupError)
    async def sorry(error: LookupError):
        return "gone", 410

    call(app, "/bug")
    [segment] = xray.take()
    assert segment["http"]["response"]["status"] == 410
    assert (segment["error"], "fault" in segment, "cause" in segment) == (True, False, False)


def test_an_answer_that_breaks_off_is_a_fault_for_all_its_200(xray: Daemon, recorder: Any):
    asyncio.run(shop(recorder)({**SCOPE, "path": "/torn"}, receive, ignore))
    [segment] = xray.take()
    assert (segment["http"]["response"]["status"], segment["fault"]) == (200, True)
    assert segment["cause"]["exceptions"][0]["message"] == "torn"


def test_a_rule_that_fails_is_a_fault_that_does_not_tell_the_token(xray: Daemon, recorder: Any):
    call(shop(recorder), "/items/pen", headers={"Authorization": "broken"})
    [segment] = xray.take()
    assert (segment["fault"], segment["http"]["response"]["status"]) == (True, 500)
    assert b"broken" not in xray.raw


@pytest.mark.parametrize(
    ("raised", "flags", "causes"),
    [(HTTPException(403), {"error"}, 0), (HTTPException(502), {"fault"}, 1), (OSError("disk full"), {"fault"}, 1)],
)
def test_what_a_middleware_raises_is_told(xray: Daemon, recorder: Any, raised: Exception, flags: set[str], causes: int):
    app = Shop(name="shop")

    class Refusing:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            raise raised

    app.add_middleware(Refusing)
    XRay(app, recorder)
    [answer] = call(app, "/")
    [segment] = xray.take()
    assert segment.keys() & {"fault", "error"} == flags
    assert len(segment.get("cause", {}).get("exceptions", ())) == causes
    assert segment["http"]["response"]["status"] == answer.status_code if isinstance(raised, HTTPException) else True


def test_plain_routes_and_mounts_are_told_by_their_paths(xray: Daemon, recorder: Any):
    async def page(request: Any) -> PlainTextResponse:
        return PlainTextResponse("page")

    routes = [
        Route("/pages/{number}", page),
        Mount("/more", routes=[Route("/{file}", page)]),
        Mount("/plain", PlainTextResponse("plain")),
        Mount("/inner", Shop(name="inner")),
    ]
    app = shop(recorder, routes=routes)
    for path in ("/pages/7", "/more/app.css", "/plain/x", "/inner/bug", "/nowhere"):
        call(app, path)
    told = [segment["annotations"] for segment in xray.take(5)]
    assert [annotations.get("route") for annotations in told] == [
        "/pages/{number}",
        "/more/{file}",
        "/plain",
        "/inner/bug",
        None,
    ]
    assert [annotations.get("entry") for annotations in told] == [None, None, None, "get_bug", None]


def test_another_key_of_the_principal_may_tell_who_asks(xray: Daemon, recorder: Any):
    class Club(TechMicroService):
        async def token_authorizer(self, token: str):
            return {"sub": 42, "name": "ann", "vip": True, "rights": ["read"]}

        @entry
        async def get(self):
            return "in"

    for key in ("sub", "vip", "rights", "nothing"):
        app = Club(name="club")
        XRay(app, recorder, user=key)
        call(app, "/", headers={"Authorization": "any"})
    told = [segment["annotations"].get("user") for segment in xray.take(4)]
    assert told == ["42", None, None, None]


def test_a_caller_that_traces_is_followed(xray: Daemon, recorder: Any):
    app = shop(recorder)
    root, parent = "1-5759e988-bd862e3fe1be46a994272793", "53995c3f42cd8ad8"
    call(app, "/", headers={"X-Amzn-Trace-Id": f"Root={root};Parent={parent};Sampled=1"})
    [segment] = xray.take()
    assert (segment["trace_id"], segment["parent_id"]) == (root, parent)
    [answer] = call(app, "/", headers={"X-Amzn-Trace-Id": f"Root={root};Parent={parent};Sampled=0"})
    assert answer.status_code == 200
    [asked] = call(app, "/", headers={"X-Amzn-Trace-Id": f"Root={root};Sampled=?"})
    assert asked.headers["x-amzn-trace-id"] == f"Root={root};Sampled=1"
    assert len(xray.take()) == 1


def test_the_lifespan_is_no_request(xray: Daemon, recorder: Any):
    with TestClient(shop(recorder)) as client:
        assert xray.rest() == []
        client.get("/")
    assert len(xray.take()) == 1


def test_a_library_that_the_sdk_cannot_patch_is_a_mistake(xray: Daemon):
    with pytest.raises(DeclarationError, match=r"patch=\('sparrow',\).*sparrow"):
        XRay(Shop(name="shop"), patch=("sparrow",))


def test_patches_need_the_recorder_that_they_know(recorder: Any):
    with pytest.raises(DeclarationError, match="xray_recorder"):
        XRay(Shop(name="shop"), recorder, patch=("httpx",))

"""The segment of a request: its fields, faults, times and subsegments."""

import asyncio
import time
from typing import Any

import pytest
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

from coworks_async import DeclarationError, TechMicroService, entry
from coworks_async.extensions import XRay
from coworks_async.testing import TestClient
from tests.extensions.traced_services import SCOPE, Shop, create_xray_shop, ignore, receive, send_gets
from tests.extensions.xray_daemon import Daemon, Document


def test_a_request_is_a_segment_with_route_status_and_user(xray: Daemon, recorder: Any):
    app = create_xray_shop(recorder)
    before = time.time()
    [response] = send_gets(app, "/items/pen?q=1", headers={"Authorization": "s3cr3t", "User-Agent": "curl/8"})
    [segment] = xray.take()
    assert (response.status_code, segment["name"]) == (200, "shop")
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
    assert response.headers["x-amzn-trace-id"] == f"Root={segment['trace_id']}"


def test_tokens_queries_and_cookies_are_not_recorded(xray: Daemon, recorder: Any):
    send_gets(
        create_xray_shop(recorder),
        "/items/pen?card=4711",
        headers={"Authorization": "s3cr3t", "Cookie": "session=c00kie"},
    )
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
    [response] = send_gets(create_xray_shop(recorder), url)
    [segment] = xray.take()
    assert segment["http"]["response"]["status"] == response.status_code
    assert segment.keys() & {"fault", "error", "throttle"} == flags
    assert ("cause" in segment) is ("fault" in flags)


def test_an_exception_is_recorded_with_its_frames(xray: Daemon, recorder: Any):
    [response] = send_gets(create_xray_shop(recorder), "/bug")
    [segment] = xray.take()
    assert response.status_code == 500
    [cause] = segment["cause"]["exceptions"]
    assert (cause["type"], cause["message"], cause["remote"]) == ("LookupError", "no such shelf", False)
    assert (cause["stack"][-1]["path"], cause["stack"][-1]["label"]) == ("traced_services.py", "get_bug")
    assert segment["fault"] is True


def test_an_exception_with_an_error_handler_is_not_a_fault(xray: Daemon, recorder: Any):
    app = create_xray_shop(recorder)

    @app.errorhandler(LookupError)
    async def handle(error: LookupError):
        return "gone", 410

    send_gets(app, "/bug")
    [segment] = xray.take()
    assert segment["http"]["response"]["status"] == 410
    assert (segment["error"], "fault" in segment, "cause" in segment) == (True, False, False)


def test_an_aborted_response_is_a_fault_with_status_200(xray: Daemon, recorder: Any):
    asyncio.run(create_xray_shop(recorder)({**SCOPE, "path": "/torn"}, receive, ignore))
    [segment] = xray.take()
    assert (segment["http"]["response"]["status"], segment["fault"]) == (200, True)
    assert segment["cause"]["exceptions"][0]["message"] == "torn"


def test_a_failing_authorizer_is_a_fault_without_the_token(xray: Daemon, recorder: Any):
    send_gets(create_xray_shop(recorder), "/items/pen", headers={"Authorization": "broken"})
    [segment] = xray.take()
    assert (segment["fault"], segment["http"]["response"]["status"]) == (True, 500)
    assert b"broken" not in xray.raw


@pytest.mark.parametrize(
    ("raised", "flags", "causes"),
    [(HTTPException(403), {"error"}, 0), (HTTPException(502), {"fault"}, 1), (OSError("disk full"), {"fault"}, 1)],
)
def test_an_exception_of_a_middleware_is_recorded(
    xray: Daemon, recorder: Any, raised: Exception, flags: set[str], causes: int
):
    app = Shop(name="shop")

    class Failing:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            raise raised

    app.add_middleware(Failing)
    XRay(app, recorder)
    [response] = send_gets(app, "/")
    [segment] = xray.take()
    assert segment.keys() & {"fault", "error"} == flags
    assert len(segment.get("cause", {}).get("exceptions", ())) == causes
    assert segment["http"]["response"]["status"] == response.status_code if isinstance(raised, HTTPException) else True


def test_plain_routes_and_mounts_are_named_by_their_paths(xray: Daemon, recorder: Any):
    async def page(request: Any) -> PlainTextResponse:
        return PlainTextResponse("page")

    routes = [
        Route("/pages/{number}", page),
        Mount("/more", routes=[Route("/{file}", page)]),
        Mount("/plain", PlainTextResponse("plain")),
        Mount("/inner", Shop(name="inner")),
    ]
    app = create_xray_shop(recorder, routes=routes)
    for path in ("/pages/7", "/more/app.css", "/plain/x", "/inner/bug", "/nowhere"):
        send_gets(app, path)
    recorded = [segment["annotations"] for segment in xray.take(5)]
    assert [annotations.get("route") for annotations in recorded] == [
        "/pages/{number}",
        "/more/{file}",
        "/plain",
        "/inner/bug",
        None,
    ]
    assert [annotations.get("entry") for annotations in recorded] == [None, None, None, "get_bug", None]


def test_the_user_can_be_another_key_of_the_principal(xray: Daemon, recorder: Any):
    class Club(TechMicroService):
        async def token_authorizer(self, token: str):
            return {"sub": 42, "name": "ann", "vip": True, "rights": ["read"]}

        @entry
        async def get(self):
            return "in"

    for key in ("sub", "vip", "rights", "nothing"):
        app = Club(name="club")
        XRay(app, recorder, user=key)
        send_gets(app, "/", headers={"Authorization": "any"})
    users = [segment["annotations"].get("user") for segment in xray.take(4)]
    assert users == ["42", None, None, None]


def test_the_trace_of_the_caller_is_continued(xray: Daemon, recorder: Any):
    app = create_xray_shop(recorder)
    root, parent = "1-5759e988-bd862e3fe1be46a994272793", "53995c3f42cd8ad8"
    send_gets(app, "/", headers={"X-Amzn-Trace-Id": f"Root={root};Parent={parent};Sampled=1"})
    [segment] = xray.take()
    assert (segment["trace_id"], segment["parent_id"]) == (root, parent)
    [response] = send_gets(app, "/", headers={"X-Amzn-Trace-Id": f"Root={root};Parent={parent};Sampled=0"})
    assert response.status_code == 200
    [response] = send_gets(app, "/", headers={"X-Amzn-Trace-Id": f"Root={root};Sampled=?"})
    assert response.headers["x-amzn-trace-id"] == f"Root={root};Sampled=1"
    assert len(xray.take()) == 1


def test_the_lifespan_has_no_segment(xray: Daemon, recorder: Any):
    with TestClient(create_xray_shop(recorder)) as client:
        assert xray.take_rest() == []
        client.get("/")
    assert len(xray.take()) == 1


def test_a_library_that_the_sdk_cannot_patch_is_an_error(xray: Daemon):
    with pytest.raises(DeclarationError, match=r"patch=\('sparrow',\).*sparrow"):
        XRay(Shop(name="shop"), patch=("sparrow",))


def test_patches_need_the_default_recorder(recorder: Any):
    with pytest.raises(DeclarationError, match="xray_recorder"):
        XRay(Shop(name="shop"), recorder, patch=("httpx",))


def get_subsegment_tree(document: Document) -> dict[str, Any]:
    """Return the names of the subsegments, each with the names of those within it."""
    return {child["name"]: get_subsegment_tree(child) for child in document.get("subsegments", ())}


def test_concurrent_requests_keep_their_own_subsegments_across_awaits_tasks_and_threads(xray: Daemon, recorder: Any):
    class Busy(TechMicroService):
        @entry(no_auth=True)
        async def get(self, name: str):
            async def part(label: str, seconds: float) -> None:
                async with recorder.in_subsegment_async(f"{name}-{label}"):
                    await asyncio.sleep(seconds)
                    with recorder.in_subsegment(f"{name}-{label}-inner"):
                        await asyncio.sleep(seconds)

            async with recorder.in_subsegment_async(f"{name}-outer"):
                await asyncio.gather(part("slow", 0.006), part("fast", 0.002))
                await asyncio.to_thread(in_thread, name)
            return name

        @entry(no_auth=True)
        def get_sync(self, name: str):
            in_thread(name)
            return name

    def in_thread(name: str) -> None:
        with recorder.in_subsegment(f"{name}-thread"):
            time.sleep(0.002)

    app = Busy(name="busy")
    XRay(app, recorder)
    names = [f"n{number}" for number in range(8)]
    send_gets(app, *(f"/{name}" for name in names), *(f"/sync/{name}" for name in names))
    segments = {segment["http"]["request"]["url"].partition(".com")[2]: segment for segment in xray.take(16)}
    for name in names:
        inner: dict[str, Any] = {f"{name}-{label}": {f"{name}-{label}-inner": {}} for label in ("slow", "fast")}
        assert get_subsegment_tree(segments[f"/{name}"]) == {f"{name}-outer": {**inner, f"{name}-thread": {}}}
        assert get_subsegment_tree(segments[f"/sync/{name}"]) == {f"{name}-thread": {}}
    assert len({segment["trace_id"] for segment in segments.values()}) == 16


def test_a_segment_ends_with_the_response_and_contains_background_tasks(xray: Daemon, recorder: Any):
    app = create_xray_shop(recorder)

    async def later() -> None:
        with recorder.in_subsegment("later"):
            await asyncio.sleep(0.002)

    async def page(request: Any) -> PlainTextResponse:
        return PlainTextResponse("page", background=BackgroundTask(later))

    app.routes.append(Route("/page", page))
    send_gets(app, "/page")
    [segment] = xray.take()
    [after] = segment["subsegments"]
    assert segment["end_time"] <= after["start_time"] < after["end_time"]


def test_a_task_that_outlives_its_request_is_not_traced(xray: Daemon, recorder: Any):
    done: list[bool] = []

    class Starter(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            async def outlive() -> None:
                await ended.wait()
                with recorder.in_subsegment("late") as subsegment, recorder.in_subsegment("later"):
                    done.append(subsegment.sampled)
                with recorder.in_subsegment("latest"):
                    done.append(True)

            tasks.append(asyncio.create_task(outlive()))

    ended, tasks = asyncio.Event(), list[asyncio.Task[None]]()
    app = Starter(name="starter")
    XRay(app, recorder)

    async def run() -> None:
        await app({**SCOPE}, receive, ignore)
        ended.set()
        await tasks[0]

    asyncio.run(run())
    [segment] = xray.take()
    assert ("subsegments" in segment, done) == (False, [False, True])


def test_a_client_that_disconnects_is_not_a_fault(xray: Daemon, recorder: Any):
    class Reads(TechMicroService):
        @entry(no_auth=True)
        async def post(self, name: str = ""):
            return name

    async def disconnect() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    app = Reads(name="reads")
    XRay(app, recorder)
    asyncio.run(app({**SCOPE, "method": "POST", "headers": [(b"content-length", b"9")]}, disconnect, ignore))
    [segment] = xray.take()
    assert ("response" in segment["http"], "fault" in segment, "client_ip" in segment["http"]["request"]) == (
        False,
        False,
        False,
    )


def test_a_cancelled_request_is_recorded(xray: Daemon, recorder: Any):
    class Slow(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            started.set()
            await asyncio.Event().wait()

    started = asyncio.Event()
    app = Slow(name="slow")
    XRay(app, recorder)

    async def cancel() -> None:
        task = asyncio.create_task(app({**SCOPE}, receive, ignore))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    [segment] = xray.take()
    assert [cause["type"] for cause in segment["cause"]["exceptions"]] == ["CancelledError"]


def test_the_segment_of_a_stream_ends_with_it(xray: Daemon, recorder: Any):
    app = create_xray_shop(recorder)

    async def parts(request: Any) -> StreamingResponse:
        async def chunks() -> Any:
            yield b"a"
            await asyncio.sleep(0.01)
            yield b"b"

        return StreamingResponse(chunks())

    app.routes.append(Route("/parts", parts))
    [response] = send_gets(app, "/parts")
    [segment] = xray.take()
    assert response.content == b"ab"
    assert segment["end_time"] - segment["start_time"] >= 0.009

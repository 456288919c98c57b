"""What the daemon is told of requests that run side by side, in tasks and threads, and of their ends."""

import asyncio
import time
from typing import Any

import pytest
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from coworks_async import TechMicroService, entry
from coworks_async.extensions import XRay
from tests.extensions.conftest import call
from tests.extensions.daemon import Daemon, Document
from tests.extensions.shops import SCOPE, ignore, receive, shop


def tree(document: Document) -> dict[str, Any]:
    """What stands in what, by names."""
    return {child["name"]: tree(child) for child in document.get("subsegments", ())}


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
    call(app, *(f"/{name}" for name in names), *(f"/sync/{name}" for name in names))
    segments = {segment["http"]["request"]["url"].partition(".com")[2]: segment for segment in xray.take(16)}
    for name in names:
        inner: dict[str, Any] = {f"{name}-{label}": {f"{name}-{label}-inner": {}} for label in ("slow", "fast")}
        assert tree(segments[f"/{name}"]) == {f"{name}-outer": {**inner, f"{name}-thread": {}}}
        assert tree(segments[f"/sync/{name}"]) == {f"{name}-thread": {}}
    assert len({segment["trace_id"] for segment in segments.values()}) == 16


def test_the_time_is_that_of_the_answer_and_what_comes_after_it_is_in_the_trace(xray: Daemon, recorder: Any):
    app = shop(recorder)

    async def later() -> None:
        with recorder.in_subsegment("later"):
            await asyncio.sleep(0.002)

    async def page(request: Any) -> PlainTextResponse:
        return PlainTextResponse("page", background=BackgroundTask(later))

    app.routes.append(Route("/page", page))
    call(app, "/page")
    [segment] = xray.take()
    [after] = segment["subsegments"]
    assert segment["end_time"] <= after["start_time"] < after["end_time"]


def test_a_task_that_outlives_its_request_goes_on_in_no_trace(xray: Daemon, recorder: Any):
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


def test_a_client_that_leaves_before_the_answer_is_no_fault(xray: Daemon, recorder: Any):
    class Reads(TechMicroService):
        @entry(no_auth=True)
        async def post(self, name: str = ""):
            return name

    async def left() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    app = Reads(name="reads")
    XRay(app, recorder)
    asyncio.run(app({**SCOPE, "method": "POST", "headers": [(b"content-length", b"9")]}, left, ignore))
    [segment] = xray.take()
    assert ("response" in segment["http"], "fault" in segment, "client_ip" in segment["http"]["request"]) == (
        False,
        False,
        False,
    )


def test_a_request_that_is_cancelled_is_told(xray: Daemon, recorder: Any):
    class Slow(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            begun.set()
            await asyncio.Event().wait()

    begun = asyncio.Event()
    app = Slow(name="slow")
    XRay(app, recorder)

    async def cancel() -> None:
        task = asyncio.create_task(app({**SCOPE}, receive, ignore))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    [segment] = xray.take()
    assert [cause["type"] for cause in segment["cause"]["exceptions"]] == ["CancelledError"]


def test_a_stream_is_sent_as_it_comes_and_its_segment_ends_with_it(xray: Daemon, recorder: Any):
    app = shop(recorder)

    async def parts(request: Any) -> StreamingResponse:
        async def chunks() -> Any:
            yield b"a"
            await asyncio.sleep(0.01)
            yield b"b"

        return StreamingResponse(chunks())

    app.routes.append(Route("/parts", parts))
    [answer] = call(app, "/parts")
    [segment] = xray.take()
    assert answer.content == b"ab"
    assert segment["end_time"] - segment["start_time"] >= 0.009

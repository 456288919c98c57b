"""What the tests of extensions share: an X-Ray daemon with a recorder of its own, and calls in this process."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from coworks_async.types import ASGIApp
from tests.extensions.daemon import Daemon, daemon


@pytest.fixture
def xray(monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """A daemon, which the environment tells of."""
    with daemon() as listening:
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", listening.address)
        yield listening


@pytest.fixture(scope="session")
def made() -> Iterator[Any]:
    """A recorder of the SDK's, which takes a while to be made."""
    from aws_xray_sdk.core import xray_recorder
    from aws_xray_sdk.core.async_recorder import AsyncAWSXRayRecorder

    recorder = AsyncAWSXRayRecorder()
    yield recorder
    emitters: list[Any] = [recorder.emitter, xray_recorder.emitter]
    for emitter in emitters:
        emitter._socket.close()  # which the SDK leaves to the end of the process


@pytest.fixture
def recorder(xray: Daemon, made: Any) -> Iterator[Any]:
    """A recorder that records every request and tells the daemon, as new as one that was just made."""
    from aws_xray_sdk.core.context import Context

    made.configure(sampling=False, context=Context(), streaming_threshold=30)
    made.emitter.set_daemon_address(xray.address)
    yield made
    made.clear_trace_entities()


def call(app: ASGIApp, *urls: str, **options: Any) -> list[httpx2.Response]:
    """Send GET requests, all at once, and return their answers."""

    async def send() -> list[httpx2.Response]:
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://shop.example.com", **options) as client:
            return await asyncio.gather(*(client.get(url) for url in urls))

    return asyncio.run(send())

"""Fixtures for the tests of extensions: an identity provider, an X-Ray daemon with a recorder, a recorder of spans."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.extensions.identity_provider import IdentityProvider, run_identity_provider
from tests.extensions.traced_services import SpanRecorder
from tests.extensions.xray_daemon import Daemon, run_daemon


@pytest.fixture
def spans() -> SpanRecorder:
    return SpanRecorder()


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with run_identity_provider() as server:
        yield server


@pytest.fixture
def xray(monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """A daemon, at the address in the environment."""
    with run_daemon() as daemon:
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", daemon.address)
        yield daemon


@pytest.fixture(scope="session")
def shared_recorder() -> Iterator[Any]:
    from aws_xray_sdk.core import xray_recorder
    from aws_xray_sdk.core.async_recorder import AsyncAWSXRayRecorder
    from aws_xray_sdk.core.sampling.local.sampler import LocalSampler

    recorder = AsyncAWSXRayRecorder()
    # The default sampler creates a botocore client at each call of `configure`, in 0.2 s.
    recorder.configure(sampler=LocalSampler())
    yield recorder
    emitters: list[Any] = [recorder.emitter, xray_recorder.emitter]
    for emitter in emitters:
        emitter._socket.close()  # the SDK leaves them open


@pytest.fixture
def recorder(xray: Daemon, shared_recorder: Any) -> Iterator[Any]:
    """A recorder that sends every request to the daemon, with the settings of a new one."""
    from aws_xray_sdk.core.context import Context

    shared_recorder.configure(sampling=False, context=Context(), streaming_threshold=30)
    shared_recorder.emitter.set_daemon_address(xray.address)
    yield shared_recorder
    shared_recorder.clear_trace_entities()

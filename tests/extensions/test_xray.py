"""X-Ray is enabled in Lambda and where a daemon's address is set."""

import json
import subprocess
import sys
from typing import Any

import pytest
from aws_xray_sdk import global_sdk_config

from coworks_async import TechMicroService, entry
from coworks_async.extensions import XRay
from tests.extensions.traced_services import send_gets
from tests.extensions.xray_daemon import Daemon


class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "Welcome."


@pytest.fixture
def no_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_XRAY_DAEMON_ADDRESS", raising=False)


def test_without_a_daemon_it_does_nothing(no_daemon: None):
    app = Shop()
    assert XRay(app).enabled is False
    assert (app.user_middleware, app.hooks.teardown) == ([], [])
    [response] = send_gets(app, "/")
    assert (response.text, "x-amzn-trace-id" in response.headers) == ("Welcome.", False)


def test_with_a_daemon_requests_are_traced_by_the_default_recorder(xray: Daemon):
    from aws_xray_sdk.core import xray_recorder

    app = Shop(name="shop")
    xray_recorder.configure(sampling=False)
    xray_recorder.emitter.set_daemon_address(xray.address)
    assert XRay(app).enabled is True
    send_gets(app, "/")
    [segment] = xray.take()
    assert segment["name"] == "shop"


def test_the_setting_of_the_sdk_disables_it(xray: Daemon, recorder: Any):
    global_sdk_config.set_sdk_enabled(False)
    try:
        app = Shop()
        assert (XRay(app, recorder).enabled, app.user_middleware) == (False, [])
    finally:
        global_sdk_config.set_sdk_enabled(True)


def test_the_error_for_a_missing_sdk_names_the_extra(monkeypatch: pytest.MonkeyPatch, no_daemon: None):
    monkeypatch.setitem(sys.modules, "aws_xray_sdk", None)
    with pytest.raises(ImportError, match=r"XRay needs aws_xray_sdk: pip install 'coworks-async\[xray\]'") as raised:
        XRay(Shop())
    assert raised.value.name == "aws_xray_sdk"


def test_if_it_is_disabled_the_sdk_is_not_imported(no_daemon: None):
    code = """
import json, sys
from coworks_async import TechMicroService
from coworks_async.extensions import OpenTelemetry, XRay
app = TechMicroService(name="shop")
XRay(app)
print(json.dumps([name for name in ("aws_xray_sdk", "botocore", "httpx") if name in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


PATCHED = """
import sys
from coworks_async import TechMicroService, entry
from coworks_async.extensions import XRay
from aws_xray_sdk.core import xray_recorder

app = TechMicroService(name="plain")
xray_recorder.configure(sampling=False)
XRay(app, xray_recorder, patch=("boto3", "httpx"))

import boto3
import httpx

class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        async with httpx.AsyncClient(timeout=60) as client:
            await client.post(sys.argv[1] + "/pay?card=4711")
        return "paid"

    @entry(no_auth=True)
    def get_stored(self):
        client = boto3.client("s3", endpoint_url=sys.argv[1], region_name="eu-west-1",
            aws_access_key_id="key", aws_secret_access_key="s3cr3t")
        client.put_object(Bucket="shelf", Key="pen", Body=b"blue")
        return "stored"

shop = Shop(name="shop")
XRay(shop, xray_recorder)

from coworks_async.testing import TestClient
with TestClient(shop) as client:
    assert client.get("/").text == "paid"
    assert client.get("/stored").text == "stored"
"""


def test_calls_of_boto3_and_httpx_are_subsegments_and_propagate_the_trace(xray: Daemon):
    from tests.aws.fake_aws import fake_aws

    with fake_aws() as api:
        api.status = 200
        done = subprocess.run([sys.executable, "-c", PATCHED, api.url], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    paid, stored = xray.take(2)
    [post] = paid["subsegments"]
    assert (post["name"], post["namespace"]) == ("127.0.0.1", "remote")
    assert post["http"] == {"request": {"method": "POST", "url": f"{api.url}/pay"}, "response": {"status": 200}}
    [put] = stored["subsegments"]
    assert (put["name"], put["namespace"], put["aws"]["operation"]) == ("s3", "aws", "PutObject")
    assert [request.headers["x-amzn-trace-id"] for request in api.requests] == [
        f"Root={segment['trace_id']};Parent={call['id']};Sampled=1" for segment, call in ((paid, post), (stored, put))
    ]
    assert b"4711" not in xray.raw
    assert b"s3cr3t" not in xray.raw

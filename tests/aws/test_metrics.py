"""The metric `ServerErrors` of 5xx responses, in CloudWatch's embedded metric format."""

import json
import time
from typing import Any

import pytest

from coworks_async import TechMicroService, entry
from coworks_async.testing import TestClient
from tests.aws.events import SIGNING_KEY, Context, Invoke, SendEvent, events_in_all_formats, rest_event
from tests.aws.fake_aws import fake_aws


class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "fine"

    @entry(no_auth=True)
    async def get_fail(self):
        raise ValueError("s3cr3t")

    @entry(no_auth=True)
    async def get_busy(self):
        return "busy", 503

    @entry(no_auth=True, background=True)
    async def post_jobs(self):
        raise ValueError("s3cr3t")


class VersionContext(Context):
    function_version = "8"


def read_metrics(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_each_5xx_response_of_a_version_is_one_metric(send_event: SendEvent, capsys: pytest.CaptureFixture[str]):
    app = Shop()
    for path in ("/fail", "/busy"):
        for event in events_in_all_formats("GET", path).values():
            assert send_event(app, event, VersionContext()).status >= 500
    found = read_metrics(capsys)
    assert len(found) == 2 * len(events_in_all_formats("GET", "/"))
    metadata = found[0].pop("_aws")
    assert metadata.pop("Timestamp") == pytest.approx(time.time() * 1000, abs=60_000)
    assert metadata == {
        "CloudWatchMetrics": [
            {
                "Namespace": "CoWorks",
                "Dimensions": [["FunctionName", "Version"]],
                "Metrics": [{"Name": "ServerErrors", "Unit": "Count"}],
            }
        ]
    }
    assert found[0] == {"level": "DEBUG", "FunctionName": "shop", "Version": "8", "ServerErrors": 1}


def test_other_responses_are_no_metric(send_event: SendEvent, capsys: pytest.CaptureFixture[str]):
    for path, status in (("/", 200), ("/unknown", 404)):
        assert send_event(Shop(), rest_event(path=path), VersionContext()).status == status
    assert read_metrics(capsys) == []


def test_only_published_versions_have_the_metric(send_event: SendEvent, capsys: pytest.CaptureFixture[str]):
    assert send_event(Shop(), rest_event(path="/fail")).status == 500
    with TestClient(Shop(), via="rest") as client:
        assert client.get("/fail").status_code == 500
    assert read_metrics(capsys) == []


def test_an_asynchronous_call_that_fails_is_a_metric(
    send_event: SendEvent, invoke: Invoke, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    with fake_aws() as aws:
        for name, value in (
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_DEFAULT_REGION", "eu-west-1"),
            ("AWS_ENDPOINT_URL", aws.url),
            ("AWS_LAMBDA_FUNCTION_NAME", "shop"),
            ("CWS_SIGNING_KEY", SIGNING_KEY),
        ):
            monkeypatch.setenv(name, value)
        event = rest_event("POST", "/jobs", headers=[("InvocationType", "Event")])
        assert send_event(Shop(), event, VersionContext()).status == 202
        [invocation] = aws.requests
    assert invoke(Shop(), json.loads(invocation.body), VersionContext())["status"] == 500
    [metric] = read_metrics(capsys)
    assert metric["ServerErrors"] == 1

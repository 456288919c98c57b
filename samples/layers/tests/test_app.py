"""Tests over ASGI and behind each kind of gateway, with a local server in the place of AWS Lambda."""

import pytest
from coworks_async.testing import TestClient

from app import Layers, prefers_html

ARN = "arn:aws:lambda:eu-west-1:123456789012:layer"
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(params=[None, "rest", "http", "alb", "url"], ids=lambda via: via or "asgi")
def client(request, aws):
    with TestClient(Layers(), via=request.param) as client:
        yield client


def test_all_pages_are_listed_with_the_newest_version_first(client, aws):
    aws.publish("coworks-1", "2026-01-01T00:00:00.000+0000")
    aws.publish("pandas", "2026-01-02T00:00:00.000+0000")
    aws.publish("coworks-2", "2026-01-03T00:00:00.000+0000")
    aws.publish("coworks-1", "2026-01-04T00:00:00.000+0000")
    response = client.get("/")
    assert response.headers["content-type"] == "application/json"
    assert [version["arn"] for version in response.json()] == [
        f"{ARN}:coworks-1:2",
        f"{ARN}:coworks-2:1",
        f"{ARN}:coworks-1:1",
    ]


def test_a_version_is_described(client, aws):
    created = "2026-01-01T00:00:00.000+0000"
    details = {"CompatibleRuntimes": ["python3.13"], "CompatibleArchitectures": ["arm64"]}
    aws.publish("coworks-1", created, "For Python 3.13", **details)
    assert client.get("/").json() == [
        {
            "arn": f"{ARN}:coworks-1:1",
            "name": "coworks-1",
            "version": 1,
            "description": "For Python 3.13",
            "runtimes": ["python3.13"],
            "architectures": ["arm64"],
            "created": created,
        }
    ]


def test_a_browser_gets_a_page_with_escaped_text(client, aws):
    aws.publish("coworks-1", "2026-01-01T00:00:00.000+0000", "<b>Fast</b>")
    response = client.get("/", headers=BROWSER)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<code>{ARN}:coworks-1:1</code></td><td>&lt;b&gt;Fast&lt;/b&gt;</td>" in response.text


def test_caches_keep_a_response_for_a_minute_and_separate_by_accept(client):
    for headers in ({}, BROWSER):
        response = client.get("/", headers=headers)
        assert (response.headers["cache-control"], response.headers["vary"]) == ("public, max-age=60", "Accept")


def test_aws_is_asked_once_a_minute(client, aws):
    aws.publish("coworks-1", "2026-01-01T00:00:00.000+0000")
    assert client.get("/").json() == client.get("/").json() != []
    assert aws.requests == ["/2018-10-31/layers", "/2018-10-31/layers/coworks-1/versions"]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", False),
        ("", False),
        ("application/json, text/html;q=0.5", False),
        ("text/html, application/json", True),
        ("TEXT/HTML; charset=utf-8", True),
        ("image/png", False),
    ],
)
def test_json_is_sent_unless_html_is_named_first(accept, expected):
    assert prefers_html(accept) is expected

"""Secrets in a Lambda event are masked."""

from typing import Any

import pytest

from coworks_async.blueprints.admin.blueprint import mask_secrets


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "authorization",
        "Proxy-Authorization",
        "Cookie",
        "cookies",
        "x-api-key",
        "apiKey",
        "X-Amz-Security-Token",
        "X-Amz-Signature",
        "accessKey",
        "access_token",
        "acc%65ss_token",
        "client_secret",
        "passwd",
        "password",
        "sessionid",
        "code",
        "authorizer",
        "X-SHOP",
        "x-shop",
    ],
)
def test_a_value_with_a_secret_name_is_masked_everywhere(name: str):
    event = {
        "headers": {name: "s3cr3t", "referer": f"https://example.com/?a=1&{name}=s3cr3t"},
        "multiValueHeaders": {name: ["s3cr3t"]},
        "rawQueryString": f"{name}=s3cr3t&b=2",
        "requestContext": {"identity": [{name: {"deep": "s3cr3t"}}]},
    }
    masked = mask_secrets(event, "X-Shop")
    assert "s3cr3t" not in str(masked)
    assert masked["headers"] == {name: "***", "referer": f"https://example.com/?a=1&{name}=***"}
    assert masked["multiValueHeaders"] == {name: "***"}
    assert masked["rawQueryString"] == f"{name}=***&b=2"


def test_other_values_are_kept_and_the_event_is_not_changed():
    event: dict[str, Any] = {
        "version": "2.0",
        "rawPath": "/dev/admin/event",
        "rawQueryString": "page=2&postcode=1010",
        "headers": {"host": "example.com", "authorization": None, "accept": "text/html;q=0.9,*/*"},
        "isBase64Encoded": False,
        "requestContext": {"timeEpoch": 1, "http": {"method": "GET"}, "list": ["a", 1, None]},
    }
    before = str(event)
    assert mask_secrets(event, "Authorization") == event
    event["headers"]["authorization"] = "s3cr3t"
    assert mask_secrets(event, "Authorization")["headers"]["authorization"] == "***"
    assert str(event) == before.replace("'authorization': None", "'authorization': 's3cr3t'")

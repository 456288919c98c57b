"""What of an event is shown."""

from typing import Any

import pytest

from coworks_async.blueprints.admin.masking import masked


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
        "X-DOOR",
        "x-door",
    ],
)
def test_what_is_secret_by_its_name_is_masked_wherever_it_stands(name: str):
    event = {
        "headers": {name: "s3cr3t", "referer": f"https://example.com/?a=1&{name}=s3cr3t"},
        "multiValueHeaders": {name: ["s3cr3t"]},
        "rawQueryString": f"{name}=s3cr3t&b=2",
        "requestContext": {"identity": [{name: {"deep": "s3cr3t"}}]},
    }
    shown = masked(event, "X-Door")
    assert "s3cr3t" not in str(shown)
    assert shown["headers"] == {name: "***", "referer": f"https://example.com/?a=1&{name}=***"}
    assert shown["multiValueHeaders"] == {name: "***"}
    assert shown["rawQueryString"] == f"{name}=***&b=2"


def test_all_else_stays_and_the_event_itself_is_not_changed():
    event: dict[str, Any] = {
        "version": "2.0",
        "rawPath": "/dev/admin/event",
        "rawQueryString": "page=2&postcode=1010",
        "headers": {"host": "example.com", "authorization": None, "accept": "text/html;q=0.9,*/*"},
        "isBase64Encoded": False,
        "requestContext": {"timeEpoch": 1, "http": {"method": "GET"}, "list": ["a", 1, None]},
    }
    before = str(event)
    assert masked(event, "Authorization") == event
    event["headers"]["authorization"] = "s3cr3t"
    assert masked(event, "Authorization")["headers"]["authorization"] == "***"
    assert str(event) == before.replace("'authorization': None", "'authorization': 's3cr3t'")

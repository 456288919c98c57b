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


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("http://h/p?x=1#access_token=s3cr3t", "http://h/p?x=1#access_token=***"),
        ("http://h/p?x=1#y&token=s3cr3t", "http://h/p?x=1#y&token=***"),
        ("http://h/p?token=s3cr3t#s3cr3t", "http://h/p?token=***"),
        ("http://h/p?token=s3cr3t#x=1", "http://h/p?token=***#x=1"),
        ("http://h/?next=http://h/?token=s3cr3t&b=2", "http://h/?next=http://h/?token=***&b=2"),
        ("http://u:s3cr3t@h/", "http://***@h/"),
        ("http://u:s3cr3t@s3cr3t@h/p", "http://***@h/p"),
        ("http://s3cr3t@h?a=b@c", "http://***@h?a=b@c"),
        ("http://h/?redirect=http%3A%2F%2Fh%2F%3Ftoken%3Ds3cr3t&b=2", "http://h/?redirect=***&b=2"),
        ("http://h/?redirect=http%3A%2F%2Fu%3As3cr3t%40h%2F", "http://h/?redirect=***"),
        ("http%3A%2F%2Fh%2F%3Ftoken%3Ds3cr3t", "***"),
        ("http://h/?a=b%253Ftoken%253Ds3cr3t", "http://h/?a=***"),
        ("http://h/?token=s3cr3t%26s3cr3t%3Ds3cr3t", "http://h/?token=***"),
        ("%25252525252574oken%2525252525253Ds3cr3t", "***"),
        ("a=%2525252525253Ftoken%2525252525253Ds3cr3t", "a=***"),
    ],
)
def test_secrets_in_any_part_of_a_url_are_masked(value: str, masked: str):
    assert mask_secrets({"headers": {"x-url": value}}, "Authorization") == {"headers": {"x-url": masked}}


@pytest.mark.parametrize(
    "value",
    [
        "http://h/a%20b?c=d%20e%2526#f",
        "http://h/?email=a@b.org&next=http%3A%2F%2Fh%2F%3Fpage%3D2",
        "http://h/?next=http://h/?page=2#g=h",
        "a=b=c=100%",
    ],
)
def test_urls_without_secrets_are_kept(value: str):
    assert mask_secrets({"headers": {"x-url": value}}, "Authorization") == {"headers": {"x-url": value}}


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

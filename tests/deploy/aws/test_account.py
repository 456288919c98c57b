"""Reading an AWS account, and its errors."""

import os
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from coworks_async.deploy.aws.account import (
    DeployedApi,
    DeployedStage,
    aws_errors,
    check_account,
    find_apis,
    find_configured_region,
    find_stages,
    get_account_id,
    open_session,
)
from coworks_async.exceptions import CommandError, DeployError
from tests.deploy.accounts import (
    EXPIRED,
    REGION,
    create_session,
    create_tags,
    make_function,
    make_http_api,
    make_rest_api,
    serve_response,
)
from tests.deploy.stacks import LAYER, stack


def fail_to_identify(url: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    session = create_session(url, "test", monkeypatch, folder)
    with pytest.raises(DeployError) as caught:
        get_account_id(session)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_account_is_that_of_the_credentials(session: Any, account: str):
    assert get_account_id(session) == account


def test_expired_credentials_are_one_line_with_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with serve_response(403, EXPIRED) as url:
        message = fail_to_identify(url, monkeypatch, tmp_path)
    assert message == "Cannot identify the AWS account: the credentials have expired: get new ones."


def test_an_error_without_a_known_remedy_contains_the_message_of_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with serve_response(400, EXPIRED.replace("ExpiredToken", "Odd")) as url:
        assert fail_to_identify(url, monkeypatch, tmp_path) == "Cannot identify the AWS account: It is over."


def test_an_error_without_a_message_contains_its_code():
    with pytest.raises(DeployError, match=r"^It failed: 418\.$"), aws_errors("It failed"):
        raise ClientError({"Error": {"Code": "418", "Message": ""}}, "Brew")


def test_an_unreachable_aws_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    message = fail_to_identify("http://127.0.0.1:9", monkeypatch, tmp_path)
    assert message.startswith("Cannot identify the AWS account: Could not connect to the endpoint URL")


def test_the_error_for_missing_credentials_names_the_option(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    create_session("http://127.0.0.1:9", "", monkeypatch, tmp_path)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(DeployError, match="no credentials found: use --profile-name"):
        get_account_id(open_session({}, REGION))


def test_an_unknown_profile_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    create_session("http://127.0.0.1:9", "test", monkeypatch, tmp_path)
    with pytest.raises(CommandError, match=r"^The AWS profile 'nobody' does not exist\. Choose another with "):
        open_session({"AWS_PROFILE": "nobody"}, REGION)


def test_the_region_is_that_of_the_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    create_session("http://127.0.0.1:9", "test", monkeypatch, tmp_path)
    assert find_configured_region(os.environ) is None
    config = tmp_path / "config"
    config.write_text("[profile far]\nregion = ap-south-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "far")
    assert find_configured_region(os.environ) == "ap-south-1"
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert find_configured_region(os.environ) is None


def test_aws_region_precedes_aws_default_region_as_for_terraform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    create_session("http://127.0.0.1:9", "test", monkeypatch, tmp_path)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    monkeypatch.setenv("AWS_REGION", "")
    assert find_configured_region(os.environ) == open_session(os.environ, None).region_name == "ap-south-1"
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert find_configured_region(os.environ) == open_session(os.environ, None).region_name == "eu-west-3"
    assert open_session(os.environ, REGION).region_name == REGION


def test_a_domain_requires_a_certificate_for_its_exact_name_unless_one_is_given(session: Any):
    client = session.client("acm")
    client.request_certificate(DomainName="other.example.com", SubjectAlternativeNames=["api.example.com"])
    api: dict[str, Any] = {"domain": "api.example.com/v1", "gateway": "http"}
    with pytest.raises(DeployError) as caught:
        check_account(session, stack(**api))
    assert str(caught.value) == (
        f"ACM has no certificate for api.example.com in {REGION}. Request one there, or choose one that covers the "
        "name with --certificate."
    )
    check_account(session, stack(**api, certificate=f"arn:aws:acm:{REGION}:000000000000:certificate/x"))
    client.request_certificate(DomainName="api.example.com")
    check_account(session, stack(**api))


def test_the_apis_of_a_service_are_found_by_its_tags(session: Any):
    rest, http = make_rest_api(session, stack()), make_http_api(session, stack(stage="prod"))
    session.client("apigateway").create_rest_api(name="shop-dev", tags={"coworks:service": "other"})
    session.client("apigatewayv2").create_api(Name="shop-dev", ProtocolType="HTTP", Tags={"coworks:service": "shop"})
    assert find_apis(session, "shop") == (DeployedApi(rest, "rest", "dev"), DeployedApi(http, "http", "prod"))


def test_stages_are_found_by_apis_and_by_functions_sorted_by_name(session: Any):
    api = make_rest_api(session, stack())
    make_function(session, stack())
    make_function(session, stack(stage="only-function"))
    gateway = make_http_api(session, stack(stage="only-api"))
    make_function(session, stack(stage="foreign"), {"coworks:service": "other", "coworks:stage": "foreign"})
    make_function(session, stack(stage="untagged"), {"coworks:service": "shop"})
    dev, alone, function = find_stages(session, "shop", "shop-")
    assert (dev.stage, dev.api_ids, dev.function, dev.archive) == ("dev", (api,), "shop-dev", "0f3a")
    assert dev.urls == (f"https://{api}.execute-api.{REGION}.amazonaws.com/dev",)
    assert dev.modified is not None
    assert dev.modified.startswith("20")
    assert (alone.stage, alone.api_ids, alone.function, alone.modified) == ("only-api", (gateway,), None, None)
    assert (function.stage, function.api_ids, function.function) == ("only-function", (), "shop-only-function")


NOW = "2026-11-26T21:00:00Z"


@pytest.mark.parametrize(
    ("of_function", "of_api", "expires"),
    [
        ("2026-11-26T20:00:00Z", "2026-11-26T20:00:00Z", "2026-11-26T20:00:00Z"),
        # A deploy that renews the stage was killed.
        ("2026-11-26T20:00:00Z", "2026-11-28T20:00:00Z", "2026-11-28T20:00:00Z"),
        # A deploy that sets or removes the time was killed.
        ("2026-11-26T20:00:00Z", None, None),
        (None, "2026-11-26T20:00:00Z", None),
        (None, None, None),
        # An invalid time never passes.
        ("2026-11-26T20:00:00Z", "", ""),
        ("-", "2026-11-26T20:00:00Z", "-"),
    ],
)
def test_a_stage_expires_at_the_latest_time_that_all_its_resources_have(
    session: Any, of_function: str | None, of_api: str | None, expires: str | None
):
    for make, time in ((make_function, of_function), (make_http_api, of_api)):
        make(session, stack(), create_tags(stack()) | ({"coworks:expires": time} if time is not None else {}))
    (stage,) = find_stages(session, "shop", "shop-")
    assert stage.expires == expires


def test_a_stage_without_a_function_expires_with_its_api(session: Any):
    make_http_api(session, stack(), create_tags(stack()) | {"coworks:expires": NOW})
    (stage,) = find_stages(session, "shop", "shop-")
    assert stage.expires == NOW


@pytest.mark.parametrize(
    ("expires", "has_expired"),
    [
        (None, False),
        ("2026-11-26T20:59:59Z", True),
        (NOW, True),
        ("2026-11-26T21:00:01Z", False),
        ("1 May 2026", False),
        ("", False),
    ],
)
def test_a_stage_has_expired_once_its_time_has_passed(expires: str | None, has_expired: bool):
    assert DeployedStage("dev", (), (), expires=expires).has_expired(NOW) is has_expired


def test_functions_with_another_prefix_are_ignored(session: Any):
    make_function(session, stack())
    assert find_stages(session, "shop", "shops-") == ()


@pytest.mark.usefixtures("session")
def test_urls_in_china_have_another_domain():
    china = open_session({}, "cn-north-1")
    api = make_rest_api(china, stack())
    (stage,) = find_stages(china, "shop", "shop-")
    assert stage.urls == (f"https://{api}.execute-api.cn-north-1.amazonaws.com.cn/dev",)


def test_the_access_logs_of_a_rest_api_require_a_role_of_the_account(session: Any):
    with pytest.raises(DeployError, match=r"no role to write access logs with in this account.*--no-access-logs\.$"):
        check_account(session, stack())
    check_account(session, stack(gateway="http"))
    check_account(session, stack(access_logs=False))
    operation = {"op": "replace", "path": "/cloudwatchRoleArn", "value": "arn:aws:iam::000000000000:role/logs"}
    session.client("apigateway").update_account(patchOperations=[operation])
    check_account(session, stack())


def test_a_layer_of_another_account_requires_a_version(session: Any, account: str):
    own = LAYER.replace("935392763270", account)
    with pytest.raises(DeployError) as caught:
        check_account(session, stack(layers=(own, LAYER), access_logs=False))
    assert str(caught.value) == (
        f"The layer {LAYER} belongs to another account, whose layer versions AWS does not list. Add a version, as in "
        f"{LAYER}:1."
    )
    check_account(session, stack(layers=(own, f"{LAYER}:1"), access_logs=False))

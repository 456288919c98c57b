"""What is asked of an AWS account, and how its refusals are told."""

import os
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from coworks_async.deploy.aws.account import (
    Api,
    account_of,
    apis_of,
    aws_errors,
    can_write_access_logs,
    check_account,
    configured_region,
    open_session,
    stages_of,
)
from coworks_async.exceptions import CommandError, DeployError
from tests.deploy.accounts import EXPIRED, REGION, answering, make_function, make_http_api, make_rest_api, session_of
from tests.deploy.stacks import LAYER, stack


@pytest.fixture
def session(emulator: str, account: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    return session_of(emulator, account, monkeypatch, tmp_path)


def refusal(url: str, monkeypatch: pytest.MonkeyPatch, place: Path) -> str:
    session = session_of(url, "test", monkeypatch, place)
    with pytest.raises(DeployError) as caught:
        account_of(session)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_account_is_the_credentials_own(session: Any, account: str):
    assert account_of(session) == account


def test_expired_credentials_are_one_line_with_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with answering(403, EXPIRED) as url:
        told = refusal(url, monkeypatch, tmp_path)
    assert told == "AWS does not tell who you are: the credentials have expired: get new ones and deploy again."


def test_what_aws_says_is_told_where_the_remedy_is_not_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with answering(400, EXPIRED.replace("ExpiredToken", "Odd")) as url:
        assert refusal(url, monkeypatch, tmp_path) == "AWS does not tell who you are: It is over."


def test_an_error_without_words_is_told_by_its_code():
    with pytest.raises(DeployError, match=r"^It failed: 418\.$"), aws_errors("It failed"):
        raise ClientError({"Error": {"Code": "418", "Message": ""}}, "Brew")


def test_an_aws_that_cannot_be_reached_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    told = refusal("http://127.0.0.1:9", monkeypatch, tmp_path)
    assert told.startswith("AWS does not tell who you are: Could not connect to the endpoint URL")


def test_missing_credentials_name_the_option(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    session_of("http://127.0.0.1:9", "", monkeypatch, tmp_path)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(DeployError, match="no credentials are found: name a profile by --profile-name"):
        account_of(open_session({}, REGION))


def test_an_unknown_profile_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    session_of("http://127.0.0.1:9", "test", monkeypatch, tmp_path)
    with pytest.raises(CommandError, match=r"^The profile 'nobody' is not in your AWS configuration: name another by "):
        open_session({"AWS_PROFILE": "nobody"}, REGION)


def test_the_region_is_the_profiles_where_there_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    session_of("http://127.0.0.1:9", "test", monkeypatch, tmp_path)
    assert configured_region(os.environ) is None
    config = tmp_path / "config"
    config.write_text("[profile far]\nregion = ap-south-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "far")
    assert configured_region(os.environ) == "ap-south-1"
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert configured_region(os.environ) is None


def test_aws_region_counts_as_it_does_for_terraform_before_aws_default_region(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    session_of("http://127.0.0.1:9", "test", monkeypatch, tmp_path)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    monkeypatch.setenv("AWS_REGION", "")
    assert configured_region(os.environ) == open_session(os.environ, None).region_name == "ap-south-1"
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert configured_region(os.environ) == open_session(os.environ, None).region_name == "eu-west-3"
    assert open_session(os.environ, REGION).region_name == REGION


def test_a_domain_needs_a_certificate_of_that_very_name_unless_one_is_named(session: Any):
    client = session.client("acm")
    client.request_certificate(DomainName="other.example.com", SubjectAlternativeNames=["api.example.com"])
    api: dict[str, Any] = {"domain": "api.example.com/v1", "gateway": "http"}
    with pytest.raises(DeployError) as caught:
        check_account(session, stack(**api))
    assert str(caught.value) == (
        f"ACM has issued no certificate for api.example.com in {REGION}: request one there, or name another that "
        "covers it by --certificate."
    )
    check_account(session, stack(**api, certificate=f"arn:aws:acm:{REGION}:000000000000:certificate/x"))
    client.request_certificate(DomainName="api.example.com")
    check_account(session, stack(**api))


def test_the_apis_of_a_service_are_those_that_carry_its_tags(session: Any):
    rest, http = make_rest_api(session, stack()), make_http_api(session, stack(stage="prod"))
    session.client("apigateway").create_rest_api(name="shop-dev", tags={"coworks:service": "other"})
    session.client("apigatewayv2").create_api(Name="shop-dev", ProtocolType="HTTP", Tags={"coworks:service": "shop"})
    assert apis_of(session, "shop") == (Api(rest, "rest", "dev"), Api(http, "http", "prod"))


def test_the_stages_are_those_of_apis_and_of_functions_by_name(session: Any):
    api = make_rest_api(session, stack())
    make_function(session, stack())
    make_function(session, stack(stage="only-function"))
    gateway = make_http_api(session, stack(stage="only-api"))
    make_function(session, stack(stage="foreign"), {"coworks:service": "other", "coworks:stage": "foreign"})
    make_function(session, stack(stage="untold"), {"coworks:service": "shop"})
    dev, alone, function = stages_of(session, "shop", "shop-")
    assert (dev.stage, dev.api_ids, dev.function, dev.archive) == ("dev", (api,), "shop-dev", "0f3a")
    assert dev.urls == (f"https://{api}.execute-api.{REGION}.amazonaws.com/dev",)
    assert dev.modified is not None
    assert dev.modified.startswith("20")
    assert (alone.stage, alone.api_ids, alone.function, alone.modified) == ("only-api", (gateway,), None, None)
    assert (function.stage, function.api_ids, function.function) == ("only-function", (), "shop-only-function")


def test_functions_of_other_names_are_not_asked_for_their_tags(session: Any):
    make_function(session, stack())
    assert stages_of(session, "shop", "shops-") == ()


@pytest.mark.usefixtures("session")
def test_the_addresses_in_china_have_another_ending():
    china = open_session({}, "cn-north-1")
    api = make_rest_api(china, stack())
    (stage,) = stages_of(china, "shop", "shop-")
    assert stage.urls == (f"https://{api}.execute-api.cn-north-1.amazonaws.com.cn/dev",)


def test_a_rest_apis_access_logs_need_a_role_of_the_account(session: Any):
    with pytest.raises(DeployError, match=r"no role in this account to write access logs.*--no-access-logs\.$"):
        check_account(session, stack())
    check_account(session, stack(gateway="http"))
    check_account(session, stack(access_logs=False))
    operation = {"op": "replace", "path": "/cloudwatchRoleArn", "value": "arn:aws:iam::000000000000:role/logs"}
    session.client("apigateway").update_account(patchOperations=[operation])
    assert can_write_access_logs(session)
    check_account(session, stack())


def test_a_layer_of_another_account_needs_its_version(session: Any, account: str):
    own = LAYER.replace("935392763270", account)
    with pytest.raises(DeployError) as caught:
        check_account(session, stack(layers=(own, LAYER), access_logs=False))
    assert str(caught.value) == (
        f"The layer {LAYER} is another account's, of which AWS lists no versions: give one, as in {LAYER}:1."
    )
    check_account(session, stack(layers=(own, f"{LAYER}:1"), access_logs=False))

"""Options of `cws deploy` that protect a stage, with a real Terraform and an emulator."""

import re
from typing import Any

import pytest

from tests.deploy.deployed_project import QUICK, Project

pytestmark = pytest.mark.end_to_end

GATEWAY = pytest.mark.parametrize("gateway", ["rest", pytest.param("http", marks=pytest.mark.exhaustive)])


def create_queue(project: Project) -> str:
    sqs = project.client("sqs")
    url = sqs.create_queue(QueueName="failed")["QueueUrl"]
    return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])


def create_web_acl(project: Project) -> str:
    visibility = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "shop"}
    created = project.client("wafv2").create_web_acl(
        Name="shop", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=visibility
    )
    return str(created["Summary"]["ARN"])


def get_stage(project: Project) -> tuple[str, dict[str, Any]]:
    [api] = project.api_ids()
    if project.gateway == "rest":
        return api, project.client("apigateway").get_stage(restApiId=api, stageName="dev")
    return api, project.client("apigatewayv2").get_stage(ApiId=api, StageName="dev")


def changes(project: Project, *words: str) -> list[str]:
    """Return what another deploy would change."""
    return [line for line in project.deploy(*QUICK, *words, "--plan").splitlines() if re.match(r"\w+ {2,}", line)]


@GATEWAY
def test_a_stage_has_its_limits_destination_and_key_and_a_second_deploy_changes_nothing(shop: Project):
    queue, key = create_queue(shop), shop.client("kms").create_key()["KeyMetadata"]["Arn"]
    protection = ("--rate", "50", "--burst", "20", "--failure-destination", queue, "--kms-key", key, "--log-source-ip")
    shop.deploy(*QUICK, *protection)
    _, stage = get_stage(shop)
    if shop.gateway == "rest":
        limits = stage["methodSettings"]["*/*"]
        assert (limits["throttlingRateLimit"], limits["throttlingBurstLimit"]) == (50.0, 20)
        log_format = stage["accessLogSettings"]["format"]
    else:
        # Of all routes, so of `$default` too.
        limits = stage["DefaultRouteSettings"]
        assert (limits["ThrottlingRateLimit"], limits["ThrottlingBurstLimit"]) == (50.0, 20)
        log_format = stage["AccessLogSettings"]["Format"]
    assert '"sourceIp":"$context.identity.sourceIp"' in log_format
    function = shop.client("lambda")
    config = function.get_function_event_invoke_config(FunctionName=f"{shop.name}-dev", Qualifier="live")
    assert config["DestinationConfig"]["OnFailure"] == {"Destination": queue}
    groups = shop.client("logs").describe_log_groups()["logGroups"]
    assert {group.get("kmsKeyId") for group in groups if shop.name in group["logGroupName"]} == {key}
    assert changes(shop, *protection) == []
    shop.destroy()
    assert shop.resources() == []


@pytest.mark.parametrize("gateway", ["rest"])
def test_a_web_acl_is_in_front_of_the_stage(shop: Project):
    web_acl = create_web_acl(shop)
    shop.deploy(*QUICK, "--waf", web_acl)
    api, _ = get_stage(shop)
    stage = f"arn:aws:apigateway:eu-west-1::/restapis/{api}/stages/dev"
    assert shop.client("wafv2").get_web_acl_for_resource(ResourceArn=stage)["WebACL"]["ARN"] == web_acl
    assert changes(shop, "--waf", web_acl) == []
    shop.destroy()


@pytest.mark.parametrize("gateway", ["rest"])
def test_a_private_api_may_be_called_by_its_vpc_endpoints_only(shop: Project):
    shop.deploy(*QUICK, "--vpc-endpoints", "vpce-0123abcd")
    api, _ = get_stage(shop)
    described = shop.client("apigateway").get_rest_api(restApiId=api)
    assert described["endpointConfiguration"]["types"] == ["PRIVATE"]
    assert "vpce-0123abcd" in described["policy"]
    shop.destroy()


@GATEWAY
def test_an_api_can_be_reachable_by_its_domain_only(shop: Project):
    shop.client("acm").request_certificate(DomainName="api.shop.example")
    domain = ("--domain", "api.shop.example/v1", "--disable-execute-api-endpoint")
    output = shop.deploy(*QUICK, *domain)
    api, _ = get_stage(shop)
    if shop.gateway == "rest":
        described = shop.client("apigateway").get_rest_api(restApiId=api)
        assert described["disableExecuteApiEndpoint"] is True
    else:
        assert shop.client("apigatewayv2").get_api(ApiId=api)["DisableExecuteApiEndpoint"] is True
    assert f"{shop.name}_url = " in output
    shop.destroy()

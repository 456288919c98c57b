"""The root module of a stage, and the list of what it creates."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from coworks_async import TechMicroService, entry
from coworks_async.deploy import emulator
from coworks_async.deploy.terraform.root_module import create_root, encode_variables, list_resources
from coworks_async.deploy.terraform.workdir import write_root
from coworks_async.gateway.routes import GatewayKind
from tests.deploy.stacks import (
    CAPACITY_PROVIDER,
    EVERY_OPTION,
    KEY,
    LAYER,
    QUEUE,
    WEB_ACL,
    Jobs,
    Public,
    Shop,
    service_with_entries,
    stack,
)
from tests.deploy.toolchain import Toolchain

KINDS: tuple[GatewayKind, ...] = ("rest", "http")
OPTIONS = asdict(EVERY_OPTION)


def function(**options: Any) -> dict[str, Any]:
    block: dict[str, Any] = create_root(stack(**options))["resource"]["aws_lambda_function"]["service"]
    return block


@pytest.mark.parametrize("kind", KINDS)
def test_services_that_differ_in_their_entries_differ_only_in_the_list_of_routes(
    kind: GatewayKind,
):
    few, many = (create_root(stack(service_with_entries(count), gateway=kind)) for count in (4, 100))
    routes = [root["locals"].pop("routes") for root in (few, many)]
    assert few == many
    assert len(routes[0]) < len(routes[1])
    assert {"method": "GET", "path": "/r0", "authorized": True} in routes[0]


def test_without_options_only_required_keys_are_set():
    root = create_root(stack())
    assert set(root["resource"]["aws_lambda_function"]["service"]) == {
        *("architectures", "depends_on", "environment", "function_name", "handler", "role", "runtime"),
        *("s3_bucket", "s3_key", "tags"),
    }
    assert set(root) == {"terraform", "provider", "variable", "locals", "resource", "module", "output"}
    assert set(root["resource"]) == {
        *("aws_cloudwatch_log_group", "aws_iam_role", "aws_iam_role_policy", "aws_lambda_alias", "aws_lambda_function"),
    }
    assert "region" not in root["provider"]["aws"]


def test_options_reach_the_function():
    root = create_root(stack(**OPTIONS))
    block = root["resource"]["aws_lambda_function"]["service"]
    assert (block["memory_size"], block["timeout"], block["reserved_concurrent_executions"]) == (512, 20, 3)
    assert (block["architectures"], block["runtime"]) == (["arm64"], "python3.13")
    assert (block["s3_bucket"], block["s3_key"]) == ("archives", "shop/0f3a.zip")
    assert block["vpc_config"] == {"subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"]}
    assert block["snap_start"] == {"apply_on": "PublishedVersions"}
    assert block["tracing_config"] == {"mode": "Active"}


def test_reserved_concurrency_may_be_zero():
    assert function(reserved_concurrency=0)["reserved_concurrent_executions"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_limit_of_requests_reaches_the_stage_of_both_kinds_of_api(kind: GatewayKind):
    call = create_root(stack(gateway=kind, rate=50, burst=20))["module"]["api"]
    assert (call["throttling_rate_limit"], call["throttling_burst_limit"]) == (50, 20)
    # The module adds AWS's default for the other one.
    assert "throttling_burst_limit" not in create_root(stack(gateway=kind, rate=50))["module"]["api"]


def test_failed_asynchronous_calls_are_sent_to_their_destination():
    root = create_root(stack(failure_destination=QUEUE))
    config = root["resource"]["aws_lambda_function_event_invoke_config"]["service"]
    assert config == {
        "function_name": "${aws_lambda_function.service.function_name}",
        "qualifier": "${aws_lambda_alias.live.name}",
        "destination_config": {"on_failure": {"destination": QUEUE}},
        "maximum_event_age_in_seconds": 21_600,
        "maximum_retry_attempts": 2,
        "depends_on": ["aws_iam_role_policy.service"],
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_kms_key_encrypts_the_variables_and_both_log_groups(kind: GatewayKind):
    root = create_root(stack(gateway=kind, kms_key=KEY))
    assert root["resource"]["aws_lambda_function"]["service"]["kms_key_arn"] == KEY
    assert root["resource"]["aws_cloudwatch_log_group"]["service"]["kms_key_id"] == KEY
    assert root["module"]["api"]["kms_key_arn"] == KEY


def test_a_web_acl_reaches_the_stage_of_a_rest_api():
    assert create_root(stack(waf=WEB_ACL))["module"]["api"]["web_acl_arn"] == WEB_ACL


def test_with_vpc_endpoints_the_rest_api_is_private():
    call = create_root(stack(vpc_endpoints=("vpce-1", "vpce-2")))["module"]["api"]
    assert (call["endpoint_type"], call["vpc_endpoint_ids"]) == ("PRIVATE", ["vpce-1", "vpce-2"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("domain", "url"), [("a.example.com", "https://a.example.com"), ("a.de/v1", "https://a.de/v1")]
)
def test_an_api_without_its_own_host_has_the_url_of_its_domain(kind: GatewayKind, domain: str, url: str):
    root = create_root(stack(gateway=kind, domain=domain, disable_execute_api_endpoint=True))
    assert root["module"]["api"]["disable_execute_api_endpoint"] is True
    assert root["output"]["shop_url"]["value"] == url
    assert create_root(stack(gateway=kind, domain=domain))["output"]["shop_url"]["value"] == "${module.api.url}"


@pytest.mark.parametrize("kind", KINDS)
def test_the_source_ip_is_logged_only_on_request(kind: GatewayKind):
    assert "log_source_ip" not in create_root(stack(gateway=kind))["module"]["api"]
    assert create_root(stack(gateway=kind, log_source_ip=True))["module"]["api"]["log_source_ip"] is True


def provider_version(**options: Any) -> str:
    version: str = create_root(stack(**options))["terraform"]["required_providers"]["aws"]["version"]
    return version


def test_options_that_are_newer_than_the_provider_require_a_newer_one():
    assert provider_version() == ">= 6.0, < 7.0"
    assert provider_version(stream=True, runtime="native") == ">= 6.29, < 7.0"
    assert provider_version(function_url="none") == ">= 6.29, < 7.0"


@pytest.mark.parametrize("kind", KINDS)
def test_a_function_url_invokes_the_alias(kind: GatewayKind):
    root = create_root(stack(gateway=kind, function_url="none"))
    assert root["resource"]["aws_lambda_function_url"]["service"] == {
        "function_name": "${aws_lambda_function.service.function_name}",
        "qualifier": "${aws_lambda_alias.live.name}",
        "authorization_type": "NONE",
        "invoke_mode": "BUFFERED",
    }
    url = root["output"]["shop_function_url"]["value"]
    assert url == '${trimsuffix(aws_lambda_function_url.service.function_url, "/")}'


def test_everyone_may_invoke_a_function_through_its_public_url_only():
    permissions = create_root(stack(function_url="none"))["resource"]["aws_lambda_permission"]
    target = {
        "function_name": "${aws_lambda_function.service.function_name}",
        "qualifier": "${aws_lambda_alias.live.name}",
        "principal": "*",
    }
    assert permissions == {
        "url": target | {"statement_id": "url", "action": "lambda:InvokeFunctionUrl", "function_url_auth_type": "NONE"},
        "url_invoke": target
        | {"statement_id": "url-invoke", "action": "lambda:InvokeFunction", "invoked_via_function_url": True},
    }


def test_a_url_for_signed_requests_gives_no_permission():
    resources = create_root(stack(Public(), function_url="iam"))["resource"]
    assert resources["aws_lambda_function_url"]["service"]["authorization_type"] == "AWS_IAM"
    assert "aws_lambda_permission" not in resources


def test_a_stream_passes_the_rest_api_and_the_function_url():
    root = create_root(stack(runtime="native", stream=True, function_url="none"))
    assert root["module"]["api"]["stream"] is True
    assert root["resource"]["aws_lambda_function_url"]["service"]["invoke_mode"] == "RESPONSE_STREAM"
    assert root["locals"]["variables"] == {
        "CWS_STAGE": "dev",
        "AWS_LAMBDA_EXEC_WRAPPER": "/var/task/cws_native",
        "CWS_STREAM": "rest,url",
    }


def test_an_http_api_beside_a_streaming_url_is_unchanged():
    options: dict[str, Any] = {"gateway": "http", "function_url": "none"}
    streaming, plain = create_root(stack(runtime="native", stream=True, **options)), create_root(stack(**options))
    assert streaming["module"] == plain["module"]
    assert streaming["locals"]["variables"]["CWS_STREAM"] == "url"


def test_without_stream_the_rest_api_has_its_default():
    root = create_root(stack(runtime="native"))
    assert "stream" not in root["module"]["api"]
    assert "CWS_STREAM" not in root["locals"]["variables"]


def test_a_function_on_managed_instances_names_their_provider_and_its_concurrency():
    options: dict[str, Any] = {"runtime": "native", "memory_size": 2048, "capacity_provider": CAPACITY_PROVIDER}
    limited = function(**options, max_concurrency=64)
    key = "lambda_managed_instances_capacity_provider_config"
    assert limited["capacity_provider_config"] == {
        key: {"capacity_provider_arn": CAPACITY_PROVIDER, "per_execution_environment_max_concurrency": 64}
    }
    # The default is AWS's.
    assert function(**options)["capacity_provider_config"] == {key: {"capacity_provider_arn": CAPACITY_PROVIDER}}
    assert provider_version(**options) == ">= 6.29, < 7.0"
    assert "capacity_provider_config" not in function(runtime="native")


def test_a_layer_without_a_version_is_looked_up():
    root = create_root(stack(layers=(f"{LAYER}:3", LAYER)))
    assert root["data"]["aws_lambda_layer_version"] == {"layer_2": {"layer_name": LAYER}}
    assert root["resource"]["aws_lambda_function"]["service"]["layers"] == [
        f"{LAYER}:3",
        "${data.aws_lambda_layer_version.layer_2.arn}",
    ]


def test_environment_variables_are_one_sensitive_input():
    root = create_root(stack(stage="v1", gateway="http", domain="api.example.com/base"))
    assert root["variable"]["environment"]["sensitive"] is True
    assert "default" not in root["variable"]["environment"]
    assert root["resource"]["aws_lambda_function"]["service"]["environment"] == {
        "variables": "${merge(jsondecode(var.environment), local.variables)}"
    }
    assert root["locals"]["variables"] == {"CWS_STAGE": "v1", "CWS_BASE_PATH": "base"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_routes_do_not_depend_on_the_function(kind: GatewayKind):
    call = create_root(stack(gateway=kind, snap_start=True, tracing=True))["module"]["api"]
    depending = {name for name, value in call.items() if isinstance(value, str) and "aws_lambda" in value}
    assert depending == {"function_arn"}
    assert (call["function_name"], call["source"]) == ("shop-dev", f"./modules/{kind}_api")
    assert "depends_on" not in call


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("snap_start", [False, True])
def test_a_function_is_invoked_by_its_alias(kind: GatewayKind, snap_start: bool):
    call = create_root(stack(gateway=kind, snap_start=snap_start))["module"]["api"]
    assert call["function_qualifier"] == "live"
    assert call["function_arn"] == '${trimsuffix(aws_lambda_alias.live.arn, ":live")}'


def test_terraform_creates_the_alias_and_never_moves_it():
    assert create_root(stack())["resource"]["aws_lambda_alias"] == {
        "live": {
            "name": "live",
            "function_name": "${aws_lambda_function.service.function_name}",
            "function_version": "$LATEST",
            "lifecycle": {"ignore_changes": ["description", "function_version", "routing_config"]},
        }
    }


def test_the_gateway_description_reaches_its_module():
    class Other(Shop):
        token_key = "X-Token"

    root = create_root(stack(Other(), authorizer_ttl=60, tracing=True, access_logs=False, log_retention=7))
    call = root["module"]["api"]
    assert (call["token_header"], call["authorizer_ttl"], call["access_logs"]) == ("X-Token", 60, False)
    assert (call["xray_tracing"], call["log_retention_days"], call["binary_media_types"]) == (True, 7, ["*/*"])
    responses = {each["type"]: each for each in root["locals"]["gateway_responses"]}
    assert responses["UNAUTHORIZED"]["status"] == "401"
    assert responses["UNAUTHORIZED"]["headers"]["Content-Type"] == "application/problem+json"
    assert responses["DEFAULT_5XX"]["status"] == ""


def test_an_http_api_has_no_inputs_of_a_rest_api():
    root = create_root(stack(gateway="http", tracing=True))
    assert "gateway_responses" not in root["locals"]
    assert not {"gateway_responses", "binary_media_types", "xray_tracing"} & set(root["module"]["api"])


def test_the_certificate_of_a_domain_is_looked_up_unless_it_is_given():
    root = create_root(stack(domain="api.example.com/v1"))
    found = {"domain": "api.example.com", "statuses": ["ISSUED"], "most_recent": True}
    assert root["data"]["aws_acm_certificate"] == {"domain": found}
    assert root["module"]["domain"]["certificate_arn"] == "${data.aws_acm_certificate.domain.arn}"
    arn = "arn:aws:acm:eu-west-1:123456789012:certificate/1"
    named = create_root(stack(domain="api.example.com", certificate=arn))
    assert "data" not in named
    assert named["module"]["domain"]["certificate_arn"] == arn


@pytest.mark.parametrize("kind", KINDS)
def test_a_domain_is_a_separate_module_that_depends_on_the_stage(kind: GatewayKind):
    with_domain, without = (
        create_root(stack(gateway=kind, domain="api.example.com/shop/v1")),
        create_root(stack(gateway=kind)),
    )
    domain = with_domain["module"].pop("domain")
    assert with_domain["module"] == without["module"]
    assert (domain["source"], domain["domain_name"], domain["base_path"]) == (
        "./modules/custom_domain",
        "api.example.com",
        "shop/v1",
    )
    assert (domain["api_id"], domain["stage_name"]) == ("${module.api.id}", "${module.api.stage_name}")
    outputs = {name: with_domain["output"][name]["value"] for name in with_domain["output"].keys() - without["output"]}
    assert outputs == {
        "shop_domain_target": "${module.domain.target}",
        "shop_domain_zone_id": "${module.domain.zone_id}",
    }


def test_resources_have_the_tags_of_service_and_stage_and_the_users():
    root = create_root(stack(TechMicroService(name="My shop"), stage="v1", tags=(("team", "a"),)))
    assert root["provider"]["aws"]["default_tags"] == {
        "tags": {"coworks:service": "My shop", "coworks:stage": "v1", "team": "a"}
    }
    assert root["resource"]["aws_lambda_function"]["service"]["tags"] == {"coworks:archive": "0f3a"}


def test_resources_have_a_tag_with_the_expiry_of_the_stage():
    expiring = stack(ttl=2 * 86_400)
    tags = create_root(expiring)["provider"]["aws"]["default_tags"]["tags"]
    assert tags == {"coworks:service": "shop", "coworks:stage": "dev", "coworks:expires": expiring.expires}


def test_the_state_is_local_or_in_s3_with_a_lock_file_or_in_terraform_cloud():
    assert not {"backend", "cloud"} & set(create_root(stack())["terraform"])
    in_s3 = create_root(stack(TechMicroService(name="my shop"), tf_bucket="states", region="eu-west-1"))
    key = "my-shop-21e023/dev/terraform.tfstate"
    s3 = {"bucket": "states", "key": key, "encrypt": True, "use_lockfile": True, "region": "eu-west-1"}
    assert in_s3["terraform"]["backend"] == {"s3": s3}
    assert "region" not in create_root(stack(tf_bucket="states"))["terraform"]["backend"]["s3"]
    cloud = create_root(stack(terraform_cloud="acme", workspace="mine"))["terraform"]
    assert cloud["cloud"] == {"organization": "acme", "workspaces": {"name": "mine"}}
    assert "backend" not in cloud


@pytest.mark.parametrize(
    ("name", "output"), [("shop", "shop_id"), ("sample-first", "sample-first_id"), ("1 é", "_1---adaf31_id")]
)
def test_output_names_start_with_the_service_name(name: str, output: str):
    outputs = create_root(stack(TechMicroService(name=name)))["output"]
    assert outputs[output]["value"] == "${module.api.id}"
    assert {each.removeprefix(output.removesuffix("id")) for each in outputs} == {"id", "url", "function", "archive"}


def test_terraform_receives_one_ascii_json_string():
    variables = {"TOKEN": '${x} %{y} "\\', "NAME": "Zoë 🎉\b"}
    encoded = encode_variables(variables)
    assert list(encoded) == ["TF_VAR_environment"]
    assert encoded["TF_VAR_environment"].isascii()
    assert json.loads(encoded["TF_VAR_environment"]) == variables


def test_text_of_the_user_is_not_evaluated():
    root = create_root(stack(key="${file('x')}", terraform_cloud="${x}", log_retention=1))
    assert root["resource"]["aws_lambda_function"]["service"]["s3_key"] == "$${file('x')}-0f3a.zip"
    assert root["terraform"]["cloud"]["organization"] == "$${x}"


class News(TechMicroService):
    @entry(no_auth=True)
    async def get_news(self):
        return "none"

    @entry
    async def get_mail(self):
        return "none"


def test_every_route_is_listed():
    lines = list_resources(stack(News(), gateway="http"))
    assert lines[0] == "HTTP API news-dev, stage dev, 3 routes:"
    assert lines[1:4] == ["  GET /mail (token required)", "  GET /news", "  $default"]


def test_every_resource_of_the_root_module_is_listed():
    lines = list_resources(stack())
    assert lines[0].startswith("REST API shop-dev, stage dev, ")
    resources = [f"{kind}.{name}" for kind, named in create_root(stack())["resource"].items() for name in named]
    assert [line for line in lines if line.startswith("aws_")] == sorted(resources)


def test_a_domain_is_listed_with_its_base_path():
    assert "domain api.example.com, base path /v1" in list_resources(stack(domain="api.example.com/v1"))
    assert not [line for line in list_resources(stack()) if line.startswith("domain")]


@pytest.mark.parametrize("kind", ["rest", pytest.param("http", marks=pytest.mark.end_to_end)])
def test_a_root_module_with_every_option_is_valid(kind: GatewayKind, toolchain: Toolchain, tmp_path: Path):
    made = stack(Jobs(), **OPTIONS | {"gateway": kind, "tf_bucket": "states"})
    write_root(made, tmp_path / "dev", override=emulator.create_override(made, "http://127.0.0.1:1"))
    toolchain.run(tmp_path / "dev", "init", "-backend=false")
    report = json.loads(toolchain.run(tmp_path / "dev", "validate", "-json").stdout)
    assert (report["valid"], report["diagnostics"]) == (True, [])

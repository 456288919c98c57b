"""The root module of a stage."""

import json
from pathlib import Path
from typing import Any

import pytest

from coworks_async import TechMicroService
from coworks_async.deploy import emulator
from coworks_async.deploy.options import stack_of
from coworks_async.deploy.terraform.root_module import root
from coworks_async.deploy.terraform.workdir import write_root
from coworks_async.gateway.routes import GatewayKind
from tests.deploy.stacks import EVERYTHING, LAYER, Jobs, Shop, service, stack
from tests.deploy.toolchain import Toolchain

KINDS: tuple[GatewayKind, ...] = ("rest", "http")


def function(**options: Any) -> dict[str, Any]:
    block: dict[str, Any] = root(stack(**options))["resource"]["aws_lambda_function"]["service"]
    return block


@pytest.mark.parametrize("kind", KINDS)
def test_services_of_4_and_of_100_entries_differ_in_the_value_that_lists_the_routes_and_in_nothing_else(
    kind: GatewayKind,
):
    few, many = (root(stack(service(count), gateway=kind)) for count in (4, 100))
    routes = [content["locals"].pop("routes") for content in (few, many)]
    assert few == many
    assert len(routes[0]) < len(routes[1])
    assert {"method": "GET", "path": "/r0", "authorized": True} in routes[0]


def test_a_root_without_options_has_only_the_keys_that_are_set():
    content = root(stack())
    assert set(content["resource"]["aws_lambda_function"]["service"]) == {
        *("architectures", "depends_on", "environment", "function_name", "handler", "role", "runtime"),
        *("s3_bucket", "s3_key", "tags"),
    }
    assert set(content) == {"terraform", "provider", "variable", "locals", "resource", "module", "output"}
    assert set(content["resource"]) == {
        *("aws_cloudwatch_log_group", "aws_iam_role", "aws_iam_role_policy", "aws_lambda_function"),
    }
    assert "region" not in content["provider"]["aws"]


def test_the_function_has_what_the_options_say():
    block = root(stack_of(Shop(), "dev", EVERYTHING, "0f3a"))["resource"]["aws_lambda_function"]["service"]
    assert (block["memory_size"], block["timeout"], block["reserved_concurrent_executions"]) == (512, 20, 3)
    assert (block["architectures"], block["runtime"]) == (["arm64"], "python3.13")
    assert (block["s3_bucket"], block["s3_key"]) == ("archives", "shop/0f3a.zip")
    assert block["vpc_config"] == {"subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"]}
    assert (block["snap_start"], block["publish"]) == ({"apply_on": "PublishedVersions"}, True)
    assert block["tracing_config"] == {"mode": "Active"}


def test_no_concurrency_at_all_can_be_reserved():
    assert function(reserved_concurrency=0)["reserved_concurrent_executions"] == 0


def test_a_layer_without_a_version_is_looked_up_and_one_with_a_version_stands_as_it_is():
    content = root(stack(layers=(f"{LAYER}:3", LAYER)))
    assert content["data"]["aws_lambda_layer_version"] == {"layer_2": {"layer_name": LAYER}}
    assert content["resource"]["aws_lambda_function"]["service"]["layers"] == [
        f"{LAYER}:3",
        "${data.aws_lambda_layer_version.layer_2.arn}",
    ]


def test_the_variables_of_the_stage_are_one_sensitive_string_and_no_value_is_in_the_root():
    content = root(stack(stage="v1", gateway="http", domain="api.example.com/base"))
    assert content["variable"]["environment"]["sensitive"] is True
    assert "default" not in content["variable"]["environment"]
    assert content["resource"]["aws_lambda_function"]["service"]["environment"] == {
        "variables": "${merge(jsondecode(var.environment), local.variables)}"
    }
    assert content["locals"]["variables"] == {"CWS_STAGE": "v1", "CWS_BASE_PATH": "base"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_gateways_routes_know_the_function_by_its_name_alone(kind: GatewayKind):
    call = root(stack(gateway=kind, snap_start=True, tracing=True))["module"]["api"]
    waiting = {name for name, value in call.items() if isinstance(value, str) and "aws_lambda" in value}
    assert waiting == {"function_arn"}
    assert (call["function_name"], call["source"]) == ("shop-dev", f"./modules/{kind}_api")
    assert "depends_on" not in call


def test_a_function_with_snap_start_is_called_by_its_alias():
    content = root(stack(snap_start=True))
    assert content["resource"]["aws_lambda_alias"]["live"]["function_version"] == (
        "${aws_lambda_function.service.version}"
    )
    assert content["module"]["api"]["function_qualifier"] == "live"
    assert content["module"]["api"]["function_arn"] == '${trimsuffix(aws_lambda_alias.live.arn, ":live")}'
    assert "function_qualifier" not in root(stack())["module"]["api"]


def test_the_gateways_plan_reaches_its_module():
    class Other(Shop):
        token_key = "X-Token"

    content = root(stack(Other(), authorizer_ttl=60, tracing=True, access_logs=False, log_retention=7))
    call = content["module"]["api"]
    assert (call["token_header"], call["authorizer_ttl"], call["access_logs"]) == ("X-Token", 60, False)
    assert (call["xray_tracing"], call["log_retention_days"], call["binary_media_types"]) == (True, 7, ["*/*"])
    answers = {each["type"]: each for each in content["locals"]["gateway_responses"]}
    assert answers["UNAUTHORIZED"]["status"] == "401"
    assert answers["UNAUTHORIZED"]["headers"]["Content-Type"] == "application/problem+json"
    assert answers["DEFAULT_5XX"]["status"] == ""


def test_an_http_api_is_told_nothing_that_only_a_rest_api_knows():
    content = root(stack(gateway="http", tracing=True))
    assert "gateway_responses" not in content["locals"]
    assert not {"gateway_responses", "binary_media_types", "xray_tracing"} & set(content["module"]["api"])


def test_a_domains_certificate_is_sought_unless_it_is_named():
    content = root(stack(domain="api.example.com/v1"))
    found = {"domain": "api.example.com", "statuses": ["ISSUED"], "most_recent": True}
    assert content["data"]["aws_acm_certificate"] == {"domain": found}
    assert content["module"]["domain"]["certificate_arn"] == "${data.aws_acm_certificate.domain.arn}"
    arn = "arn:aws:acm:eu-west-1:123456789012:certificate/1"
    named = root(stack(domain="api.example.com", certificate=arn))
    assert "data" not in named
    assert named["module"]["domain"]["certificate_arn"] == arn


@pytest.mark.parametrize("kind", KINDS)
def test_a_domain_is_a_module_of_its_own_that_waits_for_the_stage(kind: GatewayKind):
    with_domain, without = root(stack(gateway=kind, domain="api.example.com/shop/v1")), root(stack(gateway=kind))
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


def test_everything_carries_the_tags_of_service_and_stage_and_the_users():
    content = root(stack(TechMicroService(name="My shop"), stage="v1", tags=(("team", "a"),)))
    assert content["provider"]["aws"]["default_tags"] == {
        "tags": {"coworks:service": "My shop", "coworks:stage": "v1", "team": "a"}
    }
    assert content["resource"]["aws_lambda_function"]["service"]["tags"] == {"coworks:archive": "0f3a"}


def test_state_is_beside_the_root_or_in_s3_with_its_lock_or_in_terraform_cloud():
    assert not {"backend", "cloud"} & set(root(stack())["terraform"])
    kept = root(stack(TechMicroService(name="my shop"), tf_bucket="states", region="eu-west-1"))["terraform"]["backend"]
    key = "my-shop-21e023/dev/terraform.tfstate"
    s3 = {"bucket": "states", "key": key, "encrypt": True, "use_lockfile": True, "region": "eu-west-1"}
    assert kept == {"s3": s3}
    assert "region" not in root(stack(tf_bucket="states"))["terraform"]["backend"]["s3"]
    cloud = root(stack(terraform_cloud="acme", workspace="mine"))["terraform"]
    assert cloud["cloud"] == {"organization": "acme", "workspaces": {"name": "mine"}}
    assert "backend" not in cloud


@pytest.mark.parametrize(
    ("name", "output"), [("shop", "shop_id"), ("sample-first", "sample-first_id"), ("1 é", "_1---adaf31_id")]
)
def test_outputs_are_called_for_the_service_as_far_as_terraform_takes_its_name(name: str, output: str):
    outputs = root(stack(TechMicroService(name=name)))["output"]
    assert outputs[output]["value"] == "${module.api.id}"
    assert {each.removeprefix(output.removesuffix("id")) for each in outputs} == {"id", "url", "function", "archive"}


def test_no_text_of_the_users_is_an_expression():
    content = root(stack(key="${file('x')}", terraform_cloud="${x}", log_retention=1))
    assert content["resource"]["aws_lambda_function"]["service"]["s3_key"] == "$${file('x')}-0f3a.zip"
    assert content["terraform"]["cloud"]["organization"] == "$${x}"


@pytest.mark.parametrize("kind", ["rest", pytest.param("http", marks=pytest.mark.end_to_end)])
def test_terraform_finds_a_root_with_every_option_valid(kind: GatewayKind, toolchain: Toolchain, tmp_path: Path):
    options = {name: getattr(EVERYTHING, name) for name in EVERYTHING.__slots__} | {
        "gateway": kind,
        "tf_bucket": "states",
    }
    made = stack(Jobs(), **options)
    write_root(made, tmp_path / "dev", override=emulator.override(made, "http://127.0.0.1:1"))
    toolchain.run(tmp_path / "dev", "init", "-backend=false")
    told = json.loads(toolchain.run(tmp_path / "dev", "validate", "-json").stdout)
    assert (told["valid"], told["diagnostics"]) == (True, [])

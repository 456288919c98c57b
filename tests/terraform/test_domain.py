"""A custom domain in front of the stage of either kind of API."""

from typing import Any

import httpx
import pytest

from coworks_async.gateway.routes import GatewayKind, describe_gateway
from tests.terraform.applied_module import STEP_ONE, AppliedModule, create_client, create_function, to_inputs
from tests.terraform.conftest import CreateRoot
from tests.terraform.services import SOURCE, load_service
from tests.tools import PATIENCE

pytestmark = pytest.mark.end_to_end

MAPPING = "module.domain.aws_apigatewayv2_api_mapping.this"
DOMAIN = "module.domain.aws_apigatewayv2_domain_name.this"
ACCOUNT = "000000000000"  # the only one whose APIs can be called


@pytest.fixture(scope="module", params=["rest", "http"])
def kind(request: pytest.FixtureRequest) -> GatewayKind:
    kind: GatewayKind = request.param
    return kind


@pytest.fixture(scope="module")
def api(kind: GatewayKind, emulator: str, create_root: CreateRoot) -> AppliedModule:
    """An API with a domain that the tests change one after the other, each from where the one before left it."""
    host, name = f"api.{kind}.example", f"domain-{kind}"
    certificate = create_client(emulator, ACCOUNT, "acm").request_certificate(DomainName=host)["CertificateArn"]
    domain = {"domain_name": host, "certificate_arn": certificate, "base_path": "shop/v1", "tags": {"team": "shop"}}
    inputs = to_inputs(describe_gateway(load_service(), kind))
    root = create_root(f"{kind}_api", ACCOUNT, domain, name=name, function_name=name, **inputs)
    create_function(root.url, ACCOUNT, name, SOURCE)
    # The routes do not depend on the domain.
    assert not {MAPPING, DOMAIN} & root.plan(STEP_ONE).keys()
    assert {MAPPING, DOMAIN} <= root.plan().keys()
    root.deploy()
    return root


def get(api: AppliedModule, path: str) -> httpx.Response:
    """Send a request to the domain."""
    headers = {"Host": api.domain["domain_name"], "Authorization": "token"}
    return httpx.get(f"{api.url}{path}", headers=headers, timeout=PATIENCE)


def read_mappings(api: AppliedModule) -> list[dict[str, Any]]:
    found = api.client("apigatewayv2").get_api_mappings(DomainName=api.domain["domain_name"])["Items"]
    return [{name: value for name, value in each.items() if name != "ApiMappingId"} for each in found]


def test_the_service_responds_below_a_base_path_of_several_segments(api: AppliedModule):
    assert get(api, "/shop/v1/items/3").json() == {"id": "3"}
    assert get(api, "/shop/v1").text == "home"


def test_the_stage_is_mapped_and_the_next_plan_is_empty(api: AppliedModule):
    assert api.plan() == {}
    assert read_mappings(api) == [{"ApiId": api.outputs["id"], "Stage": "dev", "ApiMappingKey": "shop/v1"}]


def test_the_domain_is_regional_with_tls_1_2_and_its_outputs_are_for_a_dns_record(api: AppliedModule):
    name = api.domain["domain_name"]
    domain = api.client("apigatewayv2").get_domain_name(DomainName=name)
    (configuration,) = domain["DomainNameConfigurations"]
    assert (configuration["EndpointType"], configuration["SecurityPolicy"]) == ("REGIONAL", "TLS_1_2")
    assert domain["Tags"] == {"team": "shop"}
    assert api.read_outputs("domain") == {
        "target": configuration["ApiGatewayDomainName"],
        "zone_id": configuration["HostedZoneId"],
        "url": f"https://{name}/shop/v1",
    }


@pytest.mark.parametrize(("base_path", "previous"), [("v2", "/shop/v1/items/3"), ("", "/v2/items/3")])
def test_a_new_base_path_updates_only_the_mapping(api: AppliedModule, base_path: str, previous: str):
    api.domain["base_path"] = base_path
    api.write()
    assert api.plan() == {MAPPING: "update"}
    api.apply()
    prefix = f"/{base_path}".rstrip("/")
    assert get(api, f"{prefix}/items/3").json() == {"id": "3"}
    assert get(api, previous).status_code in (403, 404)
    assert api.read_outputs("domain")["url"] == f"https://{api.domain['domain_name']}{prefix}"
    assert api.plan() == {}


def test_removing_the_domain_keeps_the_api(api: AppliedModule):
    name, api.domain = api.domain["domain_name"], {}
    api.write()
    assert api.plan() == {MAPPING: "delete", DOMAIN: "delete"}
    api.apply()
    assert api.plan() == {}
    domains = api.client("apigatewayv2").get_domain_names()["Items"]
    assert name not in {each["DomainName"] for each in domains}

"""A domain in front of an API's stage, the same module for both kinds of API, and called as its clients call it."""

from typing import Any

import httpx
import pytest

from coworks_async.gateway.routes import GatewayKind, describe_gateway
from tests.terraform.applying import STEP_ONE, Applied, client, create_function, inputs_of
from tests.terraform.conftest import NewRoot
from tests.terraform.services import SOURCE, service
from tests.tools import PATIENCE

pytestmark = pytest.mark.end_to_end

MAPPING = "module.domain.aws_apigatewayv2_api_mapping.this"
DOMAIN = "module.domain.aws_apigatewayv2_domain_name.this"
ACCOUNT = "000000000000"  # the one whose APIs can be called


@pytest.fixture(scope="module", params=["rest", "http"])
def kind(request: pytest.FixtureRequest) -> GatewayKind:
    found: GatewayKind = request.param
    return found


@pytest.fixture(scope="module")
def first(kind: GatewayKind, emulator: str) -> dict[str, Any]:
    """The inputs of the domain that the tests begin with."""
    host = f"api.{kind}.example"
    certificate = client(emulator, ACCOUNT, "acm").request_certificate(DomainName=host)["CertificateArn"]
    return {"domain_name": host, "certificate_arn": certificate, "base_path": "shop/v1", "tags": {"team": "shop"}}


@pytest.fixture(scope="module")
def deployed(kind: GatewayKind, first: dict[str, Any], new_root: NewRoot) -> Applied:
    name, inputs = f"domain-{kind}", inputs_of(describe_gateway(service(), kind))
    root = new_root(f"{kind}_api", ACCOUNT, first, name=name, function_name=name, **inputs)
    create_function(root.url, ACCOUNT, name, SOURCE)
    root.deploy()
    return root


@pytest.fixture
def at_first(deployed: Applied, first: dict[str, Any]) -> Applied:
    """The API with its first domain, whatever a test made of it."""
    if deployed.domain != first:
        deployed.domain = dict(first)
        deployed.write()
        deployed.terraform("init")
        deployed.apply()
    return deployed


def get(root: Applied, path: str) -> httpx.Response:
    """Call the service by its domain."""
    headers = {"Host": root.domain["domain_name"], "Authorization": "token"}
    return httpx.get(f"{root.url}{path}", headers=headers, timeout=PATIENCE)


def mappings(root: Applied) -> list[dict[str, Any]]:
    found = root.client("apigatewayv2").get_api_mappings(DomainName=root.domain["domain_name"])["Items"]
    return [{name: value for name, value in each.items() if name != "ApiMappingId"} for each in found]


def test_the_service_answers_on_the_domain_below_a_base_path_of_several_parts(at_first: Applied):
    assert get(at_first, "/shop/v1/items/3").json() == {"id": "3"}
    assert get(at_first, "/shop/v1").text == "home"


def test_the_stage_is_mapped_and_a_second_plan_is_empty(at_first: Applied):
    assert at_first.planned() == {}
    assert mappings(at_first) == [{"ApiId": at_first.outputs["id"], "Stage": "dev", "ApiMappingKey": "shop/v1"}]


def test_the_outputs_tell_where_the_dns_record_leads_and_the_url(at_first: Applied):
    told = at_first.outputs_of("domain")
    name = at_first.domain["domain_name"]
    domain = at_first.client("apigatewayv2").get_domain_name(DomainName=name)
    (configuration,) = domain["DomainNameConfigurations"]
    assert told == {
        "target": configuration["ApiGatewayDomainName"],
        "zone_id": configuration["HostedZoneId"],
        "url": f"https://{name}/shop/v1",
    }


def test_the_domain_is_regional_with_what_deep_base_paths_ask_for_and_carries_its_tags(at_first: Applied):
    domain = at_first.client("apigatewayv2").get_domain_name(DomainName=at_first.domain["domain_name"])
    (configuration,) = domain["DomainNameConfigurations"]
    assert (configuration["EndpointType"], configuration["SecurityPolicy"]) == ("REGIONAL", "TLS_1_2")
    assert domain["Tags"] == {"team": "shop"}


@pytest.mark.parametrize(("base_path", "gone"), [("v2", "/shop/v1/items/3"), ("", "/v2/items/3")])
def test_another_base_path_is_an_update_of_the_mapping_alone(at_first: Applied, base_path: str, gone: str):
    at_first.domain["base_path"] = base_path
    at_first.write()
    assert at_first.planned() == {MAPPING: "update"}
    at_first.apply()
    start = f"/{base_path}".rstrip("/")
    assert get(at_first, f"{start}/items/3").json() == {"id": "3"}
    assert get(at_first, gone).status_code in (403, 404)
    assert at_first.outputs_of("domain")["url"] == f"https://{at_first.domain['domain_name']}{start}"
    assert at_first.planned() == {}


def test_without_its_domain_the_api_stays(at_first: Applied):
    name, at_first.domain = at_first.domain["domain_name"], {}
    at_first.write()
    assert at_first.planned() == {MAPPING: "delete", DOMAIN: "delete"}
    at_first.apply()
    assert at_first.planned() == {}
    domains = at_first.client("apigatewayv2").get_domain_names()["Items"]
    assert name not in {each["DomainName"] for each in domains}


def test_the_routes_do_not_wait_for_the_domain(
    kind: GatewayKind, first: dict[str, Any], new_root: NewRoot, account: str
):
    inputs = inputs_of(describe_gateway(service(), kind))
    root = new_root(f"{kind}_api", account, first, name="early", function_name="early", **inputs)
    assert not {MAPPING, DOMAIN} & root.planned(STEP_ONE).keys()
    assert {MAPPING, DOMAIN} <= root.planned().keys()

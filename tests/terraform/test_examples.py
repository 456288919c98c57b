"""The examples, applied as their READMEs describe, called and destroyed."""

import json
from pathlib import Path

import httpx
import pytest

from tests.deploy.toolchain import Toolchain
from tests.terraform.applied_module import copy_modules, create_client, create_zip
from tests.tools import PATIENCE

pytestmark = pytest.mark.end_to_end


@pytest.mark.parametrize("kind", [pytest.param("rest_api", marks=pytest.mark.exhaustive), "http_api"])
def test_the_complete_example_responds_and_is_destroyed(toolchain: Toolchain, emulator: str, tmp_path: Path, kind: str):
    account = "000000000000"  # the only one whose APIs can be called
    directory = copy_modules(tmp_path, emulator) / kind / "examples" / "complete"
    s3 = create_client(emulator, account, "s3")
    s3.create_bucket(Bucket="my-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    archive = create_zip(handler=(directory / "handler.py").read_text())
    s3.put_object(Bucket="my-bucket", Key="handler.zip", Body=archive)
    environment = toolchain.environment(emulator, account)
    words = ("-auto-approve", "-var", "bucket=my-bucket", "-var", f"name=example-{kind.replace('_', '-')}")
    toolchain.run(directory, "init", environment=environment)
    toolchain.run(directory, "apply", *words, environment=environment)
    toolchain.run(directory, "plan", "-detailed-exitcode", *words[1:], environment=environment)
    outputs = json.loads(toolchain.run(directory, "output", "-json", environment=environment).stdout)
    url = f"{emulator}/_aws/execute-api/{outputs['id']['value']}/dev"
    with httpx.Client(base_url=url, timeout=PATIENCE) as api:
        assert api.get("/items/3").status_code == 401
        assert api.get("/items/3", headers={"Authorization": "no"}).status_code == 403
        response = api.get("/items/3", headers={"Authorization": "token"})
        assert response.json() == {"id": "3", "by": f"example-{kind.replace('_', '-')}"}
        assert api.get("/").status_code == 200
        assert api.get("/static/a/b").status_code == 200
        assert api.get("/nowhere").status_code == (404 if kind == "rest_api" else 200)
    toolchain.run(directory, "destroy", *words, environment=environment)
    assert toolchain.run(directory, "state", "list", environment=environment).stdout == ""
    for each in s3.list_objects_v2(Bucket="my-bucket")["Contents"]:
        s3.delete_object(Bucket="my-bucket", Key=each["Key"])
    s3.delete_bucket(Bucket="my-bucket")


def test_the_domain_example_maps_an_existing_api(toolchain: Toolchain, emulator: str, tmp_path: Path, account: str):
    apis = create_client(emulator, account, "apigatewayv2")
    api = apis.create_api(Name="shop", ProtocolType="HTTP")["ApiId"]
    apis.create_stage(ApiId=api, StageName="dev")
    create_client(emulator, account, "acm").request_certificate(DomainName="api.shop.example")
    directory = copy_modules(tmp_path, emulator) / "custom_domain" / "examples" / "complete"
    environment = toolchain.environment(emulator, account)
    variables = {"domain_name": "api.shop.example", "zone_id": "Z0123456789ABC", "api_id": api, "base_path": "v1"}
    words = [word for name, value in variables.items() for word in ("-var", f"{name}={value}")]
    toolchain.run(directory, "init", environment=environment)
    toolchain.run(directory, "apply", "-auto-approve", "-target=module.domain", *words, environment=environment)
    domain = apis.get_domain_name(DomainName="api.shop.example")["DomainNameConfigurations"][0]
    (mapping,) = apis.get_api_mappings(DomainName="api.shop.example")["Items"]
    assert (mapping["ApiId"], mapping["Stage"], mapping["ApiMappingKey"]) == (api, "dev", "v1")

    # Only planned: the provider waits a minute for Route 53.
    toolchain.run(directory, "plan", "-out=plan", *words, environment=environment)
    plan = json.loads(toolchain.run(directory, "show", "-json", "plan", environment=environment).stdout)
    changes = {each["address"]: each["change"] for each in plan["resource_changes"]}
    created = [address for address, change in changes.items() if change["actions"] != ["no-op"]]
    assert created == ["aws_route53_record.alias"]
    record = changes["aws_route53_record.alias"]["after"]
    assert (record["name"], record["type"], record["zone_id"]) == ("api.shop.example", "A", "Z0123456789ABC")
    (alias,) = record["alias"]
    assert (alias["name"], alias["zone_id"]) == (domain["ApiGatewayDomainName"], domain["HostedZoneId"])
    assert plan["planned_values"]["outputs"]["url"]["value"] == "https://api.shop.example/v1"
    toolchain.run(directory, "destroy", "-auto-approve", *words, environment=environment)
    assert apis.get_domain_names()["Items"] == []


def test_the_account_example_creates_the_role_for_access_logs(
    toolchain: Toolchain, emulator: str, tmp_path: Path, account: str
):
    directory = copy_modules(tmp_path, emulator) / "rest_api" / "examples" / "account"
    environment = toolchain.environment(emulator, account)
    toolchain.run(directory, "init", environment=environment)
    toolchain.run(directory, "apply", "-auto-approve", environment=environment)
    role = create_client(emulator, account, "apigateway").get_account()["cloudwatchRoleArn"]
    assert role == f"arn:aws:iam::{account}:role/api-gateway-logs-eu-west-1"
    toolchain.run(directory, "plan", "-detailed-exitcode", environment=environment)
    toolchain.run(directory, "destroy", "-auto-approve", environment=environment)

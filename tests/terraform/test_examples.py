"""The examples, applied as their READMEs say, called and destroyed."""

import json
from pathlib import Path

import httpx
import pytest

from tests.deploy.toolchain import Toolchain
from tests.terraform.applying import client, example, zipped
from tests.tools import PATIENCE

pytestmark = pytest.mark.end_to_end


@pytest.mark.parametrize("kind", ["rest_api", "http_api"])
def test_the_complete_example_answers_and_is_destroyed(toolchain: Toolchain, emulator: str, tmp_path: Path, kind: str):
    account = "000000000000"  # the one whose APIs can be called
    place = example(tmp_path, emulator) / kind / "examples" / "complete"
    bucket = client(emulator, account, "s3")
    bucket.create_bucket(Bucket="my-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    bucket.put_object(Bucket="my-bucket", Key="handler.zip", Body=zipped(handler=(place / "handler.py").read_text()))
    environment = toolchain.environment(emulator, account)
    words = ("-auto-approve", "-var", "bucket=my-bucket", "-var", f"name=example-{kind.replace('_', '-')}")
    toolchain.run(place, "init", environment=environment)
    toolchain.run(place, "apply", *words, environment=environment)
    toolchain.run(place, "plan", "-detailed-exitcode", *words[1:], environment=environment)
    outputs = json.loads(toolchain.run(place, "output", "-json", environment=environment).stdout)
    url = f"{emulator}/_aws/execute-api/{outputs['id']['value']}/dev"
    with httpx.Client(base_url=url, timeout=PATIENCE) as api:
        assert api.get("/items/3").status_code == 401
        assert api.get("/items/3", headers={"Authorization": "no"}).status_code == 403
        answer = api.get("/items/3", headers={"Authorization": "token"})
        assert answer.json() == {"id": "3", "by": f"example-{kind.replace('_', '-')}"}
        assert api.get("/").status_code == 200
        assert api.get("/static/a/b").status_code == 200
        assert api.get("/nowhere").status_code == (404 if kind == "rest_api" else 200)
    toolchain.run(place, "destroy", *words, environment=environment)
    assert toolchain.run(place, "state", "list", environment=environment).stdout == ""
    for each in bucket.list_objects_v2(Bucket="my-bucket")["Contents"]:
        bucket.delete_object(Bucket="my-bucket", Key=each["Key"])
    bucket.delete_bucket(Bucket="my-bucket")


def test_the_domain_example_leads_to_an_api_that_is_there(
    toolchain: Toolchain, emulator: str, tmp_path: Path, account: str
):
    apis, zones = client(emulator, account, "apigatewayv2"), client(emulator, account, "route53")
    api = apis.create_api(Name="shop", ProtocolType="HTTP")["ApiId"]
    apis.create_stage(ApiId=api, StageName="dev")
    zone = zones.create_hosted_zone(Name="shop.example", CallerReference="1")["HostedZone"]["Id"].rpartition("/")[2]
    client(emulator, account, "acm").request_certificate(DomainName="api.shop.example")
    place = example(tmp_path, emulator) / "custom_domain" / "examples" / "complete"
    environment = toolchain.environment(emulator, account)
    told = {"domain_name": "api.shop.example", "zone_id": zone, "api_id": api, "base_path": "v1"}
    words = ("-auto-approve", *(word for name, value in told.items() for word in ("-var", f"{name}={value}")))
    toolchain.run(place, "init", environment=environment)
    toolchain.run(place, "apply", *words, environment=environment)
    toolchain.run(place, "plan", "-detailed-exitcode", *words[1:], environment=environment)
    assert (
        toolchain.run(place, "output", "-raw", "url", environment=environment).stdout == "https://api.shop.example/v1"
    )
    domain = apis.get_domain_name(DomainName="api.shop.example")["DomainNameConfigurations"][0]
    (mapping,) = apis.get_api_mappings(DomainName="api.shop.example")["Items"]
    assert (mapping["ApiId"], mapping["Stage"], mapping["ApiMappingKey"]) == (api, "dev", "v1")
    found = zones.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    (alias,) = [each["AliasTarget"] for each in found if each["Type"] == "A"]
    assert alias["DNSName"].rstrip(".") == domain["ApiGatewayDomainName"]
    assert alias["HostedZoneId"] == domain["HostedZoneId"]
    toolchain.run(place, "destroy", *words, environment=environment)
    assert apis.get_domain_names()["Items"] == []


def test_the_account_example_gives_rest_apis_a_role_to_write_logs(
    toolchain: Toolchain, emulator: str, tmp_path: Path, account: str
):
    place = example(tmp_path, emulator) / "rest_api" / "examples" / "account"
    environment = toolchain.environment(emulator, account)
    toolchain.run(place, "init", environment=environment)
    toolchain.run(place, "apply", "-auto-approve", environment=environment)
    role = client(emulator, account, "apigateway").get_account()["cloudwatchRoleArn"]
    assert role == f"arn:aws:iam::{account}:role/api-gateway-logs-eu-west-1"
    toolchain.run(place, "plan", "-detailed-exitcode", environment=environment)
    toolchain.run(place, "destroy", "-auto-approve", environment=environment)

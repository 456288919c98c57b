"""The REST API of a function that streams its responses."""

import json
import re
from typing import Any

import pytest

from tests.terraform.applied_module import MODULES, PLAIN, AppliedModule
from tests.terraform.conftest import CreateRoot
from tests.terraform.test_changes import parse_routes

ROUTES = parse_routes("GET /", "GET /items/{id}!", "ANY /static/{proxy+}")
FUNCTION = ":lambda:eu-west-1:000000000000:function:shop:live"

# The emulator's provider allows at most 29 seconds. Of two override files, the last one counts.
SHORT = 'resource "aws_api_gateway_integration" "this" {\n  timeout_milliseconds = 29000\n}\n'


def plan_uris(root: AppliedModule) -> dict[str, set[str]]:
    """Return the URIs of the integrations and of the authorizer in a plan."""
    root.terraform("plan", "-out=plan", *PLAIN)
    changes = json.loads(root.terraform("show", "-json", "plan"))["resource_changes"]
    planned: dict[str, Any] = {change["address"]: change["change"]["after"] for change in changes}
    return {
        kind: {after[name] for address, after in planned.items() if f".aws_api_gateway_{kind}." in address}
        for kind, name in (("integration", "uri"), ("authorizer", "authorizer_uri"))
    }


@pytest.mark.end_to_end
def test_each_integration_names_the_call_that_streams_and_the_authorizer_does_not(create_root: CreateRoot):
    root = create_root(
        "rest_api", name="shop", function_name="shop", function_qualifier="live", routes=ROUTES, stream=True
    )
    (root.directory / "modules" / "rest_api" / "routes" / "test_override.tf").write_text(SHORT)
    path = "arn:aws:apigateway:eu-west-1:lambda:path"
    assert plan_uris(root) == {
        "integration": {f"{path}/2021-11-15/functions/arn:aws{FUNCTION}/response-streaming-invocations"},
        "authorizer": {f"{path}/2015-03-31/functions/arn:aws{FUNCTION}/invocations"},
    }


def test_only_an_override_file_contains_arguments_that_an_old_provider_does_not_know():
    new = {
        path.name
        for path in (MODULES / "rest_api").rglob("*.tf")
        if re.search(r"^ +(response_transfer_mode|timeout_milliseconds) +=", path.read_text(), re.MULTILINE)
    }
    assert new == {"stream_override.tf"}
    override = (MODULES / "rest_api" / "routes" / "stream_override.tf").read_text()
    assert 'response_transfer_mode = var.stream ? "STREAM" : null\n' in override
    assert "timeout_milliseconds   = var.stream ? 900000 : null\n" in override

"""A stage whose service changes: deployed, with an entry more, with one less, destroyed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from tests.deployed.conftest import NewProject
from tests.deployed.deploying import GATEWAYS, Deployed, Project, deployed

pytestmark = pytest.mark.end_to_end

START = """
from coworks_async import TechMicroService, entry


class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "shop"

    @entry(no_auth=True)
    async def get_items(self, id):
        return id
"""

PARTS = """
    @entry(no_auth=True)
    async def get_parts(self, id):
        return id
"""

MORE = """
    @entry(no_auth=True)
    async def get_orders(self, id):
        return id
"""

END = "\n\napp = Shop()\n"


@dataclass
class Story:
    """What was seen in the course of a stage's life.

    Attributes:
        printed: by each command, by its name here.
        statuses: of requests.
        snapshots: the methods that the gateway serves: with a REST API its deployment's.
        remains: what each service of AWS still has after the end.
    """

    first: Deployed
    printed: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    snapshots: dict[str, set[str]] = field(default_factory=dict)
    remains: dict[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="module", params=GATEWAYS)
def story(
    request: pytest.FixtureRequest, new_project: NewProject, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """A stage's life, once for all the tests that look at it."""
    source = tmp_path_factory.mktemp("shop")
    service = source / "shop.py"
    service.write_text(START + PARTS + END)
    with new_project(source, tmp_path_factory.mktemp("changes") / "project", "shop", request.param) as project:
        yield live(project)


def live(project: Project) -> Story:
    service = project.directory / "shop.py"
    seen = Story(deployed(project))
    seen.printed["first"] = seen.first.printed
    look(seen, "first")
    service.write_text(START + PARTS + MORE + END)
    seen.printed["one more, planned"] = project.deploy("--plan")
    service.write_text(START + END)
    seen.printed["one less"] = project.deploy()
    look(seen, "one less")
    seen.printed["destroyed"] = project.cws("destroy", "--yes")
    seen.printed["deployed"] = project.cws("deployed")
    seen.remains = remains(project)
    return seen


def look(seen: Story, when: str) -> None:
    seen.statuses[when] = httpx2.get(f"{seen.first.address}/parts/1", timeout=60).status_code
    seen.snapshots[when] = snapshot(seen.first)


def snapshot(stage: Deployed) -> set[str]:
    """Return the methods and paths that a stage serves, without the gateway's own beside each."""
    if stage.gateway == "http":
        found = stage.project.client("apigatewayv2").get_routes(ApiId=stage.api)["Items"]
        return {route["RouteKey"] for route in found} - {"$default"}
    gateway = stage.project.client("apigateway")
    deployment = gateway.get_stage(restApiId=stage.api, stageName="dev")["deploymentId"]
    told = gateway.get_deployment(restApiId=stage.api, deploymentId=deployment, embed=["apisummary"])["apiSummary"]
    return {f"{method} {path}" for path, methods in told.items() for method in methods if method == "GET"}


def remains(project: Project) -> dict[str, Any]:
    """Ask every service of a deploy what it has."""
    return {
        "apigateway": project.client("apigateway").get_rest_apis()["items"],
        "apigatewayv2": project.client("apigatewayv2").get_apis()["Items"],
        "iam": project.client("iam").list_roles()["Roles"],
        "lambda": project.client("lambda").list_functions()["Functions"],
        "logs": project.client("logs").describe_log_groups()["logGroups"],
        "s3": project.client("s3").list_buckets()["Buckets"],
    }


def test_a_deploy_has_two_steps_and_tells_where_the_service_is(story: Story):
    lines = story.printed["first"].splitlines()
    assert [line for line in lines if line.startswith("Terraform")] == [
        "Terraform apply (Create API routes)",
        "Terraform apply (Deploy API and Lambda for the dev stage)",
    ]
    assert f'shop_id = "{story.first.api}"' in lines


def test_one_more_entry_is_planned_as_its_own_resources_and_what_has_to_follow(story: Story):
    planned = set(re.findall(r"^(\w+) +(\S*aws_.*)$", story.printed["one more, planned"], re.MULTILINE))
    routes = "module.api.module.routes."
    expected = {("update", "aws_lambda_function.service")}
    if story.first.gateway == "http":
        expected.add(("create", f'{routes}aws_apigatewayv2_route.this["GET /orders/{{}}"]'))
    else:
        expected |= {
            ("create", f'{routes}aws_api_gateway_{kind}.this["{method} /orders/{{}}"]')
            for kind in ("method", "integration")
            for method in ("GET", "HEAD", "OPTIONS")
        }
        expected |= {
            ("create", f'{routes}aws_api_gateway_resource.d1["orders"]'),
            ("create", f'{routes}aws_api_gateway_resource.d2["orders/{{}}"]'),
            ("replace", "module.api.aws_api_gateway_deployment.this"),
            ("update", "module.api.aws_api_gateway_stage.this"),
        }
    assert planned == expected


def test_an_entry_that_is_removed_is_answered_no_more(story: Story):
    assert story.statuses == {"first": 200, "one less": 404}


def test_the_gateway_does_not_hold_a_removed_entry_any_more(story: Story):
    stays = {"GET /", "GET /items/{id}"}
    assert story.snapshots == {"first": stays | {"GET /parts/{id}"}, "one less": stays}


def test_destroy_leaves_nothing(story: Story):
    assert {name: found for name, found in story.remains.items() if found} == {}
    assert len(story.remains) == 6
    assert story.printed["deployed"] == "No stage of shop is deployed.\n"

"""The life of a stage behind each gateway: deployed, changed, recovered without its state, destroyed."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.aws.events import rest_event
from tests.deploy.deployed_project import Deployment, Project, create_project, curl, deploy
from tests.deployed.conftest import CopyProject

pytestmark = pytest.mark.end_to_end

PARTS = """
    @entry(no_auth=True)
    async def get_parts(self, id):
        return id
"""

ORDERS = """
    @entry(no_auth=True)
    async def get_orders(self, id):
        return id
"""


@dataclass
class Lifecycle:
    """Observations in the course of a stage's life.

    Attributes:
        output: of each command.
        statuses: of a request to `/parts/1`.
        routes: served by the gateway; of a REST API those of its deployment, which is a snapshot.
    """

    first: Deployment
    output: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    routes: dict[str, set[str]] = field(default_factory=dict)
    api_ids: dict[str, list[str]] = field(default_factory=dict)
    resources: dict[str, list[str]] = field(default_factory=dict)
    uploads: list[object] = field(default_factory=list)
    archive: bytes = b""
    files: dict[str, bytes] = field(default_factory=dict)
    function_timeout: int = 0
    signing_keys: dict[str, str] = field(default_factory=dict)
    signed_statuses: dict[str, int] = field(default_factory=dict)

    def observe(self, step: str, output: str) -> None:
        project = self.first.project
        self.output[step] = output
        self.api_ids[step], self.resources[step] = project.api_ids(), project.resources()


@pytest.fixture(scope="module", params=["rest", pytest.param("http", marks=pytest.mark.exhaustive)])
def life(
    request: pytest.FixtureRequest, copy_project: CopyProject, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lifecycle]:
    """The observations, made once for all tests."""
    source = tmp_path_factory.mktemp("shop")
    with copy_project(source, "shop", app="app", gateway=request.param) as empty:
        project = create_project(empty.directory, "shop", empty.toolchain, empty.url, gateway=empty.gateway)
        yield live(project)


def live(project: Project) -> Lifecycle:
    service = project.directory / "app.py"
    base = service.read_text()

    def write_entries(entries: str) -> None:
        service.write_text(base.replace("\n\napp = ", f"{entries}\n\napp = "))

    project.write(".env.dev", "LABEL=s3cr3t-label\n")
    project.write("terraform/note.tf", 'output "note" {\n  value = "mine"\n}\n')
    project.write("terraform/more_override.tf", 'resource "aws_lambda_function" "service" {\n  timeout = 7\n}\n')
    write_entries(PARTS)
    life = Lifecycle(deploy(project))
    life.observe("first", life.first.output)
    observe_service(life, "first")
    observe_files(life)
    observe_signatures(life)
    life.uploads.append(upload_date(project))
    life.observe("again", project.deploy())
    life.uploads.append(upload_date(project))

    write_entries(PARTS + ORDERS)
    life.observe("one more, planned", project.deploy("--plan"))
    write_entries("")
    project.write("terraform/note.tf", "")
    life.observe("one less", project.deploy())
    observe_service(life, "one less")

    for name in ("terraform.tfstate", "terraform.tfstate.backup"):
        (project.stage_directory() / name).unlink()
    completed = project.cws("destroy", "--local", project.url, "--gateway", project.gateway, "--yes")
    assert completed.returncode == 1
    life.observe("destroyed without its state", completed.stderr)
    life.observe("recovered", project.deploy())
    observe_service(life, "recovered")
    project.write("terraform/note.tf", 'output "note" {\n  value = "new"\n}\n')
    life.observe("new output, planned", project.deploy("--plan"))

    life.observe("destroyed", project.destroy())
    life.observe("list", project.run("deployed", "--local", project.url))
    return life


def observe_service(life: Lifecycle, step: str) -> None:
    life.statuses[step] = curl(f"curl {life.first.url}/parts/1").rpartition(" ")[2]
    life.routes[step] = served_routes(life.first)
    configuration = life.first.project.client("lambda").get_function_configuration(FunctionName="shop-dev")
    life.function_timeout = configuration["Timeout"]
    life.signing_keys[step] = configuration["Environment"]["Variables"]["CWS_SIGNING_KEY"]


def observe_signatures(life: Lifecycle) -> None:
    """Invoke the function as somebody with `lambda:InvokeFunction` may, without a token."""
    arn = f"arn:aws:execute-api:eu-west-1:000000000000:{life.first.api_id}/dev/GET/"
    authorizer = {"type": "TOKEN", "methodArn": arn, "authorizationToken": "s3cr3t-token"}
    signed = invoke(life.first.project, authorizer)["context"]
    function = life.first.project.client("lambda").get_function_configuration(FunctionName="shop-dev")["FunctionArn"]
    contexts = {
        "signed": signed,
        "another principal": signed | {"principal": '{"admin":true}'},
        "derivable": {"coworks": f"{function} dev", "principal": "{}"},
        "foreign": {"principalId": "user", "principal": "{}"},
    }
    for name, context in contexts.items():
        event = rest_event(authorizer=context)
        life.signed_statuses[name] = invoke(life.first.project, event)["statusCode"]


def invoke(project: Project, event: dict[str, Any]) -> Any:
    response = project.client("lambda").invoke(FunctionName="shop-dev", Qualifier="live", Payload=json.dumps(event))
    return json.load(response["Payload"])


def observe_files(life: Lifecycle) -> None:
    project = life.first.project
    [key] = project.archives()
    life.archive = project.client("s3").get_object(Bucket=project.bucket, Key=key)["Body"].read()
    files = [path for path in project.stage_directory().parent.rglob("*") if path.is_file()]
    life.files = {path.name: path.read_bytes() for path in files}


def upload_date(project: Project) -> object:
    [key] = project.archives()
    return project.client("s3").head_object(Bucket=project.bucket, Key=key)["LastModified"]


def served_routes(deployment: Deployment) -> set[str]:
    """Return the GET routes that a stage serves."""
    project, api = deployment.project, deployment.api_id
    if deployment.gateway == "http":
        routes = project.client("apigatewayv2").get_routes(ApiId=api)["Items"]
        return {route["RouteKey"] for route in routes} - {"$default"}
    gateway = project.client("apigateway")
    snapshot = gateway.get_stage(restApiId=api, stageName="dev")["deploymentId"]
    summary = gateway.get_deployment(restApiId=api, deploymentId=snapshot, embed=["apisummary"])["apiSummary"]
    return {f"{method} {path}" for path, methods in summary.items() for method in methods if method == "GET"}


def step_lines(output: str) -> list[str]:
    """Return the lines of a deploy without those of progress, and without the outputs."""
    lines = [line for line in output.splitlines() if not line.startswith("  ")]
    return lines[: lines.index("terraform output :") + 1]


def test_a_deploy_prints_its_steps_and_outputs(life: Lifecycle):
    lines = step_lines(life.output["first"])
    assert lines[0].startswith("Archive of ")
    assert lines[1:] == [
        "Terraform apply (Create API routes)",
        "Terraform apply (Deploy API and Lambda for the dev stage)",
        "Version 1 is live.",
        "terraform output :",
    ]
    assert f'\nshop_id = "{life.first.api_id}"\n' in life.output["first"]


def test_a_second_deploy_changes_and_uploads_nothing(life: Lifecycle):
    first, again = step_lines(life.output["first"]), step_lines(life.output["again"])
    # Two archives mean that a file of CoWorks, which is in them, was edited meanwhile.
    assert again == [*first[:3], "No changes.", "terraform output :"]
    assert life.uploads[0] == life.uploads[1]


def test_environment_values_are_only_in_the_state(life: Lifecycle):
    secrets = (b"s3cr3t-token", b"s3cr3t-label", life.signing_keys["first"].encode())
    containing = {name for name, content in life.files.items() if any(secret in content for secret in secrets)}
    assert "terraform.tfstate" in containing
    assert containing <= {"terraform.tfstate", "terraform.tfstate.backup"}
    with zipfile.ZipFile(io.BytesIO(life.archive)) as archive:
        assert not any(secret in archive.read(name) for name in archive.namelist() for secret in secrets)
    assert not any(secret.decode() in output for output in life.output.values() for secret in secrets)


def test_user_files_add_outputs_and_override_resources(life: Lifecycle):
    assert '\nnote = "mine"\n' in life.output["first"]
    assert life.function_timeout == 7


def test_a_new_entry_is_planned_with_its_own_resources_and_those_that_follow(life: Lifecycle):
    planned = set(re.findall(r"^(\w+) +(\S*aws_.*)$", life.output["one more, planned"], re.MULTILINE))
    routes = "module.api.module.routes."
    expected = {("update", "aws_lambda_function.service")}
    if life.first.gateway == "http":
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


def test_a_removed_entry_no_longer_responds(life: Lifecycle):
    assert life.statuses == {"first": "200", "one less": "404", "recovered": "404"}


def test_every_deploy_keeps_the_signing_key(life: Lifecycle):
    [key] = set(life.signing_keys.values())
    assert (len(life.signing_keys), len(key)) == (3, 43)


def test_the_function_trusts_its_signed_results_and_no_other(life: Lifecycle):
    assert life.signed_statuses == {"signed": 200, "another principal": 401, "derivable": 401, "foreign": 401}


def test_the_gateway_no_longer_contains_a_removed_entry(life: Lifecycle):
    kept = {"GET /", "GET /label"}
    assert life.routes == {"first": kept | {"GET /parts/{id}"}, "one less": kept, "recovered": kept}


def test_a_stage_without_its_state_is_not_destroyed_but_named(life: Lifecycle):
    error = life.output["destroyed without its state"]
    assert error.count("\n") == 1
    assert f"The stage 'dev' is in AWS (API {life.first.api_id}, shop-dev) but not in this state." in error


def test_a_deploy_without_its_state_imports_the_resources(life: Lifecycle):
    assert "resources of an earlier deploy that are not in the state" in life.output["recovered"]
    assert life.api_ids["recovered"] == life.api_ids["first"] == [life.first.api_id]
    assert sorted(life.resources["recovered"]) == sorted(life.resources["first"])
    # Also in the state: the next plan changes nothing but the new output.
    assert life.output["new output, planned"].splitlines()[-1] == "update   outputs"


def test_destroy_leaves_nothing(life: Lifecycle):
    assert life.output["destroyed"].splitlines()[-1] == f"Deleted s3://{life.first.project.bucket}"
    assert life.resources["destroyed"] == []
    assert life.output["list"] == "No stage of shop is deployed.\n"

"""A deployed function gets the values of its references with the rights of its role, and nothing else contains them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx2
import pytest

from tests.deploy.deployed_project import Deployment, deploy
from tests.deployed.conftest import CopyProject

pytestmark = pytest.mark.end_to_end

SERVICE = """
import os

import boto3
from botocore.exceptions import ClientError

from coworks_async import TechMicroService, entry

# Read at import, as many services do.
TOKEN = os.environ["TOKEN"]


def read(call):
    try:
        return str(call())
    except ClientError as error:
        return error.response["Error"]["Code"]


class Shop(TechMicroService):
    async def token_authorizer(self, token):
        return token == TOKEN

    @entry
    async def get(self):
        return {name: os.environ.get(name) for name in ("DATABASE", "FROM_SHELL", "FOR_THE_LAPTOP")}

    @entry
    def get_rights(self):
        secrets = boto3.client("secretsmanager")
        return {
            "own": read(lambda: secrets.get_secret_value(SecretId="shop/database")["Name"]),
            "other": read(lambda: secrets.get_secret_value(SecretId="shop/other")),
        }


app = Shop(name="shop")
"""

# The emulator checks this action without its resources; AWS does not:
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
ANY_PARAMETER = """
resource "aws_iam_role_policy" "parameters" {
  name   = "parameters"
  role   = aws_iam_role.service.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["ssm:GetParameters"], Resource = "*" }]
  })
}
"""

SECRETS = ("t0ken-of-the-parameter", "database-of-the-secret")


@dataclass
class Observations:
    """What was seen of the deployed stage. `files` are those of its folder, with the state."""

    deployment: Deployment
    plan: str
    statuses: list[int] = field(default_factory=list)
    body: dict[str, str | None] = field(default_factory=dict)
    rights: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def seen(copy_project: CopyProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observations]:
    """The observations, made once for all tests."""
    source = tmp_path_factory.mktemp("shop")
    (source / "app.py").write_text(SERVICE)
    (source / ".env").write_text("TOKEN=ssm:/shop/token\nDATABASE=secret:shop/database\n")
    (source / ".env.local").write_text("TOKEN=mine\nFOR_THE_LAPTOP=yes\n")
    with copy_project(source, "shop", app="app", gateway="http", checks_rights=True) as project:
        project.write("terraform/parameters.tf", ANY_PARAMETER)
        project.environment["FROM_SHELL"] = "ci"
        ssm, secrets = project.client("ssm"), project.client("secretsmanager")
        ssm.put_parameter(Name="/shop/token", Value=SECRETS[0], Type="SecureString")
        for name, value in (("shop/database", SECRETS[1]), ("shop/other", "other")):
            secrets.create_secret(Name=name, SecretString=value)
        plan = project.deploy("--plan", "--env", "FROM_SHELL")
        seen = Observations(deploy(project, "--env", "FROM_SHELL"), plan)
        observe(seen)
        yield seen


def observe(seen: Observations) -> None:
    project, url = seen.deployment.project, seen.deployment.url
    with httpx2.Client(timeout=60) as client:
        tokens = ["mine", "ssm:/shop/token", SECRETS[0]]
        seen.statuses = [client.get(f"{url}/", headers={"Authorization": token}).status_code for token in tokens]
        headers = {"Authorization": SECRETS[0]}
        seen.body = client.get(f"{url}/", headers=headers).json()
        seen.rights = client.get(f"{url}/rights", headers=headers).json()
    files = [path for path in project.stage_directory().rglob("*") if path.is_file() and ".terraform" not in path.parts]
    seen.files = {path.name: path.read_text() for path in files}
    configuration = project.client("lambda").get_function_configuration(FunctionName="shop-dev")
    seen.variables = configuration["Environment"]["Variables"]


def test_a_parameter_and_a_secret_are_read_before_the_service_is_imported(seen: Observations):
    assert seen.statuses == [403, 403, 200]
    assert seen.body["DATABASE"] == SECRETS[1]


def test_the_role_may_read_the_named_secret_only(seen: Observations):
    assert seen.rights == {"own": "shop/database", "other": "AccessDeniedException"}


def test_only_references_are_in_the_function_the_plan_the_state_and_the_files(seen: Observations):
    assert seen.variables["TOKEN"] == "ssm:/shop/token"
    assert "ssm:/shop/token" in seen.files["terraform.tfstate"]
    texts = {"plan": seen.plan, "deploy": seen.deployment.output, "function": json.dumps(seen.variables), **seen.files}
    assert "main.tf.json" in texts
    assert [name for name, text in texts.items() if re.search("|".join(SECRETS), text)] == []


def test_a_named_variable_of_the_shell_is_deployed_and_the_file_of_the_machine_is_not(seen: Observations):
    assert (seen.body["FROM_SHELL"], seen.body["FOR_THE_LAPTOP"]) == ("ci", None)
    assert seen.variables.keys() == {"TOKEN", "DATABASE", "FROM_SHELL", "CWS_STAGE", "CWS_SIGNING_KEY"}

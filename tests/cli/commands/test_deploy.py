"""`cws deploy` in a process with a real Terraform: dry runs, plans, options, and the curl command."""

import json
import re
from pathlib import Path

import pytest

from coworks_async import TechMicroService, entry
from coworks_async.cli.commands.deploy import create_example, create_logs_command, deploy
from coworks_async.cli.main import cws
from tests.deploy.accounts import create_session, create_tags, make_role
from tests.deploy.deployed_project import QUICK, Project, create_offline_project, deploy_error
from tests.deploy.stacks import LAYER, Shop, stack
from tests.deploy.toolchain import Toolchain

DOCS = Path(__file__).parents[3] / "docs" / "reference/deploy-options.md"


@pytest.fixture
def gateway() -> str:
    return "rest"


@pytest.fixture
def offline(tmp_path: Path, toolchain: Toolchain) -> Project:
    return create_offline_project(tmp_path, toolchain)


def dry_run(project: Project, *words: str) -> str:
    """Return what a deploy to AWS would create."""
    return project.run("deploy", "--dry", *words, *QUICK)


def read_function(project: Project) -> dict[str, object]:
    root = json.loads((project.stage_directory("dev") / "main.tf.json").read_text())
    function: dict[str, object] = root["resource"]["aws_lambda_function"]["service"]
    return function


def test_a_plan_lists_what_would_be_created_or_imported_and_changes_nothing(
    shop: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    session = create_session(shop.url, shop.account, monkeypatch, tmp_path)
    described = stack(Shop(name=shop.name))
    make_role(session, described, create_tags(described))
    # Notes about the archive are printed too.
    shop.write("bad.py", "def\n")
    lines = shop.deploy("--plan", *QUICK).splitlines()
    assert lines[1].startswith("  bad.py ")
    assert "update   aws_iam_role.service" in lines
    assert "create   aws_lambda_function.service" in lines
    assert 'create   module.api.module.routes.aws_api_gateway_method.this["GET /label"]' in lines
    assert shop.resources() == [f"{shop.name}-dev"]
    assert {path.name for path in shop.stage_directory().glob("*.tf*")} == {"main.tf.json", "emulator_override.tf.json"}


def test_a_role_of_another_service_with_the_same_name_is_reported_before_anything_is_created(
    shop: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    session = create_session(shop.url, shop.account, monkeypatch, tmp_path)
    make_role(session, stack(Shop(name=shop.name)), {})
    line = deploy_error(shop, *shop.target, code=1)
    assert line.startswith("Error: ")
    assert f"role '{shop.name}-dev'" in line
    assert shop.resources() == [f"{shop.name}-dev", shop.bucket]


def test_a_missing_bucket_is_reported_before_terraform_starts(shop: Project):
    keys = {"AWS_ENDPOINT_URL": shop.url, "AWS_SECRET_ACCESS_KEY": "test"}
    line = deploy_error(shop, "--bucket", "nobodys", "--region", "eu-west-1", "--gateway", "http", code=1, **keys)
    assert "'nobodys': the bucket does not exist. Create it, or choose another with --bucket" in line
    assert shop.resources() == []


def test_a_dry_run_needs_no_credentials_and_lists_what_would_be_created(offline: Project):
    output = dry_run(offline, "--bucket", "demo", "--layers", LAYER, "--layers", f"{LAYER}:3")
    lines = [line.strip() for line in output.splitlines()]
    assert lines[0].startswith("Archive of ")
    assert lines[1] == f"{offline.stage_directory('dev')} is valid. A deploy would create:"
    assert {"GET / (token required)", "GET /label", "aws_lambda_function.service"} < set(lines)
    assert lines[-1] == "Provider 6.x is not available here; validated with 3.39.0, which does not know: architectures."
    function = read_function(offline)
    assert function["layers"] == ["${data.aws_lambda_layer_version.layer_1.arn}", f"{LAYER}:3"]
    assert (function["runtime"], function["architectures"]) == ("python3.13", ["arm64"])
    assert "s3cr3t-token" not in output


def test_options_come_from_the_project_file_and_the_users_terraform_files_are_copied(offline: Project):
    offline.write(
        "project.cws.yml",
        f"""
        version: 3
        commands:
          deploy:
            bucket: from-the-file
            profile_name: nobody
            layers:
              - {LAYER}:7
        """,
    )
    offline.write("terraform/note.tf", 'output "note" {\n  value = "mine"\n}\n')
    # The project has no region of its own, and the profile is read only to connect.
    nowhere = {"AWS_DEFAULT_REGION": "", "AWS_CONFIG_FILE": "none"}
    offline.run("deploy", "--dry", *QUICK, **nowhere, AWS_REGION="eu-west-3")
    function = read_function(offline)
    assert function["s3_bucket"] == "from-the-file"
    assert function["layers"] == [f"{LAYER}:7"]
    root = json.loads((offline.stage_directory("dev") / "main.tf.json").read_text())
    assert root["provider"]["aws"]["region"] == "eu-west-3"
    assert (offline.stage_directory("dev") / "note.tf").exists()
    line = deploy_error(offline, code=2)
    assert line.startswith("Error: The AWS profile 'nobody' does not exist.")


def test_the_native_runtime_and_streaming_may_be_set_in_the_config_file(offline: Project):
    offline.write(
        "project.cws.yml",
        """
        version: 3
        commands:
          deploy:
            bucket: archives
            runtime: native
            stream: true
        """,
    )
    offline.run("deploy", "--dry", *QUICK)
    root = json.loads((offline.stage_directory("dev") / "main.tf.json").read_text())
    assert root["module"]["api"]["stream"] is True
    assert root["locals"]["variables"] == {
        "CWS_STAGE": "dev",
        "AWS_LAMBDA_EXEC_WRAPPER": "/var/task/cws_native",
        "CWS_STREAM": "rest",
    }


def test_an_emulator_gets_this_machines_python_and_processor_unless_options_name_others(offline: Project):
    output = offline.run("deploy", *offline.target, "--dry", *QUICK)
    assert re.search(r", for Python 3\.\d+ on (arm64|x86_64)$", output.splitlines()[0])
    output = offline.run("deploy", *offline.target, "--dry", *QUICK, "--python", "3.12", "--arch", "arm64")
    assert "for Python 3.12 on arm64\n" in output


class Jobs(TechMicroService):
    token_key = "X-Token"

    @entry
    async def post(self):
        return "done"


class Items(TechMicroService):
    token_key = "X-Token"

    @entry
    async def get_items(self):
        return []

    @entry
    async def get_item(self, id):
        return id


class News(Items):
    @entry(no_auth=True)
    async def get(self):
        return "none"


class Links(TechMicroService):
    auth_scheme = "Bearer"

    @entry
    async def get(self):
        return "in"


@pytest.mark.parametrize(
    ("service", "example"),
    [
        (News, "Try it:\n  curl http://api/dev/"),
        (Links, 'Try it with your token:\n  curl -H "Authorization:Bearer token" http://api/dev/'),
        (Items, 'Try it with your token:\n  curl -H "X-Token:token" http://api/dev/items'),
        (Jobs, "Try it:\n  curl -i http://api/dev/"),
    ],
)
def test_the_example_is_for_the_first_get_entry_without_parameters_and_has_a_token_if_the_entry_requires_one(
    service: type[TechMicroService], example: str
):
    assert create_example(service(), "http://api/dev") == example


@pytest.mark.parametrize(
    ("options", "of_deploy", "command"),
    [
        ([], [], "cws logs -f"),
        (["-A", "shop", "-s", "prod"], ["--local"], "cws -A shop -s prod logs -f --local"),
        ([], ["--local", "http://127.0.0.1:4567"], "cws logs -f --local http://127.0.0.1:4567"),
        (["--debug", "-p", "."], ["--region", "eu-west-3"], "cws -p . logs -f --region eu-west-3"),
        (["-A", "a b:app"], ["--profile-name", "me"], "cws -A 'a b:app' logs -f --profile-name me"),
    ],
)
def test_the_command_for_the_logs_names_the_same_stage(options: list[str], of_deploy: list[str], command: str):
    with (
        cws.make_context("cws", [*options, "deploy"]) as group,
        deploy.make_context("deploy", ["--bucket", "demo", *of_deploy], parent=group) as context,
    ):
        assert create_logs_command(context) == command


def test_every_option_is_documented():
    documented = set(re.findall(r"`(--?[a-z-]+)", DOCS.read_text()))
    options = {name for option in deploy.params for name in (*option.opts, *option.secondary_opts)}
    assert options <= documented

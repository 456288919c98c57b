"""`cws deploy`, as a process, with a real Terraform: to an AWS on this machine, or not at all."""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from coworks_async import TechMicroService, entry
from coworks_async.cli.commands.deploy import curl_of, deploy
from tests.cli.deploying import QUICK, Project, curl, here, new_project, offline_project, refusal
from tests.deploy.accounts import create_session, create_tags, make_role
from tests.deploy.stacks import LAYER, Shop, stack
from tests.deploy.toolchain import Toolchain

DOCS = Path(__file__).parents[3] / "docs" / "deploy.md"


@pytest.fixture
def shop(tmp_path: Path, toolchain: Toolchain, emulator: str, account: str, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that is deployed to an account of its own; what is there cannot be called."""
    return new_project(tmp_path / "shop", f"shop-{account}", toolchain, emulator, account=account)


@pytest.fixture
def session(shop: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Of the account that `shop` is deployed to."""
    return create_session(shop.url, shop.account, monkeypatch, tmp_path)


@pytest.fixture
def callable_shop(tmp_path: Path, toolchain: Toolchain, emulator: str, account: str) -> Project:
    return new_project(tmp_path / "shop", f"shop-{account}", toolchain, emulator)


@pytest.fixture
def offline(tmp_path: Path, toolchain: Toolchain) -> Project:
    return offline_project(tmp_path, toolchain)


def dry(project: Project, *words: str) -> str:
    """Print what a deploy to AWS would make."""
    return project.done("deploy", "--dry", *words, *QUICK)


def test_a_deploy_answers_a_second_one_changes_nothing_and_destroy_leaves_nothing(callable_shop: Project):
    shop = callable_shop
    shop.write(".env.dev", "MARK=m4rked-value\n")
    first = shop.deploy()
    (api,) = shop.apis()
    lines = steps(first)
    assert lines[0].startswith("Archive of ")
    assert lines[1:4] == [
        "Terraform apply (Create API routes)",
        "Terraform apply (Deploy API and Lambda for the dev stage)",
        "terraform output :",
    ]
    assert f'{shop.name}_id = "{api}"' in lines
    assert curl(first) == f"The {shop.name} is open.\n 200"
    mark = f"{shop.url}/_aws/execute-api/{api}/dev/mark"
    assert curl(f"curl {mark}") == "m4rked-value 200"

    sent = shop.client("s3").head_object(Bucket=shop.bucket, Key=shop.archives()[0])["LastModified"]
    second = shop.deploy()
    assert [*lines[:3], "No changes.", *lines[3:]] == steps(second)
    assert shop.client("s3").head_object(Bucket=shop.bucket, Key=shop.archives()[0])["LastModified"] == sent
    assert len(shop.archives()) == 1
    no_secret_is_told(shop, first + second)

    gone = shop.destroy()
    assert gone.splitlines()[-1] == f"Deleted s3://{shop.bucket}"
    assert shop.remains() == []


def steps(printed: str) -> list[str]:
    """The lines of a deploy, without those by which a slow step tells how far it is."""
    return [line for line in printed.splitlines() if not line.startswith("  ") or "curl" in line]


def no_secret_is_told(shop: Project, printed: str) -> None:
    """What the environment files set is in the state alone."""
    secrets = (b"s3cr3t-token", b"m4rked-value")
    files = [path for path in shop.folder().parent.rglob("*") if path.is_file()]
    holding = {path.name for path in files if any(secret in path.read_bytes() for secret in secrets)}
    assert holding <= {"terraform.tfstate", "terraform.tfstate.backup"}
    assert "terraform.tfstate" in holding
    assert not any(secret.decode() in printed for secret in secrets)
    body = shop.client("s3").get_object(Bucket=shop.bucket, Key=shop.archives()[0])["Body"].read()
    path = shop.directory.parent / "sent.zip"
    path.write_bytes(body)
    with zipfile.ZipFile(path) as archive:
        assert not any(secret in archive.read(name) for name in archive.namelist() for secret in secrets)


def test_a_plan_says_in_words_what_would_be_made_or_taken_over_and_changes_nothing(shop: Project, session: Any):
    described = stack(Shop(name=shop.name))
    make_role(session, described, create_tags(described))
    # What the archive has to say of itself is told too.
    shop.write("bad.py", "def\n")
    planned = shop.deploy("--plan", *QUICK).splitlines()
    assert planned[1].startswith("  bad.py does not compile with Python 3.")
    assert "update   aws_iam_role.service" in planned
    assert "create   aws_lambda_function.service" in planned
    assert 'create   module.api.module.routes.aws_api_gateway_method.this["GET /mark"]' in planned
    assert shop.remains() == [f"{shop.name}-dev"]
    assert {path.name for path in shop.folder().glob("*.tf*")} == {"main.tf.json", "emulator_override.tf.json"}


def test_a_role_of_the_same_name_that_is_not_ours_is_refused_before_anything_is_made(shop: Project, session: Any):
    make_role(session, stack(Shop(name=shop.name)), {})
    line = refusal(shop, *shop.target, code=1)
    assert line.startswith(f"Error: The role '{shop.name}-dev' exists, but does not have the tags of stage 'dev'")
    assert shop.remains() == [f"{shop.name}-dev", shop.bucket]


def test_a_dry_deploy_needs_no_credentials_and_lists_what_it_would_make(offline: Project):
    listed = dry(offline, "--bucket", "demo", "--layers", LAYER, "--layers", f"{LAYER}:3")
    lines = [line.strip() for line in listed.splitlines()]
    assert lines[1] == f"{offline.folder('dev')} is valid; a deploy would make:"
    assert {"GET /, for which a token is asked", "GET /mark", "aws_lambda_function.service"} < set(lines)
    assert "Archive of " in lines[0]
    root = json.loads((offline.folder("dev") / "main.tf.json").read_text())
    function = root["resource"]["aws_lambda_function"]["service"]
    assert function["layers"] == ["${data.aws_lambda_layer_version.layer_1.arn}", f"{LAYER}:3"]
    assert function["runtime"] == "python3.13"
    assert function["architectures"] == ["arm64"]
    assert "s3cr3t-token" not in listed


def test_an_emulator_gets_this_machines_python_and_processor_unless_told_otherwise(offline: Project):
    told = offline.done("deploy", *offline.target, "--dry", *QUICK)
    python, arch = here()[1], here()[3]
    assert f"for Python {python} on {arch.replace('aarch64', 'arm64')}\n" in told
    told = offline.done("deploy", *offline.target, "--dry", *QUICK, "--python", "3.12", "--arch", "arm64")
    assert "for Python 3.12 on arm64\n" in told


def test_the_roots_for_aws_and_for_an_emulator_differ_in_the_override_alone(offline: Project):
    options = ("--bucket", "demo", "--region", "eu-west-1", *here())
    dry(offline, *options)
    dry(offline, *options, "--local", offline.url)
    aws, local = offline.folder("dev"), offline.folder()
    assert (aws / "main.tf.json").read_text() == (local / "main.tf.json").read_text()
    written = [{path.name for path in folder.iterdir() if path.name[0] != "."} for folder in (local, aws)]
    assert written[0] - written[1] == {"emulator_override.tf.json"}


def test_options_come_from_the_project_file_and_files_of_ones_own_go_beside_the_root(offline: Project):
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
    offline.write("terraform/memory_override.tf", 'resource "aws_lambda_function" "service" {\n  timeout = 7\n}\n')
    dry(offline)
    function = json.loads((offline.folder("dev") / "main.tf.json").read_text())["resource"]["aws_lambda_function"]
    assert function["service"]["s3_bucket"] == "from-the-file"
    assert function["service"]["layers"] == [f"{LAYER}:7"]
    assert {"note.tf", "memory_override.tf"} < {path.name for path in offline.folder("dev").iterdir()}
    # The profile is asked for where AWS is.
    assert refusal(offline, code=2).startswith("Error: The AWS profile 'nobody' does not exist. ")


def test_a_bucket_that_is_not_there_is_named_and_terraform_does_not_start(shop: Project):
    keys = {"AWS_ENDPOINT_URL": shop.url, "AWS_SECRET_ACCESS_KEY": "test"}
    line = refusal(shop, "--bucket", "nobodys", "--region", "eu-west-1", "--gateway", "http", code=1, **keys)
    assert line.endswith("'nobodys': the bucket does not exist. Create it, or choose another with --bucket.")
    assert shop.remains() == []


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


@pytest.mark.parametrize(
    ("service", "told"),
    [
        (News, "curl http://api/dev/"),
        (Items, 'curl -H "X-Token:token" http://api/dev/items'),
        (Jobs, "curl -i http://api/dev/"),
    ],
)
def test_the_curl_is_of_the_first_entry_that_a_browser_could_open(service: type[TechMicroService], told: str):
    assert curl_of(service(), "http://api/dev") == told


def test_every_option_is_in_the_table_of_the_docs():
    told = set(re.findall(r"`(--?[a-z-]+)", DOCS.read_text()))
    options = {name for option in deploy.params for name in (*option.opts, *option.secondary_opts)}
    assert options <= told

"""`cws destroy` in a process with a real Terraform and an emulator."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.deploy.accounts import create_session, make_function, make_rest_api
from tests.deploy.deployed_project import QUICK, Project, create_project
from tests.deploy.stacks import Shop, stack


def nothing_deleted(project: Project) -> str:
    return f"The stage 'dev' of {project.name} is not deployed. Nothing was deleted.\n"


def test_a_stage_that_is_not_deployed_is_reported(shop: Project):
    assert shop.destroy() == nothing_deleted(shop)
    # The root module written by `destroy` does not count as a deploy.
    assert shop.destroy() == nothing_deleted(shop)


def test_a_stage_in_aws_but_not_in_the_state_is_named(shop: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    session = create_session(shop.url, shop.account, monkeypatch, tmp_path)
    described = stack(Shop(name=shop.name), stage="dev")
    make_function(session, stack(Shop(name=shop.name), stage="another"))
    make_function(session, described)
    api = make_rest_api(session, described)
    completed = shop.cws("destroy", "--local", shop.url, "--yes")
    assert (completed.returncode, completed.stdout) == (1, "")
    assert completed.stderr == (
        f"Error: The stage 'dev' is in AWS (API {api}, {shop.name}-dev) but not in this state. Name its state with "
        "--tf-bucket or --terraform-cloud, or import it with a deploy from here first.\n"
    )
    session.client("lambda").delete_function(FunctionName=f"{shop.name}-dev")
    assert f"is in AWS (API {api}) but" in shop.cws("destroy", "--local", shop.url, "--yes").stderr


def test_a_stage_with_its_state_in_s3_is_destroyed_from_another_machine_after_confirmation(
    shop: Project, tmp_path: Path
):
    other_machine = create_project(
        tmp_path / "other", shop.name, shop.toolchain, shop.url, account=shop.account, gateway="http"
    )
    group = {"resource": {"aws_cloudwatch_log_group": {"mine": {"name": f"{shop.name}-mine"}}}}
    for project in (shop, other_machine):
        project.write("terraform/mine.tf.json", json.dumps(group))
    state = ("--tf-bucket", shop.create_state_bucket())
    shop.deploy(*QUICK, *state)
    before = shop.resources()
    assert f"{shop.name}-mine" in before

    for typed in ("n\n", ""):
        completed = shop.cws("destroy", "--local", shop.url, *state, typed=typed)
        assert completed.returncode == 1
        assert "delete   aws_lambda_function.service\n" in completed.stdout
        assert "resources of the stage 'dev'? [y/N]: " in completed.stdout
    target = ("destroy", "--local", shop.url, "--gateway", "http")
    assert "but not in this state. Name its state with --tf-bucket" in other_machine.cws(*target, "--yes").stderr
    wrong_bucket = other_machine.cws(*target, "--yes", "--tf-bucket", "wrong")
    assert "The bucket of the state does not exist" in wrong_bucket.stderr
    assert shop.resources() == before

    completed = other_machine.cws(*target, *state, typed="y\n")
    assert completed.returncode == 0, completed.stderr
    assert (
        "The archives were not deleted: their bucket is recorded only where the stage was deployed." in completed.stdout
    )
    assert shop.resources() == [f"archives-{shop.name}"]
    assert len(shop.archives()) == 1
    # The state, whose bucket the root module of the deploy names, is now empty.
    assert shop.destroy() == nothing_deleted(shop)


def test_a_stage_with_a_local_state_is_destroyed_and_deployed_again(shop: Project):
    bucket = shop.create_state_bucket()
    shop.deploy(*QUICK)
    before = shop.resources()
    completed = shop.cws("destroy", "--local", shop.url, "--yes", "--tf-bucket", bucket)
    assert (completed.returncode, completed.stdout, completed.stderr.count("\n")) == (2, "", 1)
    assert f"in the bucket '{bucket}' (--tf-bucket), but the last deploy stored it in a local file" in completed.stderr
    assert shop.resources() == before

    # A certificate and a layer that do not exist do not prevent it.
    missing = ("--domain", "nocert.example.com", "--layers", "arn:aws:lambda:eu-west-1:000000000000:layer:none")
    shop.deploy(*QUICK, *missing, "--dry")
    assert "aws_acm_certificate" in (shop.stage_directory() / "main.tf.json").read_text()
    shop.destroy()
    assert shop.resources() == []

    shop.deploy(*QUICK)
    assert len(shop.api_ids()) == 1
    shutil.rmtree(shop.stage_directory() / ".terraform")
    shop.destroy()
    assert shop.resources() == []
    assert not list(shop.stage_directory().glob("terraform.tfstate*"))
    # With nothing deployed from here, the option is accepted.
    assert shop.destroy("--tf-bucket", bucket) == nothing_deleted(shop)


def forget(project: Project, *addresses: str) -> None:
    """Remove resources from the state, as if a killed deploy had not recorded them."""
    environment = project.toolchain.environment(project.url, project.account) | {"TF_VAR_environment": "{}"}
    project.toolchain.run(project.stage_directory(), "state", "rm", *addresses, environment=environment)


@pytest.mark.parametrize("gateway", ["rest", pytest.param("http", marks=pytest.mark.exhaustive)])
def test_resources_that_a_killed_deploy_left_outside_the_state_are_destroyed_too(shop: Project, gateway: str):
    project = replace(shop, gateway=gateway)
    project.deploy(*QUICK)
    forget(project, "aws_lambda_function.service", "aws_iam_role_policy.service", "aws_iam_role.service")
    forget(project, "module.api", "aws_cloudwatch_log_group.service")
    output = project.destroy()
    assert "Importing 5 resources of a killed deploy that are not in the state\n" in output
    assert project.resources() == []


def test_a_role_outside_of_an_empty_state_is_named_and_a_deploy_imports_it(shop: Project):
    shop.deploy(*QUICK)
    tags = shop.client("iam").list_role_tags(RoleName=f"{shop.name}-dev")["Tags"]
    shop.destroy()
    trust = '{"Version": "2012-10-17", "Statement": []}'
    shop.client("iam").create_role(RoleName=f"{shop.name}-dev", AssumeRolePolicyDocument=trust, Tags=tags)
    completed = shop.cws("destroy", "--local", shop.url, "--gateway", "http", "--yes")
    assert completed.returncode == 1
    assert completed.stderr.startswith("Error: The stage 'dev' is in AWS (aws_iam_role.service) but not in this state.")
    shop.deploy(*QUICK)
    shop.destroy()
    assert shop.resources() == []


def test_a_stage_whose_archive_bucket_is_gone_is_destroyed(shop: Project):
    shop.deploy(*QUICK)
    client = shop.client("s3")
    for key in shop.archives():
        client.delete_object(Bucket=shop.bucket, Key=key)
    client.delete_bucket(Bucket=shop.bucket)
    output = shop.destroy()
    assert f"The archives were not deleted: the bucket '{shop.bucket}' no longer exists.\n" in output
    assert shop.resources() == []

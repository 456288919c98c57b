"""Errors of a state in S3, with an emulator."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from coworks_async.deploy.terraform.runner import Terraform
from coworks_async.exceptions import DeployError
from tests.deploy.terraform_stages import TerraformStage, create_stage, data
from tests.deploy.toolchain import Toolchain

BUCKET = "states"
S3_BACKEND = {
    "bucket": BUCKET,
    "key": "first/dev.tfstate",
    "region": "eu-west-1",
    "use_lockfile": True,
    "use_path_style": True,
    "skip_credentials_validation": True,
    "skip_requesting_account_id": True,
}
LOCK_ID = "11111111-2222-3333-4444-555555555555"
LOCK = {
    "ID": LOCK_ID,
    "Operation": "OperationTypeApply",
    "Info": "",
    "Who": "ann@laptop",
    "Version": "1.15.5",
    "Created": "2026-11-24T10:00:00.5Z",
    "Path": f"{BUCKET}/first/dev.tfstate",
}


@pytest.fixture
def stage(tmp_path: Path, toolchain: Toolchain) -> TerraformStage:
    return create_stage(tmp_path, toolchain)


@pytest.fixture
def environment(toolchain: Toolchain, emulator: str, account: str) -> dict[str, str]:
    """The environment in which AWS is the emulator."""
    return toolchain.environment(emulator, account)


@pytest.fixture
def s3(emulator: str, account: str) -> Iterator[Any]:
    client = boto3.client(
        "s3",
        endpoint_url=emulator,
        region_name="eu-west-1",
        aws_access_key_id=account,
        aws_secret_access_key="test",
    )
    yield client
    client.close()


def test_a_missing_bucket_of_the_state_is_reported(stage: TerraformStage, environment: Mapping[str, str]):
    stage.write(terraform={"backend": {"s3": S3_BACKEND | {"bucket": "absent"}}})
    terraform = Terraform(stage.program, stage.directory, environment, stage.log)
    with pytest.raises(DeployError, match=r"^The bucket of the state does not exist\. Create it, or use another"):
        terraform.init()


def test_the_lock_of_a_killed_deploy_is_removed_with_the_reported_command(
    stage: TerraformStage, environment: Mapping[str, str], s3: Any, toolchain: Toolchain, tmp_path: Path
):
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    stage.write(terraform={"backend": {"s3": S3_BACKEND}}, resource=data(a={}))
    terraform = stage.terraform(**environment)
    s3.put_object(Bucket=BUCKET, Key="first/dev.tfstate.tflock", Body=json.dumps(LOCK))
    with pytest.raises(DeployError) as failure:
        terraform.plan(tmp_path / "plan")
    unlock = f"terraform force-unlock {LOCK_ID}"
    assert str(failure.value) == (
        "The state is locked by ann@laptop since 2026-11-24 10:00:00 UTC. Wait until it ends. If it no longer runs, "
        f"run `{unlock}` in {stage.directory}."
    )
    toolchain.run(stage.directory, *unlock.split()[1:2], "-force", LOCK_ID, environment=environment)
    assert terraform.plan(tmp_path / "plan").summary.total == 1


def test_missing_credentials_are_reported_with_the_option(
    stage: TerraformStage, toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    stage.write(terraform={"backend": {"s3": S3_BACKEND}})
    environment = {"PATH": toolchain.path, "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    terraform = Terraform(stage.program, stage.directory, environment, stage.log)
    with pytest.raises(DeployError, match=r"^No AWS credentials were found\. Choose a profile with --profile-name"):
        terraform.init()

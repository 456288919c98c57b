"""Terraform with its provider for AWS and its state in S3, at an emulator: what fails there, and an interruption."""

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from coworks_async.deploy.terraform.process import FINISHING
from coworks_async.deploy.terraform.runner import Terraform
from coworks_async.exceptions import DeployError
from tests.deploy.driving import driving, interrupt, until
from tests.deploy.stages import Stage, data, stage_in
from tests.deploy.toolchain import Toolchain
from tests.tools import PATIENCE

BUCKET = "state-of-all"
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
ASSUMED_BY_LAMBDA = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}


@pytest.fixture
def stage(tmp_path: Path, toolchain: Toolchain) -> Stage:
    return stage_in(tmp_path, toolchain)


@pytest.fixture
def aws(toolchain: Toolchain, emulator: str, account: str) -> dict[str, str]:
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


def test_a_state_bucket_that_is_missing_is_one_line(stage: Stage, aws: Mapping[str, str]) -> None:
    stage.write(terraform={"backend": {"s3": S3_BACKEND | {"bucket": "absent"}}})
    terraform = Terraform(stage.program, stage.directory, aws, stage.log)
    with pytest.raises(DeployError, match=r"^The bucket of the state does not exist: create it, or give another"):
        terraform.init()


def test_a_lock_that_a_killed_deploy_left_in_s3_is_broken_as_the_line_says(
    stage: Stage, aws: Mapping[str, str], s3: Any, toolchain: Toolchain, tmp_path: Path
) -> None:
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    stage.write(terraform={"backend": {"s3": S3_BACKEND}}, resource=data(a={}))
    terraform = stage.terraform(**aws)
    assert terraform.addresses() == []
    s3.put_object(Bucket=BUCKET, Key="first/dev.tfstate.tflock", Body=json.dumps(LOCK))
    with pytest.raises(DeployError) as failure:
        terraform.plan(tmp_path / "plan")
    unlock = f"terraform force-unlock {LOCK_ID}"
    assert str(failure.value) == (
        "The state is locked by ann@laptop since 2026-11-24 10:00:00 UTC: wait for its end; if it is gone, run "
        f"`{unlock}` in {stage.directory}."
    )
    toolchain.run(stage.directory, *unlock.split()[1:2], "-force", LOCK_ID, environment=aws)
    assert terraform.plan(tmp_path / "plan").counts.total == 1


def test_without_credentials_it_is_told_how_to_choose_some(
    stage: Stage, toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    stage.write(terraform={"backend": {"s3": S3_BACKEND}})
    environment = {"PATH": toolchain.path, "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    terraform = Terraform(stage.program, stage.directory, environment, stage.log)
    with pytest.raises(DeployError, match=r"^No AWS credentials are found: choose a profile with --profile-name"):
        terraform.init()


def slow_root(url: str) -> dict[str, Any]:
    """A root whose function takes its time, as any with its code in a file does, and what waits for it."""
    provider = {
        "region": "eu-west-1",
        "skip_credentials_validation": True,
        "skip_metadata_api_check": True,
        "max_retries": 2,
        "endpoints": dict.fromkeys(("cloudwatchlogs", "ec2", "iam", "lambda", "sts"), url),
    }
    function = {
        "function_name": "interrupted",
        "role": "${aws_iam_role.service.arn}",
        "handler": "code.handler",
        "runtime": "python3.8",
        "filename": "code.zip",
    }
    role = {"name": "interrupted", "assume_role_policy": json.dumps(ASSUMED_BY_LAMBDA)}
    after = {"name": "interrupted", "depends_on": ["aws_lambda_function.service"]}
    return {
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws", "version": "3.39.0"}}},
        "provider": {"aws": provider},
        "resource": {
            "aws_iam_role": {"service": role},
            "aws_lambda_function": {"service": function},
            "aws_cloudwatch_log_group": {"after": after},
        },
    }


@pytest.mark.end_to_end
def test_a_ctrl_c_lets_the_provider_finish_what_is_in_flight(
    stage: Stage, aws: Mapping[str, str], emulator: str
) -> None:
    with zipfile.ZipFile(stage.directory / "code.zip", "w") as archive:
        archive.writestr("code.py", "def handler(event, context): return 1\n")
    stage.write(**slow_root(emulator))
    with driving(stage.directory, aws) as process:
        until(lambda: stage.log.exists() and "aws_lambda_function.service: Creating" in stage.log.read_text())
        assert interrupt(process) == FINISHING
        _, err = process.communicate(timeout=PATIENCE)
    assert err == "Error: Interrupted: 2 of 3 changes were made; the same command goes on from there.\n"
    assert "aws_lambda_function.service: Creation complete" in stage.log.read_text()
    with driving(stage.directory, aws) as again:
        out, err = again.communicate(timeout=PATIENCE)
    assert err == ""
    assert out == ("done ['aws_cloudwatch_log_group.after', 'aws_iam_role.service', 'aws_lambda_function.service']\n")

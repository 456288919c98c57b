"""Deploys that fail: one line, the exit code, and nothing created."""

import os
import signal
from pathlib import Path

import pytest

from tests.cli.processes import until
from tests.deploy.accounts import EXPIRED, serve_response
from tests.deploy.deployed_project import (
    PATIENCE,
    QUICK,
    Project,
    create_offline_project,
    create_project,
    deploy_error,
)
from tests.deploy.toolchain import Toolchain


@pytest.fixture
def offline(tmp_path: Path, toolchain: Toolchain) -> Project:
    return create_offline_project(tmp_path, toolchain)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--dry", "--plan"), "--dry and --plan cannot be combined"),
        (("--tags", "team"), "'--tags': 'team' is not NAME=VALUE."),
        (("--tags", "aws:x=y"), "--tags: 'aws:x' is reserved."),
        (("--memory-size", "1"), "--memory-size: 1 is out of range (128 to 10240)."),
        (
            ("--tf-bucket", "states", "--terraform-cloud", "mine"),
            "--tf-bucket and --terraform-cloud cannot be",
        ),
        (("--env", "NOTHERE"), "--env: 'NOTHERE' is not set in the shell. Export it first."),
        (("--profile", "nobody"), "The AWS profile 'nobody' does not exist."),
        (("--local", "here"), "--local: 'here' is not a URL. Example: http://127.0.0.1:4566."),
    ],
)
def test_a_wrong_option_is_reported_with_exit_code_2(offline: Project, words: tuple[str, ...], message: str):
    line = deploy_error(offline, "--bucket", "demo", *words, code=2)
    assert line.startswith("Error: ")
    assert message in line
    assert not offline.stage_directory().exists()


def test_a_missing_bucket_option_is_named(offline: Project):
    assert deploy_error(offline, code=2) == "Error: Missing option '--bucket'."


def test_an_app_outside_the_project_is_rejected(offline: Project):
    (offline.directory.parent / "outside.py").write_text((offline.directory / "app.py").read_text())
    completed = offline.cws("-A", "../outside.py", "deploy", "--bucket", "demo", "--dry")
    assert (completed.returncode, completed.stderr.count("\n")) == (2, 1)
    assert "is outside the project's folder" in completed.stderr


def test_variables_that_lambda_rejects_are_named_without_their_values(offline: Project):
    offline.write(".env", "AWS_REGION=s3cr3t-token\n")
    line = deploy_error(offline, "--bucket", "demo", code=2)
    assert "Lambda reserves AWS_REGION." in line
    assert "s3cr3t-token" not in line
    offline.write(".env", f"BIG={'x' * 4096}\n")
    assert "Lambda's maximum is 4096. The largest are BIG" in deploy_error(offline, "--bucket", "demo", code=2)


def test_a_dependency_that_cannot_be_installed_is_in_the_log_until_a_build_succeeds(offline: Project):
    offline.write("requirements.txt", "./nothere\n")
    completed = offline.cws("deploy", "--bucket", "demo", "--dry")
    line, log_line = completed.stderr.splitlines()
    assert (completed.returncode, line.startswith("Error: requirements.txt: ")) == (1, True)
    log = Path(log_line.removeprefix("Log: "))
    assert log == offline.stage_directory("dev") / "archive.log"
    assert "nothere" in log.read_text()
    offline.write("requirements.txt", "")
    offline.run("deploy", "--bucket", "demo", "--dry", *QUICK)
    assert not log.exists()


def test_a_missing_terraform_is_reported_with_its_install_page(offline: Project, tmp_path: Path):
    line = deploy_error(offline, "--bucket", "demo", "--dry", code=1, PATH=str(tmp_path))
    assert line.startswith("Error: Neither terraform nor tofu is on the PATH")
    assert "make emulator" not in line
    assert "make emulator" in deploy_error(offline, *offline.target, code=1, PATH=str(tmp_path))
    line = deploy_error(offline, "--bucket", "demo", "--dry", "--terraform", "tofu", code=1, PATH=str(tmp_path))
    assert "tofu is " in line


def test_an_old_terraform_is_rejected(offline: Project, tmp_path: Path):
    program = tmp_path / "terraform"
    program.write_text('#!/bin/sh\necho \'{"terraform_version": "1.9.8"}\'\n')
    program.chmod(0o755)
    line = deploy_error(offline, "--bucket", "demo", "--dry", code=1, PATH=f"{tmp_path}:/usr/bin:/bin")
    assert "is version 1.9.8; 1.10 or later is required" in line


def test_a_missing_emulator_is_reported_with_the_command_to_start_one(offline: Project):
    line = deploy_error(offline, *offline.target, code=1)
    assert line.startswith("Error: No AWS emulator responds at http://127.0.0.1:9 (")
    assert "make emulator" in line


def test_a_domain_without_a_certificate_is_reported_before_anything_is_created(
    tmp_path: Path, toolchain: Toolchain, emulator: str, account: str
):
    shop = create_project(tmp_path / "shop", f"shop-{account}", toolchain, emulator, account=account)
    line = deploy_error(shop, *shop.target, "--domain", "nocert.example.com", code=1)
    assert line.startswith("Error: ACM has no certificate for nocert.example.com in ")
    assert shop.resources() == []


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        (("deploy", "--bucket", "demo", "--dry"), "No changes were made."),
        (("destroy", "--region", "eu-west-1"), "Nothing was deleted."),
    ],
)
def test_ctrl_c_before_terraform_runs_reports_that_nothing_changed(
    offline: Project, tmp_path: Path, words: tuple[str, ...], outcome: str
):
    program, started = tmp_path / "terraform", tmp_path / "started"
    program.write_text(f"#!/bin/sh\ntouch {started}\nexec sleep 600\n")
    program.chmod(0o755)
    with offline.start(*words, PATH=f"{tmp_path}:/usr/bin:/bin") as process:
        until(started.exists)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (1, "", f"Error: Interrupted. {outcome}\n")


def test_missing_credentials_are_reported_with_the_option(offline: Project):
    line = deploy_error(offline, "--bucket", "demo", "--region", "eu-west-1", code=1, AWS_CONFIG_FILE="none")
    assert line == (
        "Error: Cannot identify the AWS account: no credentials found: use --profile-name, or set AWS_PROFILE."
    )


def test_expired_credentials_are_reported(offline: Project):
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    with serve_response(403, EXPIRED) as url:
        line = deploy_error(offline, "--bucket", "demo", "--region", "eu-west-1", code=1, AWS_ENDPOINT_URL=url, **keys)
    assert line.endswith("the credentials have expired: get new ones.")


def test_a_profile_overrides_keys_in_the_environment(offline: Project):
    offline.write("aws", "[profile far]\nregion = eu-west-1\n")
    words = ("--bucket", "demo", "--profile-name", "far")
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_CONFIG_FILE": "aws"}
    assert "no credentials found" in deploy_error(offline, *words, code=1, **keys)

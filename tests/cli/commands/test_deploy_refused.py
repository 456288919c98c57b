"""Deploys that do not go well: one line, the right exit code, and nothing half made."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.cli.deploying import PATIENCE, QUICK, Project, new_project, offline_project, refusal
from tests.deploy.accounts import EXPIRED, serve_response
from tests.deploy.driving import until
from tests.deploy.toolchain import Toolchain


@pytest.fixture
def offline(tmp_path: Path, toolchain: Toolchain) -> Project:
    return offline_project(tmp_path, toolchain)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--dry", "--plan"), "--dry asks nobody, and --plan asks AWS: name one of them."),
        (("--tags", "team"), "'--tags': 'team' is not NAME=VALUE."),
        (("--tags", "aws:x=y"), "begins neither with 'aws:' nor with 'coworks:'"),
        (("--memory-size", "1"), "--memory-size is 128 to 10240, not 1."),
        (("--tf-bucket", "states", "--terraform-cloud", "mine"), "are two places for one state"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(offline: Project, words: tuple[str, ...], told: str):
    line = refusal(offline, "--bucket", "demo", *words, code=2)
    assert line.startswith("Error: ")
    assert told in line
    assert not offline.folder().exists()


def test_without_a_bucket_the_option_is_named(offline: Project):
    assert refusal(offline, code=2) == "Error: Missing option '--bucket'."


def test_an_app_outside_of_the_project_is_refused(offline: Project):
    (offline.directory.parent / "outside.py").write_text((offline.directory / "app.py").read_text())
    ended = offline.cws("-A", "../outside.py", "deploy", "--bucket", "demo", "--dry")
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "is outside the project's folder" in ended.stderr


def test_variables_that_lambda_takes_not_are_named_and_never_their_values(offline: Project):
    offline.write(".env", "AWS_REGION=s3cr3t-token\n")
    line = refusal(offline, "--bucket", "demo", code=2)
    assert "AWS_REGION" in line
    assert "s3cr3t-token" not in line
    offline.write(".env", f"BIG={'x' * 4096}\n")
    assert "of which Lambda takes 4096; the largest variables are BIG" in refusal(offline, "--bucket", "demo", code=2)


def test_what_uv_says_of_a_dependency_that_cannot_be_had_is_kept_in_the_log_that_is_named(offline: Project):
    offline.write("requirements.txt", "./nothere\n")
    ended = offline.cws("deploy", "--bucket", "demo", "--dry")
    line, log = ended.stderr.splitlines()
    assert (ended.returncode, line.startswith("Error: requirements.txt: ")) == (1, True)
    assert "nothere" in Path(log.removeprefix("Log: ")).read_text()


def test_without_terraform_the_line_says_where_to_get_it(offline: Project, tmp_path: Path):
    line = refusal(offline, "--bucket", "demo", code=1, PATH=str(tmp_path))
    assert line.startswith("Error: Neither terraform nor tofu is on the PATH")
    line = refusal(offline, "--bucket", "demo", "--terraform", "tofu", code=1, PATH=str(tmp_path))
    assert "tofu is " in line


def test_a_terraform_that_is_too_old_is_named(offline: Project, tmp_path: Path):
    program = tmp_path / "terraform"
    program.write_text('#!/bin/sh\necho \'{"terraform_version": "1.9.8"}\'\n')
    program.chmod(0o755)
    line = refusal(offline, "--bucket", "demo", code=1, PATH=f"{tmp_path}:/usr/bin:/bin")
    assert "is version 1.9.8, and 1.10 is needed" in line


def test_without_an_emulator_the_line_says_how_to_start_one(offline: Project):
    line = refusal(offline, *offline.target, code=1)
    assert line.startswith("Error: No AWS emulator answers at http://127.0.0.1:9 (")
    assert "make emulator" in line


def test_an_emulator_that_knows_no_such_page_is_one_all_the_same(offline: Project):
    with serve_response(404, "{}") as url:
        line = refusal(offline, "--local", url, "--bucket", "demo", code=1)
    assert line.startswith("Error: Cannot create the bucket 'demo': ")


def test_a_domain_without_a_certificate_is_told_before_anything_is_made(
    tmp_path: Path, toolchain: Toolchain, emulator: str, account: str
):
    shop = new_project(tmp_path / "shop", f"shop-{account}", toolchain, emulator, account=account)
    line = refusal(shop, *shop.target, "--domain", "nocert.example.com", code=1)
    assert line.startswith("Error: ACM has no certificate for nocert.example.com in ")
    assert shop.remains() == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("deploy", "--bucket", "demo", "--dry"), "nothing of the stage is changed"),
        (("destroy", "--region", "eu-west-1"), "nothing is deleted"),
    ],
)
def test_ctrl_c_while_cws_itself_is_at_work_says_that_nothing_is_done(
    offline: Project, tmp_path: Path, words: tuple[str, ...], told: str
):
    program, asked = tmp_path / "terraform", tmp_path / "asked"
    program.write_text(f"#!/bin/sh\ntouch {asked}\nexec sleep 600\n")
    program.chmod(0o755)
    with offline.start(*words, PATH=f"{tmp_path}:/usr/bin:/bin") as process:
        until(asked.exists)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (1, "", f"Error: Interrupted: {told}.\n")


def test_the_log_of_a_build_that_failed_goes_once_it_succeeds(offline: Project):
    offline.write("requirements.txt", "./nothere\n")
    log = offline.folder("dev") / "archive.log"
    assert str(log) in offline.cws("deploy", "--bucket", "demo", "--dry").stderr
    assert log.exists()
    offline.write("requirements.txt", "")
    offline.done("deploy", "--bucket", "demo", "--dry", *QUICK)
    assert not log.exists()


def test_the_region_may_come_from_aws_region(offline: Project):
    nowhere = {"AWS_DEFAULT_REGION": "", "AWS_CONFIG_FILE": "none"}
    offline.done("deploy", "--bucket", "demo", "--dry", *QUICK, **nowhere, AWS_REGION="eu-west-3")
    root = json.loads((offline.folder("dev") / "main.tf.json").read_text())
    assert root["provider"]["aws"]["region"] == "eu-west-3"


def test_without_credentials_the_option_is_named(offline: Project):
    line = refusal(offline, "--bucket", "demo", "--region", "eu-west-1", code=1, AWS_CONFIG_FILE="none")
    assert line.startswith("Error: Cannot identify the AWS account: no credentials found: use ")


def test_expired_credentials_are_one_line(offline: Project):
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    with serve_response(403, EXPIRED) as url:
        line = refusal(offline, "--bucket", "demo", "--region", "eu-west-1", code=1, AWS_ENDPOINT_URL=url, **keys)
    assert line.endswith("the credentials have expired: get new ones.")


def test_a_profile_that_is_named_wins_over_keys_of_the_environment(offline: Project):
    offline.write("aws", "[profile far]\nregion = eu-west-1\n")
    words = ("--bucket", "demo", "--profile-name", "far")
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_CONFIG_FILE": "aws"}
    assert "no credentials found" in refusal(offline, *words, code=1, **keys)

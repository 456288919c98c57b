"""`cws destroy`, as a process, with a real Terraform, in an AWS on this machine."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.deploying import QUICK, Project, new_project
from tests.deploy.accounts import create_session, make_function, make_rest_api
from tests.deploy.stacks import Shop, stack
from tests.deploy.toolchain import Toolchain


@pytest.fixture
def shop(tmp_path: Path, toolchain: Toolchain, emulator: str, account: str) -> Project:
    return new_project(tmp_path / "shop", f"shop-{account}", toolchain, emulator, account=account)


def keep_state_in_s3(project: Project, directory: Path) -> Project:
    """Make the bucket of the state, and give the same project on another machine."""
    place = {"LocationConstraint": "eu-west-1"}
    project.client("s3").create_bucket(Bucket=f"state-{project.account}", CreateBucketConfiguration=place)
    return new_project(directory, project.name, project.toolchain, project.url, account=project.account)


def test_where_nothing_is_deployed_nothing_is_deleted(shop: Project):
    assert shop.destroy() == f"No stage 'dev' of {shop.name} is deployed: nothing is deleted.\n"
    # A root that only tells where the state is does not count as a deploy.
    assert shop.destroy().endswith("nothing is deleted.\n")


def test_a_stage_that_is_in_aws_but_not_in_the_state_is_named(
    shop: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    session = create_session(shop.url, shop.account, monkeypatch, tmp_path)
    described = stack(Shop(name=shop.name), stage="dev")
    make_function(session, stack(Shop(name=shop.name), stage="another"))
    make_function(session, described)
    api = make_rest_api(session, described)
    ended = shop.cws("destroy", "--local", shop.url, "--yes")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"Error: The stage 'dev' is in AWS (API {api}, {shop.name}-dev), and not in the state here: name its "
        "--tf-bucket or --terraform-cloud, or deploy it from here, which takes it over, and then destroy it.\n"
    )
    session.client("lambda").delete_function(FunctionName=f"{shop.name}-dev")
    assert f"is in AWS (API {api}), and" in shop.cws("destroy", "--local", shop.url, "--yes").stderr


def test_it_asks_first_and_no_leaves_all_and_another_machine_deletes_it_by_the_state_in_s3(
    shop: Project, tmp_path: Path
):
    elsewhere = keep_state_in_s3(shop, tmp_path / "elsewhere")
    state = ("--tf-bucket", f"state-{shop.account}")
    shop.deploy(*QUICK, "--gateway", "http", *state)
    before = shop.remains()
    for said in ("n\n", ""):
        ended = shop.cws("destroy", "--local", shop.url, *state, said=said)
        assert ended.returncode == 1
        assert "delete   aws_lambda_function.service\n" in ended.stdout
        assert "which are the stage 'dev'? [y/N]: " in ended.stdout
    assert shop.remains() == before
    ended = elsewhere.cws("destroy", "--local", shop.url, *state, said="y\n")
    assert ended.returncode == 0, ended.stderr
    assert "The archives stay: which bucket they are in is known where the stage was deployed from." in ended.stdout
    assert shop.remains() == [f"archives-{shop.name}"]
    assert len(shop.archives()) == 1


@pytest.mark.end_to_end
def test_the_place_of_the_state_may_be_named_after_a_destroy_that_did_not_know_it(shop: Project, tmp_path: Path):
    elsewhere = keep_state_in_s3(shop, tmp_path / "elsewhere")
    state = ("--tf-bucket", f"state-{shop.account}")
    shop.deploy(*QUICK, "--gateway", "http", *state)
    target = ("destroy", "--local", shop.url, "--yes")
    assert "and not in the state here: name its --tf-bucket" in elsewhere.cws(*target).stderr
    assert "The bucket of the state does not exist" in elsewhere.cws(*target, "--tf-bucket", "wrong").stderr
    elsewhere.destroy(*state)
    assert shop.remains() == [f"archives-{shop.name}"]
    # What the deploy wrote says the same place, and now there is nothing.
    assert shop.destroy().endswith("nothing is deleted.\n")


def test_a_place_that_is_not_the_states_is_refused_and_a_stage_leaves_no_state_behind(shop: Project, tmp_path: Path):
    keep_state_in_s3(shop, tmp_path / "elsewhere")
    shop.deploy(*QUICK, "--gateway", "http")
    before = shop.remains()
    ended = shop.cws("destroy", "--local", shop.url, "--yes", "--tf-bucket", "does-not-exist")
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert (
        "in the bucket 'does-not-exist' (--tf-bucket), but the last deploy from here has it in a file" in ended.stderr
    )
    assert shop.remains() == before
    shop.destroy()
    assert shop.remains() == [f"state-{shop.account}"] * (shop.name in f"state-{shop.account}")
    assert not list(shop.folder().glob("terraform.tfstate*"))
    # Nothing is deployed from here any more, so that the option counts.
    assert shop.destroy("--tf-bucket", f"state-{shop.account}").endswith("nothing is deleted.\n")


@pytest.mark.end_to_end
def test_a_stage_whose_certificate_and_layer_are_gone_is_deleted_all_the_same(shop: Project):
    shop.deploy(*QUICK, "--gateway", "http")
    gone = ("--domain", "nocert.example.com", "--layers", "arn:aws:lambda:eu-west-1:000000000000:layer:none")
    shop.deploy(*QUICK, "--gateway", "http", *gone, "--dry")
    assert "aws_acm_certificate" in (shop.folder() / "main.tf.json").read_text()
    shop.destroy()
    assert shop.remains() == []


@pytest.mark.end_to_end
def test_what_ones_own_files_made_goes_too_on_another_machine(shop: Project, tmp_path: Path):
    elsewhere = keep_state_in_s3(shop, tmp_path / "elsewhere")
    state = ("--tf-bucket", f"state-{shop.account}")
    group = {"resource": {"aws_cloudwatch_log_group": {"mine": {"name": f"{shop.name}-mine"}}}}
    for project in (shop, elsewhere):
        project.write("terraform/mine.tf.json", json.dumps(group))
    shop.deploy(*QUICK, *state)
    assert f"{shop.name}-mine" in shop.remains()
    elsewhere.destroy(*state)
    assert shop.remains() == [f"archives-{shop.name}"]


@pytest.mark.end_to_end
def test_a_stage_that_was_destroyed_is_deployed_anew(shop: Project):
    shop.deploy(*QUICK)
    shop.destroy()
    assert shop.remains() == []
    shop.deploy(*QUICK)
    assert len(shop.apis()) == 1
    shutil.rmtree(shop.folder() / ".terraform", ignore_errors=True)
    shop.destroy()
    assert shop.remains() == []

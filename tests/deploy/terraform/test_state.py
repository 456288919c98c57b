"""What lies in a stage's folder already when the stage is deleted."""

import json
from pathlib import Path
from typing import Any

import pytest

from coworks_async.deploy.options import DeployOptions, stack_of
from coworks_async.deploy.stack import Stack
from coworks_async.deploy.terraform.root_module import root
from coworks_async.deploy.terraform.state import CHOSEN, holds_state, kept_root, remove_state
from coworks_async.deploy.terraform.workdir import write_root
from coworks_async.exceptions import CommandError
from tests.deploy.stacks import Shop, stack

S3 = {"tf_bucket": "states"}
CLOUD = {"terraform_cloud": "mine", "workspace": "shop"}
VPC: dict[str, Any] = {"subnets": ("subnet-0123abcd",), "security_groups": ("sg-0123abcd",)}
STATE = json.dumps({"version": 4, "resources": [{"name": "service"}]})
EMPTY = json.dumps({"version": 4, "resources": []})


def to_delete(**options: Any) -> Stack:
    """The stage as `cws destroy` describes it, which knows of no archive."""
    return stack_of(Shop(), "dev", DeployOptions("unknown", **options), "")


def test_there_is_no_root_where_there_was_no_deploy(tmp_path: Path):
    assert kept_root(tmp_path / "dev", to_delete()) is None


@pytest.mark.parametrize("options", [{}, S3, CLOUD])
def test_the_root_of_a_deploy_is_kept_where_the_options_agree_or_say_nothing(options: dict[str, Any], tmp_path: Path):
    made = stack(**options)
    write_root(made, tmp_path)
    assert kept_root(tmp_path, to_delete()) == root(made)
    assert kept_root(tmp_path, to_delete(**options)) == root(made)


def test_a_root_that_no_deploy_wrote_gives_way_to_the_options(tmp_path: Path):
    write_root(to_delete(tf_bucket="wrong"), tmp_path)
    chosen = tmp_path / CHOSEN
    chosen.parent.mkdir()
    for options in ({"tf_bucket": "states"}, {}):
        chosen.write_text("{}")
        assert kept_root(tmp_path, to_delete(**options)) is None
        assert not chosen.exists()


@pytest.mark.parametrize(
    ("kept", "named", "told"),
    [
        ({}, S3, "the bucket 'states' (--tf-bucket), but the last deploy from here has it in a file beside the root"),
        (
            S3,
            {"tf_bucket": "other"},
            "the bucket 'other' (--tf-bucket), but the last deploy from here has it in the bucket 'states' "
            "(--tf-bucket)",
        ),
        (
            S3,
            CLOUD,
            "the workspace 'shop' of 'mine' (--terraform-cloud), but the last deploy from here has it in the bucket "
            "'states' (--tf-bucket)",
        ),
    ],
)
def test_another_place_of_the_state_is_refused_where_something_is_deployed(
    kept: dict[str, Any], named: dict[str, Any], told: str, tmp_path: Path
):
    write_root(stack(**kept), tmp_path)
    (tmp_path / "terraform.tfstate").write_text(STATE)
    with pytest.raises(CommandError) as caught:
        kept_root(tmp_path, to_delete(**named))
    assert str(caught.value) == (
        f"The state of the stage 'dev' is to be in {told}: leave that option out, or move {tmp_path}/main.tf.json away."
    )


@pytest.mark.parametrize("state", [None, "", EMPTY])
def test_the_option_counts_where_the_state_of_a_deploy_knows_of_nothing(state: str | None, tmp_path: Path):
    write_root(stack(), tmp_path)
    if state is not None:
        (tmp_path / "terraform.tfstate").write_text(state)
    assert kept_root(tmp_path, to_delete(**S3)) is None


def test_a_root_to_delete_with_looks_for_nothing_that_may_be_gone(tmp_path: Path):
    layer = "arn:aws:lambda:eu-west-1:935392763270:layer:mine"
    write_root(stack(layers=(layer,), domain="api.example.com", **VPC), tmp_path)
    written = json.loads((tmp_path / "main.tf.json").read_text())
    assert set(written["data"]) > {"aws_acm_certificate", "aws_lambda_layer_version"}
    kept = kept_root(tmp_path, to_delete())
    assert kept is not None
    assert set(kept["data"]) == {"aws_caller_identity", "aws_region"}
    assert not any(name in json.dumps(kept) for name in ("aws_acm_certificate", "aws_lambda_layer_version"))
    same = {name for name in written if kept[name] == written[name]}
    assert same == set(written) - {"data", "resource", "module"}
    write_root(stack(layers=(layer,)), tmp_path)
    alone = kept_root(tmp_path, to_delete())
    assert alone is not None
    assert "data" not in alone


def test_a_state_that_cannot_be_read_may_hold_something(tmp_path: Path):
    assert not holds_state(tmp_path)
    for text, holds in ((STATE, True), (EMPTY, False), ("", False), ("{", True), ("[]", True)):
        (tmp_path / "terraform.tfstate").write_text(text)
        assert holds_state(tmp_path) is holds


def test_a_state_goes_with_its_backup_once_it_knows_of_nothing(tmp_path: Path):
    state, backup = tmp_path / "terraform.tfstate", tmp_path / "terraform.tfstate.backup"
    backup.write_text(STATE)
    # The state is elsewhere: what is here is no business of ours.
    remove_state(tmp_path)
    assert backup.exists()
    state.write_text(STATE)
    remove_state(tmp_path)
    assert state.exists()
    assert backup.exists()
    state.write_text(EMPTY)
    remove_state(tmp_path)
    assert list(tmp_path.iterdir()) == []

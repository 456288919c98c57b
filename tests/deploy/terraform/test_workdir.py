"""The directory of a stage: what is written, what is kept, and what an earlier deploy left there."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from coworks_async.deploy.options import DeployOptions
from coworks_async.deploy.stack import Stack, create_stack
from coworks_async.deploy.terraform.root_module import create_root
from coworks_async.deploy.terraform.workdir import (
    BACKEND_FILE,
    ROOT_FILE,
    find_modules,
    find_user_files,
    has_resources,
    read_deployed_archive,
    read_deployed_root,
    remove_empty_state,
    replace_root,
    stage_directory,
    write_root,
)
from coworks_async.exceptions import CommandError, DeployError
from tests.deploy.stacks import Shop, stack


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_each_stage_has_a_directory_and_another_in_an_emulator():
    parent = Path("terraform")
    assert stage_directory(parent, "shop", "dev") == parent / "shop" / "dev"
    assert stage_directory(parent, "shop", "dev", emulator=True) == parent / "shop" / "dev+local"
    assert stage_directory(parent, "../a b", "dev") == parent / "---a-b-2c2c79" / "dev"


def test_the_root_module_is_sorted_and_reproducible_json(tmp_path: Path):
    write_root(stack(), tmp_path / "dev")
    text = (tmp_path / "dev" / "main.tf.json").read_text()
    assert text == json.dumps(create_root(stack()), indent=2, sort_keys=True) + "\n"
    write_root(stack(Shop()), tmp_path / "dev")
    assert (tmp_path / "dev" / "main.tf.json").read_text() == text


def test_only_the_called_modules_are_copied_without_examples(tmp_path: Path):
    write_root(stack(), tmp_path / "dev")
    assert names(tmp_path / "dev" / "modules") == {"rest_api"}
    assert names(tmp_path / "dev" / "modules" / "rest_api") == {
        *("main.tf", "variables.tf", "outputs.tf", "versions.tf", "routes"),
    }
    write_root(stack(gateway="http"), tmp_path / "dev")
    assert names(tmp_path / "dev" / "modules") == {"http_api"}
    write_root(stack(domain="api.example.com"), tmp_path / "dev")
    assert names(tmp_path / "dev" / "modules") == {"rest_api", "custom_domain"}
    assert names(tmp_path / "dev" / "modules" / "custom_domain") == {
        *("main.tf", "variables.tf", "outputs.tf", "versions.tf"),
    }


def test_the_root_module_contains_no_absolute_path(tmp_path: Path):
    write_root(stack(), tmp_path / "dev")
    assert str(tmp_path) not in (tmp_path / "dev" / "main.tf.json").read_text()


def test_user_files_are_copied_and_removed_once_the_user_deletes_them(tmp_path: Path):
    for name in ("main.tf", "queue.tf.json", "own.auto.tfvars", "terraform.tfvars", "notes.txt"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "other.tf").mkdir()
    user_files = find_user_files(tmp_path)
    assert [path.name for path in user_files] == ["main.tf", "own.auto.tfvars", "queue.tf.json", "terraform.tfvars"]
    folder = tmp_path / "shop" / "dev"
    write_root(stack(), folder, user_files)
    assert names(folder) == {"main.tf.json", "modules", *(path.name for path in user_files)}
    write_root(stack(), folder, user_files[:1])
    assert names(folder) == {"main.tf.json", "modules", "main.tf"}


def test_the_state_and_terraforms_data_are_kept(tmp_path: Path):
    folder = tmp_path / "dev"
    kept = ("terraform.tfstate", "terraform.tfstate.backup", ".terraform.lock.hcl", "terraform.log", "unfinished")
    folder.mkdir()
    (folder / ".terraform").mkdir()
    for name in kept:
        (folder / name).write_text(name)
    write_root(stack(), folder, override={"provider": {}})
    write_root(stack(), folder)
    assert names(folder) == {"main.tf.json", "modules", ".terraform", *kept}
    assert all((folder / name).read_text() == name for name in kept)


def test_git_ignores_the_directories_of_the_stages(tmp_path: Path):
    write_root(stack(), tmp_path / "shop" / "dev")
    assert (tmp_path / "shop" / ".gitignore").read_text() == "*\n"


def test_written_files_are_private(tmp_path: Path):
    own = tmp_path / "terraform.tfvars"
    own.write_text("")
    before = os.umask(0o022)
    try:
        write_root(stack(), tmp_path / "shop" / "dev", [own])
        assert os.umask(0o022) == 0o022, "the umask of the process is restored"
    finally:
        os.umask(before)
    written = [path for path in (tmp_path / "shop").rglob("*") if path.is_file()]
    assert len(written) > 5
    assert {path.stat().st_mode & 0o077 for path in written} == {0}
    assert (tmp_path / "shop" / "dev").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["main.tf.json", "Main.tf.json", "emulator_override.tf.json", "imports.tf.json"])
def test_a_user_file_that_would_be_overwritten_is_rejected(name: str, tmp_path: Path):
    (tmp_path / name).write_text("{}")
    with pytest.raises(CommandError, match=f"{name}: cws writes a file of this name itself. Rename it."):
        write_root(stack(), tmp_path / "shop" / "dev", find_user_files(tmp_path))
    assert not (tmp_path / "shop").exists()


def test_a_directory_that_cannot_be_created_is_named(tmp_path: Path):
    (tmp_path / "shop").write_text("a file")
    with pytest.raises(DeployError, match=r"Cannot write .*shop.*: "):
        write_root(stack(), tmp_path / "shop" / "dev")


def test_only_the_root_module_is_replaced(tmp_path: Path):
    write_root(stack(), tmp_path / "dev")
    before = names(tmp_path / "dev")
    replace_root(tmp_path / "dev", {"terraform": {}})
    assert (json.loads((tmp_path / "dev" / ROOT_FILE).read_text()), names(tmp_path / "dev")) == (
        {"terraform": {}},
        before,
    )
    with pytest.raises(DeployError, match=r"Cannot write .*nothere.*: "):
        replace_root(tmp_path / "nothere", {})


def test_the_modules_are_found_in_the_package_or_beside_it(tmp_path: Path):
    package = tmp_path / "coworks_async"
    package.mkdir()
    with pytest.raises(DeployError, match=r"The Terraform modules of coworks_async are missing\. Reinstall"):
        find_modules(package)
    beside, within = tmp_path / "terraform" / "modules", package / "terraform" / "modules"
    beside.mkdir(parents=True)
    assert find_modules(package) == beside
    within.mkdir(parents=True)
    assert find_modules(package) == within
    assert names(find_modules()) >= {"rest_api", "http_api", "custom_domain"}


S3 = {"tf_bucket": "states"}
CLOUD = {"terraform_cloud": "mine", "workspace": "shop"}
VPC: dict[str, Any] = {"subnets": ("subnet-0123abcd",), "security_groups": ("sg-0123abcd",)}
STATE = json.dumps({"version": 4, "resources": [{"name": "service"}]})
EMPTY = json.dumps({"version": 4, "resources": []})


def stack_to_destroy(**options: Any) -> Stack:
    """Create the stack as `cws destroy` does, without an archive."""
    return create_stack(Shop(), "dev", DeployOptions("unknown", **options))


def test_before_a_deploy_there_is_no_root_module(tmp_path: Path):
    assert read_deployed_root(tmp_path / "dev", stack_to_destroy()) is None


@pytest.mark.parametrize("options", [{}, S3, CLOUD])
def test_the_root_module_of_a_deploy_is_used_if_the_options_agree_with_it(options: dict[str, Any], tmp_path: Path):
    deployed = stack(**options)
    write_root(deployed, tmp_path)
    assert read_deployed_root(tmp_path, stack_to_destroy()) == create_root(deployed)
    assert read_deployed_root(tmp_path, stack_to_destroy(**options)) == create_root(deployed)


def test_a_root_module_without_an_archive_is_ignored(tmp_path: Path):
    write_root(stack_to_destroy(tf_bucket="wrong"), tmp_path)
    backend = tmp_path / BACKEND_FILE
    backend.parent.mkdir()
    for options in ({"tf_bucket": "states"}, {}):
        backend.write_text("{}")
        assert read_deployed_root(tmp_path, stack_to_destroy(**options)) is None
        assert not backend.exists()


@pytest.mark.parametrize(
    ("deployed", "requested", "message"),
    [
        ({}, S3, "the bucket 'states' (--tf-bucket), but the last deploy stored it in a local file"),
        (
            S3,
            {"tf_bucket": "other"},
            "the bucket 'other' (--tf-bucket), but the last deploy stored it in the bucket 'states' (--tf-bucket)",
        ),
        (
            S3,
            CLOUD,
            "the workspace 'shop' of 'mine' (--terraform-cloud), but the last deploy stored it in the bucket 'states' "
            "(--tf-bucket)",
        ),
    ],
)
def test_another_backend_than_that_of_the_deploy_is_rejected(
    deployed: dict[str, Any], requested: dict[str, Any], message: str, tmp_path: Path
):
    write_root(stack(**deployed), tmp_path)
    (tmp_path / "terraform.tfstate").write_text(STATE)
    with pytest.raises(CommandError) as caught:
        read_deployed_root(tmp_path, stack_to_destroy(**requested))
    assert str(caught.value) == (
        f"The options store the state of the stage 'dev' in {message}. Omit that option, or move "
        f"{tmp_path}/main.tf.json away."
    )


@pytest.mark.parametrize("state", [None, "", EMPTY])
def test_another_backend_is_accepted_if_the_local_state_is_empty(state: str | None, tmp_path: Path):
    write_root(stack(), tmp_path)
    if state is not None:
        (tmp_path / "terraform.tfstate").write_text(state)
    assert read_deployed_root(tmp_path, stack_to_destroy(**S3)) is None


def test_lookups_of_certificate_and_layers_are_removed_to_destroy(tmp_path: Path):
    layer = "arn:aws:lambda:eu-west-1:935392763270:layer:mine"
    write_root(stack(layers=(layer,), domain="api.example.com", **VPC), tmp_path)
    written = json.loads((tmp_path / "main.tf.json").read_text())
    assert set(written["data"]) > {"aws_acm_certificate", "aws_lambda_layer_version"}
    root = read_deployed_root(tmp_path, stack_to_destroy())
    assert root is not None
    assert set(root["data"]) == {"aws_caller_identity", "aws_region"}
    assert not any(name in json.dumps(root) for name in ("aws_acm_certificate", "aws_lambda_layer_version"))
    same = {name for name in written if root[name] == written[name]}
    assert same == set(written) - {"data", "resource", "module"}
    write_root(stack(layers=(layer,)), tmp_path)
    without_data = read_deployed_root(tmp_path, stack_to_destroy())
    assert without_data is not None
    assert "data" not in without_data


def test_an_unreadable_state_may_contain_resources(tmp_path: Path):
    assert not has_resources(tmp_path)
    for text, expected in ((STATE, True), (EMPTY, False), ("", False), ("{", True), ("[]", True)):
        (tmp_path / "terraform.tfstate").write_text(text)
        assert has_resources(tmp_path) is expected


def test_an_empty_state_is_deleted_with_its_backup(tmp_path: Path):
    state, backup = tmp_path / "terraform.tfstate", tmp_path / "terraform.tfstate.backup"
    backup.write_text(STATE)
    # The state is not local.
    remove_empty_state(tmp_path)
    assert backup.exists()
    state.write_text(STATE)
    remove_empty_state(tmp_path)
    assert state.exists()
    assert backup.exists()
    state.write_text(EMPTY)
    remove_empty_state(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_archive_of_a_deploy_is_read_from_its_root_module(tmp_path: Path):
    assert read_deployed_archive(tmp_path) is None
    write_root(stack(), tmp_path / "dev")
    assert read_deployed_archive(tmp_path / "dev") == ("archives", "shop/0f3a.zip")
    write_root(stack_to_destroy(), tmp_path / "dev")
    assert read_deployed_archive(tmp_path / "dev") is None

"""The folder of a stage."""

import json
import os
from pathlib import Path

import pytest

from coworks_async.deploy.terraform.root_module import root
from coworks_async.deploy.terraform.workdir import (
    ROOT,
    modules_directory,
    own_files,
    replace_root,
    stage_folder,
    write_root,
)
from coworks_async.exceptions import CommandError, DeployError
from tests.deploy.stacks import Shop, stack


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_each_stage_has_a_folder_of_its_own_and_an_emulators_another():
    place = Path("terraform")
    assert stage_folder(place, "shop", "dev") == place / "shop" / "dev"
    assert stage_folder(place, "shop", "dev", local=True) == place / "shop" / "dev+local"
    assert stage_folder(place, "../a b", "dev") == place / "---a-b-2c2c79" / "dev"


def test_the_root_is_sorted_json_and_the_same_each_time(tmp_path: Path):
    write_root(stack(), tmp_path / "dev")
    text = (tmp_path / "dev" / "main.tf.json").read_text()
    assert text == json.dumps(root(stack()), indent=2, sort_keys=True) + "\n"
    write_root(stack(Shop()), tmp_path / "dev")
    assert (tmp_path / "dev" / "main.tf.json").read_text() == text


def test_only_the_modules_that_are_called_are_copied_without_their_examples(tmp_path: Path):
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


def test_nothing_in_the_root_is_an_absolute_path(tmp_path: Path):
    write_root(stack(), tmp_path / "dev")
    assert str(tmp_path) not in (tmp_path / "dev" / "main.tf.json").read_text()


def test_files_of_the_users_own_are_placed_beside_the_root_and_taken_away_when_they_are_gone(tmp_path: Path):
    for name in ("main.tf", "queue.tf.json", "own.auto.tfvars", "terraform.tfvars", "notes.txt"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "other.tf").mkdir()
    own = own_files(tmp_path)
    assert [path.name for path in own] == ["main.tf", "own.auto.tfvars", "queue.tf.json", "terraform.tfvars"]
    folder = tmp_path / "shop" / "dev"
    write_root(stack(), folder, own)
    assert names(folder) == {"main.tf.json", "modules", *(path.name for path in own)}
    write_root(stack(), folder, own[:1])
    assert names(folder) == {"main.tf.json", "modules", "main.tf"}


def test_state_and_what_terraform_keeps_stay_when_the_root_is_written_anew(tmp_path: Path):
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


def test_git_ignores_the_folders_of_the_services_stages(tmp_path: Path):
    write_root(stack(), tmp_path / "shop" / "dev")
    assert (tmp_path / "shop" / ".gitignore").read_text() == "*\n"


def test_only_the_owner_may_read_what_is_written(tmp_path: Path):
    own = tmp_path / "terraform.tfvars"
    own.write_text("")
    before = os.umask(0o022)
    try:
        write_root(stack(), tmp_path / "shop" / "dev", [own])
        assert os.umask(0o022) == 0o022, "the process has its own umask again"
    finally:
        os.umask(before)
    written = [path for path in (tmp_path / "shop").rglob("*") if path.is_file()]
    assert len(written) > 5
    assert {path.stat().st_mode & 0o077 for path in written} == {0}
    assert (tmp_path / "shop" / "dev").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["main.tf.json", "Main.tf.json", "emulator_override.tf.json", "adoption.tf.json"])
def test_a_users_file_that_would_be_overwritten_is_refused_by_its_name(name: str, tmp_path: Path):
    (tmp_path / name).write_text("{}")
    with pytest.raises(CommandError, match=f"{name} has a name that cws writes itself"):
        write_root(stack(), tmp_path / "shop" / "dev", own_files(tmp_path))
    assert not (tmp_path / "shop").exists()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path):
    (tmp_path / "shop").write_text("a file")
    with pytest.raises(DeployError, match=r"shop.* cannot be written: "):
        write_root(stack(), tmp_path / "shop" / "dev")


def test_a_root_is_replaced_alone(tmp_path: Path):
    write_root(stack(), tmp_path / "dev")
    before = names(tmp_path / "dev")
    replace_root(tmp_path / "dev", {"terraform": {}})
    assert (json.loads((tmp_path / "dev" / ROOT).read_text()), names(tmp_path / "dev")) == ({"terraform": {}}, before)
    with pytest.raises(DeployError, match=r"nothere.* cannot be written: "):
        replace_root(tmp_path / "nothere", {})


def test_the_modules_are_found_in_the_package_and_else_beside_it(tmp_path: Path):
    package = tmp_path / "coworks_async"
    package.mkdir()
    with pytest.raises(DeployError, match="The Terraform modules are missing beside coworks_async"):
        modules_directory(package)
    beside, within = tmp_path / "terraform" / "modules", package / "terraform" / "modules"
    beside.mkdir(parents=True)
    assert modules_directory(package) == beside
    within.mkdir(parents=True)
    assert modules_directory(package) == within
    assert names(modules_directory()) >= {"rest_api", "http_api", "custom_domain"}

"""A root is checked without access to anything, by an older provider where the right one cannot be had."""

from pathlib import Path

import pytest

from coworks_async.deploy.terraform.runner import Terraform, find_terraform
from coworks_async.deploy.terraform.validation import validate
from coworks_async.deploy.terraform.workdir import write_root
from coworks_async.exceptions import DeployError
from tests.deploy.stacks import stack
from tests.deploy.stages import Stage, data, stage_in
from tests.deploy.toolchain import Toolchain


def terraform_in(folder: Path, toolchain: Toolchain) -> Terraform:
    found = toolchain.environment()
    return Terraform(find_terraform("terraform", found), folder, {}, folder / "terraform.log")


def test_a_root_whose_providers_are_there_is_checked_as_it_is(tmp_path: Path, toolchain: Toolchain):
    stage: Stage = stage_in(tmp_path, toolchain)
    stage.write(resource=data(one={"input": "1"}))
    assert validate(stage.terraform()) == []
    stage.write(resource={"terraform_data": {"one": {"imput": "1"}}})
    with pytest.raises(DeployError, match="imput"):
        validate(stage.terraform())


def test_an_older_provider_checks_what_it_knows_and_leaves_no_trace_for_the_deploy(
    tmp_path: Path, toolchain: Toolchain
):
    write_root(stack(), tmp_path / "dev")
    before = {path.name for path in (tmp_path / "dev").iterdir()}
    assert validate(terraform_in(tmp_path / "dev", toolchain)) == [
        "The provider that it asks for cannot be had here; an older one checked all that it knows."
    ]
    assert {path.name for path in (tmp_path / "dev").iterdir()} <= before | {".terraform", "terraform.log"}


def test_without_any_provider_it_is_the_one_line_of_the_first_try(
    tmp_path: Path, toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch
):
    write_root(stack(region="eu-west-1"), tmp_path / "dev")
    (tmp_path / "empty").mkdir()
    config = tmp_path / "terraformrc"
    config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{tmp_path}/empty"\n  }}\n}}\n')
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(config))
    with pytest.raises(DeployError, match="terraform cannot install a provider") as raised:
        validate(terraform_in(tmp_path / "dev", toolchain))
    assert raised.value.log == tmp_path / "dev" / "terraform.log"

"""A real Terraform in the directory of a stage: plans, changes, outputs, log, errors, validation."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from coworks_async.deploy.terraform.errors import Diagnostic
from coworks_async.deploy.terraform.output import (
    ChangeFinished,
    ChangeStarted,
    PlannedChange,
    PlanSummary,
    TerraformEvent,
)
from coworks_async.deploy.terraform.runner import Terraform, find_terraform, private_directory, validate_root
from coworks_async.deploy.terraform.workdir import write_root
from coworks_async.exceptions import DeployError
from tests.deploy.stacks import stack
from tests.deploy.terraform_stages import SECRET, TerraformStage, apply, command, create_stage, data
from tests.deploy.toolchain import Toolchain


@pytest.fixture
def stage(tmp_path: Path, toolchain: Toolchain) -> TerraformStage:
    return create_stage(tmp_path, toolchain)


def test_a_plan_describes_changes_and_makes_none(stage: TerraformStage, tmp_path: Path):
    stage.write(resource=data(b={"for_each": {"GET /": ""}}, a={}), output={"id": {"value": "x"}})
    terraform = stage.terraform()
    terraform.validate()
    plan = terraform.plan(tmp_path / "plan")
    assert plan.summary == PlanSummary(2, 0, 0)
    assert plan.changes == (
        PlannedChange("create", "terraform_data.a"),
        PlannedChange("create", 'terraform_data.b["GET /"]'),
    )
    assert plan.describe() == ["create   terraform_data.a", 'create   terraform_data.b["GET /"]']
    assert not plan.is_empty
    assert stage.addresses() == []
    assert terraform.outputs() == {}


def test_apply_makes_the_changes_and_the_next_plan_is_empty(stage: TerraformStage, tmp_path: Path):
    stage.write(resource=data(a={}), output={"id": {"value": "x"}})
    terraform = stage.terraform()
    plan = terraform.plan(tmp_path / "plan")
    events: list[TerraformEvent] = []
    terraform.apply(plan, events.append)
    assert stage.addresses() == ["terraform_data.a"]
    assert terraform.outputs() == {"id": "x"}
    assert [event for event in events if not isinstance(event, PlannedChange)] == [
        PlanSummary(1, 0, 0),
        ChangeStarted("create", "terraform_data.a"),
        ChangeFinished("create", "terraform_data.a"),
    ]
    again = terraform.plan(tmp_path / "again")
    assert (again.is_empty, again.summary.total, again.changes) == (True, 0, ())
    stage.write(resource=data(a={}), output={"id": {"value": "x"}, "new": {"value": "y"}})
    new_output = terraform.plan(tmp_path / "plan")
    assert (new_output.is_empty, new_output.summary.total) == (False, 0)


def test_a_plan_may_be_limited_to_targets_or_delete_everything(stage: TerraformStage, tmp_path: Path):
    stage.write(resource=data(a={}, b={}))
    terraform = stage.terraform()
    events: list[TerraformEvent] = []
    plan = terraform.plan(tmp_path / "plan", targets=("terraform_data.b",), on_event=events.append)
    assert plan.changes == (PlannedChange("create", "terraform_data.b"),)
    terraform.apply(plan, events.append)
    # Terraform's warnings about targets are not forwarded.
    assert not [event for event in events if isinstance(event, Diagnostic)]
    assert terraform.plan(tmp_path / "plan").changes == (PlannedChange("create", "terraform_data.a"),)
    deletion = terraform.plan(tmp_path / "plan", destroy=True)
    assert deletion.changes == (PlannedChange("delete", "terraform_data.b"),)
    terraform.apply(deletion)
    assert stage.addresses() == []


def test_a_replacement_is_two_changes(stage: TerraformStage, tmp_path: Path):
    stage.write(resource=data(a={"triggers_replace": "1"}))
    terraform = stage.terraform()
    apply(terraform, tmp_path)
    stage.write(resource=data(a={"triggers_replace": "2"}))
    events: list[TerraformEvent] = []
    plan = terraform.plan(tmp_path / "plan")
    terraform.apply(plan, events.append)
    assert plan.changes == (PlannedChange("replace", "terraform_data.a"),)
    assert len([event for event in events if isinstance(event, ChangeFinished)]) == plan.summary.total == 2


def test_a_warning_is_forwarded_once(stage: TerraformStage, tmp_path: Path):
    stage.write(resource=data(a={}))
    (stage.directory / "terraform.tfvars").write_text('absent = "x"\n')
    terraform = stage.terraform()
    events: list[TerraformEvent] = []
    for _ in range(2):
        terraform.plan(tmp_path / "plan", on_event=events.append)
    warnings = [event for event in events if isinstance(event, Diagnostic)]
    assert [(each.severity, each.summary) for each in warnings] == [("warning", "Value for undeclared variable")]


def test_the_log_contains_no_secret_and_all_files_are_private(stage: TerraformStage):
    stage.write(
        variable={"environment": {"type": "string", "sensitive": True}},
        resource=data(
            a={"input": "${var.environment}"},
            failing={"input": "${var.environment}", "provisioner": command("exit 3 # ${var.environment}")},
        ),
        output={"secret": {"value": "${var.environment}", "sensitive": True}, "open": {"value": 1}},
    )
    terraform = stage.terraform(secrets=[SECRET], TF_VAR_environment=SECRET)
    with private_directory(stage.directory) as private:
        assert private.stat().st_mode & 0o777 == 0o700
        plan = terraform.plan(private / "plan")
        assert plan.file.stat().st_mode & 0o777 == 0o600
        assert SECRET not in "".join(plan.describe())
        with pytest.raises(DeployError) as failure:
            terraform.apply(plan)
    # Terraform quotes the command.
    assert "Error running command 'exit 3 # (sensitive value)'" in str(failure.value)
    assert terraform.outputs() == {"open": 1}
    assert stage.addresses() == ["terraform_data.a", "terraform_data.failing"]
    assert SECRET not in stage.log.read_text()
    # Only the state, which Terraform writes, contains the secret.
    assert SECRET in (stage.directory / "terraform.tfstate").read_text()
    assert not private.exists()
    for file in (stage.log, stage.directory / "terraform.tfstate"):
        assert file.stat().st_mode & 0o777 == 0o600


def test_the_log_is_private_and_only_of_this_run(stage: TerraformStage, tmp_path: Path):
    stage.write(resource=data(a={}))
    stage.log.write_text("of an earlier run")
    stage.log.chmod(0o644)
    terraform = stage.terraform()
    terraform.plan(tmp_path / "plan")
    terraform.outputs()
    text = stage.log.read_text()
    assert text.startswith("$ terraform init -backend=true -input=false\n")
    assert "Terraform has been successfully initialized!" in text
    assert "\n$ terraform plan -json " in text
    assert '"type":"change_summary"' in text
    assert text.endswith("$ terraform output -json\n")
    assert "earlier" not in text
    assert stage.log.stat().st_mode & 0o777 == 0o600


def test_a_failure_reports_its_cause_and_the_number_of_changes_made(stage: TerraformStage, tmp_path: Path):
    stage.write(
        resource=data(
            a={},
            b={"depends_on": ["terraform_data.a"], "provisioner": command("exit 3")},
            c={"depends_on": ["terraform_data.b"]},
        )
    )
    with pytest.raises(DeployError) as failure:
        apply(stage.terraform(), tmp_path)
    assert str(failure.value) == (
        "local-exec provisioner error: Error running command 'exit 3': exit status 3 (terraform_data.b). "
        "1 of 3 changes were made. Run the same command again to continue."
    )
    assert failure.value.log == stage.log


def test_an_error_in_a_file_is_reported_with_its_line(stage: TerraformStage):
    stage.write(resource=data(a={}))
    terraform = stage.terraform()
    (stage.directory / "own.tf").write_text('\noutput "x" {\n  value = absent.thing\n}\n')
    with pytest.raises(DeployError) as failure:
        terraform.validate()
    assert str(failure.value).startswith('Reference to undeclared resource: A managed resource "absent" "thing" has')
    assert str(failure.value).endswith("(own.tf line 3).")


def test_a_provider_that_cannot_be_installed_is_named(stage: TerraformStage, tmp_path: Path):
    stage.write(terraform={"required_providers": {"random": {"source": "hashicorp/random"}}})
    with pytest.raises(DeployError, match=r"terraform cannot install a provider \(hashicorp/random\)"):
        stage.terraform(TF_CLI_CONFIG_FILE=str(config_with_empty_mirror(tmp_path)))


def config_with_empty_mirror(directory: Path) -> Path:
    mirror, config = directory / "mirror", directory / "terraformrc"
    mirror.mkdir()
    config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
    return config


def test_a_changed_backend_is_reported_with_the_remedy(stage: TerraformStage):
    stage.write(terraform={"backend": {"local": {"path": "a.tfstate"}}})
    stage.terraform()
    stage.write(terraform={"backend": {"local": {"path": "b.tfstate"}}})
    terraform = Terraform(stage.program, stage.directory, {}, stage.log)
    with pytest.raises(DeployError) as failure:
        terraform.init()
    assert f"`terraform init -migrate-state` in {stage.directory}" in str(failure.value)
    # Only the state depends on the backend.
    terraform.init(backend=False)


def test_a_locked_state_is_reported_with_its_holder(stage: TerraformStage, tmp_path: Path):
    stage.write(resource=data(a={"provisioner": command("touch begun; while [ ! -e go ]; do sleep 0.05; done")}))
    terraform = stage.terraform()
    plan = terraform.plan(tmp_path / "plan")
    other = [str(stage.program.path), "apply", "-input=false", str(plan.file)]
    with subprocess.Popen(other, cwd=stage.directory, stdout=subprocess.DEVNULL) as holder:
        while not (stage.directory / "begun").exists():
            assert holder.poll() is None
        with pytest.raises(DeployError, match=r"^The state is locked by .+@.+ since 20.{17} UTC\. Another terraform"):
            terraform.plan(tmp_path / "other")
        (stage.directory / "go").touch()
    assert holder.returncode == 0


def test_a_query_that_fails_is_an_error(stage: TerraformStage):
    stage.write(resource=data(a={}))
    terraform = stage.terraform()
    (stage.directory / "terraform.tfstate").write_text("no state")
    with pytest.raises(DeployError, match="The state file could not be parsed as JSON") as failure:
        terraform.outputs()
    assert failure.value.log == stage.log


def test_terraform_settings_of_the_user_do_not_change_what_runs(
    stage: TerraformStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, value in {
        "TF_CLI_ARGS": "-absent",
        "TF_CLI_ARGS_plan": "-target=terraform_data.absent",
        "TF_WORKSPACE": "other",
        "TF_DATA_DIR": str(tmp_path / "data"),
        "TF_LOG": "trace",
        "TF_LOG_PATH": str(tmp_path / "trace"),
        "TF_VAR_own": "mine",
    }.items():
        monkeypatch.setenv(name, value)
    stage.write(variable={"own": {"type": "string"}}, resource=data(a={}), output={"own": {"value": "${var.own}"}})
    terraform = stage.terraform()
    apply(terraform, tmp_path)
    assert stage.addresses() == ["terraform_data.a"]
    assert terraform.outputs() == {"own": "mine"}
    assert "[TRACE]" not in stage.log.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plan", "stage"]
    assert os.environ["TF_LOG"] == "trace"


def terraform_in(directory: Path, toolchain: Toolchain) -> Terraform:
    program = find_terraform("terraform", toolchain.environment())
    return Terraform(program, directory, {}, directory / "terraform.log")


def test_a_root_module_is_validated_by_its_providers(stage: TerraformStage):
    stage.write(resource=data(one={"input": "1"}))
    assert validate_root(stage.terraform()) == []
    stage.write(resource=data(one={"imput": "1"}))
    with pytest.raises(DeployError, match="imput"):
        validate_root(stage.terraform())


@pytest.mark.parametrize("state", [{}, {"tf_bucket": "states"}, {"terraform_cloud": "team"}])
def test_an_older_provider_validates_what_it_knows_and_is_not_recorded(
    state: dict[str, Any], tmp_path: Path, toolchain: Toolchain
):
    write_root(stack(snap_start=True, **state), tmp_path / "dev")
    before = {path.name for path in (tmp_path / "dev").iterdir()}
    assert validate_root(terraform_in(tmp_path / "dev", toolchain)) == [
        "Provider 6.x is not available here; validated with 3.39.0, which does not know: architectures, snap_start."
    ]
    assert {path.name for path in (tmp_path / "dev").iterdir()} <= before | {".terraform", "terraform.log"}


def test_without_any_provider_the_first_error_is_raised(
    tmp_path: Path, toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch
):
    write_root(stack(region="eu-west-1"), tmp_path / "dev")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(config_with_empty_mirror(tmp_path)))
    with pytest.raises(DeployError, match="terraform cannot install a provider") as caught:
        validate_root(terraform_in(tmp_path / "dev", toolchain))
    assert caught.value.log == tmp_path / "dev" / "terraform.log"

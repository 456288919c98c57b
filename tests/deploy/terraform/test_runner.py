"""A real Terraform, run in a stage's folder: plans, changes, outputs, the log, and errors."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from coworks_async.deploy.terraform.events import Change, Counts, Diagnostic, Event, Finished, Started
from coworks_async.deploy.terraform.runner import Plan, Terraform, private_folder
from coworks_async.exceptions import DeployError
from tests.deploy.stages import SECRET, Stage, command, data, stage_in
from tests.deploy.toolchain import Toolchain


@pytest.fixture
def stage(tmp_path: Path, toolchain: Toolchain) -> Stage:
    return stage_in(tmp_path, toolchain)


def deploy(terraform: Terraform, private: Path) -> Plan:
    plan = terraform.plan(private / "plan")
    terraform.apply(plan)
    return plan


def test_a_plan_tells_what_would_change_and_changes_nothing(stage: Stage, tmp_path: Path) -> None:
    stage.write(resource=data(b={"for_each": {"GET /": ""}}, a={}), output={"id": {"value": "x"}})
    terraform = stage.terraform()
    terraform.validate()
    plan = terraform.plan(tmp_path / "plan")
    assert plan.counts == Counts(2, 0, 0)
    assert plan.changes == (
        Change("create", "terraform_data.a"),
        Change("create", 'terraform_data.b["GET /"]'),
    )
    assert plan.words() == ["create   terraform_data.a", 'create   terraform_data.b["GET /"]']
    assert not plan.is_empty
    assert terraform.addresses() == []
    assert terraform.outputs() == {}


def test_applying_makes_the_changes_and_the_next_plan_is_empty(stage: Stage, tmp_path: Path) -> None:
    stage.write(resource=data(a={}), output={"id": {"value": "x"}})
    terraform = stage.terraform()
    plan = terraform.plan(tmp_path / "plan")
    events: list[Event] = []
    terraform.apply(plan, events.append)
    assert terraform.addresses() == ["terraform_data.a"]
    assert terraform.outputs() == {"id": "x"}
    assert [event for event in events if not isinstance(event, Change)] == [
        Counts(1, 0, 0),
        Started("create", "terraform_data.a"),
        Finished("create", "terraform_data.a"),
    ]
    again = terraform.plan(tmp_path / "again")
    assert (again.is_empty, again.counts.total, again.changes) == (True, 0, ())


def test_a_new_output_alone_is_a_plan_that_is_not_empty(stage: Stage, tmp_path: Path) -> None:
    stage.write(resource=data(a={}))
    deploy(stage.terraform(), tmp_path)
    stage.write(resource=data(a={}), output={"id": {"value": "x"}})
    plan = stage.terraform().plan(tmp_path / "plan")
    assert (plan.is_empty, plan.counts.total) == (False, 0)


def test_a_plan_may_be_limited_to_targets_or_delete_all(stage: Stage, tmp_path: Path) -> None:
    stage.write(resource=data(a={}, b={}))
    terraform = stage.terraform()
    events: list[Event] = []
    plan = terraform.plan(tmp_path / "plan", targets=("terraform_data.b",), watch=events.append)
    assert plan.changes == (Change("create", "terraform_data.b"),)
    terraform.apply(plan, events.append)
    # What Terraform warns of where there are targets is what was asked for.
    assert not [event for event in events if isinstance(event, Diagnostic)]
    assert terraform.plan(tmp_path / "plan", refresh=False).changes == (Change("create", "terraform_data.a"),)
    deletion = terraform.plan(tmp_path / "plan", destroy=True)
    assert deletion.changes == (Change("delete", "terraform_data.b"),)
    terraform.apply(deletion)
    assert terraform.addresses() == []


def test_a_replacement_is_two_changes(stage: Stage, tmp_path: Path) -> None:
    stage.write(resource=data(a={"triggers_replace": "1"}))
    terraform = stage.terraform()
    deploy(terraform, tmp_path)
    stage.write(resource=data(a={"triggers_replace": "2"}))
    events: list[Event] = []
    plan = terraform.plan(tmp_path / "plan")
    terraform.apply(plan, events.append)
    assert plan.changes == (Change("replace", "terraform_data.a"),)
    assert len([event for event in events if isinstance(event, Finished)]) == plan.counts.total == 2


def test_a_warning_is_told_once(stage: Stage, tmp_path: Path) -> None:
    stage.write(resource=data(a={}))
    (stage.directory / "terraform.tfvars").write_text('absent = "x"\n')
    terraform = stage.terraform()
    events: list[Event] = []
    for _ in range(2):
        terraform.plan(tmp_path / "plan", watch=events.append)
    warnings = [event for event in events if isinstance(event, Diagnostic)]
    assert [(each.severity, each.summary) for each in warnings] == [("warning", "Value for undeclared variable")]


def test_a_secret_is_in_no_log_and_all_files_are_private(stage: Stage) -> None:
    stage.write(
        variable={"environment": {"type": "string", "sensitive": True}},
        resource=data(
            a={"input": "${var.environment}"},
            failing={"input": "${var.environment}", "provisioner": command("exit 3 # ${var.environment}")},
        ),
        output={"secret": {"value": "${var.environment}", "sensitive": True}, "open": {"value": 1}},
    )
    terraform = stage.terraform(secrets=[SECRET], TF_VAR_environment=SECRET)
    with private_folder(stage.directory) as private:
        assert private.stat().st_mode & 0o777 == 0o700
        plan = terraform.plan(private / "plan")
        assert plan.file.stat().st_mode & 0o777 == 0o600
        assert SECRET not in "".join(plan.words())
        with pytest.raises(DeployError) as failure:
            terraform.apply(plan)
    # Terraform itself tells the command.
    assert "Error running command 'exit 3 # (sensitive value)'" in str(failure.value)
    assert terraform.outputs() == {"open": 1}
    assert terraform.addresses() == ["terraform_data.a", "terraform_data.failing"]
    assert SECRET not in stage.log.read_text()
    # Both are files of Terraform's own, where the secret is.
    assert SECRET in (stage.directory / "terraform.tfstate").read_text()
    assert not private.exists()
    for file in (stage.log, stage.directory / "terraform.tfstate"):
        assert file.stat().st_mode & 0o777 == 0o600


def test_the_log_holds_one_run_and_becomes_private(stage: Stage, tmp_path: Path) -> None:
    stage.write(resource=data(a={}))
    stage.log.write_text("of an earlier run")
    stage.log.chmod(0o644)
    terraform = stage.terraform()
    terraform.plan(tmp_path / "plan")
    terraform.addresses()
    text = stage.log.read_text()
    assert text.startswith("$ terraform init -backend=true -input=false\n")
    assert "Terraform has been successfully initialized!" in text
    assert "\n$ terraform plan -json " in text
    assert '"type":"change_summary"' in text
    assert "$ terraform state list\nNo state file was found!" in text
    assert "earlier" not in text
    assert stage.log.stat().st_mode & 0o777 == 0o600


def test_a_failure_tells_its_cause_where_and_how_many_changes_were_made(stage: Stage, tmp_path: Path) -> None:
    stage.write(
        resource=data(
            a={},
            b={"depends_on": ["terraform_data.a"], "provisioner": command("exit 3")},
            c={"depends_on": ["terraform_data.b"]},
        )
    )
    with pytest.raises(DeployError) as failure:
        deploy(stage.terraform(), tmp_path)
    assert str(failure.value) == (
        "local-exec provisioner error: Error running command 'exit 3': exit status 3 (terraform_data.b). "
        "1 of 3 changes were made; the same command goes on from there."
    )
    assert failure.value.log == stage.log


def test_a_mistake_in_a_file_is_told_with_its_line(stage: Stage) -> None:
    stage.write(resource=data(a={}))
    terraform = stage.terraform()
    (stage.directory / "own.tf").write_text('\noutput "x" {\n  value = absent.thing\n}\n')
    with pytest.raises(DeployError) as failure:
        terraform.validate()
    assert str(failure.value).startswith('Reference to undeclared resource: A managed resource "absent" "thing" has')
    assert str(failure.value).endswith("(own.tf line 3).")


def test_a_provider_that_cannot_be_installed_is_named(stage: Stage, tmp_path: Path) -> None:
    stage.write(terraform={"required_providers": {"random": {"source": "hashicorp/random"}}})
    config = tmp_path / "rc"
    (tmp_path / "mirror").mkdir()
    config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n path = "{tmp_path / "mirror"}"\n }}\n}}\n')
    with pytest.raises(DeployError, match=r"terraform cannot install a provider \(hashicorp/random\)"):
        stage.terraform(TF_CLI_CONFIG_FILE=str(config))


def test_a_state_that_has_moved_is_told_with_the_remedy(stage: Stage) -> None:
    stage.write(terraform={"backend": {"local": {"path": "a.tfstate"}}})
    stage.terraform()
    stage.write(terraform={"backend": {"local": {"path": "b.tfstate"}}})
    terraform = Terraform(stage.program, stage.directory, {}, stage.log)
    with pytest.raises(DeployError) as failure:
        terraform.init()
    assert f"`terraform init -migrate-state` in {stage.directory}" in str(failure.value)
    # Which nothing but the state depends on.
    terraform.init(backend=False)


def test_a_state_in_use_is_told_with_who_holds_it(stage: Stage, tmp_path: Path) -> None:
    stage.write(resource=data(a={"provisioner": command("touch begun; while [ ! -e go ]; do sleep 0.05; done")}))
    terraform = stage.terraform()
    plan = terraform.plan(tmp_path / "plan")
    other = [str(stage.program.path), "apply", "-input=false", str(plan.file)]
    with subprocess.Popen(other, cwd=stage.directory, stdout=subprocess.DEVNULL) as holder:
        while not (stage.directory / "begun").exists():
            assert holder.poll() is None
        with pytest.raises(DeployError, match=r"^The state is locked by .+@.+ since 20.{17} UTC: another terraform is"):
            terraform.plan(tmp_path / "other")
        (stage.directory / "go").touch()
    assert holder.returncode == 0


def test_a_state_that_cannot_be_read_is_an_error_and_no_empty_list(stage: Stage) -> None:
    stage.write(resource=data(a={}))
    terraform = stage.terraform()
    (stage.directory / "terraform.tfstate").write_text("no state")
    with pytest.raises(DeployError, match="The state file could not be parsed as JSON") as failure:
        terraform.addresses()
    assert failure.value.log == stage.log


def test_the_users_own_settings_of_terraform_do_not_change_what_is_run(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    deploy(terraform, tmp_path)
    assert terraform.addresses() == ["terraform_data.a"]
    assert terraform.outputs() == {"own": "mine"}
    assert json.loads((stage.directory / "terraform.tfstate").read_text())["outputs"]["own"]["value"] == "mine"
    assert "[TRACE]" not in stage.log.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plan", "stage"]
    assert os.environ["TF_LOG"] == "trace"

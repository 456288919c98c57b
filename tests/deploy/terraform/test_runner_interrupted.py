"""Ctrl-C while Terraform runs, in real processes: what remains, and how the next deploy continues."""

import os
import signal
import sys
from pathlib import Path

import pytest

from coworks_async.deploy.terraform.process import FINISHING, KILLED, WARNING
from coworks_async.deploy.terraform.runner import Program, private_directory
from tests.cli.processes import until
from tests.deploy.deploy_processes import deploy_process, interrupt
from tests.deploy.terraform_stages import TerraformStage, command, create_stage, data
from tests.deploy.toolchain import Toolchain
from tests.tools import PATIENCE

WAIT_FOR_GO = command("touch begun; while [ ! -e go ]; do sleep 0.05; done")

# The second change waits for the file `go`.
RESOURCES = data(
    a={},
    b={"depends_on": ["terraform_data.a"], "provisioner": WAIT_FOR_GO},
    c={"depends_on": ["terraform_data.b"]},
)


@pytest.fixture
def stage(tmp_path: Path, toolchain: Toolchain) -> TerraformStage:
    stage = create_stage(tmp_path, toolchain)
    stage.write(resource=RESOURCES)
    return stage


def deploy_again(stage: TerraformStage, toolchain: Toolchain) -> None:
    """Deploy without waiting, and check that everything exists."""
    (stage.directory / "go").touch()
    with deploy_process(stage.directory, {"PATH": toolchain.path}) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert (out, err) == ("done\n", "")
    assert stage.addresses() == ["terraform_data.a", "terraform_data.b", "terraform_data.c"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_the_first_signal_leaves_a_complete_state_and_the_next_deploy_continues(
    number: int, stage: TerraformStage, toolchain: Toolchain
):
    with deploy_process(stage.directory, {"PATH": toolchain.path}) as process:
        until((stage.directory / "begun").exists)
        assert interrupt(process, number) == FINISHING
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, "")
    assert err == "Error: Interrupted. 1 of 3 changes were made. Run the same command again to continue.\n"
    assert {resource["name"] for resource in stage.state()} == {"a", "b"}
    assert "Gracefully shutting down" in stage.log.read_text()
    assert sorted(path.name for path in stage.directory.iterdir()) == [
        "begun",
        "main.tf.json",
        "terraform.log",
        "terraform.tfstate",
    ]
    deploy_again(stage, toolchain)


def test_a_signal_after_the_last_change_reports_that_all_are_made(stage: TerraformStage, toolchain: Toolchain):
    stage.write(resource=data(b={"provisioner": WAIT_FOR_GO}))
    with deploy_process(stage.directory, {"PATH": toolchain.path}) as process:
        until((stage.directory / "begun").exists)
        # Only the process: in its group the signal would end the provisioner too.
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(process.pid, signal.SIGSTOP)
        os.kill(process.pid, signal.SIGINT)
        (stage.directory / "go").touch()
        until(lambda: process_state(child) == "Z")
        os.kill(process.pid, signal.SIGCONT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, f"{FINISHING}\n")
    assert err == "Error: Interrupted. All changes were made.\n"
    assert "Apply complete! Resources: 1 added" in stage.log.read_text()


def process_state(process: str) -> str:
    """Return the letter for the state of a process; `Z` means that it ended and its parent has not noticed yet."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_killed_deploy_does_not_end_terraform(stage: TerraformStage, toolchain: Toolchain):
    with deploy_process(stage.directory, {"PATH": toolchain.path}) as process:
        until((stage.directory / "begun").exists)
        process.kill()
    assert "Apply complete" not in stage.log.read_text()
    (stage.directory / "go").touch()
    until(lambda: "Apply complete! Resources: 3 added" in stage.log.read_text())
    until(lambda: not (stage.directory / ".terraform.tfstate.lock.info").exists())
    # The next deploy deletes the plan.
    assert list(stage.directory.glob(".plans-*"))
    with private_directory(stage.directory) as private:
        assert list(stage.directory.glob(".plans-*")) == [private]
    deploy_again(stage, toolchain)


# Prints what Terraform would, and hangs at {step}.
HANGING = """#!{python}
import json, signal, sys, time

def show(kind, **members):
    print(json.dumps(dict(members, type=kind)), flush=True)

def change(kind, address):
    show(kind, hook=dict(action="create", resource=dict(addr=address)))

signal.signal(signal.SIGINT, signal.{handler})
if sys.argv[1] == "version":
    print(json.dumps({{"terraform_version": "1.12.0"}}))
elif sys.argv[1] == "{step}":
    change("apply_start", "aws_iam_role.service")
    change("apply_complete", "aws_iam_role.service")
    change("apply_start", "aws_lambda_function.service")
    open("begun", "w").close()
    time.sleep(60)
elif sys.argv[1] == "plan":
    show("change_summary", changes=dict(operation="plan", add=2, change=0, remove=0))
    sys.exit(2)
"""


def hanging_stage(directory: Path, *, step: str, handler: str) -> tuple[TerraformStage, str]:
    """Create a stage, and a PATH with a `terraform` that hangs at a step and handles SIGINT in the given way."""
    program = directory / "terraform"
    program.write_text(HANGING.format(python=sys.executable, step=step, handler=handler))
    program.chmod(0o755)
    (directory / "hanging").mkdir()
    stage = TerraformStage(directory / "hanging", Program(program, "terraform", "1.12.0"))
    return stage, f"{directory}{os.pathsep}{os.environ['PATH']}"


def test_the_second_ctrl_c_warns_and_the_third_kills_and_reports_changes_in_progress(tmp_path: Path):
    stage, path = hanging_stage(tmp_path, step="apply", handler="SIG_IGN")
    with deploy_process(stage.directory, {"PATH": path}) as process:
        until((stage.directory / "begun").exists)
        assert interrupt(process) == FINISHING
        assert interrupt(process) == WARNING
        # On a busy machine the warning may have expired.
        until(lambda: interrupt(process) == KILLED)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, "")
    assert err == (
        "Error: Terraform was killed. 1 of 2 changes were made. Run the same command again to continue. Possibly in "
        "AWS but not in the state: aws_lambda_function.service.\n"
    )
    assert not list(stage.directory.glob(".plans-*"))


def test_a_ctrl_c_before_any_change_reports_that_none_was_made(tmp_path: Path):
    stage, path = hanging_stage(tmp_path, step="init", handler="SIG_DFL")
    with deploy_process(stage.directory, {"PATH": path}) as process:
        until((stage.directory / "begun").exists)
        assert interrupt(process) == FINISHING
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (1, "", "Error: Interrupted. No changes were made.\n")

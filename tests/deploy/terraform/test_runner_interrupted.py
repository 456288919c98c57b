"""Ctrl-C in the middle of Terraform's work, in real processes: what is left, and how the next one goes on."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from coworks_async.deploy.terraform.process import FINISHING, KILLED, WARNING
from coworks_async.deploy.terraform.runner import Program, private_folder
from tests.deploy.driving import driving, interrupt, until
from tests.deploy.stages import Stage, command, data, stage_in
from tests.deploy.toolchain import Toolchain
from tests.tools import PATIENCE

# Waits in its second change, until there is a file `go`.
WAITING = data(
    a={},
    b={
        "depends_on": ["terraform_data.a"],
        "provisioner": command("touch begun; while [ ! -e go ]; do sleep 0.05; done"),
    },
    c={"depends_on": ["terraform_data.b"]},
)


@pytest.fixture
def stage(tmp_path: Path, toolchain: Toolchain) -> Stage:
    stage = stage_in(tmp_path, toolchain)
    stage.write(resource=WAITING)
    return stage


def go_on(stage: Stage, toolchain: Toolchain) -> None:
    """Deploy once more, without anything that waits: all is there in the end."""
    (stage.directory / "go").touch()
    with driving(stage.directory, {"PATH": toolchain.path}) as again:
        out, err = again.communicate(timeout=PATIENCE)
    assert (out, err) == ("done ['terraform_data.a', 'terraform_data.b', 'terraform_data.c']\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_first_signal_leaves_the_state_whole_and_the_next_deploy_goes_on(
    number: int, stage: Stage, toolchain: Toolchain
) -> None:
    with driving(stage.directory, {"PATH": toolchain.path}) as process:
        until((stage.directory / "begun").exists)
        assert interrupt(process, number) == FINISHING
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, "")
    assert err == "Error: Interrupted: 1 of 3 changes were made; the same command goes on from there.\n"
    state = json.loads((stage.directory / "terraform.tfstate").read_text())
    assert {resource["name"] for resource in state["resources"]} == {"a", "b"}
    assert "Gracefully shutting down" in stage.log.read_text()
    assert sorted(path.name for path in stage.directory.iterdir()) == [
        "begun",
        "main.tf.json",
        "terraform.log",
        "terraform.tfstate",
    ]
    go_on(stage, toolchain)


def test_a_signal_after_which_all_is_made_leaves_nothing_to_do(stage: Stage, toolchain: Toolchain) -> None:
    last = {"b": {"provisioner": command("touch begun; while [ ! -e go ]; do sleep 0.05; done")}}
    stage.write(resource=data(**last))
    with driving(stage.directory, {"PATH": toolchain.path}) as process:
        until((stage.directory / "begun").exists)
        # Not the group, whose provisioner would be ended too.
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(process.pid, signal.SIGSTOP)
        os.kill(process.pid, signal.SIGINT)
        (stage.directory / "go").touch()
        until(lambda: state_of(child) == "Z")
        os.kill(process.pid, signal.SIGCONT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, f"{FINISHING}\n")
    assert err == "Error: Interrupted: all changes were made; nothing is left to do.\n"
    assert "Apply complete! Resources: 1 added" in stage.log.read_text()


def state_of(process: str) -> str:
    """The letter for a process's state; `Z` is one that has ended, and whose parent has not asked yet."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_deploy_that_is_killed_does_not_take_terraform_with_it(stage: Stage, toolchain: Toolchain) -> None:
    with driving(stage.directory, {"PATH": toolchain.path}) as process:
        until((stage.directory / "begun").exists)
        process.kill()
    assert "Apply complete" not in stage.log.read_text()
    (stage.directory / "go").touch()
    until(lambda: "Apply complete! Resources: 3 added" in stage.log.read_text())
    until(lambda: not (stage.directory / ".terraform.tfstate.lock.info").exists())
    # The plan, which nobody could delete, is by the next.
    assert list(stage.directory.glob(".plans-*"))
    with private_folder(stage.directory) as private:
        assert list(stage.directory.glob(".plans-*")) == [private]
    go_on(stage, toolchain)


# Answers as Terraform would, and does not end at {step}.
HANGING = """#!{python}
import json, signal, sys, time

def say(kind, **members):
    print(json.dumps(dict(members, type=kind)), flush=True)

def change(kind, address):
    say(kind, hook=dict(action="create", resource=dict(addr=address)))

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
    say("change_summary", changes=dict(operation="plan", add=2, change=0, remove=0))
    sys.exit(2)
"""


def hanging(folder: Path, *, step: str, handler: str) -> tuple[Stage, str]:
    """Make a stage and a PATH whose `terraform` hangs at a step, and does with SIGINT as its handler says."""
    program = folder / "terraform"
    program.write_text(HANGING.format(python=sys.executable, step=step, handler=handler))
    program.chmod(0o755)
    (folder / "hanging").mkdir()
    stage = Stage(folder / "hanging", Program(program, "terraform", "1.12.0"))
    return stage, f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_a_second_ctrl_c_warns_and_a_third_kills_and_tells_what_was_in_flight(tmp_path: Path) -> None:
    stage, path = hanging(tmp_path, step="apply", handler="SIG_IGN")
    with driving(stage.directory, {"PATH": path}) as process:
        until((stage.directory / "begun").exists)
        assert interrupt(process) == FINISHING
        assert interrupt(process) == WARNING
        # A busy machine may be too late, and is warned again.
        until(lambda: interrupt(process) == KILLED)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, "")
    assert err == (
        "Error: Terraform was killed: 1 of 2 changes were made; the same command goes on from there. In AWS, but not "
        "in the state, may be: aws_lambda_function.service.\n"
    )
    assert not list(stage.directory.glob(".plans-*"))


def test_a_ctrl_c_while_nothing_is_changed_says_so(tmp_path: Path) -> None:
    stage, path = hanging(tmp_path, step="init", handler="SIG_DFL")
    with driving(stage.directory, {"PATH": path}) as process:
        until((stage.directory / "begun").exists)
        assert interrupt(process) == FINISHING
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (1, "", "Error: Interrupted while nothing was being changed.\n")

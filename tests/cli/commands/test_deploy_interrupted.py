"""A deploy that is interrupted or killed: the next one continues, and never creates a second API."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.deployed_project import PATIENCE, Project, create_project, curl
from tests.deploy.toolchain import Toolchain

# A line of Terraform's log in the middle of the second step.
SECOND_STEP = 'aws_lambda_function.service: Creating..."'


@pytest.fixture
def shop(tmp_path: Path, toolchain: Toolchain, emulator: str, account: str) -> Project:
    return create_project(tmp_path / "shop", f"shop-{account}", toolchain, emulator)


def deploy_until_second_step(shop: Project, act: Callable[[subprocess.Popen[str]], None]) -> tuple[int, str, str]:
    """Deploy, and act once Terraform is in the second step. Return exit code, output and errors."""
    log, end = shop.stage_directory() / "terraform.log", time.monotonic() + PATIENCE
    with shop.start("deploy", *shop.target) as process:
        while not (log.exists() and SECOND_STEP in log.read_text()):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end
            time.sleep(0.005)
        act(process)
        out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def press_ctrl_c(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGINT)


def kill_terraform(process: subprocess.Popen[str]) -> None:
    """Kill Terraform and its providers, which have their own process group."""
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.killpg(int(child), signal.SIGKILL)


def deploy_again(shop: Project) -> str:
    """Deploy the rest, and check that there is one API, which responds, and that the state is complete."""
    assert not [key for key in shop.archives() if key.endswith(".lock")]
    before = shop.api_ids()
    assert len(before) == 1
    output = shop.deploy()
    assert shop.api_ids() == before
    assert curl(output) == f"The {shop.name} is open.\n 200"
    shop.destroy()
    assert shop.resources() == []
    return output


def test_after_ctrl_c_the_next_deploy_continues(shop: Project):
    code, out, err = deploy_until_second_step(shop, press_ctrl_c)
    assert code == 1
    assert "Interrupted. Terraform is finishing its current step. Press Ctrl-C again only if it hangs.\n" in out
    assert err.startswith("Error: Interrupted. ")
    assert " changes were made. Run the same command again to continue.\n" in err
    assert "importing" not in deploy_again(shop), "the state is complete"


def test_a_function_of_a_terraform_killed_in_the_second_step_is_imported(shop: Project):
    def kill_once_the_function_exists(process: subprocess.Popen[str]) -> None:
        while f"{shop.name}-dev" not in function_names(shop):
            assert process.poll() is None
        kill_terraform(process)

    code, _, err = deploy_until_second_step(shop, kill_once_the_function_exists)
    assert code == 1
    assert err.startswith("Error: ")
    assert "importing" in deploy_again(shop)


def function_names(shop: Project) -> list[str]:
    return [each["FunctionName"] for each in shop.client("lambda").list_functions()["Functions"]]

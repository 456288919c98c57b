"""A deploy that is interrupted or killed: the next one goes on from there, and there is never a second API."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.deploying import PATIENCE, Project, curl, new_project
from tests.deploy.toolchain import Toolchain

pytestmark = pytest.mark.end_to_end

# What Terraform's log says where each step is under way.
FIRST_STEP = "_api.this: Creation complete after"
SECOND_STEP = 'aws_lambda_function.service: Creating..."'


@pytest.fixture
def shop(tmp_path: Path, toolchain: Toolchain, emulator: str, account: str) -> Project:
    return new_project(tmp_path / "shop", f"shop-{account}", toolchain, emulator)


def deploy_until(
    shop: Project, sign: str, act: Callable[[subprocess.Popen[str]], None], *words: str
) -> tuple[int, str, str]:
    """Deploy, and do something once Terraform's log holds a sign; return exit code, output and errors."""
    log, end = shop.folder() / "terraform.log", time.monotonic() + PATIENCE
    with shop.start("deploy", *shop.target, *words) as process:
        while not (log.exists() and sign in log.read_text()):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end
            time.sleep(0.005)
        act(process)
        out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def press_ctrl_c(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGINT)


def send_terraform(process: subprocess.Popen[str], number: int) -> None:
    """Send a signal to Terraform and its providers, which have a group of their own."""
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.killpg(int(child), number)


def goes_on(shop: Project, *words: str) -> str:
    """The next deploy makes the rest: one API, which answers, and nothing that is left after it is destroyed."""
    before = shop.apis()
    assert len(before) == 1
    out = shop.deploy(*words)
    assert shop.apis() == before
    assert curl(out) == f"The {shop.name} is open.\n 200"
    shop.changes_nothing(*words)
    shop.destroy()
    assert shop.remains() == []
    return out


@pytest.mark.parametrize("gateway", ["rest", "http"])
def test_after_ctrl_c_it_says_what_was_made_and_the_next_deploy_goes_on(shop: Project, gateway: str):
    words = ("--gateway", gateway)
    code, out, err = deploy_until(shop, SECOND_STEP, press_ctrl_c, *words)
    assert code == 1
    assert "Interrupted: Terraform finishes its step; press Ctrl-C again only if it hangs.\n" in out
    assert err.startswith("Error: Interrupted: ")
    assert " changes were made; the same command goes on from there.\n" in err
    assert "taking over" not in goes_on(shop, *words), "the state is whole"


@pytest.mark.parametrize("gateway", ["rest", "http"])
def test_a_terraform_that_is_killed_among_the_routes_leaves_an_api_that_is_used(shop: Project, gateway: str):
    words = ("--gateway", gateway)
    code, _, err = deploy_until(shop, FIRST_STEP, lambda process: send_terraform(process, signal.SIGKILL), *words)
    assert code == 1
    assert err.startswith("Error: ")
    goes_on(shop, *words)


@pytest.mark.parametrize("gateway", ["rest", "http"])
def test_a_function_that_a_killed_terraform_was_waiting_for_is_taken_over(shop: Project, gateway: str):
    words = ("--gateway", gateway)

    def kill_once_it_is_there(process: subprocess.Popen[str]) -> None:
        while f"{shop.name}-dev" not in functions(shop):
            assert process.poll() is None
        send_terraform(process, signal.SIGKILL)

    code, _, err = deploy_until(shop, SECOND_STEP, kill_once_it_is_there, *words)
    assert code == 1
    assert err.startswith("Error: ")
    assert "taking over" in goes_on(shop, *words)


def functions(shop: Project) -> list[str]:
    return [each["FunctionName"] for each in shop.client("lambda").list_functions()["Functions"]]


def test_a_second_deploy_at_the_same_time_is_told_who_is_at_work(shop: Project):
    seen = []

    def deploy_too(process: subprocess.Popen[str]) -> None:
        send_terraform(process, signal.SIGSTOP)
        try:
            seen.append(shop.cws("deploy", *shop.target))
        finally:
            send_terraform(process, signal.SIGCONT)

    code, _, err = deploy_until(shop, SECOND_STEP, deploy_too)
    assert code == 0, err
    (second,) = seen
    assert second.returncode == 1
    assert second.stderr.startswith("Error: The state is locked by ")
    assert len(shop.apis()) == 1

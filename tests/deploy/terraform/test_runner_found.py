"""Which Terraform is found on the PATH, and which is refused."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from coworks_async.deploy.terraform.runner import Program, child_environment, find_terraform, private_folder
from coworks_async.exceptions import DeployError
from tests.deploy.toolchain import Toolchain


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def install(path: Path, name: str, prints: str) -> Path:
    """Put a program on the PATH that prints something, whatever it is asked."""
    program = path / name
    program.write_text(f"#!/bin/sh\necho '{prints}'\n")
    program.chmod(0o755)
    return program


def version(number: str) -> str:
    return f'{{"terraform_version": "{number}"}}'


def test_terraform_comes_before_opentofu_and_a_name_chooses(path: Path) -> None:
    tofu = Program(install(path, "tofu", version("1.10.0-rc1")), "tofu", "1.10.0-rc1")
    environ = {"PATH": str(path)}
    assert find_terraform(None, environ) == tofu
    terraform = Program(install(path, "terraform", version("2.0.0")), "terraform", "2.0.0")
    assert find_terraform(None, environ) == terraform
    assert find_terraform("tofu", environ) == tofu


def test_the_real_one_tells_its_version(toolchain: Toolchain) -> None:
    found = find_terraform(None, {**os.environ, "PATH": toolchain.path, "TF_CLI_ARGS": "-absent"})
    assert (found.path, found.name, found.version) == (toolchain.program, "terraform", "1.15.5")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (None, r"^Neither terraform nor tofu is on the PATH: install it \(https:.+/terraform/install or https://opent"),
        ("terraform", r"^terraform is not on the PATH: install it \(https:.+/terraform/install\); --terraform choos"),
        ("tofu", r"^tofu is not on the PATH: install it \(https://opentofu.org/[^ ]+\); --terraform chooses"),
    ],
)
def test_where_there_is_none_it_is_told_how_to_get_it(
    name: Literal["terraform", "tofu"] | None, line: str, path: Path
) -> None:
    with pytest.raises(DeployError, match=line):
        find_terraform(name, {"PATH": str(path)})


@pytest.mark.parametrize("number", ["1.9.8", "0.15.5", "one"])
def test_an_old_one_is_told_with_what_is_needed(number: str, path: Path) -> None:
    program = install(path, "tofu", version(number))
    with pytest.raises(DeployError) as failure:
        find_terraform(None, {"PATH": str(path)})
    assert str(failure.value) == (
        f"{program} is version {number}, and 1.10 is needed: install a newer one "
        "(https://opentofu.org/docs/intro/install/)."
    )


@pytest.mark.parametrize("prints", ["", "garbage", "[]", "{}", "null"])
def test_what_tells_no_version_is_refused(prints: str, path: Path) -> None:
    program = install(path, "terraform", prints)
    with pytest.raises(DeployError) as failure:
        find_terraform(None, {"PATH": str(path)})
    assert str(failure.value) == f"{program} does not tell its version: is it Terraform or OpenTofu?"


def test_what_cannot_be_started_is_refused(path: Path) -> None:
    install(path, "terraform", "").write_text("#!/absent/shell\n")
    with pytest.raises(DeployError, match="does not tell its version"):
        find_terraform(None, {"PATH": str(path)})


def test_it_asks_nothing_tells_nobody_of_itself_and_has_the_users_credentials() -> None:
    environ = {"AWS_PROFILE": "me", "TF_INPUT": "1", "TF_LOG_CORE": "trace", "TF_PLUGIN_CACHE_DIR": "/cache"}
    assert child_environment(environ) == {
        "AWS_PROFILE": "me",
        "TF_PLUGIN_CACHE_DIR": "/cache",
        "TF_INPUT": "0",
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
    }


def test_a_private_folder_is_gone_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), private_folder(tmp_path) as private:
        (private / "plan").write_text(str(1 / 0))
    assert list(tmp_path.iterdir()) == []


def test_a_private_folder_is_gone_after_sigterm(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), private_folder(tmp_path):
        os.kill(os.getpid(), signal.SIGTERM)
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) is before


HOLD = """
import sys
from pathlib import Path
from coworks_async.deploy.terraform.runner import private_folder
with private_folder(Path(sys.argv[1])) as private:
    print(private, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_process_left_is_deleted_but_not_what_a_running_one_uses(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        held = Path(other.stdout.readline().strip())
        with private_folder(tmp_path) as private:
            assert sorted(tmp_path.iterdir()) == sorted([private, held])
        other.kill()
    assert list(tmp_path.iterdir()) == [held]
    with private_folder(tmp_path) as private:
        assert list(tmp_path.iterdir()) == [private]

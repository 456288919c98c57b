"""Find Terraform or OpenTofu, and the private directory for its plans."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from coworks_async.deploy.terraform.runner import Program, child_environment, find_terraform, private_directory
from coworks_async.exceptions import DeployError
from tests.deploy.toolchain import Toolchain


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def install(path: Path, name: str, prints: str) -> Path:
    """Put a program on the PATH that prints something for any command."""
    program = path / name
    program.write_text(f"#!/bin/sh\necho '{prints}'\n")
    program.chmod(0o755)
    return program


def version(number: str) -> str:
    return f'{{"terraform_version": "{number}"}}'


def test_terraform_is_preferred_to_opentofu_unless_a_name_is_given(path: Path):
    tofu = Program(install(path, "tofu", version("1.10.0-rc1")), "tofu", "1.10.0-rc1")
    environment = {"PATH": str(path)}
    assert find_terraform(None, environment) == tofu
    terraform = Program(install(path, "terraform", version("2.0.0")), "terraform", "2.0.0")
    assert find_terraform(None, environment) == terraform
    assert find_terraform("tofu", environment) == tofu


def test_the_version_of_a_real_terraform_is_read(toolchain: Toolchain):
    found = find_terraform(None, {**os.environ, "PATH": toolchain.path, "TF_CLI_ARGS": "-absent"})
    assert (found.path, found.name, found.version) == (toolchain.program, "terraform", "1.15.5")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            None,
            r"^Neither terraform nor tofu is on the PATH\. Install one \(https:.+/terraform/install or https://opent",
        ),
        ("terraform", r"^terraform is not on the PATH\. Install it \(https:.+/terraform/install\), or choose"),
        ("tofu", r"^tofu is not on the PATH\. Install it \(https://opentofu.org/[^ ]+\), or choose"),
    ],
)
def test_a_missing_program_is_reported_with_its_install_page(name: str | None, message: str, path: Path):
    with pytest.raises(DeployError, match=message):
        find_terraform(name, {"PATH": str(path)})


def test_for_an_emulator_the_terraform_of_make_emulator_is_named(path: Path):
    with pytest.raises(
        DeployError, match=r"'make emulator' in a clone .* the clone's \.venv/bin: add that folder to the"
    ):
        find_terraform(None, {"PATH": str(path)}, is_local=True)
    with pytest.raises(DeployError) as failure:
        find_terraform(None, {"PATH": str(path)})
    assert "make emulator" not in str(failure.value)


@pytest.mark.parametrize("number", ["1.9.8", "0.15.5", "one"])
def test_an_old_version_is_rejected(number: str, path: Path):
    program = install(path, "tofu", version(number))
    with pytest.raises(DeployError) as failure:
        find_terraform(None, {"PATH": str(path)})
    assert str(failure.value) == (
        f"{program} is version {number}; 1.10 or later is required. Install a newer one "
        "(https://opentofu.org/docs/intro/install/)."
    )


@pytest.mark.parametrize("prints", ["", "garbage", "[]", "{}", "null"])
def test_a_program_that_prints_no_version_is_rejected(prints: str, path: Path):
    program = install(path, "terraform", prints)
    with pytest.raises(DeployError) as failure:
        find_terraform(None, {"PATH": str(path)})
    assert str(failure.value) == f"{program} does not print its version. Is it Terraform or OpenTofu?"


def test_a_program_that_cannot_be_started_is_rejected(path: Path):
    install(path, "terraform", "").write_text("#!/absent/shell\n")
    with pytest.raises(DeployError, match="does not print its version"):
        find_terraform(None, {"PATH": str(path)})


def test_terraform_never_prompts_and_keeps_the_users_credentials():
    environment = {"AWS_PROFILE": "me", "TF_INPUT": "1", "TF_LOG_CORE": "trace", "TF_PLUGIN_CACHE_DIR": "/cache"}
    assert child_environment(environment) == {
        "AWS_PROFILE": "me",
        "TF_PLUGIN_CACHE_DIR": "/cache",
        "TF_INPUT": "0",
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
    }


def test_a_private_directory_is_deleted_after_an_error(tmp_path: Path):
    with pytest.raises(ZeroDivisionError), private_directory(tmp_path) as private:
        (private / "plan").write_text(str(1 / 0))
    assert list(tmp_path.iterdir()) == []


def test_a_private_directory_is_deleted_after_sigterm(tmp_path: Path):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), private_directory(tmp_path):
        os.kill(os.getpid(), signal.SIGTERM)
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) is before


HOLD = """
import sys
from pathlib import Path
from coworks_async.deploy.terraform.runner import private_directory
with private_directory(Path(sys.argv[1])) as private:
    print(private, flush=True)
    sys.stdin.read()
"""


def test_directories_of_killed_processes_are_deleted_but_not_those_in_use(tmp_path: Path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        held = Path(other.stdout.readline().strip())
        with private_directory(tmp_path) as private:
            assert sorted(tmp_path.iterdir()) == sorted([private, held])
        other.kill()
    assert list(tmp_path.iterdir()) == [held]
    with private_directory(tmp_path) as private:
        assert list(tmp_path.iterdir()) == [private]

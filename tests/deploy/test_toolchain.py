"""The Terraform of the tests behaves as the one that users install."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from scripts.toolchain import install_emulator, install_terraform
from tests.cli.processes import until
from tests.deploy.toolchain import Toolchain
from tests.tools import PATIENCE


class Offline(Exception):
    """Raised instead of a download."""


def stop() -> None:
    raise Offline


def test_an_installation_is_announced_before_its_downloads_and_not_repeated(tmp_path: Path):
    for install in (install_emulator, install_terraform):
        for _ in range(2):  # an interrupted installation starts again
            with pytest.raises(Offline):
                install(tmp_path / install.__name__, stop)
        assert [file.name for file in (tmp_path / install.__name__).iterdir()] == ["lock"]


SLOW = """
resource "terraform_data" "first" {
  provisioner "local-exec" { command = "touch started; while [ ! -e go ]; do sleep 0.05; done" }
}
resource "terraform_data" "second" { depends_on = [terraform_data.first] }
"""

AWS = """
terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
"""


def test_the_version_is_recent_enough(toolchain: Toolchain, tmp_path: Path):
    output = json.loads(toolchain.run(tmp_path, "version", "-json").stdout)
    assert tuple(map(int, output["terraform_version"].split("."))) >= (1, 10)


def test_the_provider_is_installed_without_a_registry(toolchain: Toolchain, tmp_path: Path):
    (tmp_path / "main.tf").write_text(AWS)
    toolchain.run(tmp_path, "init", "-backend=false")
    assert list(tmp_path.glob(".terraform/providers/*/hashicorp/aws/3.39.0/*"))


def test_one_interrupt_lets_terraform_finish_its_step_and_write_its_state(toolchain: Toolchain, tmp_path: Path):
    (tmp_path / "main.tf").write_text(SLOW)
    toolchain.run(tmp_path, "init")
    apply = subprocess.Popen(
        [toolchain.program, "apply", "-auto-approve", "-json"],
        cwd=tmp_path,
        env=toolchain.environment(),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    until((tmp_path / "started").exists)
    apply.send_signal(signal.SIGINT)
    assert apply.wait(PATIENCE) == 1
    (tmp_path / "go").touch()
    assert toolchain.run(tmp_path, "state", "list").stdout.split() == ["terraform_data.first"]
    toolchain.run(tmp_path, "apply", "-auto-approve")
    assert len(toolchain.run(tmp_path, "state", "list").stdout.split()) == 2

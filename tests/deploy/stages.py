"""Stages' folders for the tests of Terraform itself, whose resources need no provider and no AWS."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coworks_async.deploy.terraform.runner import Program, Terraform
from tests.deploy.toolchain import Toolchain

SECRET = "s3cr3t-value"


@dataclass(frozen=True)
class Stage:
    """A folder with a root module, and the Terraform to run in it."""

    directory: Path
    program: Program

    @property
    def log(self) -> Path:
        return self.directory / "terraform.log"

    def write(self, **root: Any) -> None:
        """Write the root module: `resource`, `output` and so on."""
        (self.directory / "main.tf.json").write_text(json.dumps(root))

    def terraform(self, *, secrets: Iterable[str] = (), **environment: str) -> Terraform:
        """Give a Terraform that is initialized."""
        terraform = Terraform(self.program, self.directory, environment, self.log, secrets)
        terraform.init()
        return terraform


def stage_in(directory: Path, toolchain: Toolchain) -> Stage:
    """Make an empty stage."""
    folder = directory / "stage"
    folder.mkdir()
    return Stage(folder, Program(toolchain.program, "terraform", "1.15.5"))


def data(**resources: dict[str, Any]) -> dict[str, Any]:
    """Resources that keep a value, and run commands when they are made."""
    return {"terraform_data": resources}


def command(line: str, when: str = "create") -> list[dict[str, Any]]:
    """A provisioner that runs a command of the shell."""
    return [{"local-exec": {"command": line, "when": when}}]

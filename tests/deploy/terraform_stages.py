"""Stages for tests of Terraform itself. Their resources need no provider and no AWS."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coworks_async.deploy.terraform.runner import Program, SavedPlan, Terraform
from tests.deploy.toolchain import Toolchain

SECRET = "s3cr3t-value"


@dataclass(frozen=True)
class TerraformStage:
    """A directory with a root module, and the Terraform to run in it."""

    directory: Path
    program: Program

    @property
    def log(self) -> Path:
        return self.directory / "terraform.log"

    def write(self, **root: Any) -> None:
        """Write the root module: `resource`, `output` and so on."""
        (self.directory / "main.tf.json").write_text(json.dumps(root))

    def terraform(self, *, secrets: Iterable[str] = (), **environment: str) -> Terraform:
        """Return an initialized Terraform."""
        terraform = Terraform(self.program, self.directory, environment, self.log, secrets)
        terraform.init()
        return terraform

    def state(self) -> list[dict[str, Any]]:
        """Return the resources in the state."""
        file = self.directory / "terraform.tfstate"
        resources: list[dict[str, Any]] = json.loads(file.read_text())["resources"] if file.exists() else []
        return resources

    def addresses(self) -> list[str]:
        return [f"{resource['type']}.{resource['name']}" for resource in self.state()]


def create_stage(parent: Path, toolchain: Toolchain) -> TerraformStage:
    directory = parent / "stage"
    directory.mkdir()
    return TerraformStage(directory, Program(toolchain.program, "terraform", "1.15.5"))


def apply(terraform: Terraform, private: Path) -> SavedPlan:
    plan = terraform.plan(private / "plan")
    terraform.apply(plan)
    return plan


def data(**resources: dict[str, Any]) -> dict[str, Any]:
    """Return `terraform_data` resources, which store a value and may run commands."""
    return {"terraform_data": resources}


def command(line: str) -> list[dict[str, Any]]:
    """Return a provisioner that runs a shell command when its resource is created."""
    return [{"local-exec": {"command": line}}]

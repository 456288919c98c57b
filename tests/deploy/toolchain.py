"""A real Terraform with the AWS provider, in its own environment."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.toolchain import install_terraform
from tests.aws.emulator import CREDENTIALS


@dataclass(frozen=True)
class Toolchain:
    """An installed Terraform.

    Attributes:
        program: `terraform`.
        path: a PATH on which it comes first.
    """

    program: Path
    path: str

    def environment(self, url: str | None = None, account: str = "000000000000") -> dict[str, str]:
        """Return the environment of a process: without AWS or, with a URL, with an account of the emulator."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CWS_", "TF_"))}
        own |= {"PATH": self.path, "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}
        if url is not None:
            own |= {**CREDENTIALS, "AWS_ACCESS_KEY_ID": account, "AWS_ENDPOINT_URL": url}
        return own

    def run(
        self, directory: Path, *words: str, environment: Mapping[str, str] | None = None, codes: tuple[int, ...] = (0,)
    ) -> subprocess.CompletedProcess[Any]:
        """Run Terraform in a directory. An unexpected exit code fails the test."""
        own = self.environment() if environment is None else dict(environment)
        completed = subprocess.run([self.program, *words], cwd=directory, env=own, capture_output=True, text=True)
        assert completed.returncode in codes, f"terraform {' '.join(words)}: {completed.stdout}{completed.stderr}"
        return completed


def install_toolchain(directory: Path) -> Toolchain:
    """Install Terraform in a directory, once."""
    program = install_terraform(directory)
    return Toolchain(program, f"{program.parent}{os.pathsep}{os.environ['PATH']}")

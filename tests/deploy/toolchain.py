"""A real Terraform on this machine, with the provider for AWS, in an environment of its own."""

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
    """What a process needs to run Terraform.

    Attributes:
        program: `terraform`; the one that `path` finds first.
        path: the variable PATH.
    """

    program: Path
    path: str

    def environment(self, url: str | None = None, account: str = "000000000000") -> dict[str, str]:
        """Return a whole environment: with the URL of an emulator, AWS is that one, and the account a number there."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CWS_", "TF_"))}
        own |= {"PATH": self.path, "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}
        if url is not None:
            own |= {**CREDENTIALS, "AWS_ACCESS_KEY_ID": account, "AWS_ENDPOINT_URL": url}
        return own

    def run(
        self, directory: Path, *words: str, environment: Mapping[str, str] | None = None, codes: tuple[int, ...] = (0,)
    ) -> subprocess.CompletedProcess[Any]:
        """Run Terraform in a folder and return what it printed; an exit code that is not expected fails the test."""
        own = self.environment() if environment is None else dict(environment)
        done = subprocess.run([self.program, *words], cwd=directory, env=own, capture_output=True, text=True)
        assert done.returncode in codes, f"terraform {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done


def find_toolchain(place: Path) -> Toolchain:
    """Return Terraform, installed once in this folder."""
    program = install_terraform(place)
    return Toolchain(program, f"{program.parent}{os.pathsep}{os.environ['PATH']}")

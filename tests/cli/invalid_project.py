"""A project with invalid files, and the one-line errors of commands run in it."""

import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from coworks_async.cli.main import cws

SERVICE = """
from coworks_async import TechMicroService, entry


class Small(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "Hello world."


app = Small(name="small")
"""

FILES = {
    "app.py": SERVICE,
    "other.py": "from starlette.applications import Starlette\nlone = Starlette()\n",
    "broken.py": "import nothing_of_the_kind\n",
    "two.py": SERVICE.replace("app =", "one = Small()\nanother ="),
    "text": "no assignment here\n",
    "folder/file": "",
    "tab.yml": "commands:\n\trun:\n",
    "list.yml": "- commands\n",
    "old.yml": "version: 2\n",
    "deep.json": "[" * 100_000,
    "deep.yml": "[" * 500,
    "itself.yml": "commands: {run: {host: &one [*one]}}\n",
    "argument.yml": "commands:\n  new: {name: fromfile}\n",
    "stage.yml": "workspaces:\n  a b: {}\n",
    "stages.yml": "stages: [staging, prod]\n",
    ".env.local": "",
    "references": "TOKEN=ssm:/shop/token\n",
    "value.yml": "commands:\n  run:\n    port: abc\n",
    "empty.yml": "commands:\n  run:\n    host: ''\n",
    "typo.yml": "commands: {deploy: {buket: a}}\n",
    "flag.yml": "commands: {run: {reload: maybe}}\n",
    "many.yml": "commands: {run: {port: [1, 2]}}\n",
    "class.yml": "commands: {own: {class: nothing.of_the_kind}}\n",
}

# Fast to build: the package comes from a layer, and this Python compiles the bytecode.
QUICK = ["--layer-provides", "coworks-async", "--python", f"{sys.version_info.major}.{sys.version_info.minor}"]
DEPLOY = ["deploy", "--bucket", "archives", *QUICK, "--dry"]

# Enough to be found: these errors are reported before Terraform runs.
TERRAFORM = """#!/bin/sh
echo '{"terraform_version": "1.15.5"}'
"""


def create_invalid_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the files of an invalid project and make its directory the current one."""
    for name, text in FILES.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    terraform = project / "bin" / "terraform"
    terraform.parent.mkdir()
    terraform.write_text(TERRAFORM)
    terraform.chmod(0o755)
    monkeypatch.setenv("PATH", f"{terraform.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(project)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(project / "absent"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(project / "absent"))
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def split(command: str) -> list[str]:
    """Split a command line; `DEPLOY` and `QUICK` are replaced by their arguments."""
    macros = {"DEPLOY": DEPLOY, "QUICK": QUICK}
    return [part for word in command.split() for part in macros.get(word, [word])]


def get_error_line(arguments: list[str], code: int) -> str:
    """Run a command that fails and return its only line of output."""
    result = CliRunner().invoke(cws, arguments)
    assert result.exit_code == code, result.output
    assert result.stderr.startswith("Error: ")
    assert result.stderr.endswith("\n")
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr

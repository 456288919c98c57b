"""What is typed wrongly, where it is typed, and the one line that comes of it."""

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
    "deep.yml": "[" * 2000,
    "itself.yml": "commands: {run: {host: &one [*one]}}\n",
    "argument.yml": "commands:\n  new: {name: fromfile}\n",
    "stage.yml": "workspaces:\n  a b: {}\n",
    "value.yml": "commands:\n  run:\n    port: abc\n",
    "empty.yml": "commands:\n  run:\n    host: ''\n",
    "typo.yml": "commands: {deploy: {buket: a}}\n",
    "flag.yml": "commands: {run: {reload: maybe}}\n",
    "many.yml": "commands: {run: {port: [1, 2]}}\n",
    "class.yml": "commands: {own: {class: nothing.of_the_kind}}\n",
}

# Quick to build: the package comes by a layer, and this Python compiles.
QUICK = ["--layer-provides", "coworks-async", "--python", f"{sys.version_info.major}.{sys.version_info.minor}"]
DEPLOY = ["deploy", "--bucket", "archives", *QUICK, "--dry"]

# Enough of a Terraform to be found: whatever is wrong here is told before it is asked for more.
TERRAFORM = """#!/bin/sh
echo '{"terraform_version": "1.15.5"}'
"""


def furnish(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a folder a project with files that will not do, and go there."""
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


def words(typed: str) -> list[str]:
    """Spell out what is typed."""
    spelt = {"DEPLOY": DEPLOY, "QUICK": QUICK}
    return [part for word in typed.split() for part in spelt.get(word, [word])]


def one_line(arguments: list[str], code: int) -> str:
    result = CliRunner().invoke(cws, arguments)
    assert result.exit_code == code, result.output
    assert result.stderr.startswith("Error: ")
    assert result.stderr.endswith("\n")
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr

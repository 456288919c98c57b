"""The OpenAPI document of each sample and of each new project, as `cws routes` writes it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from coworks_async.cli.commands.new import TEMPLATES
from tests.samples.projects import Project, made, sample

VALIDATOR = str(Path(sys.executable).with_name("openapi-spec-validator"))


def assert_valid(project: Project, file: Path) -> None:
    project.document(file)
    assert json.loads(file.read_text())["openapi"] == "3.1.1"
    done = subprocess.run([VALIDATOR, str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{file}: OK\n"), done.stdout + done.stderr


@pytest.mark.parametrize("name", ["first", "simple", "complete"])
def test_the_document_of_a_sample_is_valid(name: str, tmp_path: Path):
    assert_valid(sample(name), tmp_path / "openapi.json")


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_document_of_a_new_project_is_valid(template: str, tmp_path: Path):
    assert_valid(made(template, tmp_path), tmp_path / "openapi.json")

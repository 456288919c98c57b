"""The root modules written by a deploy, checked by Terraform and by a scanner."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.deployed_project import GATEWAYS, Project
from tests.deployed.conftest import SOURCE, CopyProject
from tests.terraform.test_checkov import RULE, checkov, findings

__all__ = ["checkov"]

pytestmark = pytest.mark.end_to_end

DOCS = Path(__file__).parents[2] / "docs" / "reference"


@pytest.fixture(scope="module", params=GATEWAYS)
def project(request: pytest.FixtureRequest, copy_project: CopyProject) -> Iterator[Project]:
    """The contract's service, whose root module is written and validated but not deployed."""
    with copy_project(SOURCE, "contract", app="contract", gateway=request.param) as project:
        project.deploy("--dry")
        yield project


def test_a_root_module_is_valid_without_warnings(project: Project):
    output = project.toolchain.run(project.stage_directory(), "validate", "-json").stdout
    report = json.loads(output)
    assert (report["valid"], report["diagnostics"]) == (True, [])


def test_a_root_module_is_formatted_as_terraform_does(project: Project):
    assert project.toolchain.run(project.stage_directory(), "fmt", "-check", "-diff", "-recursive").stdout == ""


def test_every_finding_of_the_scanner_is_explained_in_the_docs(project: Project, checkov: Path, tmp_path: Path):
    environment = project.toolchain.environment(project.url) | {"TF_VAR_environment": '{"TOKEN": "s3cr3t"}'}
    directory = project.stage_directory()
    project.toolchain.run(directory, "plan", "-out=plan", environment=environment)
    plan = tmp_path / "plan.json"
    plan.write_text(project.toolchain.run(directory, "show", "-json", "plan", environment=environment).stdout)
    explained = {
        rule
        for page in ("terraform-modules", "deploy-root")
        for rule in RULE.findall((DOCS / f"{page}.md").read_text())
    }
    assert findings(checkov, plan) - explained == set()
    assert project.bucket in plan.read_text()

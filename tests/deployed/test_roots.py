"""The root modules written by a deploy, checked by Terraform and by a scanner."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.deploy.deployed_project import GATEWAYS, Project
from tests.deployed.conftest import SOURCE, CopyProject
from tests.terraform.checkov import RULE, checkov, scan

__all__ = ["checkov"]

pytestmark = pytest.mark.end_to_end

DOCS = Path(__file__).parents[2] / "docs" / "concepts" / "security.md"


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


def find(project: Project, checkov: Path, tmp_path: Path, *options: str) -> set[str]:
    """Return the rules that checkov reports on the plan of a stage and that no comment of a module explains."""
    project.deploy("--dry", *options)
    environment = project.toolchain.environment(project.url) | {"TF_VAR_environment": '{"TOKEN": "s3cr3t"}'}
    directory = project.stage_directory()
    project.toolchain.run(directory, "plan", "-out=plan", environment=environment)
    plan = tmp_path / "plan.json"
    plan.write_text(project.toolchain.run(directory, "show", "-json", "plan", environment=environment).stdout)
    assert project.bucket in plan.read_text()
    return {rule for rule, _ in scan(checkov, plan, directory).failed}


@pytest.mark.exhaustive
def test_the_findings_of_the_scanner_are_the_explained_ones(project: Project, checkov: Path, tmp_path: Path):
    explained = set(yaml.safe_load((Path(__file__).parent / "checkov.yml").read_text())["skip-check"])
    assert find(project, checkov, tmp_path) == explained - ({"CKV_AWS_73"} if project.gateway == "http" else set())
    assert explained <= set(RULE.findall(DOCS.read_text()))


@pytest.mark.exhaustive
def test_options_resolve_the_findings_that_have_one(project: Project, checkov: Path, tmp_path: Path):
    key = "arn:aws:kms:eu-west-1:000000000000:key/11111111-2222-3333-4444-555555555555"
    options = ["--tracing", "--kms-key", key, "--log-retention", "365"]
    options += ["--subnets", "subnet-1", "--security-groups", "sg-1"]
    assert find(project, checkov, tmp_path, *options) == {"CKV_AWS_116", "CKV_AWS_272"}

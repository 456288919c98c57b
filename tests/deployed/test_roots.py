"""The roots that a deploy writes, as Terraform and a scanner see them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployed.conftest import SOURCE, NewProject
from tests.deployed.deploying import BUCKET, GATEWAYS, Project
from tests.terraform.test_checkov import RULE, checkov, findings

__all__ = ["checkov"]

pytestmark = pytest.mark.end_to_end

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module", params=GATEWAYS)
def written(
    request: pytest.FixtureRequest, new_project: NewProject, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """The contract's service, whose root is written and checked but not deployed."""
    place = tmp_path_factory.mktemp("roots") / "project"
    with new_project(SOURCE, place, "contract", request.param) as project:
        project.deploy("--dry")
        yield project


def folder(written: Project) -> Path:
    return written.directory / "terraform" / "contract" / "dev+local"


def test_terraform_finds_a_root_valid_without_a_warning(written: Project):
    told = json.loads(written.toolchain.run(folder(written), "validate", "-json").stdout)
    assert (told["valid"], told["diagnostics"]) == (True, [])


def test_a_root_has_the_form_that_terraform_gives_it(written: Project):
    assert written.toolchain.run(folder(written), "fmt", "-check", "-diff", "-recursive").stdout == ""


def test_every_finding_of_a_scanner_is_argued(written: Project, checkov: Path, tmp_path: Path):
    environment = written.toolchain.environment(written.url) | {"TF_VAR_environment": '{"TOKEN": "s3cr3t"}'}
    place = folder(written)
    written.toolchain.run(place, "plan", "-out=plan", environment=environment)
    plan = tmp_path / "plan.json"
    plan.write_text(written.toolchain.run(place, "show", "-json", "plan", environment=environment).stdout)
    argued = {
        rule
        for page in ("terraform-modules", "deploy-root")
        for rule in RULE.findall((DOCS / f"{page}.md").read_text())
    }
    assert findings(checkov, plan) - argued == set()
    assert BUCKET in plan.read_text()

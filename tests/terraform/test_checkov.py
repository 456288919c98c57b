"""checkov finds nothing in the modules and their examples that a comment beside the resource does not explain."""

import re
from pathlib import Path

import pytest

from tests.deploy.toolchain import Toolchain
from tests.terraform.applied_module import MODULES, ROOT, copy_modules, create_client
from tests.terraform.checkov import RULE, Findings, checkov, scan

__all__ = ["checkov"]

DOCS = ROOT / "docs" / "concepts" / "security.md"

ACCOUNT = "200000000001"

DOMAIN = "api.shop.example"

# Required variables of each example.
VALUES = {
    "rest_api/examples/complete": {"bucket": "my-bucket"},
    "rest_api/examples/account": {},
    "http_api/examples/complete": {"bucket": "my-bucket"},
    "custom_domain/examples/complete": {"domain_name": DOMAIN, "zone_id": "Z0123456789ABC", "api_id": "a1b2c3d4e5"},
}


def read_skips(folder: Path) -> set[tuple[str, str]]:
    """Return the rules that comments skip, with their reasons."""
    texts = [file.read_text() for file in folder.rglob("*.tf")]
    return {match for text in texts for match in re.findall(r"checkov:skip=(\w+):(.*)", text)}


@pytest.fixture(scope="module")
def findings(
    toolchain: Toolchain, emulator: str, tmp_path_factory: pytest.TempPathFactory, checkov: Path
) -> dict[str, Findings]:
    """The findings on the plan of each example."""
    create_client(emulator, ACCOUNT, "acm").request_certificate(DomainName=DOMAIN)
    environment = toolchain.environment(emulator, ACCOUNT)
    found = {}
    for example, values in VALUES.items():
        modules = copy_modules(tmp_path_factory.mktemp("modules"), emulator)
        directory = modules / example
        words = [word for name, value in values.items() for word in ("-var", f"{name}={value}")]
        toolchain.run(directory, "init", environment=environment)
        toolchain.run(directory, "plan", "-out=plan", *words, environment=environment)
        plan = directory / "plan.json"
        plan.write_text(toolchain.run(directory, "show", "-json", "plan", environment=environment).stdout)
        # Resources of different modules have the same addresses.
        found[example] = scan(checkov, plan, modules / example.partition("/")[0])
    return found


def test_every_example_is_scanned():
    assert sorted(VALUES) == sorted(path.relative_to(MODULES).as_posix() for path in MODULES.glob("*/examples/*"))


@pytest.mark.exhaustive
def test_each_finding_is_explained_beside_its_resource(findings: dict[str, Findings]):
    assert {example: found.failed for example, found in findings.items() if found.failed} == {}


@pytest.mark.exhaustive
def test_each_explanation_belongs_to_a_finding(findings: dict[str, Findings]):
    assert read_skips(MODULES) == {skip for found in findings.values() for skip in found.skipped}


def test_each_skipped_rule_has_a_reason_and_is_in_the_docs():
    skips = read_skips(MODULES)
    assert [rule for rule, reason in skips if len(reason.split()) < 2] == []
    assert {rule for rule, _ in skips} <= set(RULE.findall(DOCS.read_text()))

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

# Required variables of each module's example.
VALUES = {
    "rest_api": {"bucket": "my-bucket"},
    "http_api": {"bucket": "my-bucket"},
    "custom_domain": {"domain_name": "api.shop.example", "zone_id": "Z0123456789ABC", "api_id": "a1b2c3d4e5"},
}


def read_skips(folder: Path) -> set[tuple[str, str]]:
    """Return the rules that comments skip, with their reasons."""
    texts = [file.read_text() for file in folder.rglob("*.tf")]
    return {match for text in texts for match in re.findall(r"checkov:skip=(\w+):(.*)", text)}


@pytest.fixture(scope="module", params=VALUES)
def scanned(
    request: pytest.FixtureRequest,
    toolchain: Toolchain,
    emulator: str,
    tmp_path_factory: pytest.TempPathFactory,
    checkov: Path,
) -> tuple[str, Findings]:
    """The name of a module, and the findings on the plan of its example."""
    kind: str = request.param
    environment = toolchain.environment(emulator, ACCOUNT)
    domain = VALUES["custom_domain"]["domain_name"]
    create_client(emulator, ACCOUNT, "acm").request_certificate(DomainName=domain)
    module = copy_modules(tmp_path_factory.mktemp(kind), emulator) / kind
    directory = module / "examples" / "complete"
    words = [word for name, value in VALUES[kind].items() for word in ("-var", f"{name}={value}")]
    toolchain.run(directory, "init", environment=environment)
    toolchain.run(directory, "plan", "-out=plan", *words, environment=environment)
    plan = directory / "plan.json"
    plan.write_text(toolchain.run(directory, "show", "-json", "plan", environment=environment).stdout)
    return kind, scan(checkov, plan, module)


@pytest.mark.exhaustive
def test_each_finding_is_explained_beside_its_resource(scanned: tuple[str, Findings]):
    kind, findings = scanned
    assert findings.failed == set()
    assert findings.skipped == read_skips(MODULES / kind)


def test_each_skipped_rule_has_a_reason_and_is_in_the_docs():
    skips = read_skips(MODULES)
    assert [rule for rule, reason in skips if len(reason.split()) < 2] == []
    assert {rule for rule, _ in skips} <= set(RULE.findall(DOCS.read_text()))

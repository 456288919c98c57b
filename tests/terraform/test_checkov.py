"""The findings of a scanner on the plans of the examples are those that the docs explain."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from scripts.toolchain import install_packages
from tests.deploy.conftest import cached
from tests.deploy.toolchain import Toolchain
from tests.terraform.applied_module import ROOT, copy_modules, create_client

pytestmark = pytest.mark.end_to_end

DOCS = ROOT / "docs" / "reference/terraform-modules.md"
RULE = re.compile(r"CKV2?_AWS_\d+")

ACCOUNT = "200000000001"

# Required variables of each module's example.
VALUES = {
    "rest_api": {"bucket": "my-bucket"},
    "http_api": {"bucket": "my-bucket"},
    "custom_domain": {"domain_name": "api.shop.example", "zone_id": "Z0123456789ABC", "api_id": "a1b2c3d4e5"},
}


@pytest.fixture(scope="module")
def checkov(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_packages(cached(request, tmp_path_factory, "checkov"), ["checkov==3.3.30"])


def findings(checkov: Path, plan: Path) -> set[str]:
    command: list[str | Path] = [
        checkov / "python",
        checkov / "checkov",
        "--file",
        plan,
        "--framework",
        "terraform_plan",
    ]
    environment = {"PATH": f"{checkov}{os.pathsep}{os.environ['PATH']}", "HOME": str(plan.parent)}
    options = ["--output", "json", "--skip-download", "--soft-fail"]
    completed = subprocess.run([*command, *options], env=environment, capture_output=True, text=True, check=True)
    report = json.loads(completed.stdout)
    assert report["summary"]["resource_count"] > 2
    return {check["check_id"] for check in report["results"]["failed_checks"]}


def test_the_docs_explain_exactly_the_findings(toolchain: Toolchain, emulator: str, tmp_path: Path, checkov: Path):
    modules, environment = copy_modules(tmp_path, emulator), toolchain.environment(emulator, ACCOUNT)
    domain = VALUES["custom_domain"]["domain_name"]
    create_client(emulator, ACCOUNT, "acm").request_certificate(DomainName=domain)
    found: set[str] = set()
    for kind, values in VALUES.items():
        directory = modules / kind / "examples" / "complete"
        words = [word for name, value in values.items() for word in ("-var", f"{name}={value}")]
        toolchain.run(directory, "init", environment=environment)
        toolchain.run(directory, "plan", "-out=plan", *words, environment=environment)
        plan = directory / "plan.json"
        plan.write_text(toolchain.run(directory, "show", "-json", "plan", environment=environment).stdout)
        found |= findings(checkov, plan)
    assert found == set(RULE.findall(DOCS.read_text()))

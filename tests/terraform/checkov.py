"""Scan plans with checkov (https://www.checkov.io)."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.toolchain import install_checkov
from tests.terraform.applied_module import ROOT

RULE = re.compile(r"CKV2?_AWS_\d+")


@dataclass(frozen=True)
class Findings:
    """What checkov reports on a plan.

    Attributes:
        failed: the rules, each with the address of a resource.
        skipped: the rules that a comment in the resource's block skips, with the comment's reason.
    """

    failed: frozenset[tuple[str, str]]
    skipped: frozenset[tuple[str, str]]


@pytest.fixture(scope="session")
def checkov() -> Path:
    return install_checkov(ROOT / ".venv-checkov")


def scan(checkov: Path, plan: Path, sources: Path) -> Findings:
    """Scan a plan in Terraform's JSON. Comments `checkov:skip` count in the sources below a folder."""
    command: list[str | Path] = [checkov.with_name("python"), checkov, "--file", plan, "--framework", "terraform_plan"]
    options: list[str | Path] = ["--output", "json", "--skip-download", "--soft-fail"]
    options += ["--repo-root-for-plan-enrichment", sources]
    environment = {"PATH": f"{checkov.parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(plan.parent)}
    completed = subprocess.run([*command, *options], env=environment, capture_output=True, text=True, check=True)
    report = json.loads(completed.stdout)
    assert report["summary"]["resource_count"] > 2
    assert report["summary"]["parsing_errors"] == 0
    results = report["results"]
    return Findings(
        frozenset((check["check_id"], check["resource"]) for check in results["failed_checks"]),
        frozenset(
            (check["check_id"], check["check_result"]["suppress_comment"]) for check in results["skipped_checks"]
        ),
    )

"""The quickstart's last chapter is true: its sample deploys, and answers curl as the page prints it."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployed.conftest import NewProject, new_project
from tests.deployed.deploying import GATEWAYS, Deployed, deployed
from tests.tools import requires_tool

__all__ = ["new_project"]

pytestmark = [pytest.mark.end_to_end, requires_tool("curl")]

SAMPLES = Path(__file__).parents[2] / "samples" / "docs"
NAME = "sample-first-microservice"
TOKEN = '-H "Authorization:token"'


@pytest.fixture(scope="module", params=GATEWAYS)
def first(
    request: pytest.FixtureRequest, new_project: NewProject, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    """The sample, behind each gateway."""
    with new_project(SAMPLES, tmp_path_factory.mktemp("seed") / "project", "first", request.param) as project:
        yield deployed(project, bucket="demo")


def typed(line: str) -> str:
    """Type a line into a shell, and return what it prints."""
    return subprocess.run(["sh", "-c", line], check=True, capture_output=True, text=True, timeout=60).stdout


def status(line: str) -> str:
    """Return the status that `curl -I` or `curl -i` prints first."""
    return typed(line).split(" ", 2)[1]


def test_the_deploy_prints_its_steps_its_outputs_and_a_request_to_paste(first: Deployed):
    # Without the progress of a step that takes long.
    lines = [line for line in first.printed.splitlines() if not re.match(r"  \d+ of \d+,", line)]
    start = lines.index("Terraform apply (Create API routes)")
    assert lines[start + 1 : start + 3] == [
        "Terraform apply (Deploy API and Lambda for the dev stage)",
        "terraform output :",
    ]
    assert f'{NAME}_id = "{first.api}"' in lines
    assert lines[-1] == f"  curl {TOKEN} {first.address}/"


def test_the_chapter_is_true(first: Deployed):
    url = f"{first.address}/"
    assert typed(f"{first.printed.splitlines()[-1]} -sS") == "Stored value 0.\n"
    # An HTTP API leaves a HEAD to the service, which refuses likewise.
    assert status(f"curl -sSI {url}") == "401"
    assert status(f"curl -sSI -H Authorization:any {url}") == "403"
    assert status(f"curl -sSi {url}") == "401"
    assert status(f"curl -sSi -H Authorization:any {url}") == "403"
    sent = """-X POST -d '{"value":20}' -H "Content-Type: application/json" """
    assert typed(f"curl -sS {sent}{TOKEN} {url}") == "Value stored (20).\n"
    assert typed(f"curl -sS {TOKEN} {url}") == "Stored value 20.\n"

"""The samples of the quickstart, deployed as the page and the README say, respond to curl as the page prints."""

import io
import json
import re
import shlex
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from coworks_async.cli.options import EMULATOR_URL
from tests.deploy.deployed_project import Deployment, deploy
from tests.deployed.conftest import CopyProject
from tests.docs.pages import read_blocks
from tests.docs.shell import matches, read_commands
from tests.tools import requires_tool

pytestmark = [pytest.mark.end_to_end, requires_tool("curl")]

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples" / "docs"
QUICKSTART = ROOT / "docs" / "start" / "quickstart.md"
NAME = "sample-first-microservice"
COMPLETE_COMMAND = re.compile(r"`(cws -A complete deploy --local --bucket demo)`")
TOKEN = '-H "Authorization:token"'


@pytest.fixture(scope="module")
def first(copy_project: CopyProject) -> Iterator[Deployment]:
    """The sample of the page's last chapter, behind the default gateway."""
    with copy_project(SAMPLES, NAME, app="first", gateway="rest") as project:
        yield deploy(project)


@pytest.fixture(scope="module")
def complete(copy_project: CopyProject) -> Iterator[Deployment]:
    """The complete sample, deployed with the command of the page."""
    command = COMPLETE_COMMAND.search(QUICKSTART.read_text())
    assert command is not None
    _, _, app, *_, bucket = shlex.split(command[1])
    with copy_project(SAMPLES, "sample-complete-microservice", app=app, gateway="rest") as project:
        yield deploy(project, "--bucket", bucket)


PAGES = ("docs/start/quickstart.md", "docs/how-to/deploy.md")
DEPLOY = "cws -A first deploy --local --bucket demo"


def output_on(page: str, command: str) -> str:
    """Return the output of a command that a page shows."""
    transcripts = [block for block in read_blocks(ROOT / page) if block.language == "console"]
    commands = [each for block in transcripts for each in read_commands(block.source, block.line)]
    [output] = [each.output for each in commands if each.text == command]
    return output


def as_on_a_page(deployment: Deployment, printed: str) -> str:
    """Return output as without options for the emulator's address and the stage, and without the progress of a step."""
    printed = re.sub(r"^  \d+ of \d+,.*\n", "", printed, flags=re.MULTILINE)
    printed = printed.replace(f"--local {deployment.project.url}", "--local").replace(" -s dev ", " ")
    return printed.replace(deployment.project.url, EMULATOR_URL)


def shell(line: str) -> str:
    return subprocess.run(["sh", "-c", line], check=True, capture_output=True, text=True, timeout=60).stdout


def status(line: str) -> str:
    """Return the status that `curl -I` or `curl -i` prints first."""
    return shell(line).split(" ", 2)[1]


def check_stored_value(deployment: Deployment) -> None:
    """Run the requests of the page."""
    url = f"{deployment.url}/"
    assert shell(f"{deployment.output.splitlines()[-1]} -sS") == "Stored value 0.\n"
    assert status(f"curl -sSI {url}") == "401"
    assert status(f"curl -sSI -H Authorization:any {url}") == "403"
    assert status(f"curl -sSi {url}") == "401"
    assert status(f"curl -sSi -H Authorization:any {url}") == "403"
    data = """-X POST -d '{"value":20}' -H "Content-Type: application/json" """
    assert shell(f"curl -sS {data}{TOKEN} {url}") == "Value stored (20).\n"
    assert shell(f"curl -sS {TOKEN} {url}") == "Stored value 20.\n"


def test_a_deploy_prints_its_steps_its_outputs_and_a_request_to_try(first: Deployment):
    # Without the progress of a slow step.
    lines = [line for line in first.output.splitlines() if not re.match(r"  \d+ of \d+,", line)]
    start = lines.index("Terraform apply (Create API routes)")
    assert lines[start + 1 : start + 4] == [
        "Terraform apply (Deploy API and Lambda for the dev stage)",
        "Version 1 is live.",
        "terraform output :",
    ]
    assert f'{NAME}_id = "{first.api_id}"' in lines
    assert lines[-1] == f"  curl {TOKEN} {first.url}/"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_what_a_deploy_prints(first: Deployment, page: str):
    printed = as_on_a_page(first, first.output)
    expected = output_on(page, DEPLOY)
    assert matches(printed, expected), f"--- {page}\n{expected}--- printed\n{printed}"


def test_a_page_shows_what_deployed_prints(first: Deployment):
    printed = as_on_a_page(first, first.project.run("deployed", "--local", first.project.url))
    expected = output_on("docs/how-to/deploy.md", "cws -A first deployed --local")
    assert matches(printed, expected), printed


def test_the_first_sample_responds_as_the_page_prints(first: Deployment):
    check_stored_value(first)


def test_the_complete_sample_responds_as_the_page_prints(complete: Deployment):
    check_stored_value(complete)


def test_the_archive_contains_the_extras_that_the_service_uses(complete: Deployment):
    s3 = complete.project.client("s3")
    [key] = [each["Key"] for each in s3.list_objects_v2(Bucket="demo")["Contents"]]
    with zipfile.ZipFile(io.BytesIO(s3.get_object(Bucket="demo", Key=key)["Body"].read())) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert {"complete.py", "aws_xray_sdk", "markdown_it", "nh3", "pyinstrument"} <= tops
    assert not tops & {"botocore", "click", "uvicorn"}


def test_the_profile_is_that_of_the_previous_request(complete: Deployment):
    routes = json.loads(shell(f"curl -sS {TOKEN} {complete.url}/admin/route"))
    assert routes["/"]["POST"]["signature"] == "(value: int | None = None)"
    assert {"/", "/admin", "/admin/route", "/profile"} <= set(routes)
    lines = shell(f"curl -sS {TOKEN} {complete.url}/profile").splitlines()
    assert lines[:2] == ["-" * 80, "PATH: '/admin/route'"]
    assert "   ncalls  tottime  percall  cumtime  percall filename:lineno(function)" in lines
    assert "(Admin.get_route)" in shell(f"curl -sS {TOKEN} '{complete.url}/profile?limit=1000'")
    page = shell(f"curl -sSi {TOKEN} {complete.url}/profile/flame")
    assert "GET /admin/route" in page


def test_the_admin_page_is_open_and_its_data_is_not(complete: Deployment):
    page = shell(f"curl -sSi {complete.url}/admin")
    assert page.split(" ", 2)[1] == "200"
    assert "<!doctype html>" in page
    for loaded in ("route", "openapi.json", "doc"):
        assert shell(f"curl -sSi {complete.url}/admin/{loaded}").split(" ", 2)[1] == "401"
    document = json.loads(shell(f"curl -sS {TOKEN} {complete.url}/admin/openapi.json"))
    assert document["info"]["title"] == "sample-complete-microservice"
    assert "A value in memory</h2>" in shell(f"curl -sS {TOKEN} {complete.url}/admin/doc")
    [asset] = set(re.findall(r'href="\./admin/(assets/\w+/icon\.svg)"', page))
    assert "<svg" in shell(f"curl -sS {complete.url}/admin/{asset}")

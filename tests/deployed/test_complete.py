"""The quickstart's complete sample is true: deployed as the README says, it answers curl as the page prints it."""

import io
import json
import re
import shlex
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployed.conftest import NewProject, new_project
from tests.deployed.deploying import GATEWAYS, Deployed, deployed
from tests.tools import requires_tool

__all__ = ["new_project"]

pytestmark = [pytest.mark.end_to_end, requires_tool("curl")]

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples" / "docs"
COMMAND = re.compile(r"`(cws -A complete deploy --local --bucket demo)`")
TOKEN = '-H "Authorization:token"'


@pytest.fixture(scope="module", params=GATEWAYS)
def complete(
    request: pytest.FixtureRequest, new_project: NewProject, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    """The sample, behind each gateway, deployed by what the README has one type."""
    found = COMMAND.search((ROOT / "README.md").read_text())
    assert found is not None
    _, _, app, *_, bucket = shlex.split(found[1])
    with new_project(SAMPLES, tmp_path_factory.mktemp("complete") / "project", app, request.param) as project:
        yield deployed(project, bucket=bucket)


def typed(line: str) -> str:
    """Type a line into a shell, and return what it prints."""
    return subprocess.run(["sh", "-c", line], check=True, capture_output=True, text=True, timeout=60).stdout


def test_the_archive_holds_the_extras_that_the_service_uses(complete: Deployed):
    s3 = complete.project.client("s3")
    [key] = [each["Key"] for each in s3.list_objects_v2(Bucket="demo")["Contents"]]
    with zipfile.ZipFile(io.BytesIO(s3.get_object(Bucket="demo", Key=key)["Body"].read())) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert {"complete.py", "aws_xray_sdk", "markdown_it", "nh3", "pyinstrument"} <= tops
    assert not tops & {"botocore", "click", "uvicorn"}


def test_the_value_is_stored_and_read(complete: Deployed):
    url = f"{complete.address}/"
    assert typed(f"curl -sSI {url}").split(" ", 2)[1] == "401"
    assert typed(f"curl -sSI -H Authorization:any {url}").split(" ", 2)[1] == "403"
    assert typed(f"{complete.printed.splitlines()[-1]} -sS") == "Stored value 0.\n"
    sent = """-X POST -d '{"value":20}' -H "Content-Type: application/json" """
    assert typed(f"curl -sS {sent}{TOKEN} {url}") == "Value stored (20).\n"
    assert typed(f"curl -sS {TOKEN} {url}") == "Stored value 20.\n"


def test_the_profile_is_that_of_the_request_before(complete: Deployed):
    routes = json.loads(typed(f"curl -sS {TOKEN} {complete.address}/admin/route"))
    assert routes["/"]["POST"]["signature"] == "(value: int | None = None)"
    assert {"/", "/admin", "/admin/route", "/profile"} <= set(routes)
    lines = typed(f"curl -sS {TOKEN} {complete.address}/profile").splitlines()
    assert lines[:2] == ["-" * 80, "PATH: '/admin/route'"]
    assert "   ncalls  tottime  percall  cumtime  percall filename:lineno(function)" in lines
    assert "(Admin.get_route)" in typed(f"curl -sS {TOKEN} '{complete.address}/profile?limit=1000'")
    page = typed(f"curl -sSi {TOKEN} {complete.address}/profile/flame")
    assert "GET /admin/route" in page


def test_the_page_for_people_is_open_and_what_it_loads_is_not(complete: Deployed):
    page = typed(f"curl -sSi {complete.address}/admin")
    assert page.split(" ", 2)[1] == "200"
    assert "<!doctype html>" in page
    for loaded in ("route", "openapi.json", "doc"):
        assert typed(f"curl -sSi {complete.address}/admin/{loaded}").split(" ", 2)[1] == "401"
    document = json.loads(typed(f"curl -sS {TOKEN} {complete.address}/admin/openapi.json"))
    assert document["info"]["title"] == "sample-complete-microservice"
    assert "A value in memory</h2>" in typed(f"curl -sS {TOKEN} {complete.address}/admin/doc")
    [asset] = set(re.findall(r'href="\./admin/(assets/\w+/icon\.svg)"', page))
    assert "<svg" in typed(f"curl -sS {complete.address}/admin/{asset}")

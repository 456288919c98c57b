"""The sample `async_job`, deployed to an emulator that checks the rights of its function."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.cli.processes import until
from tests.deploy.deployed_project import Deployment, deploy
from tests.deployed.conftest import CopyProject
from tests.samples.projects import ASYNC_JOB

pytestmark = [pytest.mark.end_to_end, pytest.mark.exhaustive]

TOKEN = {"Authorization": "token"}


@pytest.fixture(scope="module")
def jobs(copy_project: CopyProject) -> Iterator[Deployment]:
    with copy_project(ASYNC_JOB, "async-job", app="app", gateway="rest", checks_rights=True) as project:
        location = {"LocationConstraint": "eu-west-1"}
        project.client("s3").create_bucket(Bucket="async-job", CreateBucketConfiguration=location)
        yield deploy(project)


def test_a_job_is_polled_until_its_result_can_be_downloaded(jobs: Deployment):
    with httpx2.Client(headers=TOKEN, timeout=60) as client:
        job = client.post(f"{jobs.url}/jobs", json={"limit": 300_000}).json()
        assert job["status"] == "pending"
        request = job["start"]
        path = request["url"].removeprefix("/dev")
        started = client.request(request["method"], jobs.url + path, headers=request["headers"])
        assert started.status_code == 202
        seen: list[dict[str, Any]] = []

        def has_ended() -> bool:
            seen.append(client.get(f"{jobs.url}/jobs/{job['id']}").json())
            return seen[-1]["status"] in ("done", "failed")

        until(has_ended)
    progress = [state["progress"] for state in seen]
    assert progress == sorted(progress)
    assert {20, 40, 60, 80} & set(progress)
    # The client sends no token.
    assert httpx2.get(seen[-1]["result"]).json()["count"] == 25_997


def test_a_missing_job_is_a_404_with_the_rights_of_the_role(jobs: Deployment):
    response = httpx2.get(f"{jobs.url}/jobs/6e6a8ff3-03e3-4bb6-ab76-4ad41aa61f15", headers=TOKEN, timeout=60)
    assert response.status_code == 404

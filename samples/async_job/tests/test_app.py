"""Tests over ASGI and as in Lambda behind three kinds of gateway, with a local server in the place of S3."""

import json
import time

import httpx2
import pytest
from coworks_async.testing import TestClient

from app import Jobs

UNKNOWN = "/jobs/6e6a8ff3-03e3-4bb6-ab76-4ad41aa61f15"


@pytest.fixture(params=[None, "rest", "http", "url"], ids=lambda via: via or "asgi")
def client(request, s3):
    with TestClient(Jobs(), via=request.param, headers={"Authorization": "test-token"}) as client:
        yield client


def create_job(client, limit=100):
    response = client.post("/jobs", json={"limit": limit})
    assert response.status_code == 201
    assert client.get(response.headers["location"]).json() == response.json()
    return response.json()


def start(client, job):
    """Send the request that starts a job, as its creation describes it."""
    response = client.request(job["start"]["method"], job["start"]["url"], headers=job["start"]["headers"])
    assert response.status_code == 202


def wait_for_end(client, job):
    """Poll a job until it has ended. Over ASGI it runs while the client polls."""
    for _ in range(1000):
        found = client.get(f"/jobs/{job['id']}").json()
        if found["status"] in ("done", "failed"):
            return found
        time.sleep(0.01)
    raise AssertionError(f"The job did not end: {found}")


def download(url):
    """Download a result as anyone can, without the token."""
    return httpx2.get(url).json()


def test_a_new_job_is_pending_and_describes_the_request_that_starts_it(client):
    job = create_job(client)
    assert (job["status"], job["progress"]) == ("pending", 0)
    assert job["start"] == {
        "method": "POST",
        "url": f"/jobs/{job['id']}/run",
        "headers": {
            "InvocationType": "Event",
            "X-CWS-S3Bucket": "async-job",
            "X-CWS-S3Key": f"results/{job['id']}.json",
        },
    }


def test_the_result_of_a_job_is_downloaded_from_s3(client):
    job = create_job(client, limit=20)
    start(client, job)
    done = wait_for_end(client, job)
    assert (done["status"], done["progress"]) == ("done", 100)
    assert download(done["result"]) == {"count": 8, "primes": [2, 3, 5, 7, 11, 13, 17, 19]}


def test_the_progress_is_stored_before_each_step(client, s3):
    job = create_job(client)
    start(client, job)
    wait_for_end(client, job)
    saved = [json.loads(body) for path, body in s3.saved if path.startswith("/async-job/jobs/")]
    progress = [("pending", 0), *(("running", percent) for percent in (0, 20, 40, 60, 80))]
    assert [(state["status"], state["progress"]) for state in saved] == progress


def test_a_running_job_reports_its_progress(client, s3):
    job = create_job(client)
    state = {"id": job["id"], "limit": 100, "status": "running", "progress": 40}
    s3.put(f"/async-job/jobs/{job['id']}.json", {}, json.dumps(state).encode())
    assert client.get(f"/jobs/{job['id']}").json() == {"id": job["id"], "status": "running", "progress": 40}


def test_a_failed_job_links_to_the_problem(client, monkeypatch):
    def fail(start, stop):
        raise MemoryError

    monkeypatch.setattr("app.find_primes", fail)
    job = create_job(client)
    start(client, job)
    failed = wait_for_end(client, job)
    assert (failed["status"], failed["progress"]) == ("failed", 0)
    assert download(failed["result"])["status"] == 500


def test_a_result_is_stored_only_below_results(client):
    job = create_job(client)
    headers = job["start"]["headers"] | {"X-CWS-S3Key": f"jobs/{job['id']}.json"}
    assert client.post(job["start"]["url"], headers=headers).status_code == 422


def test_an_invalid_limit_is_rejected_before_anything_runs(client, s3):
    for limit in (1, 1_000_001, "many"):
        assert client.post("/jobs", json={"limit": limit}).status_code == 422
    assert s3.objects == {}


def test_an_unknown_job_is_a_404(client):
    assert client.get(UNKNOWN).status_code == 404


def test_jobs_require_a_token(client):
    del client.headers["Authorization"]
    assert client.post("/jobs", json={"limit": 100}).status_code == 401

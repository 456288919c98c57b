"""Jobs that run in the background: a client starts one, polls its progress, and downloads its result from S3."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID, uuid4

import boto3
from botocore.config import Config
from coworks_async import Problem, TechMicroService, entry, request
from msgspec import Meta
from starlette.applications import Starlette

from primes import find_primes
from schemas import JobInfo, Primes, StartRequest
from storage import RESULTS, Job, JobStore, result_key

BUCKET = os.environ["BUCKET"]

STEPS = 5
"""Parts of a job, after each of which the progress is stored."""

# Signature version 4 and the address of the region are needed for presigned URLs that work in every region.
CONFIG = Config(signature_version="s3v4", s3={"addressing_style": "path"})


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
    """Create the client of S3, once for all requests."""
    yield {"jobs": JobStore(boto3.client("s3", config=CONFIG), BUCKET)}


# Entries are not `async`, so they run in threads: boto3 and a long calculation would block the event loop.
class Jobs(TechMicroService):
    """Find prime numbers, which may take longer than a gateway waits."""

    # The only objects that `store_response` may write.
    store_in: ClassVar = {BUCKET: [RESULTS]}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(lifespan=lifespan, **kwargs)

    @entry("/jobs")
    def post_jobs(
        self, limit: Annotated[int, Meta(ge=2, le=1_000_000)]
    ) -> tuple[JobInfo, Literal[201], dict[str, str]]:
        """Create a job that finds the prime numbers below `limit`. Send the request in `start` to start it."""
        job = Job(id=uuid4(), limit=limit)
        request.state.jobs.save(job)
        return self.describe(job), 201, {"Location": self.url_for("get_job", job_id=job.id)}

    @entry("/jobs/{job_id}/run", background=True)
    def post_run(self, job_id: UUID) -> Primes:
        """Run a job. The header `InvocationType: Event` makes it an asynchronous call, whose response is stored.

        Lambda may deliver a call twice. The second run finds the same result, and stores it again.
        """
        job = find_job(job_id)
        primes: list[int] = []
        for step in range(STEPS):
            job.progress = 100 * step // STEPS
            job.status = "running"
            request.state.jobs.save(job)
            primes += find_primes(job.limit * step // STEPS, job.limit * (step + 1) // STEPS)
        return Primes(count=len(primes), primes=primes)

    @entry("/jobs/{job_id}")
    def get_job(self, job_id: UUID) -> JobInfo:
        """Return the progress of a job and, when it has ended, a URL of its result that is valid for five minutes."""
        job = find_job(job_id)
        result = request.state.jobs.find_result(job_id)
        if result is None:
            return self.describe(job)
        status, url = result
        if status >= 400:
            return JobInfo(id=job_id, status="failed", progress=job.progress, result=url)
        return JobInfo(id=job_id, status="done", progress=100, result=url)

    def describe(self, job: Job) -> JobInfo:
        """Describe a job without a result."""
        info = JobInfo(id=job.id, status=job.status, progress=job.progress)
        if job.status == "pending":
            url = self.url_for("post_run", job_id=job.id)
            headers = {"InvocationType": "Event", "X-CWS-S3Bucket": BUCKET, "X-CWS-S3Key": result_key(job.id)}
            info.start = StartRequest(method="POST", url=url, headers=headers)
        return info


def find_job(job_id: UUID) -> Job:
    job: Job | None = request.state.jobs.load(job_id)
    if job is None:
        raise Problem(404, f"There is no job {job_id}.")
    return job


app = Jobs(name="async-job")

"""Jobs and their results, as objects in S3."""

from typing import Any, Literal
from uuid import UUID

import msgspec
from botocore.exceptions import ClientError

JOBS, RESULTS = "jobs/", "results/"

URL_SECONDS = 300
"""How long the URL of a result is valid."""


class Job(msgspec.Struct):
    """A job, as it is stored."""

    id: UUID
    limit: int
    status: Literal["pending", "running"] = "pending"
    progress: int = 0


class JobStore:
    """The objects of a bucket: `jobs/` is written by the entries, `results/` by `store_response`."""

    def __init__(self, client: Any, bucket: str) -> None:
        self.client = client
        self.bucket = bucket

    def save(self, job: Job) -> None:
        self.client.put_object(Bucket=self.bucket, Key=job_key(job.id), Body=msgspec.json.encode(job))

    def load(self, job_id: UUID) -> Job | None:
        try:
            found = self.client.get_object(Bucket=self.bucket, Key=job_key(job_id))
        except self.client.exceptions.NoSuchKey:
            return None
        return msgspec.json.decode(found["Body"].read(), type=Job)

    def find_result(self, job_id: UUID) -> tuple[int, str] | None:
        """Return the status of the response that was stored for a job, and a presigned URL of its body."""
        location = {"Bucket": self.bucket, "Key": result_key(job_id)}
        try:
            found = self.client.head_object(**location)
        except ClientError as error:
            # The response to a HEAD has no body, and so no code such as NoSuchKey.
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return None
            raise
        url = self.client.generate_presigned_url("get_object", Params=location, ExpiresIn=URL_SECONDS)
        return int(found["Metadata"]["status"]), url


def job_key(job_id: UUID) -> str:
    return f"{JOBS}{job_id}.json"


def result_key(job_id: UUID) -> str:
    return f"{RESULTS}{job_id}.json"

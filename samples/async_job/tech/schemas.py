"""The responses of the service."""

from typing import Literal
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType


class StartRequest(Struct):
    """The request that starts a job. Send it with your token."""

    method: str
    url: str
    headers: dict[str, str]


class JobInfo(Struct):
    """A job.

    Attributes:
        progress: percent.
        start: only of a pending job.
        result: the URL of the result or, if the job has failed, of the problem.
    """

    id: UUID
    status: Literal["pending", "running", "done", "failed"]
    progress: int
    start: StartRequest | UnsetType = UNSET
    result: str | UnsetType = UNSET


class Primes(Struct):
    """The result of a job."""

    count: int
    primes: list[int]

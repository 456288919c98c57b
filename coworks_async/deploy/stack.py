"""One stage of a service in AWS, as frozen data: all that the root module says, and nothing that it does not."""

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

from coworks_async.gateway.routes import GatewayDescription

Architecture = Literal["arm64", "x86_64"]

ENTRY_MODULE = "cws_lambda"
"""The module in the archive that exposes the handler under the name by which Lambda's runtime finds it."""


@dataclass(frozen=True, slots=True)
class Function:
    """The Lambda function. What is None or empty is left to AWS.

    Attributes:
        bucket, key: where its archive lies in S3; `archive` is the hash of what is in it.
        layers: ARNs; one without a version stands for the newest.
        memory_size: in MB; `timeout` in seconds.
        log_retention: in days.
    """

    name: str
    bucket: str
    key: str
    archive: str
    runtime: str
    architecture: Architecture
    handler: str = f"{ENTRY_MODULE}.lambda_handler"
    memory_size: int | None = None
    timeout: int | None = None
    layers: tuple[str, ...] = ()
    reserved_concurrency: int | None = None
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    snap_start: bool = False
    tracing: bool = False
    log_retention: int = 30

    @property
    def unversioned_layers(self) -> dict[str, str]:
        """The layers that stand for their newest version, by a name for whoever looks it up."""
        return {
            f"layer_{number}": arn
            for number, arn in enumerate(self.layers, 1)
            if re.search(r":layer:[^:]+:\d+$", arn) is None
        }


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain of the author's own, and below which path of it the service is.

    Attributes:
        certificate: its ARN; None for the newest one that ACM has issued for this very name.
    """

    name: str
    base_path: str = ""
    certificate: str | None = None


@dataclass(frozen=True, slots=True)
class S3Backend:
    """State in S3, with a lock file beside it."""

    bucket: str


@dataclass(frozen=True, slots=True)
class CloudBackend:
    """State and runs in Terraform Cloud."""

    organization: str
    workspace: str


@dataclass(frozen=True, slots=True)
class Stack:
    """One stage of a service.

    Attributes:
        region: None where the credentials' own is meant.
        background: an entry takes asynchronous calls, for which the function invokes itself.
        store_in: where the answers of those calls may be kept: key prefixes by bucket.
        backend: where Terraform keeps its state; None for a file beside the root.
        tags: of everything that can have any, besides those that tell service and stage.
        access_logs: whether the gateway's stage writes them.
    """

    service: str
    stage: str
    gateway: GatewayDescription
    function: Function
    region: str | None = None
    background: bool = False
    store_in: tuple[tuple[str, tuple[str, ...]], ...] = ()
    domain: Domain | None = None
    backend: S3Backend | CloudBackend | None = None
    tags: tuple[tuple[str, str], ...] = ()
    access_logs: bool = True

    @property
    def slug(self) -> str:
        """The service's name where only letters, digits, `-` and `_` are taken."""
        return slug(self.service)


def slug(name: str) -> str:
    """Return a name with `-` for each character that is neither a letter, a digit, `-` nor `_`.

    Where there is one, a hash of the name comes after it, so that `shop.a` and `shop a` are not one service in AWS.
    """
    plain = re.sub(r"[^A-Za-z0-9_-]", "-", name)
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"

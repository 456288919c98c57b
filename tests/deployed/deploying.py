"""Projects that the real `cws` deploys to an AWS emulator of their own, as users deploy theirs."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests.aws.emulator import CREDENTIALS, emulator
from tests.cli.processes import CWS
from tests.deploy.toolchain import Toolchain

PATIENCE = 120.0

GATEWAYS = ("rest", "http")
BUCKET = "archives"

_OUTPUT = re.compile(r'^[\w-]+_(id|url|function|archive) = "(.*)"$', re.MULTILINE)


@dataclass(frozen=True)
class Project:
    """A project in a folder, and the AWS that it is deployed to.

    Attributes:
        app: what `-A` names.
        gateway: `rest` or `http`.
        url: of the emulator.
    """

    directory: Path
    app: str
    gateway: str
    url: str
    toolchain: Toolchain

    def cws(self, command: str, *options: str, stage: str = "dev", bucket: str = "") -> str:
        """Run a command on a stage as a user does, and return what it prints; the test fails where it does."""
        words = [CWS, "-A", self.app, "-s", stage, command, "--local", self.url, *options]
        words += ["--bucket", bucket] if bucket else []
        words += [] if command == "deployed" else ["--gateway", self.gateway]
        done = subprocess.run(
            words,
            cwd=self.directory,
            env=self.toolchain.environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"cws {command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def deploy(self, *options: str, stage: str = "dev", bucket: str = BUCKET) -> str:
        return self.cws("deploy", *options, stage=stage, bucket=bucket)

    def client(self, service: str) -> Any:
        """Return boto3's client of the emulator."""
        keys = {name.lower(): CREDENTIALS[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        # Where `cws` deploys to when nobody names a region.
        return boto3.session.Session(region_name="us-east-1", **keys).client(service, endpoint_url=self.url)


@dataclass(frozen=True)
class Deployed:
    """A stage that is deployed, by what its deploy printed.

    Attributes:
        address: where clients find it.
    """

    project: Project
    printed: str
    api: str
    address: str

    @property
    def gateway(self) -> str:
        return self.project.gateway


def deployed(project: Project, *, stage: str = "dev", bucket: str = BUCKET) -> Deployed:
    """Deploy a stage for the first time."""
    printed = project.deploy(stage=stage, bucket=bucket)
    outputs = dict(_OUTPUT.findall(printed))
    return Deployed(project, printed, outputs["id"], outputs["url"])


@contextmanager
def project_of(
    source: Path, place: Path, app: str, gateway: str, toolchain: Toolchain, ministack: Path
) -> Iterator[Project]:
    """Copy a project to a new folder, beside an emulator that runs as long as this does."""
    shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__", "terraform"))
    with emulator(ministack) as url:
        yield Project(place, app, gateway, url, toolchain)

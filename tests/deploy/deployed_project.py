"""Projects that `cws` deploys to an AWS emulator, in processes of its own and with a real Terraform, as a user does."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import boto3

from tests.aws.emulator import CREDENTIALS
from tests.cli.processes import CWS
from tests.deploy.toolchain import Toolchain

# A deploy creates about seventy resources, on a machine that runs other tests too.
PATIENCE = 300.0

GATEWAYS = ("rest", "http")

# Only APIs of this account can be called in the emulator.
DEFAULT_ACCOUNT = "000000000000"

SERVICE = """
import os

from coworks_async import TechMicroService, entry


class Shop(TechMicroService):
    async def token_authorizer(self, token):
        return token == os.environ["TOKEN"]

    @entry
    async def get(self):
        return f"The {self.name} is open.\\n"

    @entry(no_auth=True)
    async def get_label(self):
        return os.environ.get("LABEL", "unset")


app = Shop(name=%r)
"""

# Fast, for functions that are not called: CoWorks is not built into the archive.
QUICK = ("--layer-provides", "coworks-async")

_OUTPUT = re.compile(r'^[\w-]+_(id|url|function|archive) = "(.*)"$', re.MULTILINE)


@dataclass(frozen=True)
class Project:
    """A project with one service, and the AWS that it is deployed to.

    Attributes:
        name: of the service.
        url: of the emulator.
        account: a number in the emulator.
        app: the value of `-A`.
        gateway: the value of `--gateway`.
    """

    directory: Path
    name: str
    toolchain: Toolchain
    url: str
    account: str = DEFAULT_ACCOUNT
    app: str = "app"
    gateway: str = "rest"
    environment: dict[str, str] = field(default_factory=lambda: {"AWS_DEFAULT_REGION": "eu-west-1"})

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
        return path

    def create_state_bucket(self) -> str:
        """Create a bucket for `--tf-bucket`, and return its name."""
        bucket = f"states-{self.account}"
        location = {"LocationConstraint": "eu-west-1"}
        self.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
        return bucket

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """Start `cws` in its own process group, so that a test can press Ctrl-C."""
        own = self.toolchain.environment() | self.environment | {"AWS_ACCESS_KEY_ID": self.account} | environment
        with default_sigint():
            return subprocess.Popen(
                [CWS, "-A", self.app, *words],
                cwd=self.directory,
                env=own,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )

    def cws(self, *words: str, typed: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `cws` with some standard input."""
        with self.start(*words, **environment) as process:
            out, err = process.communicate(typed, timeout=PATIENCE)
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def run(self, *words: str, **environment: str) -> str:
        """Run `cws` successfully, and return what it prints."""
        completed = self.cws(*words, **environment)
        assert completed.returncode == 0, f"{completed.stdout}{completed.stderr}"
        return completed.stdout

    def deploy(self, *words: str, stage: str = "dev") -> str:
        return self.run("-s", stage, "deploy", *self.target, *words)

    def destroy(self, *words: str, stage: str = "dev") -> str:
        return self.run("-s", stage, "destroy", "--local", self.url, "--gateway", self.gateway, "--yes", *words)

    @property
    def target(self) -> tuple[str, ...]:
        return "--local", self.url, "--bucket", self.bucket, "--gateway", self.gateway

    @property
    def bucket(self) -> str:
        return f"archives-{self.name}"

    def stage_directory(self, name: str = "dev+local") -> Path:
        return self.directory / "terraform" / self.name / name

    def client(self, service: str) -> Any:
        """Return a boto3 client for the account."""
        keys = {"aws_access_key_id": self.account, "aws_secret_access_key": CREDENTIALS["AWS_SECRET_ACCESS_KEY"]}
        return boto3.session.Session(region_name="eu-west-1", **keys).client(service, endpoint_url=self.url)

    def api_ids(self) -> list[str]:
        """Return the ids of all APIs of the service, of both kinds and all stages."""
        rest = [(api["id"], api.get("tags", {})) for api in self.client("apigateway").get_rest_apis()["items"]]
        http = [(api["ApiId"], api.get("Tags", {})) for api in self.client("apigatewayv2").get_apis()["Items"]]
        return [name for name, tags in (*rest, *http) if tags.get("coworks:service") == self.name]

    def resources(self) -> list[str]:
        """Return the names of everything in AWS that belongs to the service."""
        names = [
            *(each["FunctionName"] for each in self.client("lambda").list_functions()["Functions"]),
            *(each["RoleName"] for each in self.client("iam").list_roles()["Roles"]),
            *(each["logGroupName"] for each in self.client("logs").describe_log_groups()["logGroups"]),
            *(each["Name"] for each in self.client("s3").list_buckets()["Buckets"]),
            *(each["name"] for each in self.client("apigateway").get_rest_apis()["items"]),
            *(each["Name"] for each in self.client("apigatewayv2").get_apis()["Items"]),
        ]
        return [name for name in names if self.name in name]

    def archives(self) -> list[str]:
        return [each["Key"] for each in self.client("s3").list_objects_v2(Bucket=self.bucket).get("Contents", ())]


@contextmanager
def default_sigint() -> Iterator[None]:
    """Let children start with the default action of SIGINT, which a shell ignores for a background job."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def create_project(directory: Path, name: str, toolchain: Toolchain, url: str, **options: Any) -> Project:
    """Write a project whose service requires a token."""
    project = Project(directory, name, toolchain, url, **options)
    project.write("app.py", SERVICE % name)
    project.write(".env", "TOKEN=s3cr3t-token\n")
    return project


def create_offline_project(directory: Path, toolchain: Toolchain) -> Project:
    """Write a project whose processes have no AWS, no credentials and no home directory."""
    project = create_project(directory / "shop", "shop", toolchain, "http://127.0.0.1:9", account="")
    project.environment.clear()
    project.environment.update(
        HOME=str(directory / "home"),
        AWS_DEFAULT_REGION="eu-west-1",
        AWS_EC2_METADATA_DISABLED="true",
        AWS_MAX_ATTEMPTS="1",
    )
    return project


@dataclass(frozen=True)
class Deployment:
    """A deployed stage, as the output of its deploy describes it."""

    project: Project
    output: str
    api_id: str
    url: str

    @property
    def gateway(self) -> str:
        return self.project.gateway


def deploy(project: Project, *words: str) -> Deployment:
    output = project.deploy(*words)
    outputs = dict(_OUTPUT.findall(output))
    return Deployment(project, output, outputs["id"], outputs["url"])


def curl(output: str, *more: str) -> str:
    """Run the curl command that a deploy printed, with the token of `create_project`; return body and status."""
    line = next(line.strip() for line in output.splitlines() if line.strip().startswith("curl "))
    words = [word.strip('"').replace(":token", ":s3cr3t-token") for word in line.split()]
    command = [*words, "-sS", "-w", " %{http_code}", *more]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout


def deploy_error(project: Project, *words: str, code: int, **environment: str) -> str:
    """Run a deploy that fails with one line, and return it. No state is written."""
    completed = project.cws("deploy", *words, *QUICK, **environment)
    assert completed.returncode == code, f"{completed.stdout}{completed.stderr}"
    lines = completed.stderr.splitlines()
    assert len([line for line in lines if not line.startswith("Log: ")]) == 1
    assert not (project.stage_directory() / "terraform.tfstate").exists()
    return lines[0]

"""Projects that are deployed by `cws`, as a process with a real Terraform, to an AWS on this machine."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import boto3

from tests.aws.emulator import CREDENTIALS
from tests.cli.processes import CWS
from tests.deploy.toolchain import Toolchain

# A deploy makes some seventy things by Terraform, beside others on a busy machine.
PATIENCE = 300.0

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
    async def get_mark(self):
        return os.environ.get("MARK", "unset")


app = Shop(name=%r)
"""

# CoWorks as a layer would bring it: quick, for what is not called.
QUICK = ("--layer-provides", "coworks-async")


@dataclass(frozen=True)
class Project:
    """A project of one service, and the AWS that it is deployed to.

    Attributes:
        name: the service's, which no other test has.
        url: the emulator's; `account` a number there. (Only what the default one holds can be called.)
    """

    directory: Path
    name: str
    toolchain: Toolchain
    url: str
    account: str = "000000000000"
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
        return path

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """Start `cws` in a group of its own, so that a test can press Ctrl-C."""
        own = self.toolchain.environment() | self.environment | {"AWS_ACCESS_KEY_ID": self.account} | environment
        return subprocess.Popen(
            [CWS, *words],
            cwd=self.directory,
            env=own,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def cws(self, *words: str, said: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `cws` to its end; `said` is what the user types."""
        with self.start(*words, **environment) as process:
            out, err = process.communicate(said, timeout=PATIENCE)
        assert "Traceback" not in err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def done(self, *words: str, **environment: str) -> str:
        """Run `cws`, which does not fail, and return what it printed."""
        ended = self.cws(*words, **environment)
        assert ended.returncode == 0, f"{ended.stdout}{ended.stderr}"
        return ended.stdout

    def deploy(self, *words: str, stage: str = "dev") -> str:
        return self.done("-s", stage, "deploy", *self.target, *words)

    def destroy(self, *words: str, stage: str = "dev") -> str:
        return self.done("-s", stage, "destroy", "--local", self.url, "--yes", *words)

    @property
    def target(self) -> tuple[str, ...]:
        return "--local", self.url, "--bucket", self.bucket

    @property
    def bucket(self) -> str:
        return f"archives-{self.name}"

    def folder(self, stage: str = "dev+local") -> Path:
        return self.directory / "terraform" / self.name / stage

    def client(self, name: str) -> Any:
        keys = {"aws_access_key_id": self.account, "aws_secret_access_key": "test"}
        return boto3.client(name, endpoint_url=self.url, region_name=CREDENTIALS["AWS_DEFAULT_REGION"], **keys)

    def apis(self) -> list[str]:
        """Return the ids of all APIs of this service, of both kinds and all stages."""
        rest = [(api["id"], api.get("tags", {})) for api in self.client("apigateway").get_rest_apis()["items"]]
        http = [(api["ApiId"], api.get("Tags", {})) for api in self.client("apigatewayv2").get_apis()["Items"]]
        return [name for name, tags in (*rest, *http) if tags.get("coworks:service") == self.name]

    def remains(self) -> list[str]:
        """Return the names of all that AWS has of this service, whatever it is."""
        found = [
            *(each["FunctionName"] for each in self.client("lambda").list_functions()["Functions"]),
            *(each["RoleName"] for each in self.client("iam").list_roles()["Roles"]),
            *(each["logGroupName"] for each in self.client("logs").describe_log_groups()["logGroups"]),
            *(each["Name"] for each in self.client("s3").list_buckets()["Buckets"]),
            *(each["name"] for each in self.client("apigateway").get_rest_apis()["items"]),
            *(each["Name"] for each in self.client("apigatewayv2").get_apis()["Items"]),
        ]
        return [name for name in found if self.name in name]

    def changes_nothing(self, *words: str) -> None:
        """Deploy what is deployed already."""
        told = self.deploy(*words)
        # Two archives tell that something was edited meanwhile: CoWorks itself is in them.
        assert "No changes.\n" in told, f"{told}{self.archives()}"

    def archives(self) -> list[str]:
        return [each["Key"] for each in self.client("s3").list_objects_v2(Bucket=self.bucket).get("Contents", ())]

    def state(self) -> Any:
        return json.loads((self.folder() / "terraform.tfstate").read_text())


NewProject = Callable[..., Project]


def new_project(directory: Path, name: str, toolchain: Toolchain, url: str, **options: Any) -> Project:
    """Write a project whose service has a token."""
    project = Project(directory, name, toolchain, url, **options)
    project.environment["AWS_DEFAULT_REGION"] = CREDENTIALS["AWS_DEFAULT_REGION"]
    project.write("app.py", SERVICE % name)
    project.write(".env", "TOKEN=s3cr3t-token\n")
    return project


def curl(output: str, *more: str) -> str:
    """Run the curl that a deploy printed, with this service's token, and return its answer and status."""
    line = next(line.strip() for line in output.splitlines() if line.strip().startswith("curl "))
    words = [word.strip('"').replace(":token", ":s3cr3t-token") for word in line.split()]
    command = [*words, "-sS", "-w", " %{http_code}", *more]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout


def here() -> Sequence[str]:
    """Options that say what `--local` takes by itself: this Python and this processor."""
    return "--python", f"{sys.version_info.major}.{sys.version_info.minor}", "--arch", os.uname().machine


def offline_project(directory: Path, toolchain: Toolchain) -> Project:
    """A project with no AWS, whose processes have neither credentials nor a home."""
    project = new_project(directory / "shop", "shop", toolchain, "http://127.0.0.1:9", account="")
    project.environment.update(HOME=str(directory / "home"), AWS_EC2_METADATA_DISABLED="true", AWS_MAX_ATTEMPTS="1")
    return project


def refusal(project: Project, *words: str, code: int, **environment: str) -> str:
    """The one line of a deploy that does not go well; nothing is left half made."""
    ended = project.cws("deploy", *words, *QUICK, **environment)
    assert ended.returncode == code, f"{ended.stdout}{ended.stderr}"
    lines = ended.stderr.splitlines()
    assert len([line for line in lines if not line.startswith("Log: ")]) == 1
    assert not (project.folder() / "terraform.tfstate").exists()
    return lines[0]

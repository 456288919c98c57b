"""The shipped modules as Terraform applies them, in a root of a test's own and on an emulator of AWS."""

import io
import json
import shutil
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx

from coworks_async.gateway.routes import GatewayDescription, GatewayRoute
from tests.aws.emulator import CREDENTIALS
from tests.deploy.toolchain import Toolchain
from tests.tools import PATIENCE

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "terraform" / "modules"
REGION = "eu-west-1"
STEP_ONE = "-target=module.api.module.routes"
SERVICES = ("acm", "apigateway", "cloudwatchlogs", "ec2", "iam", "lambda", "route53", "s3", "sts")

# What a shell command prints in colours, and asks.
PLAIN = ("-no-color", "-input=false")


def override(url: str) -> dict[str, Any]:
    """Return what makes an emulator's AWS of a root's."""
    aws = {
        "region": REGION,
        "max_retries": 2,
        "skip_credentials_validation": True,
        "skip_metadata_api_check": True,
        "endpoints": dict.fromkeys(SERVICES, url),
    }
    return {"provider": {"aws": aws}}


def example(folder: Path, url: str = "http://127.0.0.1:4566") -> Path:
    """Put the modules into a folder, and what an emulator needs beside each example; return the modules' place there.

    The emulator's provider is an old one: an override of a block makes Terraform leave out the arguments that it lacks.
    """
    modules = folder / "modules"
    shutil.copytree(MODULES, modules)
    for file in modules.glob("*/examples/*/main.tf"):
        own = override(url)
        if "aws_lambda_function" in file.read_text():
            own["resource"] = {"aws_lambda_function": {"handler": {"runtime": "python3.8"}}}
        (file.parent / "emulator_override.tf.json").write_text(json.dumps(own))
    return modules


def inputs_of(plan: GatewayDescription) -> dict[str, Any]:
    """Return a service's gateway as the modules take it."""
    inputs: dict[str, Any] = {
        "routes": routes_of(plan.routes),
        "token_header": plan.token_key,
        "authorizer_ttl": plan.authorizer_ttl,
    }
    if plan.kind == "rest":
        inputs["binary_media_types"] = list(plan.binary_media_types)
        inputs["gateway_responses"] = [
            {
                "type": response.type,
                "status": "" if response.status is None else str(response.status),
                "headers": dict(response.headers),
                "body": response.body,
            }
            for response in plan.responses
        ]
    return inputs


def routes_of(routes: Sequence[GatewayRoute]) -> list[dict[str, Any]]:
    """Return routes as the modules take them."""
    return [{"method": route.method, "path": route.path, "authorized": route.authorized} for route in routes]


@dataclass
class Applied:
    """A root in a folder that calls the module of an API, and the one of its domain where it has any.

    Attributes:
        kind: `rest_api` or `http_api`.
        inputs: of the API's module; `write` puts them in the root.
        domain: the inputs of the domain's module that tell nothing of the API.
    """

    kind: str
    directory: Path
    toolchain: Toolchain
    url: str
    account: str
    inputs: dict[str, Any] = field(default_factory=dict)
    domain: dict[str, Any] = field(default_factory=dict)

    def write(self, **inputs: Any) -> None:
        """Write the root, with these inputs changed."""
        self.inputs |= inputs
        calls = {"api": {"source": self._copy(self.kind), **escaped(self.inputs)}}
        if self.domain:
            api = {"api_id": "${module.api.id}", "stage_name": "${module.api.stage_name}"}
            calls["domain"] = {"source": self._copy("custom_domain"), **api, **escaped(self.domain)}
        root = {
            "provider": {"aws": {"region": REGION}},
            "module": calls,
            "output": {name: {"value": f"${{module.{name}}}"} for name in calls},
        }
        (self.directory / "main.tf.json").write_text(json.dumps(root, indent=2))
        (self.directory / "emulator_override.tf.json").write_text(json.dumps(override(self.url)))

    def _copy(self, name: str) -> str:
        """Copy a module beside the root, and return by what the root calls it."""
        module = self.directory / "modules" / name
        shutil.rmtree(module, ignore_errors=True)
        shutil.copytree(MODULES / name, module, ignore=shutil.ignore_patterns("examples"))
        return f"./modules/{name}"

    def terraform(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run Terraform in the folder and return what it printed."""
        environment = self.toolchain.environment(self.url, self.account)
        return str(self.toolchain.run(self.directory, *words, environment=environment, codes=codes).stdout)

    def apply(self, *words: str) -> None:
        self.terraform("apply", "-auto-approve", *PLAIN, *words)

    def deploy(self) -> None:
        """Apply in two steps, as a deploy does."""
        self.apply(STEP_ONE)
        self.apply()

    def planned(self, *words: str) -> dict[str, str]:
        """Return the resources that a plan would change, and how: `create`, `update`, `delete`, `delete, create`…"""
        file = self.directory / "plan"
        self.terraform("plan", "-out=plan", *PLAIN, *words)
        told = json.loads(self.terraform("show", "-json", "plan"))
        file.unlink()
        changes = {found["address"]: ", ".join(found["change"]["actions"]) for found in told["resource_changes"]}
        return {
            address.removeprefix("module.api.").removeprefix("module.routes."): actions
            for address, actions in changes.items()
            if actions not in ("no-op", "read")
        }

    @property
    def outputs(self) -> dict[str, Any]:
        return self.outputs_of("api")

    def outputs_of(self, call: str) -> dict[str, Any]:
        return dict(json.loads(self.terraform("output", "-json"))[call]["value"])

    def client(self, service: str) -> Any:
        """Return boto3's client of this account on the emulator."""
        return client(self.url, self.account, service)


def escaped(value: Any) -> Any:
    """Return data as Terraform's JSON has it, where `${` and `%{` begin a template."""
    if isinstance(value, str):
        return value.replace("${", "$${").replace("%{", "%%{")
    if isinstance(value, Mapping):
        return {key: escaped(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [escaped(item) for item in value]
    return value


def client(url: str, account: str, service: str) -> Any:
    """Return boto3's client of an account on an emulator."""
    keys = {"aws_access_key_id": account, "aws_secret_access_key": CREDENTIALS["AWS_SECRET_ACCESS_KEY"]}
    return boto3.session.Session(region_name=REGION, **keys).client(service, endpoint_url=url)


def zipped(**files: str) -> bytes:
    """Return an archive of modules by their names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.py", text)
    return buffer.getvalue()


def create_function(url: str, account: str, name: str, source: str) -> None:
    """Create a Lambda function of a module's text, which finds the packages where these tests find them."""
    packages = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    client(url, account, "lambda").create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=f"arn:aws:iam::{account}:role/{name}",
        Handler="service.lambda_handler",
        Code={"ZipFile": zipped(service=source)},
        Timeout=int(PATIENCE),
        Environment={"Variables": {"PYTHONPATH": ":".join(packages), "CWS_STAGE": "dev"}},
    )


def live(applied: Applied) -> httpx.Client:
    """Return a client of the deployed stage."""
    host, _, path = applied.outputs["url"].removeprefix("https://").partition("/")
    api = host.partition(".")[0]
    base = f"{applied.url}/_aws/execute-api/{api}/{path or '$default'}"
    return httpx.Client(base_url=base, timeout=PATIENCE)

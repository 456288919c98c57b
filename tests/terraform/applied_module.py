"""Root modules of tests that call the shipped modules, applied to an AWS emulator."""

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
from tests.aws.events import SIGNING_KEY
from tests.deploy.toolchain import Toolchain
from tests.tools import PATIENCE

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "terraform" / "modules"
REGION = "eu-west-1"
STEP_ONE = "-target=module.api.module.routes"
SERVICES = ("acm", "apigateway", "cloudwatchlogs", "ec2", "iam", "lambda", "route53", "s3", "sts")

PLAIN = ("-no-color", "-input=false")


def create_override(url: str) -> dict[str, Any]:
    """Return the override that makes a root module use an emulator."""
    aws = {
        "region": REGION,
        "max_retries": 2,
        "skip_credentials_validation": True,
        "skip_metadata_api_check": True,
        "endpoints": dict.fromkeys(SERVICES, url),
    }
    return {"provider": {"aws": aws}}


def copy_modules(directory: Path, url: str = "http://127.0.0.1:4566") -> Path:
    """Copy the modules, with an override for the emulator beside each example, and return their directory.

    The emulator's provider is old: in a block that an override touches, Terraform ignores arguments it does not know.
    """
    modules = directory / "modules"
    shutil.copytree(MODULES, modules)
    for file in modules.glob("*/examples/*/main.tf"):
        content = create_override(url)
        if "aws_lambda_function" in file.read_text():
            content["resource"] = {"aws_lambda_function": {"handler": {"runtime": "python3.8"}}}
        (file.parent / "emulator_override.tf.json").write_text(json.dumps(content))
    return modules


def to_inputs(plan: GatewayDescription) -> dict[str, Any]:
    """Return the module inputs for a service's gateway."""
    inputs: dict[str, Any] = {
        "routes": to_routes(plan.routes),
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


def to_routes(routes: Sequence[GatewayRoute]) -> list[dict[str, Any]]:
    """Return routes as a module input."""
    return [{"method": route.method, "path": route.path, "authorized": route.authorized} for route in routes]


@dataclass
class AppliedModule:
    """A root module that calls the module of an API and, with a domain, that of the domain.

    Attributes:
        kind: `rest_api` or `http_api`.
        inputs: of the API's module.
        domain: inputs of the domain's module, except those that refer to the API.
    """

    kind: str
    directory: Path
    toolchain: Toolchain
    url: str
    account: str
    inputs: dict[str, Any] = field(default_factory=dict)
    domain: dict[str, Any] = field(default_factory=dict)

    def write(self, **inputs: Any) -> None:
        """Change inputs, and write the root module."""
        self.inputs |= inputs
        calls = {"api": {"source": self._copy(self.kind), **escape(self.inputs)}}
        if self.domain:
            api = {"api_id": "${module.api.id}", "stage_name": "${module.api.stage_name}"}
            calls["domain"] = {"source": self._copy("custom_domain"), **api, **escape(self.domain)}
        root = {
            "provider": {"aws": {"region": REGION}},
            "module": calls,
            "output": {name: {"value": f"${{module.{name}}}"} for name in calls},
        }
        (self.directory / "main.tf.json").write_text(json.dumps(root, indent=2))
        (self.directory / "emulator_override.tf.json").write_text(json.dumps(create_override(self.url)))

    def _copy(self, name: str) -> str:
        """Copy a module beside the root module, and return its source."""
        module = self.directory / "modules" / name
        shutil.rmtree(module, ignore_errors=True)
        shutil.copytree(MODULES / name, module, ignore=shutil.ignore_patterns("examples"))
        return f"./modules/{name}"

    def terraform(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run Terraform, and return its output."""
        environment = self.toolchain.environment(self.url, self.account)
        return str(self.toolchain.run(self.directory, *words, environment=environment, codes=codes).stdout)

    def apply(self, *words: str) -> None:
        self.terraform("apply", "-auto-approve", *PLAIN, *words)

    def deploy(self) -> None:
        """Apply in two steps, as a deploy does."""
        self.apply(STEP_ONE)
        self.apply()

    def plan(self, *words: str) -> dict[str, str]:
        """Return the planned action of each resource: `create`, `update`, `delete`, `delete, create`…"""
        file = self.directory / "plan"
        self.terraform("plan", "-out=plan", *PLAIN, *words)
        plan = json.loads(self.terraform("show", "-json", "plan"))
        file.unlink()
        changes = {found["address"]: ", ".join(found["change"]["actions"]) for found in plan["resource_changes"]}
        return {
            address.removeprefix("module.api.").removeprefix("module.routes."): actions
            for address, actions in changes.items()
            if actions not in ("no-op", "read")
        }

    @property
    def outputs(self) -> dict[str, Any]:
        return self.read_outputs("api")

    def read_outputs(self, call: str) -> dict[str, Any]:
        return dict(json.loads(self.terraform("output", "-json"))[call]["value"])

    def client(self, service: str) -> Any:
        return create_client(self.url, self.account, service)


def escape(value: Any) -> Any:
    """Escape `${` and `%{`, which start a template in Terraform's JSON."""
    if isinstance(value, str):
        return value.replace("${", "$${").replace("%{", "%%{")
    if isinstance(value, Mapping):
        return {key: escape(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [escape(item) for item in value]
    return value


def create_client(url: str, account: str, service: str) -> Any:
    """Return a boto3 client for an account in an emulator."""
    keys = {"aws_access_key_id": account, "aws_secret_access_key": CREDENTIALS["AWS_SECRET_ACCESS_KEY"]}
    return boto3.session.Session(region_name=REGION, **keys).client(service, endpoint_url=url)


def create_zip(**files: str) -> bytes:
    """Return a zip file of Python modules."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.py", text)
    return buffer.getvalue()


def create_function(url: str, account: str, name: str, source: str) -> None:
    """Create a Lambda function from the text of a module, with the packages of this test run."""
    packages = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    variables = {"PYTHONPATH": ":".join(packages), "CWS_STAGE": "dev", "CWS_SIGNING_KEY": SIGNING_KEY}
    create_client(url, account, "lambda").create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=f"arn:aws:iam::{account}:role/{name}",
        Handler="service.lambda_handler",
        Code={"ZipFile": create_zip(service=source)},
        Timeout=int(PATIENCE),
        Environment={"Variables": variables},
    )


def create_http_client(applied: AppliedModule) -> httpx.Client:
    """Return a client of the deployed stage."""
    host, _, path = applied.outputs["url"].removeprefix("https://").partition("/")
    api = host.partition(".")[0]
    base = f"{applied.url}/_aws/execute-api/{api}/{path or '$default'}"
    return httpx.Client(base_url=base, timeout=PATIENCE)

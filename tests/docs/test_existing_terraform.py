"""The root module of `docs/how-to/existing-terraform.md` creates a service that responds, behind each gateway."""

import json
import platform
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.cli.processes import CWS
from tests.deploy.conftest import emulator, toolchain
from tests.deploy.toolchain import Toolchain
from tests.docs.checks import PageRun
from tests.docs.pages import DOCS, read_blocks
from tests.terraform.applied_module import MODULES, STEP_ONE, create_override
from tests.tools import PATIENCE

__all__ = ["emulator", "toolchain"]

PAGE = DOCS / "how-to" / "existing-terraform.md"
MODULE = re.compile(r'^module "api" \{.*?^\}$', re.MULTILINE | re.DOTALL)
ROUTES = ("routes", "gateway_responses")
SIGNING_KEY = "0123456789abcdef" * 4


@pytest.mark.parametrize("kind", ["http", pytest.param("rest", marks=pytest.mark.exhaustive)])
def test_the_root_module_creates_a_service(
    kind: str, toolchain: Toolchain, emulator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = PageRun(PAGE, tmp_path)
    monkeypatch.chdir(run.folder)
    run.run()
    build_for_this_machine(toolchain)
    if kind == "rest":
        use_rest_api(toolchain)
    toolchain.run(run.folder, "fmt", "-check", "main.tf")
    function = {"aws_lambda_function": {"shop": {"runtime": "python3.8"}}}  # the newest of the emulator's old provider
    Path("emulator_override.tf.json").write_text(json.dumps(create_override(emulator) | {"resource": function}))
    environment = toolchain.environment(emulator) | {"TF_VAR_token": "my-token", "TF_VAR_signing_key": SIGNING_KEY}
    toolchain.run(run.folder, "init", environment=environment)
    if kind == "rest":
        toolchain.run(run.folder, "apply", "-auto-approve", STEP_ONE, environment=environment)
    toolchain.run(run.folder, "apply", "-auto-approve", environment=environment)
    check_responses(f"{emulator}/_aws/execute-api/{read_id(toolchain, run.folder, environment)}/dev")
    toolchain.run(run.folder, "plan", "-detailed-exitcode", environment=environment)
    toolchain.run(run.folder, "destroy", "-auto-approve", environment=environment)


def cws(toolchain: Toolchain, *words: str) -> None:
    subprocess.run([CWS, *words], env=toolchain.environment(), check=True, capture_output=True, timeout=PATIENCE)


def build_for_this_machine(toolchain: Toolchain) -> None:
    """Build the archive again: the emulator runs functions with its own Python."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    arch = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
    cws(toolchain, "zip", "--output", "shop.zip", "--python", python, "--arch", arch)


def use_rest_api(toolchain: Toolchain) -> None:
    """Write the files of the page's second half, as its commands do."""
    [module] = [block.source for block in read_blocks(PAGE) if block.language == "hcl" and block.test]
    main = Path("main.tf")
    main.write_text(MODULE.sub(module.strip(), main.read_text()))
    (Path("modules") / "rest_api").symlink_to(MODULES / "rest_api")
    cws(toolchain, "deploy", "--dry", "--bucket", "unused")
    values = json.loads(Path("tech/terraform/shop/dev/main.tf.json").read_text())["locals"]
    for name in ROUTES:
        Path(f"{name}.json").write_text(json.dumps(values[name]))


def read_id(toolchain: Toolchain, folder: Path, environment: dict[str, str]) -> str:
    outputs = json.loads(toolchain.run(folder, "output", "-json", environment=environment).stdout)
    found = re.match(r"https://(\w+)\.", outputs["url"]["value"])
    assert found is not None
    return found[1]


def check_responses(url: str) -> None:
    with httpx.Client(base_url=url, timeout=PATIENCE) as client:
        assert client.get("/").text == "The shop is open.\n"
        response = client.get("/items/3")
        assert (response.status_code, response.headers["content-type"]) == (401, "application/problem+json")
        assert client.get("/items/3", headers={"Authorization": "wrong"}).status_code == 403
        assert client.get("/items/3", headers={"Authorization": "my-token"}).json() == {"id": 3}

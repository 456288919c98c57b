"""The shipped modules as text: valid, formatted, and documented in their READMEs."""

import json
import shutil
from pathlib import Path

import pytest

from tests.deploy.toolchain import Toolchain
from tests.terraform.applied_module import MODULES, copy_modules
from tests.terraform.module_docs import read_declarations, read_table

KINDS = ("rest_api", "http_api")
NAMES = (*KINDS, "custom_domain")
FOLDERS = sorted(str(file.parent.relative_to(MODULES)) for file in MODULES.rglob("main.tf"))

BAD_ROUTES = {
    "FETCH /items": "A method is ANY",
    "GET items": "A path starts with /",
    "GET /items/": "A path starts with /",
    "GET /{proxy+}/items": "A path starts with /",
    "GET /a b": "A path starts with /",
    "GET /1/2/3/4/5/6/7/8/9": "at most 8 segments",
    "GET /{a}, GET /{b}": "Two routes have the same method and path",
    "GET /{a}, PUT /{b}/c": "A parameter has the same name",
    "GET /a/{b}/c, PUT /a/{proxy+}": "not both",
}


CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/1"
BAD_BASE_PATHS = {
    "/v1": "segments of a base path are letters",
    "v1/": "segments of a base path are letters",
    "a//b": "segments of a base path are letters",
    "a b": "segments of a base path are letters",
    "a" * 301: "at most 300 characters",
}


def test_the_modules_and_their_examples():
    assert FOLDERS == [
        "custom_domain",
        "custom_domain/examples/complete",
        "http_api",
        "http_api/examples/complete",
        "http_api/routes",
        "rest_api",
        "rest_api/examples/account",
        "rest_api/examples/complete",
        "rest_api/routes",
    ]


def test_each_file_is_formatted_as_terraform_does(toolchain: Toolchain):
    assert toolchain.run(MODULES, "fmt", "-check", "-diff", "-recursive").stdout == ""


@pytest.mark.parametrize("folder", [each for each in FOLDERS if not each.endswith("routes")])
def test_each_module_and_example_is_valid(toolchain: Toolchain, tmp_path: Path, folder: str):
    directory = copy_modules(tmp_path) / folder
    toolchain.run(directory, "init", "-backend=false")
    report = json.loads(toolchain.run(directory, "validate", "-json").stdout)
    assert (report["valid"], report["diagnostics"]) == (True, [])


@pytest.mark.parametrize("kind", NAMES)
def test_the_readme_documents_each_input_and_output(kind: str):
    inputs = [
        [f"`{each.name}`", "list of objects" if "object" in each.type else each.type, _code(each.default)]
        for each in read_declarations(MODULES / kind / "variables.tf")
    ]
    rows = read_table(MODULES / kind / "README.md", "Inputs")
    assert [row[:3] for row in rows] == inputs
    assert [row[3] for row in rows] == [each.description for each in read_declarations(MODULES / kind / "variables.tf")]
    outputs = [[f"`{each.name}`", each.description] for each in read_declarations(MODULES / kind / "outputs.tf")]
    assert read_table(MODULES / kind / "README.md", "Outputs") == outputs


def _code(default: str | None) -> str:
    return "" if default is None else f"`{default}`"


@pytest.mark.parametrize(
    "file", [f"{name}/variables.tf" for name in NAMES] + [f"{kind}/routes/variables.tf" for kind in KINDS]
)
def test_each_input_has_a_type_and_a_description(file: str):
    for each in read_declarations(MODULES / file):
        assert each.type
        assert each.description.endswith(".")


@pytest.mark.parametrize("kind", KINDS)
def test_the_routes_have_the_same_input_types_as_the_module(kind: str):
    types = {each.name: each.type for each in read_declarations(MODULES / kind / "variables.tf")}
    routes = {each.name: each.type for each in read_declarations(MODULES / kind / "routes" / "variables.tf")}
    assert routes.items() <= types.items()
    assert "function_arn" not in routes


def test_both_apis_have_the_same_inputs_except_those_only_a_rest_api_supports():
    rest, http = ({each.name for each in read_declarations(MODULES / kind / "variables.tf")} for kind in KINDS)
    assert rest > http
    assert rest - http == {
        "binary_media_types",
        "endpoint_type",
        "gateway_responses",
        "stream",
        "vpc_endpoint_ids",
        "web_acl_arn",
        "xray_tracing",
    }
    outputs = [[each.name for each in read_declarations(MODULES / kind / "outputs.tf")] for kind in KINDS]
    assert outputs[0] == outputs[1]


def test_invalid_routes_of_a_rest_api_are_rejected_with_the_reason(toolchain: Toolchain, tmp_path: Path):
    shutil.copytree(MODULES / "rest_api", tmp_path / "rest_api")
    good = {"name": "shop", "stage_name": "dev", "function_name": "shop", "source": "./rest_api"}
    calls = {f"bad_{number}": good | {"routes": _routes(text)} for number, text in enumerate(BAD_ROUTES)}
    calls["none"] = good | {"routes": []}
    calls["good"] = good | {"routes": _routes("GET /a/{b}/c, PUT /a/{b}, ANY /a/{b}/{rest+}, GET /, ANY /{all+}")}
    (tmp_path / "main.tf.json").write_text(json.dumps({"module": calls}))
    reasons = _rejections(toolchain, tmp_path)
    assert "needs at least one route" in reasons.pop("module.none")
    for number, reason in enumerate(BAD_ROUTES.values()):
        assert reason in reasons.pop(f"module.bad_{number}")
    assert reasons == {}


def test_invalid_base_paths_are_rejected_with_the_reason(toolchain: Toolchain, tmp_path: Path):
    shutil.copytree(MODULES / "custom_domain", tmp_path / "custom_domain")
    inputs = {"domain_name": "api.shop.example", "certificate_arn": CERTIFICATE, "api_id": "a1", "stage_name": "dev"}
    good = inputs | {"source": "./custom_domain"}
    calls = {f"bad_{number}": good | {"base_path": path} for number, path in enumerate(BAD_BASE_PATHS)}
    calls["whole"] = good
    calls["deep"] = good | {"base_path": "$a-b/_c.d/+!*'()/" + "x" * 280}
    (tmp_path / "main.tf.json").write_text(json.dumps({"module": calls}))
    reasons = _rejections(toolchain, tmp_path)
    for number, reason in enumerate(BAD_BASE_PATHS.values()):
        assert reason in reasons.pop(f"module.bad_{number}")
    assert reasons == {}


def _rejections(toolchain: Toolchain, directory: Path) -> dict[str, str]:
    """Return the reasons why module calls are rejected, by their addresses."""
    toolchain.run(directory, "init", "-backend=false")
    reasons: dict[str, str] = {}
    for each in json.loads(toolchain.run(directory, "validate", "-json", codes=(1,)).stdout)["diagnostics"]:
        call = each["snippet"]["context"]
        reasons[call] = reasons.get(call, "") + each["detail"]
    return reasons


def _routes(text: str) -> list[dict[str, object]]:
    pairs = [each.split(" ", 1) for each in text.split(", ")]
    return [{"method": method, "path": path, "authorized": False} for method, path in pairs]

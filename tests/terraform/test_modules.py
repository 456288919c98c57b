"""The shipped modules as text: valid, in Terraform's own form, and told by their READMEs."""

import json
import shutil
from pathlib import Path

import pytest

from tests.deploy.toolchain import Toolchain
from tests.terraform.applying import MODULES, example
from tests.terraform.reading import declared, table

KINDS = ("rest_api", "http_api")
NAMES = (*KINDS, "custom_domain")
FOLDERS = sorted(str(file.parent.relative_to(MODULES)) for file in MODULES.rglob("main.tf"))

BAD_ROUTES = {
    "FETCH /items": "A route's method is",
    "GET items": "A route's path begins with /",
    "GET /items/": "A route's path begins with /",
    "GET /{proxy+}/items": "A route's path begins with /",
    "GET /a b": "A route's path begins with /",
    "GET /1/2/3/4/5/6/7/8/9": "at most 8 parts",
    "GET /{a}, GET /{b}": "There are two routes with the same method and path",
    "GET /{a}, PUT /{b}/c": "A parameter has one name",
    "GET /a/{b}/c, PUT /a/{proxy+}": "not both",
}


CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/1"
BAD_BASE_PATHS = {
    "/v1": "parts are letters, digits and",
    "v1/": "parts are letters, digits and",
    "a//b": "parts are letters, digits and",
    "a b": "parts are letters, digits and",
    "a" * 301: "300 characters at most",
}


def test_there_are_three_modules_with_their_routes_and_examples():
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


def test_each_file_has_the_form_that_terraform_gives_it(toolchain: Toolchain):
    assert toolchain.run(MODULES, "fmt", "-check", "-diff", "-recursive").stdout == ""


@pytest.mark.parametrize("folder", [each for each in FOLDERS if not each.endswith("routes")])
def test_each_module_and_example_is_valid(toolchain: Toolchain, tmp_path: Path, folder: str):
    place = example(tmp_path) / folder
    toolchain.run(place, "init", "-backend=false")
    told = json.loads(toolchain.run(place, "validate", "-json").stdout)
    assert (told["valid"], told["diagnostics"]) == (True, [])


@pytest.mark.parametrize("kind", NAMES)
def test_the_readme_tells_each_input_and_output(kind: str):
    inputs = [
        [f"`{each.name}`", "list of objects" if "object" in each.type else each.type, _code(each.default)]
        for each in declared(MODULES / kind / "variables.tf")
    ]
    rows = table(MODULES / kind / "README.md", "Inputs")
    assert [row[:3] for row in rows] == inputs
    assert [row[3] for row in rows] == [each.description for each in declared(MODULES / kind / "variables.tf")]
    outputs = [[f"`{each.name}`", each.description] for each in declared(MODULES / kind / "outputs.tf")]
    assert table(MODULES / kind / "README.md", "Outputs") == outputs


def _code(default: str | None) -> str:
    return "" if default is None else f"`{default}`"


@pytest.mark.parametrize(
    "file", [f"{name}/variables.tf" for name in NAMES] + [f"{kind}/routes/variables.tf" for kind in KINDS]
)
def test_each_input_has_a_type_and_a_description(file: str):
    for each in declared(MODULES / file):
        assert each.type
        assert each.description.endswith(".")


@pytest.mark.parametrize("kind", KINDS)
def test_the_routes_take_their_inputs_as_the_module_has_them(kind: str):
    types = {each.name: each.type for each in declared(MODULES / kind / "variables.tf")}
    routes = {each.name: each.type for each in declared(MODULES / kind / "routes" / "variables.tf")}
    assert routes.items() <= types.items()
    assert "function_arn" not in routes


def test_both_apis_have_the_same_inputs_but_what_a_rest_api_alone_can_do():
    rest, http = ({each.name for each in declared(MODULES / kind / "variables.tf")} for kind in KINDS)
    assert rest > http
    assert rest - http == {
        "binary_media_types",
        "endpoint_type",
        "gateway_responses",
        "vpc_endpoint_ids",
        "xray_tracing",
    }
    outputs = [[each.name for each in declared(MODULES / kind / "outputs.tf")] for kind in KINDS]
    assert outputs[0] == outputs[1]


def test_routes_that_a_rest_api_cannot_hold_are_refused_with_the_reason(toolchain: Toolchain, tmp_path: Path):
    shutil.copytree(MODULES / "rest_api", tmp_path / "rest_api")
    good = {"name": "shop", "stage_name": "dev", "function_name": "shop", "source": "./rest_api"}
    calls = {f"bad_{number}": good | {"routes": _routes(told)} for number, told in enumerate(BAD_ROUTES)}
    calls["none"] = good | {"routes": []}
    calls["good"] = good | {"routes": _routes("GET /a/{b}/c, PUT /a/{b}, ANY /a/{b}/{rest+}, GET /, ANY /{all+}")}
    (tmp_path / "main.tf.json").write_text(json.dumps({"module": calls}))
    reasons = _refusals(toolchain, tmp_path)
    assert "no API without a route" in reasons.pop("module.none")
    for number, reason in enumerate(BAD_ROUTES.values()):
        assert reason in reasons.pop(f"module.bad_{number}")
    assert reasons == {}


def test_base_paths_that_api_gateway_does_not_take_are_refused_with_the_reason(toolchain: Toolchain, tmp_path: Path):
    shutil.copytree(MODULES / "custom_domain", tmp_path / "custom_domain")
    told = {"domain_name": "api.shop.example", "certificate_arn": CERTIFICATE, "api_id": "a1", "stage_name": "dev"}
    good = told | {"source": "./custom_domain"}
    calls = {f"bad_{number}": good | {"base_path": path} for number, path in enumerate(BAD_BASE_PATHS)}
    calls["whole"] = good
    calls["deep"] = good | {"base_path": "$a-b/_c.d/+!*'()/" + "x" * 280}
    (tmp_path / "main.tf.json").write_text(json.dumps({"module": calls}))
    reasons = _refusals(toolchain, tmp_path)
    for number, reason in enumerate(BAD_BASE_PATHS.values()):
        assert reason in reasons.pop(f"module.bad_{number}")
    assert reasons == {}


def _refusals(toolchain: Toolchain, place: Path) -> dict[str, str]:
    """Return why the calls of modules in a root are refused, by their addresses."""
    toolchain.run(place, "init", "-backend=false")
    reasons: dict[str, str] = {}
    for each in json.loads(toolchain.run(place, "validate", "-json", codes=(1,)).stdout)["diagnostics"]:
        call = each["snippet"]["context"]
        reasons[call] = reasons.get(call, "") + each["detail"]
    return reasons


def _routes(told: str) -> list[dict[str, object]]:
    pairs = [each.split(" ", 1) for each in told.split(", ")]
    return [{"method": method, "path": path, "authorized": False} for method, path in pairs]

"""The shipped modules as text: valid, in Terraform's own form, and told by their READMEs."""

import json
import shutil
from pathlib import Path

import pytest

from tests.deploy.toolchain import Toolchain
from tests.terraform.applying import MODULES, example
from tests.terraform.reading import declared, table

KINDS = ("rest_api", "http_api")
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


def test_there_are_two_modules_with_their_routes_and_examples():
    assert FOLDERS == [
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


@pytest.mark.parametrize("kind", KINDS)
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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file", ["variables.tf", "routes/variables.tf"])
def test_each_input_has_a_type_and_a_description(kind: str, file: str):
    for each in declared(MODULES / kind / file):
        assert each.type
        assert each.description.endswith(".")


@pytest.mark.parametrize("kind", KINDS)
def test_the_routes_take_their_inputs_as_the_module_has_them(kind: str):
    types = {each.name: each.type for each in declared(MODULES / kind / "variables.tf")}
    routes = {each.name: each.type for each in declared(MODULES / kind / "routes" / "variables.tf")}
    assert routes.items() <= types.items()
    assert "function_arn" not in routes


def test_the_modules_have_the_same_inputs_but_what_a_rest_api_alone_can_do():
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
    toolchain.run(tmp_path, "init", "-backend=false")
    told = json.loads(toolchain.run(tmp_path, "validate", "-json", codes=(1,)).stdout)["diagnostics"]
    reasons: dict[str, str] = {}
    for each in told:
        call = each["snippet"]["context"]
        reasons[call] = reasons.get(call, "") + each["detail"]
    assert "no API without a route" in reasons.pop("module.none")
    for number, reason in enumerate(BAD_ROUTES.values()):
        assert reason in reasons.pop(f"module.bad_{number}")
    assert reasons == {}


def _routes(told: str) -> list[dict[str, object]]:
    pairs = [each.split(" ", 1) for each in told.split(", ")]
    return [{"method": method, "path": path, "authorized": False} for method, path in pairs]

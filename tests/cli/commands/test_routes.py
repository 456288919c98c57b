"""`cws routes` lists the entries of a service, for people and for programs, and writes what describes them."""

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from openapi_spec_validator import OpenAPIV31SpecValidator

from coworks_async.cli.main import cws
from tests.cli.conftest import Write

SHOP = """
from coworks_async import Blueprint, TechMicroService, entry

print("imported")

class Items(Blueprint):
    @entry(no_auth=True)
    async def get_(self, name: str):
        return name

class Shop(TechMicroService):
    @entry(stage=["dev", "v1"])
    async def post(self, pen: str = ""):
        return pen

    @entry
    async def get_a_b(self):
        return ""

app = Shop(name="pen-shop")
app.register_blueprint(Items(), url_prefix="/items")
"""

TABLE = """\
method  path           endpoint    auth   stage   blueprint
POST    /              post        token  dev,v1  -
GET     /a/b           get_a_b     token  all     -
GET     /items/{name}  items.get_  open   all     items
"""


@pytest.fixture
def shop(write: Write, project: Path) -> Path:
    write("shop.py", SHOP)
    return project


def routes(project: Path, *args: str, app: str = "shop") -> Result:
    return CliRunner().invoke(cws, ["-p", str(project), "-A", app, "routes", *args])


def endpoints(result: Result) -> list[str]:
    return [row["endpoint"] for row in json.loads(result.stdout)]


def test_without_a_terminal_the_table_is_plain_and_nothing_else_is_printed(shop: Path):
    result = routes(shop)
    assert (result.exit_code, result.stdout) == (0, TABLE)
    assert result.stderr == "imported\n"


def test_json_tells_the_same(shop: Path):
    assert json.loads(routes(shop, "--json").stdout)[0] == {
        "method": "POST",
        "path": "/",
        "endpoint": "post",
        "auth": True,
        "stage": ["dev", "v1"],
        "blueprint": None,
    }


@pytest.mark.parametrize(
    ("column", "order"),
    [
        ("path", ["post", "get_a_b", "items.get_"]),
        ("method", ["get_a_b", "items.get_", "post"]),
        ("endpoint", ["get_a_b", "items.get_", "post"]),
        ("auth", ["items.get_", "post", "get_a_b"]),
        ("stage", ["get_a_b", "items.get_", "post"]),
        ("blueprint", ["post", "get_a_b", "items.get_"]),
    ],
)
def test_rows_are_sorted_by_a_column_then_by_path(shop: Path, column: str, order: list[str]):
    assert endpoints(routes(shop, "--json", "--sort", column)) == order


def test_a_service_without_entries_has_a_table_without_rows(write: Write, project: Path):
    write("empty.py", "from coworks_async import TechMicroService\napp = TechMicroService()")
    assert routes(project, app="empty").stdout == "method  path  endpoint  auth  stage  blueprint\n"
    assert json.loads(routes(project, "--json", app="empty").stdout) == []


def test_only_the_entries_of_the_stage_are_listed(shop: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CWS_STAGE", "prod")
    assert endpoints(routes(shop, "--json")) == ["get_a_b", "items.get_"]


def test_a_document_goes_to_the_standard_output(shop: Path):
    document = json.loads(routes(shop, "--openapi", "-").stdout)
    OpenAPIV31SpecValidator(document).validate()
    assert set(document["paths"]) == {"/", "/a/b", "/items/{name}"}


def test_a_document_is_written_as_json_or_as_yaml(shop: Path, tmp_path: Path):
    for name in ("openapi.json", "openapi.yaml", "OPENAPI.YML", "openapi"):
        result = routes(shop, "--openapi", str(tmp_path / name))
        assert (result.exit_code, result.stdout) == (0, "")
    documents = {
        "json": json.loads((tmp_path / "openapi.json").read_text()),
        "none": json.loads((tmp_path / "openapi").read_text()),
        "yaml": yaml.safe_load((tmp_path / "openapi.yaml").read_text()),
        "yml": yaml.safe_load((tmp_path / "OPENAPI.YML").read_text()),
    }
    assert documents["json"]["info"]["title"] == "pen-shop"
    assert all(document == documents["json"] for document in documents.values())
    assert "&id" not in (tmp_path / "openapi.yaml").read_text()


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["--json", "--openapi", "x"], "--json lists the entries, --openapi describes them: take one of the two."),
        (
            ["--openapi", "{}/none/x.json"],
            "The document '{}/none/x.json' cannot be written: No such file or directory.",
        ),
        (["--openapi", "{}"], "The document '{}' cannot be written: Is a directory."),
    ],
)
def test_a_wrong_use_is_one_line(shop: Path, args: list[str], line: str):
    result = routes(shop, *[arg.format(shop) for arg in args])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.removeprefix("imported\n") == f"Error: {line.format(shop, shop)}\n"


def test_an_unknown_column_is_one_line(shop: Path):
    result = routes(shop, "--sort", "size")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "'size' is not one of 'method', 'path'" in result.stderr


def test_another_app_has_no_entries(write: Write, project: Path):
    write("other.py", "from starlette.applications import Starlette\napp = Starlette()")
    result = routes(project, app="other")
    assert result.exit_code == 2
    assert result.stderr == "Error: The app 'other' is a Starlette; only a TechMicroService has entries.\n"


def on_a_terminal(project: Path, columns: int, **environment: str) -> str:
    """Run the command as a process on a terminal, and return what it shows."""
    controller, terminal = pty.openpty()
    code = "from coworks_async.cli import main; main()"
    own = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    variables = {**own, "COLUMNS": str(columns), "TERM": "xterm-256color", **environment}
    args = [sys.executable, "-c", code, "-p", str(project), "-A", "shop", "routes"]
    subprocess.run(args, stdout=terminal, stderr=subprocess.DEVNULL, env=variables, check=True)
    os.close(terminal)
    shown = b""
    with suppress(OSError):  # Linux tells the end so
        while chunk := os.read(controller, 4096):
            shown += chunk
    os.close(controller)
    return shown.decode().replace("\r\n", "\n")


def test_on_a_terminal_the_table_fits_it(shop: Path):
    shown = on_a_terminal(shop, 44)
    assert "\x1b[1mMethod" in shown
    plain = on_a_terminal(shop, 44, NO_COLOR="1")
    assert max(map(len, plain.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines())) <= 44
    assert "items" in plain


def test_what_is_open_has_a_colour_unless_no_color_says_none(shop: Path):
    yellow = "\x1b[33m"
    [line] = [line for line in on_a_terminal(shop, 80).splitlines() if yellow in line]
    assert "items.get_" in line
    assert yellow not in on_a_terminal(shop, 80, NO_COLOR="1")

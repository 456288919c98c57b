"""`cws routes`: a table, JSON, and an OpenAPI document."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from openapi_spec_validator import OpenAPIV31SpecValidator

from coworks_async.cli.main import cws
from tests.cli.conftest import Terminal, Write

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


def test_without_a_terminal_stdout_contains_only_a_plain_table(shop: Path):
    result = routes(shop)
    assert (result.exit_code, result.stdout) == (0, TABLE)
    assert result.stderr == "imported\n"


def test_json_contains_the_same_values(shop: Path):
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


def test_the_table_of_a_service_without_entries_has_no_rows(write: Write, project: Path):
    write("empty.py", "from coworks_async import TechMicroService\napp = TechMicroService()")
    assert routes(project, app="empty").stdout == "method  path  endpoint  auth  stage  blueprint\n"
    assert json.loads(routes(project, "--json", app="empty").stdout) == []


def test_only_the_entries_of_the_stage_are_listed(shop: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CWS_STAGE", "prod")
    assert endpoints(routes(shop, "--json")) == ["get_a_b", "items.get_"]


def test_a_document_is_written_to_stdout(shop: Path):
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
        (["--json", "--openapi", "x"], "--json cannot be combined with --openapi."),
        (
            ["--openapi", "{}/none/x.json"],
            "Cannot write '{}/none/x.json': No such file or directory.",
        ),
        (["--openapi", "{}"], "Cannot write '{}': Is a directory."),
    ],
)
def test_a_usage_error_is_one_line(shop: Path, args: list[str], line: str):
    result = routes(shop, *[arg.format(shop) for arg in args])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.removeprefix("imported\n") == f"Error: {line.format(shop, shop)}\n"


def test_an_unknown_column_is_a_one_line_error(shop: Path):
    result = routes(shop, "--sort", "size")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "'size' is not one of 'method', 'path'" in result.stderr


def test_another_asgi_app_is_a_one_line_error(write: Write, project: Path):
    write("other.py", "from starlette.applications import Starlette\napp = Starlette()")
    result = routes(project, app="other")
    assert result.exit_code == 2
    assert result.stderr == "Error: App 'other' is a Starlette. Only a TechMicroService has entries.\n"


def routes_on_terminal(project: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the command on a terminal and return what it shows."""
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", terminal.file)
        cws.main(["-p", str(project), "-A", "shop", "routes"], standalone_mode=False)
    return terminal.read().replace("\r\n", "\n")


def test_the_table_fits_the_terminal(shop: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "44")
    assert "\x1b[1mMethod" in routes_on_terminal(shop, terminal, monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = routes_on_terminal(shop, terminal, monkeypatch)
    assert max(map(len, plain.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines())) <= 44
    assert "items" in plain


def test_open_entries_have_a_color_unless_no_color_is_set(
    shop: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
):
    yellow = "\x1b[33m"
    [line] = [line for line in routes_on_terminal(shop, terminal, monkeypatch).splitlines() if yellow in line]
    assert "items.get_" in line
    monkeypatch.setenv("NO_COLOR", "1")
    assert yellow not in routes_on_terminal(shop, terminal, monkeypatch)

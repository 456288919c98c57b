"""Warnings of commands about a service: `TOKEN` is not set, and methods without `@entry`."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from coworks_async.cli.main import cws
from tests.cli.conftest import Write
from tests.cli.processes import start_server

TOKEN_WARNING = (
    "Warning: TOKEN is not set, so every token is rejected. Set TOKEN in .env, or override token_authorizer.\n"
)

CLOSED = """
from coworks_async import TechMicroService, entry

class Shop(TechMicroService):
    @entry
    async def get(self):
        return ""

app = Shop(name="shop")
"""

OPEN = CLOSED.replace("@entry", "@entry(no_auth=True)")

WITH_AUTHORIZER = CLOSED.replace(
    "    @entry", "    def token_authorizer(self, token):\n        return True\n\n    @entry"
)

UNDECORATED = """
from coworks_async import Blueprint, TechMicroService, entry

class Items(Blueprint):
    async def get_parts(self):
        return []

class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return ""

    async def get_items(self):
        return []

app = Shop(name="shop")
app.register_blueprint(Items(), url_prefix="/items")
app.register_blueprint(Items("more"), url_prefix="/more")
"""


@pytest.fixture(autouse=True)
def inside(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    monkeypatch.delenv("TOKEN", raising=False)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cws, arguments)


def start(*arguments: str) -> str:
    """Return the standard error of `cws run`, which fails after its warnings: the host does not exist."""
    result = invoke("run", "--host", "a" * 70, *arguments)
    assert result.exit_code == 2
    warnings, _, error = result.stderr.rpartition("Error: ")
    assert error.startswith("Cannot listen on ")
    return warnings


@pytest.mark.parametrize("mode", [(), ("--lambda",), ("--workers", "2"), ("--reload",)], ids=" ".join)
def test_run_warns_that_token_is_not_set(write: Write, mode: tuple[str, ...]):
    write("app.py", CLOSED)
    assert start(*mode) == TOKEN_WARNING


@pytest.mark.parametrize("source", [OPEN, WITH_AUTHORIZER])
def test_run_does_not_warn_about_token_if_no_entry_needs_it(write: Write, source: str):
    write("app.py", source)
    assert start() == ""


def test_run_does_not_warn_if_token_is_in_an_environment_file(write: Write):
    write("app.py", CLOSED)
    write(".env", "TOKEN=s3cr3t-token\n")
    assert start() == ""


def test_run_does_not_warn_about_another_asgi_app(write: Write):
    write("app.py", "from starlette.applications import Starlette\napp = Starlette()")
    assert start() == ""


def test_the_warning_precedes_the_banner_and_the_service_is_served(write: Write, project: Path):
    write("app.py", UNDECORATED)
    with start_server("run", "--port", "0", cwd=project) as server:
        assert server.err.read_text().startswith("Warning: methods without @entry are not entries: Shop.get_items, ")
        assert server.stop() == 0


def deploy_warnings() -> str:
    """Return the warnings of `cws deploy`, which fails after them."""
    result = invoke("deploy", "--bucket", "demo", "--region", "eu-west-1", "--memory-size", "1")
    warnings, _, error = result.stderr.rpartition("Error: ")
    assert error.startswith("--memory-size: 1 is out of range")
    return warnings


def test_deploy_warns_if_the_environment_files_do_not_set_token(write: Write, monkeypatch: pytest.MonkeyPatch):
    write("app.py", CLOSED)
    # The function does not get the variables of this process.
    monkeypatch.setenv("TOKEN", "s3cr3t-token")
    assert deploy_warnings() == TOKEN_WARNING
    write(".env.dev", "TOKEN=s3cr3t-token\n")
    assert deploy_warnings() == ""


def test_run_and_routes_warn_about_methods_without_entry(write: Write):
    write("app.py", UNDECORATED)
    warning = (
        "Warning: methods without @entry are not entries: Shop.get_items, Items.get_parts. "
        "Decorate them, or put '_' before their names.\n"
    )
    assert start() == warning
    result = invoke("routes")
    assert (result.exit_code, result.stderr) == (0, warning)
    assert result.stdout == "method  path  endpoint  auth  stage  blueprint\nGET     /     get       open  all    -\n"


def test_a_warning_names_at_most_three_methods(write: Write):
    methods = "".join(f"    def get_{name}(self):\n        pass\n" for name in "abcde")
    write(
        "app.py", f"from coworks_async import TechMicroService\nclass Shop(TechMicroService):\n{methods}\napp = Shop()"
    )
    assert invoke("routes").stderr == (
        "Warning: methods without @entry are not entries: Shop.get_a, Shop.get_b, Shop.get_c and 2 more "
        "(cws routes --undecorated). Decorate them, or put '_' before their names.\n"
    )


def test_routes_lists_methods_without_entry_with_their_location(write: Write, project: Path, tmp_path: Path):
    write("app.py", UNDECORATED)
    table = """\
method           location
Shop.get_items   {0}app.py:13
Items.get_parts  {0}app.py:5
"""
    result = invoke("routes", "--undecorated")
    assert (result.exit_code, result.stdout, result.stderr) == (0, table.format(""), "")
    result = invoke("routes", "--undecorated", "--json")
    assert '"method": "Shop.get_items",\n    "location": "app.py:13"' in result.stdout


def test_a_location_outside_of_the_current_folder_is_absolute(
    write: Write, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = write("app.py", UNDECORATED)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert f"Shop.get_items   {file}:13\n" in invoke("-p", str(project), "routes", "--undecorated").stdout


def test_undecorated_cannot_be_combined_with_a_document(write: Write):
    result = invoke("routes", "--undecorated", "--openapi", "-")
    assert (result.exit_code, result.stderr) == (2, "Error: --undecorated cannot be combined with --openapi.\n")

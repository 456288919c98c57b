"""A project created by `cws new` passes its own tests, runs, and can be deployed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from dotenv import dotenv_values

from coworks_async.cli.commands.new import TEMPLATES
from coworks_async.cli.main import cws
from tests.cli.processes import CWS, start_server
from tests.deploy.conftest import toolchain
from tests.deploy.toolchain import Toolchain
from tests.environments import Built, built, create_environment
from tests.tools import requires_tool

__all__ = ["built", "toolchain"]

template = pytest.mark.parametrize("template", TEMPLATES)
exhaustive = pytest.mark.exhaustive
OTHERS = [name for name in TEMPLATES if name != "crud"]
# `tests/samples/test_sample_projects.py` runs the tests of these files.
IN_SAMPLES = ("website", "assistant")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an empty directory the current one."""
    folder = tmp_path / "current"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def create(*arguments: str) -> None:
    result = CliRunner().invoke(cws, ["new", *arguments])
    assert (result.exit_code, result.stderr) == (0, "")


def clean_environment() -> dict[str, str]:
    """Return the environment without the variables of pytest and `cws`."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CWS_"))}


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    "template", [pytest.param(name, marks=[exhaustive] * (name in IN_SAMPLES)) for name in TEMPLATES]
)
def test_a_project_passes_its_own_tests(template: str, folder: Path):
    create("shop", "--template", template)
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=folder / "shop", env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ passed", done.stdout, re.MULTILINE)


@template
def test_a_project_passes_ruff(template: str, folder: Path):
    create("shop", "--template", template)
    for words in (["check", "--isolated", "--select", "E,F,I,UP,B"], ["format", "--isolated", "--check"]):
        options = ["--config", "src = ['tech']", "--line-length", "120", "--no-cache"]
        command = [sys.executable, "-m", "ruff", *words, *options, "."]
        done = subprocess.run(command, cwd=folder / "shop", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.exhaustive
@requires_tool("make")
@pytest.mark.parametrize("template", [*(pytest.param(each, marks=exhaustive) for each in OTHERS), "crud"])
def test_a_project_passes_make_test_in_a_new_environment_as_its_readme_describes(
    template: str, folder: Path, built: Built
):
    author = create_environment(folder / "author", with_pip=True)
    author.run("python", "-m", "pip", "install", "--quiet", f"{built.wheel}[standard]")
    author.run("cws", "new", "shop", "--template", template, cwd=folder)
    shop = folder / "shop"
    assert built.wheel.as_uri() in (shop / "requirements.txt").read_text()
    assert " passed" in author.run("make", "test", cwd=shop)
    assert "make test: run the tests" in author.run("make", cwd=shop)
    commands, setup = (shop / "README.md").read_text().split("```")[1:4:2]
    assert commands == "\nmake test\ncws run\n"
    assert " passed" in author.run("sh", "-ec", f"{setup}\nmake test\ncws routes", cwd=shop)
    assert (shop / ".venv" / "bin" / "cws").is_file()


@requires_tool("make")
def test_make_test_installs_with_uv_in_an_environment_without_pip(folder: Path, built: Built):
    author = create_environment(folder / "author", with_pip=False)
    author.uv_install(f"{built.wheel}[standard]")
    author.run("cws", "new", "shop", cwd=folder)
    assert " passed" in author.run("make", "test", cwd=folder / "shop")


RESPONSES = {
    "hello": ["Hello world.", "Hello ann."],
    "crud": [
        '{"number":1,"name":"pen","price":1.5}',
        '{"number":1,"name":"pen","price":1.5}',
        '{"number":1,"name":"ink","price":0}',
        '[{"number":1,"name":"ink","price":0}]',
    ],
    "complete": ['{"value":20}', '{"value":20}', "-" * 80, "PATH: '/'"],
    "website": ["<h1>Welcome</h1>", "<h1>Account of ann</h1>"],
    "assistant": [
        *('data: {"text":"You"}', "event: token", 'data: {"text":" wrote"}', "event: token"),
        *('data: {"tokens":2}', "event: done"),
    ],
}


@pytest.mark.end_to_end
@requires_tool("curl")
@template
def test_the_requests_in_the_readme_work(template: str, folder: Path):
    create("shop", "--template", template)
    readme = (folder / "shop" / "README.md").read_text()
    [session] = [block for block in readme.split("```") if "\ncurl " in block]
    with start_server("run", "--port", "0", cwd=folder / "shop") as server:
        script = session.replace("http://127.0.0.1:5000", server.url).replace("curl ", "curl -sS -w '\\n' ")
        done = subprocess.run(["sh", "-ec", script], cwd=folder / "shop", capture_output=True, text=True, check=True)
    responses = [line for line in done.stdout.splitlines() if line]
    # The profile continues with times.
    assert responses[: len(RESPONSES[template])] == RESPONSES[template]
    assert template == "complete" or len(responses) == len(RESPONSES[template])


@pytest.mark.end_to_end
@pytest.mark.parametrize("template", [*(pytest.param(each, marks=exhaustive) for each in OTHERS), "crud"])
def test_a_project_can_be_deployed(template: str, folder: Path, toolchain: Toolchain):
    create("shop", "--template", template)
    # Tests have the provider version for an emulator, which need not run for --dry.
    command = [CWS, "deploy", "--bucket", "archives", "--dry", "--local"]
    done = subprocess.run(
        command, cwd=folder / "shop", env=toolchain.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "shop/dev+local is valid. A deploy would create:" in done.stdout
    secrets = [value for value in dotenv_values(folder / "shop" / ".env.dev").values() if value]
    assert secrets
    written = [path.read_text(errors="replace") for path in (folder / "shop" / "tech" / "terraform").rglob("*.json")]
    assert not any(secret in text for secret in secrets for text in [*written, done.stdout])

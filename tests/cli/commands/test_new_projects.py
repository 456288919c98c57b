"""A project created by `cws new` passes its own tests, runs, and can be deployed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from coworks_async.cli.commands.new import TEMPLATES
from coworks_async.cli.main import cws
from tests.cli.processes import CWS, start_server
from tests.deploy.conftest import toolchain
from tests.deploy.toolchain import Toolchain
from tests.tools import requires_tool

__all__ = ["toolchain"]

template = pytest.mark.parametrize("template", TEMPLATES)


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
@template
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
        command = [sys.executable, "-m", "ruff", *words, "--line-length", "120", "--no-cache", "."]
        done = subprocess.run(command, cwd=folder / "shop", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.end_to_end
@requires_tool("make")
def test_make_runs_the_tests_and_lists_its_targets(folder: Path):
    create("shop", "-t", "complete")
    command = ["make", "test", f"PYTHON={sys.executable}"]
    done = subprocess.run(
        command, cwd=folder / "shop", env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert " passed" in done.stdout
    listed = subprocess.run(["make"], cwd=folder / "shop", capture_output=True, text=True, check=True).stdout
    assert "make test: run the tests" in listed


RESPONSES = {
    "hello": ["Hello world.", "Hello ann."],
    "crud": [
        '{"number":1,"name":"pen","price":1.5}',
        '{"number":1,"name":"pen","price":1.5}',
        '{"number":1,"name":"ink","price":0}',
        '[{"number":1,"name":"ink","price":0}]',
    ],
    "complete": ['{"value":20}', '{"value":20}', "-" * 80, "PATH: '/'"],
}


@pytest.mark.end_to_end
@requires_tool("curl")
@template
def test_the_requests_in_the_readme_work(template: str, folder: Path):
    create("shop", "--template", template)
    readme = (folder / "shop" / "README.md").read_text()
    [session] = [block for block in readme.split("```") if "curl" in block]
    with start_server("run", "--port", "0", cwd=folder / "shop") as server:
        script = session.replace("http://127.0.0.1:5000", server.url).replace("curl ", "curl -sS -w '\\n' ")
        done = subprocess.run(["sh", "-ec", script], cwd=folder / "shop", capture_output=True, text=True, check=True)
    responses = [line for line in done.stdout.splitlines() if line]
    # The profile continues with times.
    assert responses[: len(RESPONSES[template])] == RESPONSES[template]
    assert template == "complete" or len(responses) == len(RESPONSES[template])


@pytest.mark.end_to_end
@template
def test_a_project_can_be_deployed(template: str, folder: Path, toolchain: Toolchain):
    create("shop", "--template", template)
    # Tests have the provider version for an emulator, which need not run for --dry.
    command = [CWS, "deploy", "--bucket", "archives", "--dry", "--local"]
    done = subprocess.run(
        command, cwd=folder / "shop", env=toolchain.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "shop/dev+local is valid. A deploy would create:" in done.stdout
    token = (folder / "shop" / ".env.dev").read_text().partition("TOKEN=")[2].strip()
    written = [path.read_text(errors="replace") for path in (folder / "shop" / "tech" / "terraform").rglob("*.json")]
    assert not any(token in text for text in [*written, done.stdout])

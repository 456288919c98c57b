"""A project created by `cws new` passes its own tests, runs, and can be deployed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from click.testing import CliRunner
from dotenv import dotenv_values

from coworks_async.cli.commands.new import TEMPLATES
from coworks_async.cli.main import cws
from coworks_async.deploy.options import DeployOptions
from tests.actionlint import lint_workflow
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
HOOK = re.compile(r"^(ruff \w+)\.+(Passed|Failed)$", re.MULTILINE)
AUTHOR = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "Ann"), ("EMAIL", "ann@example.com"))
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an empty directory the current one."""
    folder = tmp_path / "current"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def start_module(configuration: dict[str, Any]) -> list[str]:
    """Return the command by which a debugger starts a configuration of VS Code, without its arguments."""
    return [sys.executable, "-m", configuration["module"]]


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
    # Not in git, so not in CI.
    (folder / "shop" / ".env.dev").unlink()
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=folder / "shop", env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ passed", done.stdout, re.MULTILINE)


@template
def test_a_project_passes_ruff(template: str, folder: Path):
    create("shop", "--template", template)
    for words in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *words, "--no-cache", "."]
        done = subprocess.run(command, cwd=folder / "shop", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@requires_tool("git")
def test_pre_commit_rejects_a_commit_that_ruff_rejects(folder: Path):
    create("shop")
    shop = folder / "shop"
    environment = clean_environment() | AUTHOR | {"PRE_COMMIT_HOME": str(folder / "cache")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"

    def run(*command: str, returncode: int = 0) -> str:
        done = subprocess.run(command, cwd=shop, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == returncode, done.stdout + done.stderr
        return done.stdout + done.stderr

    run("git", "init", "--quiet")
    assert run("pre-commit", "install") == "pre-commit installed at .git/hooks/pre-commit\n"
    run("git", "add", "--all")
    committed = run("git", "commit", "--message", "Create the service")
    assert HOOK.findall(committed) == [("ruff check", "Passed"), ("ruff format", "Passed")]
    with (shop / "tech" / "app.py").open("a") as app:
        app.write("import os\n")
    rejected = run("git", "commit", "--all", "--message", "Import os", returncode=1)
    assert HOOK.findall(rejected) == [("ruff check", "Failed"), ("ruff format", "Passed")]
    assert "F401" in rejected


@requires_tool("node", "npm")
def test_the_workflow_runs_the_tests_and_the_checks(folder: Path):
    create("shop")
    text = (folder / "shop" / ".github" / "workflows" / "test.yml").read_text()
    assert lint_workflow(text) == ""
    _, python, *commands = yaml.safe_load(text)["jobs"]["test"]["steps"]
    assert python["with"]["python-version"] == DeployOptions("archives").python
    assert [step["run"].partition(" --")[0] for step in commands] == ["make test", "pre-commit run"]
    required = (folder / "shop" / "requirements-dev.txt").read_text().splitlines()
    assert {"pre-commit", "pytest", "ruff"} <= set(required)


@pytest.mark.end_to_end
def test_a_debugger_can_start_the_configurations_of_vs_code(folder: Path):
    create("shop")
    shop = folder / "shop"
    serve, test = json.loads((shop / ".vscode" / "launch.json").read_text())["configurations"]
    with start_server(*serve["args"], "--port", "0", cwd=shop, program=start_module(serve)) as server:
        assert httpx.get(server.url).text == "Hello world.\n"
    done = subprocess.run(
        start_module(test), cwd=shop, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 passed" in done.stdout


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

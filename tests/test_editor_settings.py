"""The settings of VS Code, of its container, and of pre-commit."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.cli.processes import start_server
from tests.tools import requires_tool

ROOT = Path(__file__).parents[1]
VSCODE = ROOT / ".vscode"
HOOKS = ["ruff check", "ruff format", "mypy"]


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file whose comments are lines."""
    lines = (line for line in path.read_text().splitlines() if not line.lstrip().startswith("//"))
    content: dict[str, Any] = json.loads("\n".join(lines))
    return content


def read_configurations() -> dict[str, dict[str, Any]]:
    """Return the configurations of the debugger by name, with the default of each input."""
    settings = read_json(VSCODE / "launch.json")
    text = json.dumps(settings["configurations"])
    for each in settings["inputs"]:
        assert each["default"] in each["options"]
        text = text.replace(f"${{input:{each['id']}}}", each["default"])
    text = text.replace("${workspaceFolder}", str(ROOT)).replace("${file}", str(ROOT / "tests" / "test_exports.py"))
    return {each["name"]: each for each in json.loads(text)}


CONFIGURATIONS = read_configurations()
SERVICES = {"Serve a service of samples/docs": 401, "Serve samples/website": 200}


def test_the_debugger_serves_samples_and_runs_tests():
    assert set(CONFIGURATIONS) == {*SERVICES, "Test this file"}
    for configuration in CONFIGURATIONS.values():
        assert (configuration["type"], configuration["request"]) == ("debugpy", "launch")
        assert "${" not in json.dumps(configuration)


def test_the_services_to_choose_from_are_those_of_the_folder():
    [service] = read_json(VSCODE / "launch.json")["inputs"]
    assert set(service["options"]) == {path.stem for path in (ROOT / "samples" / "docs" / "tech").glob("*.py")}


@pytest.mark.end_to_end
@pytest.mark.parametrize(("name", "status"), SERVICES.items())
def test_a_debugger_can_start_the_configurations_that_serve(name: str, status: int):
    configuration = CONFIGURATIONS[name]
    program = [sys.executable, "-m", configuration["module"]]
    folder = Path(configuration["cwd"])
    with start_server(*configuration["args"], "--port", "0", cwd=folder, program=program) as server:
        assert httpx.get(server.url).status_code == status


@pytest.mark.end_to_end
def test_a_debugger_can_start_the_configuration_that_tests():
    configuration = CONFIGURATIONS["Test this file"]
    command = [sys.executable, "-m", configuration["module"], *configuration["args"]]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ passed", done.stdout)


def test_ruff_and_mypy_are_those_of_the_environment():
    settings = read_json(VSCODE / "settings.json")
    assert settings["ruff.importStrategy"] == settings["mypy-type-checker.importStrategy"] == "fromEnvironment"
    assert settings["python.defaultInterpreterPath"] == "${workspaceFolder}/.venv/bin/python"


def test_the_container_has_the_python_of_make_check_and_the_recommended_extensions():
    container = read_json(ROOT / ".devcontainer" / "devcontainer.json")
    check = yaml.safe_load((ROOT / ".github" / "workflows" / "check.yml").read_text())["jobs"]["check"]
    assert container["image"].partition(":")[2].startswith(check["container"].removeprefix("python:") + "-")
    extensions = read_json(VSCODE / "extensions.json")["recommendations"]
    assert container["customizations"]["vscode"]["extensions"] == extensions
    make, *targets = container["postCreateCommand"].split()
    assert make == "make"
    makefile = (ROOT / "Makefile").read_text()
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


@requires_tool("git")
def test_git_ignores_none_of_these_settings(tmp_path: Path):
    shutil.copy(ROOT / ".gitignore", tmp_path)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    names = [".devcontainer/devcontainer.json", ".pre-commit-config.yaml", ".vscode/launch.json"]
    assert subprocess.run(["git", "check-ignore", *names], cwd=tmp_path, check=False).returncode == 1


def test_the_hooks_run_the_programs_of_the_environment():
    [repository] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    assert [hook["name"] for hook in repository["hooks"]] == HOOKS
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].removesuffix(" --force-exclude") == f".venv/bin/{hook['name']}"


@requires_tool("git")
@pytest.mark.parametrize(
    ("text", "failed"),
    [
        ("VALUE: int = 1\n", []),
        ("import os\n", ["ruff check"]),
        ("VALUE : int = 1\n", ["ruff format"]),
        ('VALUE: int = ""\n', ["mypy"]),
    ],
    ids=["correct", "lint", "format", "types"],
)
def test_pre_commit_rejects_what_a_hook_rejects(text: str, failed: list[str], tmp_path: Path):
    for name in (".pre-commit-config.yaml", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    # The folders that mypy checks.
    for folder in ("coworks_async", "tests", "samples/docs/tech", "benchmarks"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "module.py").write_text(f'"""A module."""\n\n{text}')
    environment = os.environ | {"PRE_COMMIT_HOME": str(tmp_path / "cache")}
    for command in (["git", "init", "--quiet"], ["git", "add", "benchmarks", "coworks_async", "samples", "tests"]):
        subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    pre_commit = str(Path(sys.executable).with_name("pre-commit"))
    done = subprocess.run(
        [pre_commit, "run", "--all-files"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    results = dict(re.findall(r"^([\w ]+?)\.+(Passed|Failed)$", done.stdout, re.MULTILINE))
    assert [name for name in HOOKS if results[name] == "Failed"] == failed, done.stdout
    assert done.returncode == bool(failed)

"""The folders of samples/ are projects: their own tests pass, `make` tests and serves them, and they deploy."""

import os
import re
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values

from coworks_async.cli.commands.new import render_project
from scripts.samples import TEMPLATES, render_sample
from tests.cli.processes import CWS
from tests.deploy.conftest import toolchain
from tests.deploy.toolchain import Toolchain
from tests.environments import ROOT, Built, built
from tests.samples.projects import ignore_created
from tests.tools import requires_tool

__all__ = ["built", "toolchain"]

SAMPLES = ROOT / "samples"
PROJECTS = sorted(path.parent.name for path in SAMPLES.glob("*/pytest.ini"))
APPS = [name for name in PROJECTS if (SAMPLES / name / "tech" / "app.py").is_file()]
# Other tests deploy these: `tests/deployed`, and `tests/cli/commands/test_new_projects.py` as new projects.
DEPLOYED = {"docs", "links", *TEMPLATES}

sample = pytest.mark.parametrize("name", PROJECTS)


def clean_environment() -> dict[str, str]:
    """Return the environment without the variables of pytest and `cws`."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CWS_"))}


def copy_sample(name: str, folder: Path) -> Path:
    """Copy a sample without the files that its use creates."""
    return shutil.copytree(SAMPLES / name, folder / name, ignore=ignore_created)


def run_make(*arguments: str, cwd: Path) -> str:
    # Not the options of a `make test` that runs this test.
    environment = {name: value for name, value in clean_environment().items() if not name.startswith("MAKE")}
    done = subprocess.run(["make", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.end_to_end
@sample
def test_the_tests_of_a_sample_pass(name: str):
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "-p", "no:schemathesis"]
    done = subprocess.run(
        command, cwd=SAMPLES / name, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ passed", done.stdout, re.MULTILINE)


def test_each_sample_has_the_files_of_a_project():
    assert {"docs", "links"} <= set(PROJECTS)
    for name in APPS:
        files = {path.name for path in (SAMPLES / name).iterdir()}
        assert files >= {"Makefile", "README.md", "project.cws.yml", "pytest.ini", "requirements.txt", "tech", "tests"}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_sample_that_is_a_template_of_cws_new_has_the_same_files(name: str):
    for path, text in render_sample(name).items():
        written = (SAMPLES / name / path).read_text(encoding="utf-8")
        assert written == text, f"Edit coworks_async/cli/templates/{name}/{path}.tmpl and run scripts/samples.py."
    requirement, _, others = (SAMPLES / name / "requirements.txt").read_text().partition("\n")
    assert requirement == "coworks-async[standard]"
    assert render_project(name, name)["requirements.txt"].endswith(others)
    secrets = dotenv_values(SAMPLES / name / ".env.dev").keys()
    assert secrets == dotenv_values(stream=StringIO(render_project(name, name)[".env.dev"])).keys()


@requires_tool("make")
@pytest.mark.parametrize("name", APPS)
def test_make_run_in_the_clone_serves_a_sample_from_its_own_environment(name: str):
    commands = run_make("--dry-run", "run", f"APP={name}", "PORT=8000", cwd=ROOT)
    assert f"make --no-print-directory -C samples/{name} run\n" in commands
    assert "exec .venv/bin/cws -A app run --port 8000\n" in commands


@requires_tool("make")
def test_make_run_in_the_folder_of_the_quickstart_serves_the_chosen_service():
    assert "exec .venv/bin/cws -A first run \n" in run_make("--dry-run", "run", cwd=SAMPLES / "docs")
    assert "exec .venv/bin/cws -A simple run \n" in run_make("--dry-run", "run", "APP=simple", cwd=SAMPLES / "docs")


@pytest.mark.exhaustive
@requires_tool("make")
@sample
def test_make_test_installs_a_sample_and_passes_in_a_fresh_clone(name: str, built: Built):
    folder = built.checkout / "samples" / name
    assert re.search(r"\d+ passed", run_make("-C", f"samples/{name}", "test", cwd=built.checkout))
    assert (folder / ".venv" / "bin" / "cws").is_file()
    assert "Installing" not in run_make("test", cwd=folder)


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.exhaustive] * (name in DEPLOYED)) for name in PROJECTS]
)
def test_a_sample_can_be_deployed(name: str, toolchain: Toolchain, tmp_path: Path):
    folder = copy_sample(name, tmp_path)
    app = "app" if name in APPS else "first"
    # Tests have the provider version for an emulator, which need not run for --dry.
    command = [CWS, "-A", app, "deploy", "--bucket", "archives", "--dry", "--local"]
    done = subprocess.run(command, cwd=folder, env=toolchain.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "/dev+local is valid. A deploy would create:" in done.stdout

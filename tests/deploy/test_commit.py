"""The git commit of a project."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from coworks_async.deploy.commit import read_commit
from tests.tools import find_tool, requires_tool

pytestmark = requires_tool("git")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder of a repository without a commit."""
    git(tmp_path, "init", "--quiet")
    folder = tmp_path / "tech"
    folder.mkdir()
    (folder / "app.py").write_text("app = None\n")
    return folder


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run([find_tool("git"), *identity, *words], cwd=folder, check=True, capture_output=True)


def test_the_commit_is_the_full_hash_even_with_a_tag(project: Path):
    git(project, "add", ".")
    git(project, "commit", "--quiet", "-m", "first")
    git(project, "tag", "-a", "v1", "-m", "first")
    commit = read_commit(project)
    assert commit is not None
    assert re.fullmatch("[0-9a-f]{40}", commit)


def test_changes_after_the_commit_are_marked(project: Path):
    git(project, "add", ".")
    git(project, "commit", "--quiet", "-m", "first")
    clean = read_commit(project)
    (project / "app.py").write_text("app = 1\n")
    assert read_commit(project) == f"{clean}-dirty"


def test_a_repository_without_a_commit_has_none(project: Path):
    assert read_commit(project) is None


def test_a_folder_outside_a_repository_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", os.fspath(tmp_path.parent))
    assert read_commit(tmp_path) is None


def test_without_git_there_is_no_commit(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", os.fspath(project))
    assert read_commit(project) is None

"""Where the dependencies of a project are named."""

from pathlib import Path

import pytest

from coworks_async.deploy.archive.requirements import Requirements, extras_of, find_requirements
from coworks_async.exceptions import DeployError

PROJECT = """
[project]
name = "orders"
version = "1"
dependencies = [{}]

[project.optional-dependencies]
more = ["coworks-async[otel]"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path


def require(project: Path, *lines: str) -> None:
    (project / "requirements.txt").write_text("".join(f"{line}\n" for line in lines))


def test_the_lock_is_taken_before_the_project_file_and_that_before_the_list(project: Path):
    assert find_requirements(project, project) is None
    require(project, "a")
    assert find_requirements(project, project) == Requirements(project / "requirements.txt")
    (project / "pyproject.toml").write_text(PROJECT.format(""))
    assert find_requirements(project, project) == Requirements(project / "pyproject.toml")
    (project / "uv.lock").touch()
    found = find_requirements(project, project)
    assert found == Requirements(project / "pyproject.toml", locked=True)
    assert found.name == "uv.lock"


def test_a_project_file_for_tools_alone_names_none(project: Path):
    (project / "pyproject.toml").write_text("[tool.ruff]\n")
    assert find_requirements(project, project) is None
    (project / "pyproject.toml").write_text('[project]\nname = "a"\ndynamic = ["dependencies"]\n')
    require(project, "a")
    assert find_requirements(project, project) == Requirements(project / "requirements.txt")


def test_they_are_sought_from_the_projects_folder_up_to_the_current_one(project: Path):
    tech = project / "deep" / "tech"
    tech.mkdir(parents=True)
    require(project, "a")
    assert find_requirements(tech, project) == Requirements(project / "requirements.txt")
    assert find_requirements(tech, tech.parent) is None
    assert find_requirements(tech, tech / "elsewhere") is None
    require(tech, "b")
    assert find_requirements(tech, project) == Requirements(tech / "requirements.txt")


@pytest.mark.parametrize("content", [b"[project", b"\xff"])
def test_a_project_file_that_cannot_be_read_is_named(project: Path, content: bytes):
    (project / "pyproject.toml").write_bytes(content)
    with pytest.raises(DeployError, match=rf"^{project}/pyproject\.toml cannot be read: "):
        find_requirements(project, project)


def extras(project: Path) -> list[str]:
    found = find_requirements(project, project)
    assert found is not None
    return sorted(extras_of(found, "coworks-async"))


def test_the_extras_that_a_project_file_asks_for_are_those_of_its_own_dependencies(project: Path):
    (project / "pyproject.toml").write_text(PROJECT.format('"CoWorks_Async [Standard, admin]>=0.1", "b[xray]"'))
    assert extras(project) == ["admin", "standard"]


def test_the_extras_that_a_list_asks_for_are_also_those_of_the_lists_that_it_includes(project: Path):
    require(project, "# coworks-async[xray]", "-r deep/more.txt", "--requirement=missing.txt", "coworks-async[] >=1")
    (project / "deep").mkdir()
    (project / "deep" / "more.txt").write_text("coworks.async[admin]\n-r ../requirements.txt\n--requirement last.txt\n")
    (project / "deep" / "last.txt").write_bytes(b"a # \xff\ncoworks-async[otel]; python_version > '3'\n")
    assert extras(project) == ["admin", "otel"]

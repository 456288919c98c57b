"""The files that list and pin a project's dependencies."""

from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from coworks_async.deploy.archive.dependencies import find_listed_extras, find_requirements
from coworks_async.exceptions import DeployError
from tests.deploy.projects import PROJECT, Install, install, project, require, uv
from tests.deploy.wheels import index, make_wheel

__all__ = ["index", "install", "project"]

OPTIONAL = """
[project.optional-dependencies]
more = ["coworks-async[otel]"]
"""

WITHOUT_GROUPS = PROJECT.replace('dev = ["tool"]', "")


# Which file is used.


def test_the_lock_precedes_pyproject_and_that_precedes_requirements_txt(project: Path):
    assert find_requirements(project, project) is None
    require(project, "a")
    assert find_requirements(project, project) == project / "requirements.txt"
    (project / "pyproject.toml").write_text(PROJECT.format(""))
    assert find_requirements(project, project) == project / "pyproject.toml"
    (project / "uv.lock").touch()
    assert find_requirements(project, project) == project / "uv.lock"


def test_a_pyproject_without_dependencies_is_ignored(project: Path):
    (project / "pyproject.toml").write_text("[tool.ruff]\n")
    assert find_requirements(project, project) is None
    (project / "pyproject.toml").write_text('[project]\nname = "a"\ndynamic = ["dependencies"]\n')
    require(project, "a")
    assert find_requirements(project, project) == project / "requirements.txt"


def test_requirements_are_searched_from_the_project_up_to_the_top_folder(project: Path):
    tech = project / "deep" / "tech"
    tech.mkdir(parents=True)
    require(project, "a")
    assert find_requirements(tech, project) == project / "requirements.txt"
    assert find_requirements(tech, tech.parent) is None
    assert find_requirements(tech, tech / "elsewhere") is None
    require(tech, "b")
    assert find_requirements(tech, project) == tech / "requirements.txt"


@pytest.mark.parametrize("name", ["pyproject.toml", "uv.lock", "requirements.txt"])
def test_a_broken_link_to_requirements_is_an_error(project: Path, name: str):
    (project / "pyproject.toml").write_text(PROJECT.format(""))
    (project / name).unlink(missing_ok=True)
    (project / name).symlink_to("nowhere/list")
    with pytest.raises(DeployError) as caught:
        find_requirements(project, project)
    assert str(caught.value) == (f"The link {project / name} is broken: remove it, or create its target nowhere/list.")


@pytest.mark.parametrize("content", [b"[project", b"\xff"])
def test_an_unreadable_pyproject_is_named(project: Path, content: bytes):
    (project / "pyproject.toml").write_bytes(content)
    with pytest.raises(DeployError, match=rf"^{project}/pyproject\.toml cannot be read: "):
        find_requirements(project, project)


def test_a_pyproject_that_cannot_be_opened_is_named_once(project: Path):
    (project / "pyproject.toml").mkdir()
    with pytest.raises(DeployError) as caught:
        find_requirements(project, project)
    assert str(caught.value) == f"{project}/pyproject.toml cannot be read: Is a directory."


def find_extras(project: Path) -> list[str]:
    found = find_requirements(project, project)
    assert found is not None
    return sorted(find_listed_extras(found))


def test_the_extras_of_a_pyproject_are_those_of_its_own_dependencies(project: Path):
    (project / "pyproject.toml").write_text(
        PROJECT.format('"CoWorks_Async [Standard, admin]>=0.1", "b[xray]"') + OPTIONAL
    )
    assert find_extras(project) == ["admin", "standard"]


def test_the_extras_of_a_requirements_txt_include_those_of_included_files(project: Path):
    require(project, "# coworks-async[xray]", "-r deep/more.txt", "--requirement=missing.txt", "coworks-async[] >=1")
    (project / "deep").mkdir()
    (project / "deep" / "more.txt").write_text("coworks.async[admin]\n-r ../requirements.txt\n--requirement last.txt\n")
    (project / "deep" / "last.txt").write_bytes(b"a # \xff\ncoworks-async[otel]; python_version > '3'\n")
    assert find_extras(project) == ["admin", "otel"]


# Pinned versions and hashes.


@pytest.fixture
def serve(index: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Serve the index with hashes over HTTP, and return a function that updates its list."""

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            """Log nothing."""

    def serve() -> None:
        links = [f"{path.name}#sha256={sha256(path.read_bytes()).hexdigest()}" for path in index.glob("*.whl")]
        (index / "index.html").write_text("".join(f'<a href="{link}">{link}</a>' for link in links))

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(index))) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.delenv("UV_CONFIG_FILE")
        for name in ("UV_DEFAULT_INDEX", "UV_FIND_LINKS"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_port}/")
        yield serve
        server.shutdown()


def test_a_lock_pins_versions_and_hashes(project: Path, index: Path, install: Install, serve: Callable[[], None]):
    make_wheel(index, "b")
    make_wheel(index, "a", requires=["b"])
    serve()
    (project / "pyproject.toml").write_text(WITHOUT_GROUPS.format('"a"'))
    uv("lock", cwd=project)
    make_wheel(index, "b", "2.0")
    serve()
    assert install() == ["a.py", "b.py"]
    assert (project.parent / "tree" / "b.py").read_text() == "version = '1.0'\n"
    lock = (project / "uv.lock").read_text()
    digest = sha256((index / "a-1.0-py3-none-any.whl").read_bytes()).hexdigest()
    assert digest in lock
    (project / "uv.lock").write_text(lock.replace(digest, "0" * 64))
    with pytest.raises(DeployError, match=r"^uv\.lock: a does not match its pinned hash\.$"):
        install()


def test_an_outdated_lock_is_an_error(project: Path, index: Path, install: Install):
    make_wheel(index, "a")
    (project / "pyproject.toml").write_text(WITHOUT_GROUPS.format(""))
    uv("lock", cwd=project)
    (project / "pyproject.toml").write_text(WITHOUT_GROUPS.format('"a"'))
    with pytest.raises(DeployError, match=r"^uv\.lock: it does not match pyproject\.toml\. Run 'uv lock'\.$"):
        install()


def test_the_hashes_of_a_requirements_txt_are_checked(project: Path, index: Path, install: Install):
    digest = sha256(make_wheel(index, "a").read_bytes()).hexdigest()
    require(project, f"a==1.0 --hash=sha256:{digest}")
    assert install() == ["a.py"]
    require(project, f"a==1.0 --hash=sha256:{'0' * 64}")
    with pytest.raises(DeployError, match=r"^requirements\.txt: a does not match its pinned hash\.$"):
        install()

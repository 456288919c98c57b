"""The sdist and the wheel: their files and metadata, and their installation as `docs/start/install.md` describes."""

import hashlib
import re
import subprocess
import tarfile
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from uv import find_uv_bin

from coworks_async.cli.requirement import LOCAL_NOTE, format_requirement
from coworks_async.deploy.archive.staging import EXTRAS
from tests.environments import ROOT, Built, VirtualEnvironment, built, create_environment, make_dist
from tests.tools import find_tool

__all__ = ["built"]

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
VERSION = PROJECT["version"]
PAGE = (ROOT / "docs" / "start/install.md").read_text()
# The commands of the table of origins.
COMMANDS = re.findall(r"^\|.*\| `pip (install .*)` \|$", PAGE, re.MULTILINE)
# Code that needs an extra.
USES = {extra: f"import {module}" for module, extra in EXTRAS.items()}
USES["sbom"] = "import cyclonedx"
USES["standard"] = "import coworks_async.testing; from coworks_async.cli import main; main(['--version'])"


def list_files(folder: Path, prefix: str) -> set[str]:
    paths = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {f"{prefix}/{path.relative_to(folder).as_posix()}" for path in paths}


# The files.


def test_make_dist_builds_an_sdist_and_a_wheel_that_pass_twine_check(built: Built):
    assert built.sdist.name == f"coworks_async-{VERSION}.tar.gz"
    assert built.wheel.name == f"coworks_async-{VERSION}-py3-none-any.whl"
    assert len(re.findall(r"^Checking .*PASSED", built.output, re.MULTILINE)) == 2


def test_the_wheel_contains_the_package_and_the_terraform_modules_only(built: Built):
    with zipfile.ZipFile(built.wheel) as wheel:
        names = set(wheel.namelist())
    package = {name for name in names if ".dist-info/" not in name}
    modules = list_files(built.checkout / "terraform" / "modules", "coworks_async/terraform/modules")
    assert package == list_files(built.checkout / "coworks_async", "coworks_async") | modules
    assert package >= {
        "coworks_async/py.typed",
        "coworks_async/cli/templates/common/.env.dev.tmpl",
        "coworks_async/cli/templates/common/.github/workflows/test.yml.tmpl",
        "coworks_async/cli/templates/common/.vscode/launch.json.tmpl",
        "coworks_async/cli/templates/crud/tech/app.py.tmpl",
        "coworks_async/terraform/modules/rest_api/main.tf",
    }
    info = {name.rpartition(".dist-info/")[2] for name in names - package}
    assert info == {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}


def test_the_sdist_contains_what_the_wheel_is_built_from(built: Built):
    with tarfile.open(built.sdist) as sdist:
        names = {member.name.partition("/")[2] for member in sdist if member.isfile()}
    sources = list_files(built.checkout / "coworks_async", "coworks_async")
    sources |= list_files(built.checkout / "terraform" / "modules", "terraform/modules")
    assert names - sources == {".gitignore", "CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}
    assert names > sources


def test_the_same_commit_gives_the_same_files_in_another_folder(built: Built, tmp_path: Path):
    checkout = tmp_path / "elsewhere" / "clone"
    git = find_tool("git")
    subprocess.run([git, "clone", "--quiet", str(built.checkout), str(checkout)], umask=0o077, check=True)
    again = make_dist(checkout, umask=0o077)
    date = subprocess.run([git, "log", "-1", "--format=%ct"], cwd=checkout, capture_output=True, check=True).stdout
    with tarfile.open(again.sdist) as sdist:
        assert {member.mtime for member in sdist} == {int(date)}
    for first, second in ((built.sdist, again.sdist), (built.wheel, again.wheel)):
        digest = hashlib.sha256(first.read_bytes()).hexdigest()
        assert hashlib.sha256(second.read_bytes()).hexdigest() == digest
        assert f"--hash=sha256:{digest}" in again.output


# The metadata.


@pytest.fixture
def metadata(built: Built) -> Message:
    with zipfile.ZipFile(built.wheel) as wheel:
        [name] = (name for name in wheel.namelist() if name.endswith("/METADATA"))
        return Parser().parsestr(wheel.read(name).decode())


def test_the_metadata_names_licence_python_versions_and_readme(metadata: Message):
    assert (metadata["Name"], metadata["Version"]) == ("coworks-async", VERSION)
    assert (metadata["License-Expression"], metadata["License-File"]) == ("MIT", "LICENSE")
    assert metadata["Requires-Python"] == "<3.15,>=3.11"
    classifiers = metadata.get_all("Classifier", [])
    assert "Typing :: Typed" in classifiers
    assert [line for line in classifiers if "License" in line] == []
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert str(metadata.get_payload()).startswith("# CoWorks Async\n")


# Installation.


@pytest.fixture
def bare(tmp_path: Path) -> VirtualEnvironment:
    return create_environment(tmp_path / "bare", with_pip=False)


def test_the_wheel_runs_a_service_without_extras_and_names_the_one_for_cws(built: Built, bare: VirtualEnvironment):
    bare.uv_install(str(built.wheel))
    code = "from coworks_async import TechMicroService; print(TechMicroService('shop').lambda_handler is not None)"
    assert bare.run("python", "-c", code) == "True\n"
    with pytest.raises(AssertionError, match=r"Error: cws needs .*: pip install 'coworks-async\[standard\]'"):
        bare.run("cws", "--version")


@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_the_wheel_installs_with_each_extra_in_a_bare_environment(extra: str, built: Built, bare: VirtualEnvironment):
    bare.uv_install(f"{built.wheel}[{extra}]")
    bare.run("python", "-c", USES[extra])
    bare.run(find_uv_bin(), "pip", "check")


def test_pip_installs_the_sdist(built: Built, tmp_path: Path):
    bare = create_environment(tmp_path / "bare", with_pip=True)
    bare.pip_install("--no-deps", str(built.sdist))
    package = bare.distribution_info.parent / "coworks_async"
    with zipfile.ZipFile(built.wheel) as wheel:
        expected = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert list_files(package, "coworks_async") == expected


# The origins of the page, with the requirement of a new project for each.


def get_origins(built: Built) -> dict[str, tuple[list[str], str]]:
    """Return the arguments of `pip install` and the start of the requirement, by origin."""
    checkout = built.checkout.as_uri()
    # The pip of Python 3.11 rejects a requirement with a name and a `git+file:` URL without a host.
    with_host = checkout.replace("file://", "file://localhost")
    from_index = ["--no-index", "--find-links", str(built.wheel.parent), "coworks-async"]
    return {
        "index": (from_index, f"coworks-async=={VERSION}\n"),
        "wheel": ([str(built.wheel)], f"{LOCAL_NOTE}\ncoworks-async @ {built.wheel.as_uri()}\n"),
        "sdist": ([str(built.sdist)], f"{LOCAL_NOTE}\ncoworks-async @ {built.sdist.as_uri()}\n"),
        "folder": (["."], f"{LOCAL_NOTE}\ncoworks-async @ {checkout}\n"),
        "editable": (["-e", "."], f"{LOCAL_NOTE}\n-e {checkout}\n"),
        "git": ([f"git+{checkout}"], f"{LOCAL_NOTE}\ncoworks-async @ git+{with_host}@"),
    }


@pytest.mark.parametrize("installer", ["uv", pytest.param("pip", marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("origin", ["index", "wheel", "sdist", "folder", "editable", "git"])
def test_the_requirement_of_a_new_project_installs_from_the_same_origin(
    installer: str, origin: str, built: Built, tmp_path: Path
):
    arguments, expected = get_origins(built)[origin]
    here, there = (create_environment(tmp_path / name, with_pip=installer == "pip") for name in ("here", "there"))
    install = VirtualEnvironment.uv_install if installer == "uv" else VirtualEnvironment.pip_install
    install(here, "--no-deps", *arguments, cwd=built.checkout)
    text = format_requirement(Distribution.at(here.distribution_info))
    assert text.startswith(expected)
    (tmp_path / "requirements.txt").write_text(text)
    links = ["--find-links", str(built.wheel.parent)]
    install(there, "--no-deps", *links, "-r", str(tmp_path / "requirements.txt"))
    assert format_requirement(Distribution.at(there.distribution_info)) == text


@pytest.mark.exhaustive
@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_of_the_page_install_cws(command: str, built: Built, tmp_path: Path):
    bare = create_environment(tmp_path / "bare", with_pip=True)
    repository = command.replace("https://HOST/OWNER/REPOSITORY@BRANCH", f"file://localhost{built.checkout}")
    script = f"python -m pip --no-input {repository} --quiet --find-links dist"
    bare.run("sh", "-c", script, cwd=built.checkout)
    assert bare.run("cws", "--version").startswith(f"cws, version {VERSION} ")


def test_the_page_names_every_origin_and_extra():
    assert len(COMMANDS) == 5
    assert set(re.findall(r"coworks_async-([\d.]+\d)-py3", PAGE)) == {VERSION}
    extras = re.search(r"## Extras\n(.*?)\n## ", PAGE, re.DOTALL)
    assert extras is not None
    assert set(re.findall(r"^\| `([a-z]+)` \|", extras[1], re.MULTILINE)) == set(PROJECT["optional-dependencies"])

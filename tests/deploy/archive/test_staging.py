"""What is in the folder that becomes the archive."""

import sys
from pathlib import Path

import pytest

from coworks_async.deploy.archive.source_files import project_files
from coworks_async.deploy.archive.staging import check_names, copy_module, put_entry, remove_unneeded
from coworks_async.exceptions import CommandError, DeployError


def make(folder: Path, *paths: str) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"# {path}\n")
    return folder


def inside(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_installed_packages_keep_what_may_be_imported_and_their_licences(tmp_path: Path):
    kept = ["a/__init__.py", "a/data.h", "a/tests/x.py", "a-1.dist-info/METADATA", "a-1.dist-info/licenses/LICENSE"]
    kept += ["a-1.dist-info/entry_points.txt", "a/RECORD"]
    gone = [".lock", "bin/tool", "a/__init__.pyi", "a/py.typed", "a/x.pyx", "a/__pycache__/x.pyc"]
    gone += [f"a-1.dist-info/{name}" for name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")]
    remove_unneeded(make(tmp_path, *kept, *gone))
    assert inside(tmp_path) == sorted(kept)


# Modules named by hand.


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "importable"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return folder


def test_a_module_or_a_whole_package_of_this_environment_is_put_in(importable: Path, tmp_path: Path):
    make(importable, "handmade.py", "handpack/__init__.py", "handpack/deep/x.py", "handpack/data.txt")
    make(importable, "handspace/part.py", "handpack/__pycache__/x.pyc")
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("handmade", "handpack", "handspace"):
        copy_module(name, tree)
    assert inside(tree) == [
        "handmade.py",
        "handpack/__init__.py",
        "handpack/data.txt",
        "handpack/deep/x.py",
        "handspace/part.py",
    ]


@pytest.mark.parametrize("name", ["handnowhere", "sys", "a.b", "a-b", ""])
def test_what_is_no_such_module_is_refused(name: str, tmp_path: Path):
    with pytest.raises(CommandError, match=rf"^--module-name .*{name}"):
        copy_module(name, tmp_path)


def test_what_is_compiled_for_this_machine_is_refused(importable: Path, tmp_path: Path):
    make(importable, "handfast/__init__.py", "handfast/_core.abi3.so")
    with pytest.raises(DeployError, match=r"^--module-name handfast: handfast/_core.abi3.so is compiled for this"):
        copy_module("handfast", tmp_path)


# Names that two have.


def check(tmp_path: Path, own: list[str], installed: list[str]) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "tree").mkdir()
    check_names(project_files(make(tmp_path / "own", *own)), make(tmp_path / "tree", *installed))


@pytest.mark.parametrize(
    ("own", "installed"),
    [
        ("multipart.py", "multipart/__init__.py"),
        ("multipart/__init__.py", "multipart.py"),
        ("shared/x.py", "shared/__init__.py"),
        ("shared/__init__.py", "shared/x.py"),
    ],
)
def test_a_module_of_the_project_may_not_have_an_installed_ones_name(tmp_path: Path, own: str, installed: str):
    with pytest.raises(DeployError, match=rf"^The project's {own} has the name of an installed package, \w+"):
        check(tmp_path, [own], [installed])


def test_two_parts_of_a_namespace_go_together_unless_a_file_differs(tmp_path: Path):
    check(tmp_path, ["space/mine.py", "other.py"], ["space/theirs.py"])
    (tmp_path / "tree" / "space" / "mine.py").write_text("other = 1\n")
    with pytest.raises(DeployError, match=r"^The project's space/mine\.py has the name of an installed package, space"):
        check_names(project_files(tmp_path / "own"), tmp_path / "tree")


def test_a_project_that_requires_itself_has_the_same_files_twice(tmp_path: Path):
    check(tmp_path, ["orders/__init__.py", "orders/x.py", "orders/more.txt"], ["orders/__init__.py", "orders/x.py"])


def test_the_name_of_the_entry_module_is_taken(tmp_path: Path):
    with pytest.raises(DeployError, match=r"^The project's cws_lambda\.py has the name of the entry module: rename"):
        check(tmp_path, ["cws_lambda.py"], [])


# The entry module.


def test_the_entry_module_exposes_the_services_handler(tmp_path: Path):
    make(tmp_path, "pack/orders.py")
    put_entry(tmp_path, "pack.orders", "box.app", is_factory=False, import_folder="")
    text = (tmp_path / "cws_lambda.py").read_text()
    assert text.endswith("\nlambda_handler = import_module('pack.orders').box.app.lambda_handler\n")
    assert "sys.path" not in text


def test_it_calls_a_factory_and_imports_from_a_folder_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "foldered.py").write_text("class App:\n    lambda_handler = 'handler'\nmake = App\n")
    put_entry(tmp_path, "foldered", "make", is_factory=True, import_folder="deep/er")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "cws_lambda", raising=False)
    assert __import__("cws_lambda").lambda_handler == "handler"
    for name in ("cws_lambda", "foldered"):
        monkeypatch.delitem(sys.modules, name)


def test_a_service_that_is_left_out_is_told(tmp_path: Path):
    with pytest.raises(DeployError, match=r"^The module test_orders of the service is not in the archive: "):
        put_entry(tmp_path, "test_orders", "app", is_factory=False, import_folder="")

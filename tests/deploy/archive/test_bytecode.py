"""The `.pyc` files of an archive."""

import subprocess
import sys
from pathlib import Path

import pytest

from coworks_async.deploy.archive.bytecode import TASK_ROOT, compile_modules, find_python

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
TAG = sys.implementation.cache_tag
MISSING = "3.99"


def make_package(folder: Path) -> Path:
    (folder / "pack").mkdir(parents=True)
    (folder / "pack" / "__init__.py").write_text("NAMES = frozenset({'a', 'b', 'c'})\ndef where(): raise ValueError\n")
    return folder


def test_pyc_files_are_unchecked_and_contain_no_path_of_this_machine(tmp_path: Path):
    tree = make_package(tmp_path / "tree")
    assert compile_modules(tree, RUNNING) == []
    compiled = tree / "pack" / "__pycache__" / f"__init__.{TAG}.pyc"
    # The flags of PEP 552: with a hash of the source, which is not checked.
    assert compiled.read_bytes()[4:8] == bytes([1, 0, 0, 0])
    assert f"{TASK_ROOT}/pack/__init__.py".encode() in compiled.read_bytes()
    assert str(tmp_path).encode() not in compiled.read_bytes()


def test_pyc_files_do_not_depend_on_the_folder(tmp_path: Path):
    trees = [make_package(tmp_path / "one"), make_package(tmp_path / "much" / "longer" / "two")]
    contents = []
    for tree in trees:
        compile_modules(tree, RUNNING)
        contents.append((tree / "pack" / "__pycache__" / f"__init__.{TAG}.pyc").read_bytes())
    assert contents[0] == contents[1]


def test_a_python_version_that_is_not_installed_is_a_note(tmp_path: Path):
    tree = make_package(tmp_path)
    notes = compile_modules(tree, MISSING)
    assert notes == ["Python 3.99 is not installed here: without .pyc files, cold starts take longer."]
    assert not list(tree.rglob("*.pyc"))


def test_a_module_that_does_not_compile_is_a_note_and_the_others_are_compiled(tmp_path: Path):
    tree = make_package(tmp_path)
    (tree / "bad.py").write_text("def\n")
    assert compile_modules(tree, RUNNING) == [f"bad.py does not compile with Python {RUNNING}: it has no .pyc file."]
    assert len(list(tree.rglob("*.pyc"))) == 1


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
def test_find_python_returns_a_python_of_that_version(python: str):
    found = find_python(python)
    if python == RUNNING:
        assert found == sys.executable
    if found is not None:
        version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
        assert version.startswith(f"Python {python}.")

"""The `.pyc` files of an archive."""

import subprocess
import sys
from pathlib import Path

import pytest

from coworks_async.deploy.archive.bytecode import TASK, compile_modules, find_python

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
TAG = sys.implementation.cache_tag
NEVER = "3.99"


def make(folder: Path) -> Path:
    (folder / "pack").mkdir(parents=True)
    (folder / "pack" / "__init__.py").write_text("NAMES = frozenset({'a', 'b', 'c'})\ndef where(): raise ValueError\n")
    return folder


def test_each_module_has_one_that_is_never_compared_with_its_source(tmp_path: Path):
    tree = make(tmp_path / "tree")
    assert compile_modules(tree, RUNNING) == []
    compiled = tree / "pack" / "__pycache__" / f"__init__.{TAG}.pyc"
    # Flags (PEP 552): made with a hash of the source, which is not checked.
    assert compiled.read_bytes()[4:8] == bytes([1, 0, 0, 0])
    assert f"{TASK}/pack/__init__.py".encode() in compiled.read_bytes()
    assert str(tmp_path).encode() not in compiled.read_bytes()


def test_they_are_the_same_in_another_folder(tmp_path: Path):
    trees = [make(tmp_path / "one"), make(tmp_path / "much" / "longer" / "two")]
    contents = []
    for tree in trees:
        compile_modules(tree, RUNNING)
        contents.append((tree / "pack" / "__pycache__" / f"__init__.{TAG}.pyc").read_bytes())
    assert contents[0] == contents[1]


def test_without_that_python_there_are_none_and_the_user_is_told(tmp_path: Path):
    tree = make(tmp_path)
    notes = compile_modules(tree, NEVER)
    assert notes == ["There is no Python 3.99 on this machine: without .pyc files, so cold starts take longer."]
    assert not list(tree.rglob("*.pyc"))


def test_a_module_that_does_not_compile_is_named_and_the_others_are_compiled(tmp_path: Path):
    tree = make(tmp_path)
    (tree / "bad.py").write_text("def\n")
    assert compile_modules(tree, RUNNING) == [f"bad.py does not compile with Python {RUNNING}: without a .pyc file."]
    assert len(list(tree.rglob("*.pyc"))) == 1


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
def test_a_python_that_is_found_is_of_that_version(python: str):
    found = find_python(python)
    if python == RUNNING:
        assert found == sys.executable
    if found is not None:
        told = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
        assert told.startswith(f"Python {python}.")

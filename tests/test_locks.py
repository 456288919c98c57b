"""The locks of the development environment: complete, with hashes, and independent of an index."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from scripts.audit import explain
from tests.tools import find_tool, requires_tool

ROOT = Path(__file__).parents[1]
LOCKS = ("dev", "run")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]

lock = pytest.mark.parametrize("name", LOCKS)


def read_pins(name: str) -> list[Requirement]:
    lines = re.findall(r"^([^#\s][^\\]*)", (ROOT / "locks" / f"{name}.txt").read_text(), re.MULTILINE)
    return [Requirement(line.strip()) for line in lines]


def expand_group(name: str) -> list[str]:
    items = PROJECT["dependency-groups"][name]
    included = [expand_group(item["include-group"]) for item in items if isinstance(item, dict)]
    return [*(item for item in items if isinstance(item, str)), *chain.from_iterable(included)]


def find_unlocked(requirements: Iterable[str], name: str) -> list[str]:
    """Return the requirements that no pin of a lock satisfies on some version of Python."""
    versions: dict[str, list[str]] = {}
    for pin in read_pins(name):
        versions.setdefault(canonicalize_name(pin.name), []).append(str(pin.specifier).removeprefix("=="))

    def is_locked(requirement: Requirement) -> bool:
        pinned = versions.get(canonicalize_name(requirement.name), [])
        return bool(pinned) and all(requirement.specifier.contains(Version(each)) for each in pinned)

    return [text for text in requirements if not is_locked(Requirement(text))]


@lock
def test_a_lock_pins_each_package_with_hashes_and_names_no_index(name: str):
    text = (ROOT / "locks" / f"{name}.txt").read_text()
    blocks = re.split(r"\n(?=[a-z0-9])", text)
    assert len(blocks) > 40
    unpinned = [block for block in blocks if not re.match(r"\S+==\S+ .*\\\n +--hash=sha256:[0-9a-f]{64}", block)]
    assert unpinned == []
    assert re.findall(r"\w+://.*|--(?!hash=).*", text) == []


def test_the_requirements_of_the_project_are_in_the_locks():
    required = PROJECT["project"]["dependencies"]
    everything = [*required, *chain.from_iterable(EXTRAS.values()), *expand_group("dev")]
    assert find_unlocked(everything, "dev") == [], "run `make lock`"
    served = [each for extra in ("admin", "profiler", "standard", "xray") for each in EXTRAS[extra]]
    assert find_unlocked([*required, *served, *expand_group("build")], "run") == [], "run `make lock`"


def test_the_packages_of_make_run_have_the_same_versions_in_both_locks():
    everything = {(pin.name, str(pin.specifier)) for pin in read_pins("dev")}
    assert [pin.name for pin in read_pins("run") if (pin.name, str(pin.specifier)) not in everything] == []


@pytest.mark.end_to_end
@requires_tool("make")
def test_make_lock_keeps_the_versions(tmp_path: Path):
    for name in ("Makefile", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "locks", tmp_path / "locks")
    (tmp_path / ".run").touch()
    variables = [f"VENV={tmp_path}", f"BIN={Path(sys.executable).parent}", "EDITABLE=yes"]
    subprocess.run([find_tool("make"), "lock", *variables], cwd=tmp_path, capture_output=True, check=True)
    for name in LOCKS:
        assert (tmp_path / "locks" / f"{name}.txt").read_text() == (ROOT / "locks" / f"{name}.txt").read_text()


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        ('{"name": "requests", "version": "2.19.0", "vulns": [{"id": "PYSEC-2018-28"}]}', None),
        ('{"name": "requests", "skip_reason": "not found"}', "not found"),
        ('{"name": "requests", "version": "2.19.0", "vulns": []}', "it serves no advisory for requests==2.19.0"),
    ],
    ids=["advisories", "unknown to the index", "without advisories"],
)
def test_an_audit_is_skipped_only_if_the_index_serves_no_advisories(package: str, reason: str | None):
    found = explain(f'{{"dependencies": [{package}], "fixes": []}}')
    assert found is None if reason is None else str(found).startswith(reason)

"""The list of the packages in an archive."""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from coworks_async.deploy.archive.build import Archive, ArchiveOptions, build_archive
from coworks_async.deploy.archive.sbom import write_sbom
from coworks_async.exceptions import DeployError
from tests.deploy.wheels import index, make_wheel

__all__ = ["index"]

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"

# The metadata of a wheel, and the licence in the list.
LICENSES: dict[str, tuple[str, dict[str, Any] | None]] = {
    "identifier": ("License-Expression: BSD-3-Clause", {"license": {"id": "BSD-3-Clause"}}),
    "expression": ("License-Expression: MIT OR Apache-2.0", {"expression": "MIT OR Apache-2.0"}),
    "old-field": ("License: Freeware", {"license": {"name": "Freeware"}}),
    "classifier": (
        "License: UNKNOWN\nClassifier: Topic :: Internet\nClassifier: License :: OSI Approved :: MIT License",
        {"license": {"name": "MIT License"}},
    ),
    "whole-text": ("License: All rights\n        reserved.", None),
    "without": ("Summary: none", None),
}

Build = Callable[..., Archive]


@pytest.fixture
def build(tmp_path: Path, index: Path) -> Build:
    """Return a function that builds an archive whose project requires packages of the index."""

    def build(*requirements: str, output: str = "a.zip") -> Archive:
        project = tmp_path / "project"
        project.mkdir(exist_ok=True)
        (project / "orders.py").write_text("app = None\n")
        (project / "requirements.txt").write_text("\n".join(requirements))
        options = ArchiveOptions(project, "orders", "app", python=RUNNING, layer_provides=("coworks-async",))
        return build_archive(options, tmp_path / output)

    return build


def read_sbom(archive: Archive, path: Path) -> dict[str, Any]:
    """Write the list of an archive, and return it validated against CycloneDX's schema."""
    write_sbom(archive, "orders", path)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(path.read_text()) is None
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_the_list_names_the_service_and_each_package_by_version_and_url(build: Build, index: Path, tmp_path: Path):
    make_wheel(index, "shop-tools", "1.2", requires=["parts"])
    make_wheel(index, "parts", "3.0")
    archive = build("shop_tools")
    sbom = read_sbom(archive, tmp_path / "a.cdx.json")
    service = sbom["metadata"]["component"]
    assert (service["name"], service["version"]) == ("orders", archive.content_hash)
    assert service["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(archive.path.read_bytes()).hexdigest()}]
    assert [(each["name"], each["version"], each["purl"]) for each in sbom["components"]] == [
        ("parts", "3.0", "pkg:pypi/parts@3.0"),
        ("shop-tools", "1.2", "pkg:pypi/shop-tools@1.2"),
    ]
    [edges] = [each for each in sbom["dependencies"] if each["ref"] == "orders"]
    assert edges["dependsOn"] == ["pkg:pypi/parts@3.0", "pkg:pypi/shop-tools@1.2"]
    assert sbom["metadata"]["tools"]["components"][0]["name"] == "coworks-async"


def test_the_hash_of_a_package_follows_its_files_only(
    build: Build, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # uv caches a wheel by its name.
    monkeypatch.setenv("UV_NO_CACHE", "1")

    def find_hashes(text: str) -> dict[str, str]:
        make_wheel(index, "parts", "3.0", files={"parts.py": text, "parts.pyi": "", "bin/tool": ""})
        archive = build("parts", "tools", output=f"{len(text)}.zip")
        sbom = read_sbom(archive, tmp_path / "a.cdx.json")
        return {each["name"]: each["hashes"][0]["content"] for each in sbom["components"]}

    make_wheel(index, "tools")
    first, again, changed = find_hashes("a = 1\n"), find_hashes("a = 1\n"), find_hashes("a = 10\n")
    assert first == again
    assert first["tools"] == changed["tools"]
    assert first["parts"] != changed["parts"]


@pytest.mark.parametrize(("fields", "expected"), LICENSES.values(), ids=LICENSES)
def test_the_licence_is_that_of_the_metadata(
    build: Build, index: Path, tmp_path: Path, fields: str, expected: dict[str, Any] | None
):
    make_wheel(index, "parts", fields=fields)
    [component] = read_sbom(build("parts"), tmp_path / "a.cdx.json")["components"]
    assert component.get("licenses") == (None if expected is None else [expected])


def test_an_archive_without_packages_has_an_empty_list(build: Build, tmp_path: Path):
    assert "components" not in read_sbom(build(), tmp_path / "a.cdx.json")


def test_a_file_that_cannot_be_written_is_an_error(build: Build, tmp_path: Path):
    folder = tmp_path / "a.cdx.json"
    folder.mkdir()
    with pytest.raises(DeployError, match=r"^The SBOM .*a\.cdx\.json cannot be written: Is a directory\.$"):
        write_sbom(build(), "orders", folder)

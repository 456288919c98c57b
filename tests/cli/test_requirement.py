"""The requirement of CoWorks that `cws new` writes, by the origin that `direct_url.json` records."""

import json
from collections.abc import Mapping
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from coworks_async.cli.requirement import LOCAL_NOTE, format_requirement

COMMIT = "1f2e3d4c5b6a798887766554433221100ffeeddc"


def install(folder: Path, origin: Mapping[str, Any] | None) -> Distribution:
    """Return a distribution with the records that pip and uv write."""
    info = folder / "coworks_async-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: coworks-async\nVersion: 1.2\n")
    if origin is not None:
        (info / "direct_url.json").write_text(json.dumps(origin))
    return Distribution.at(info)


def test_a_release_from_an_index_is_required_by_version(tmp_path: Path):
    release = install(tmp_path, None)
    assert format_requirement(release) == "coworks-async==1.2\n"
    assert format_requirement(release, ["admin", "xray"]) == "coworks-async[admin,xray]==1.2\n"


@pytest.mark.parametrize("name", ["coworks_async-1.2-py3-none-any.whl", "coworks_async-1.2.tar.gz", "a clone"])
def test_a_file_or_folder_is_required_by_its_path(tmp_path: Path, name: str):
    path = tmp_path / name
    path.mkdir()
    origin = {"url": path.as_uri(), "archive_info": {"hashes": {"sha256": "0" * 64}}}
    assert format_requirement(install(tmp_path, origin), ["admin"]) == (
        f"{LOCAL_NOTE}\ncoworks-async @ {path.as_uri()}\ncoworks-async[admin]\n"
    )


def test_an_editable_install_is_required_as_editable(tmp_path: Path):
    clone = install(tmp_path, {"url": tmp_path.as_uri(), "dir_info": {"editable": True}})
    assert format_requirement(clone) == f"{LOCAL_NOTE}\n-e {tmp_path.as_uri()}\n"
    assert format_requirement(clone, ["admin", "xray"]) == (
        f"{LOCAL_NOTE}\n-e {tmp_path.as_uri()}\ncoworks-async[admin,xray]\n"
    )


@pytest.mark.parametrize("more", [{"archive_info": {}}, {"dir_info": {}}, {"dir_info": {"editable": True}}])
def test_a_deleted_file_or_folder_is_replaced_by_the_version(tmp_path: Path, more: dict[str, Any]):
    origin = {"url": (tmp_path / "deleted").as_uri(), **more}
    assert format_requirement(install(tmp_path, origin), ["xray"]) == "coworks-async[xray]==1.2\n"


def test_a_file_on_a_server_is_required_by_its_url(tmp_path: Path):
    url = "https://example.org/coworks_async-1.2-py3-none-any.whl"
    origin = {"url": url, "archive_info": {"hash": "sha256=0", "hashes": {"sha256": "0"}}}
    assert format_requirement(install(tmp_path, origin)) == f"coworks-async @ {url}\n"


def test_a_git_repository_on_this_machine_is_required_with_a_host(tmp_path: Path):
    info = {"vcs": "git", "commit_id": COMMIT}
    for host in ("", "localhost"):
        origin = {"url": f"file://{host}{tmp_path}", "vcs_info": info}
        (tmp_path / f"installed-{host}").mkdir()
        assert format_requirement(install(tmp_path / f"installed-{host}", origin), ["admin"]) == (
            f"{LOCAL_NOTE}\ncoworks-async @ git+file://localhost{tmp_path}@{COMMIT}\ncoworks-async[admin]\n"
        )


def test_a_git_repository_is_required_by_its_commit(tmp_path: Path):
    info = {"vcs": "git", "requested_revision": "main", "commit_id": COMMIT}
    origin = {"url": "ssh://git@example.org/tools.git", "vcs_info": info, "subdirectory": "python"}
    assert format_requirement(install(tmp_path, origin)) == (
        f"coworks-async @ git+ssh://git@example.org/tools.git@{COMMIT}#subdirectory=python\n"
    )

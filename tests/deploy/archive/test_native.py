"""The archive of the native runtime is started by its own programs."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coworks_async.deploy.archive.build import Archive, ArchiveOptions, build_archive
from coworks_async.exceptions import DeployError
from tests.aws.events import rest_event
from tests.deploy.archive.native_process import (
    BOOTSTRAP,
    CLOCK,
    RUNNING,
    WRAPPER,
    check_clock,
    started,
    stream,
    unpack,
)
from tests.deploy.archive.test_build import HERE

SHOP = f"""
import asyncio
import sys
import time

import coworks_async
from coworks_async import TechMicroService, entry


class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return {{"package": coworks_async.__file__, "path": sys.path}}

{CLOCK}

app = Shop()
"""

PROGRAMS = ("cws_native", "bootstrap")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Build the archive of a service for this Python and this machine."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "project").mkdir()
    (folder / "project" / "shop.py").write_text(SHOP)
    options = ArchiveOptions(
        folder / "project", "shop", "app", top=folder, python=RUNNING, architecture=HERE, runtime="native"
    )
    return build_archive(options, folder / "shop.zip")


@pytest.fixture
def options(tmp_path: Path) -> ArchiveOptions:
    """Options of a project without dependencies, as if a layer provided them."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "shop.py").write_text("app = None\n")
    layer = {"layer_provides": ("coworks-async",), "compiled": False, "runtime": "native"}
    return replace(ArchiveOptions(folder, "shop", "app", top=folder), **layer)  # type: ignore[arg-type]


def get_root(task: Path, command: tuple[str, ...], **environment: str) -> Any:
    with started(task, command, **environment) as api:
        _, result = api.call(rest_event("GET", "/", (), (), None))
    response = result.json()
    assert response["statusCode"] == 200
    return json.loads(response["body"])


@pytest.mark.parametrize("command", [WRAPPER, BOOTSTRAP], ids=PROGRAMS)
def test_each_program_of_the_archive_runs_the_service_with_the_packages_of_the_archive(
    shop: Archive, tmp_path: Path, command: tuple[str, ...]
):
    task = unpack(shop.path, tmp_path / "task")
    found = get_root(task, command)
    assert found["package"] == str(task / "coworks_async" / "__init__.py")
    layers = [f"/opt/python/lib/python{RUNNING}/site-packages", "/opt/python"]
    expected = [str(task), *layers, "/var/runtime"]
    assert [path for path in dict.fromkeys(found["path"]) if path in expected] == expected


def test_a_search_path_of_the_user_replaces_that_of_layers_as_in_awss_runtime(shop: Archive, tmp_path: Path):
    task = unpack(shop.path, tmp_path / "task")
    found = get_root(task, WRAPPER, PYTHONPATH="/mine", LAMBDA_RUNTIME_DIR="/run")
    assert [path for path in found["path"] if path in ("/mine", "/run")] == ["/mine", "/run"]
    assert "/opt/python" not in found["path"]


def test_the_parts_of_a_stream_arrive_when_they_are_produced(shop: Archive, tmp_path: Path):
    task = unpack(shop.path, tmp_path / "task")
    with started(task, WRAPPER, CWS_STREAM="rest") as api:
        check_clock(stream(api, rest_event("GET", "/clock", (), (), None)))


def test_both_programs_are_executable_and_equal(options: ArchiveOptions, tmp_path: Path):
    archive = build_archive(options, tmp_path / "shop.zip")
    assert [member.path for member in archive.members] == ["bootstrap", "cws_lambda.py", "cws_native", "shop.py"]
    modes = {member.path: member.mode for member in archive.members}
    assert (modes["bootstrap"], modes["cws_native"], modes["shop.py"]) == (0o755, 0o755, 0o644)
    with zipfile.ZipFile(archive.path) as file:
        assert file.getinfo("cws_native").external_attr >> 16 == 0o100755
        assert file.read("bootstrap") == file.read("cws_native")
        assert b'exec "${1:-python3.13}" -m coworks_async.aws.runtime\n' in file.read("bootstrap")


def test_an_archive_of_the_native_runtime_has_the_same_bytes_each_time(options: ArchiveOptions, tmp_path: Path):
    first, second = (build_archive(options, tmp_path / f"{name}.zip") for name in ("first", "second"))
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.content_hash == second.content_hash
    assert build_archive(replace(options, python="3.12"), tmp_path / "3.zip").content_hash != first.content_hash


def test_without_the_native_runtime_the_archive_contains_no_program(options: ArchiveOptions, tmp_path: Path):
    archive = build_archive(replace(options, runtime="buffered"), tmp_path / "shop.zip")
    assert [member.path for member in archive.members] == ["cws_lambda.py", "shop.py"]


@pytest.mark.parametrize("path", [*PROGRAMS, "bootstrap/__init__.py"])
def test_a_file_or_folder_with_the_name_of_a_program_is_an_error(options: ArchiveOptions, tmp_path: Path, path: str):
    file = options.directory / path
    file.parent.mkdir(exist_ok=True)
    file.write_text("")
    with pytest.raises(DeployError, match=rf"{path.partition('/')[0]}' has the name of a program of --runtime native"):
        build_archive(options, tmp_path / "shop.zip")
    build_archive(replace(options, runtime="buffered"), tmp_path / "shop.zip")

"""The archive of a service: what is in it, that it runs alone, that it is the same for the same sources."""

import json
import os
import platform
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coworks_async.deploy.archive import build as deploy_archive
from coworks_async.deploy.archive.build import Archive, ArchiveOptions, Member, build_archive, megabytes, parts_of
from coworks_async.exceptions import DeployError
from tests.aws.events import rest_event
from tests.deploy.wheels import index, make_wheel

__all__ = ["index"]

Build = Callable[..., Archive]

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
HERE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
SAMPLES = Path(__file__).parents[3] / "samples" / "docs" / "tech"

# What the archive needs is in it: no packages of this environment, no `.pyc` files written meanwhile.
ALONE = """
import sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import json
import cws_lambda
print(json.dumps(cws_lambda.lambda_handler(json.load(sys.stdin), None)))
files = [str(vars(module).get("__file__")) for module in sys.modules.values()]
print(json.dumps([file for file in files if "-packages" in file]))
"""


# As it is built from the index of the world.


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """The archive of the sample `first`, for this Python and this machine."""
    folder = tmp_path_factory.mktemp("sample")
    options = ArchiveOptions(SAMPLES, "first", "app", python=RUNNING, architecture=HERE)  # type: ignore[arg-type]
    return build_archive(options, folder / "deep" / "first.zip")


def test_its_handler_answers_in_an_interpreter_that_has_nothing_else(sample: Archive, tmp_path: Path):
    with zipfile.ZipFile(sample.path) as file:
        file.extractall(tmp_path)
    event = rest_event("GET", "/", (), (("Authorization", "token"),), None)
    command = [sys.executable, "-I", "-S", "-c", ALONE, str(tmp_path)]
    done = subprocess.run(command, input=json.dumps(event), capture_output=True, text=True, check=True)
    answer, foreign = map(json.loads, done.stdout.splitlines())
    assert (answer["statusCode"], answer["body"], foreign) == (200, "Stored value 0.\n", [])


def test_a_hello_service_is_under_2_mb_with_its_pyc_files(sample: Archive):
    compiled = [member for member in sample.members if member.path.endswith(".pyc")]
    modules = [member for member in sample.members if member.path.endswith(".py")]
    assert len(compiled) == len(modules)
    assert sample.size == sample.path.stat().st_size < 2_000_000
    assert sample.unpacked == sum(member.size for member in sample.members)
    assert sample.notes == ()


def test_nothing_in_it_tells_of_this_machine_or_is_no_part_of_the_service(sample: Archive):
    paths = {member.path for member in sample.members}
    assert {"cws_lambda.py", "first.py", "simple.py", "coworks_async/service.py", "starlette/routing.py"} <= paths
    for part in ("boto3", "click", "uvicorn", "bin", "coworks_async/cli", "coworks_async/deploy", ".env"):
        assert not [path for path in paths if path.startswith(part)]
    with zipfile.ZipFile(sample.path) as file:
        for name in file.namelist():
            content = file.read(name)
            assert not [place for place in (str(Path.cwd()), str(sample.path.parent)) if place.encode() in content]


def test_its_parts_are_told_the_largest_first(sample: Archive):
    sizes = [part.size for part in sample.parts]
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) == sample.unpacked
    assert {"starlette", "coworks_async", "typing_extensions.py"} <= {part.name for part in sample.parts}


def test_a_modules_pyc_belongs_to_the_module():
    members = [
        Member("a.py", 1, ""),
        Member("__pycache__/a.cpython-313.pyc", 2, ""),
        Member("b/__pycache__/c.pyc", 4, ""),
    ]
    assert [(part.name, part.size) for part in parts_of(members)] == [("b", 4), ("a.py", 3)]


# Without CoWorks and its dependencies, which a layer would bring.


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "orders.py").write_text("app = None\n")
    return folder


@pytest.fixture
def build(project: Path, tmp_path: Path) -> Build:
    def build(directory: Path = project, output: Path = tmp_path / "orders.zip", **more: Any) -> Archive:
        options = ArchiveOptions(directory, "orders", "app", top=directory, layer_provides=("coworks-async",))
        return build_archive(replace(options, **{"compiled": False, **more}), output)

    return build


def paths(archive: Archive) -> list[str]:
    return [member.path for member in archive.members]


def test_it_holds_the_project_the_dependencies_and_the_entry_module(project: Path, index: Path, build: Build):
    make_wheel(index, "a")
    (project / "requirements.txt").write_text("a\n")
    assert paths(build()) == ["a-1.0.dist-info/METADATA", "a-1.0.dist-info/WHEEL", "a.py", "cws_lambda.py", "orders.py"]


def test_options_say_what_else_goes_in_and_what_does_not(
    project: Path, tmp_path: Path, build: Build, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "handmade.py").write_text("")
    (project / "data.csv").write_text("")
    (project / "secrets").write_text("")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    made = build(module_names=("handmade",), ignore=("*.csv",), never=(project / "secrets",))
    assert paths(made) == ["cws_lambda.py", "handmade.py", "orders.py"]


def test_two_of_the_same_sources_have_the_same_bytes(project: Path, tmp_path: Path, build: Build):
    (project / "run").write_text("#!/bin/sh\n")
    (project / "run").chmod(0o700)
    first = build(python=RUNNING, compiled=True)
    other = tmp_path / "elsewhere" / "longer"
    other.mkdir(parents=True)
    for name, mode in (("run", 0o777), ("orders.py", 0o600)):
        (other / name).write_bytes((project / name).read_bytes())
        (other / name).chmod(mode)
        # A day later.
        os.utime(other / name, (2_000_000_000, 2_000_000_000))
    second = build(other, tmp_path / "second.zip", python=RUNNING, compiled=True)
    assert second.content_hash == first.content_hash
    assert second.path.read_bytes() == first.path.read_bytes()
    with zipfile.ZipFile(first.path) as file:
        told = {info.filename: (info.date_time, info.external_attr >> 16) for info in file.infolist()}
    day = (1980, 1, 1, 0, 0, 0)
    assert (told["run"], told["orders.py"]) == ((day, 0o100755), (day, 0o100644))
    assert list(told) == sorted(told)


def test_the_content_hash_tells_content_names_modes_and_whether_there_are_pyc_files(project: Path, build: Build):
    hashes = [build().content_hash, build(python=RUNNING, compiled=True).content_hash]
    (project / "orders.py").chmod(0o755)
    hashes.append(build().content_hash)
    (project / "orders.py").write_text("app = 1\n")
    hashes.append(build().content_hash)
    (project / "data").touch()
    hashes.append(build().content_hash)
    (project / "data").rename(project / "atad")
    hashes.append(build().content_hash)
    assert len({*hashes}) == len(hashes)


def test_the_user_is_told_what_has_no_pyc_file(project: Path, build: Build):
    (project / "template.py").write_text("{{ name }} = \n")
    assert build(python=RUNNING, compiled=True).notes == (
        f"template.py does not compile with Python {RUNNING}: without a .pyc file.",
    )


def test_an_archive_made_before_is_no_part_of_the_next(project: Path, build: Build):
    first = build(output=project / "orders.zip")
    (project / "orders.zip").rename(project / "renamed.zip")
    build(output=project / "other.txt")
    assert build(output=project / "other.txt").content_hash == first.content_hash


@pytest.mark.parametrize(
    ("size", "content", "told"),
    [
        (
            260,
            "zeros",
            "The archive has 260.0 MB unpacked, and 250.0 MB is the most. The largest parts, unpacked: big 2",
        ),
        (51, "noise", "The archive has 51.0 MB zipped, and 50.0 MB is the most. The largest parts, unpacked: big 51.0"),
    ],
)
def test_one_that_is_too_large_is_refused_and_its_largest_parts_are_named(
    project: Path, tmp_path: Path, build: Build, size: int, content: str, told: str
):
    (project / "big").mkdir()
    with (project / "big" / "data").open("wb") as file:
        if content == "noise":
            file.write(os.urandom(size * 1024 * 1024))
        file.truncate(size * 1024 * 1024)
    with pytest.raises(DeployError) as caught:
        build()
    assert str(caught.value).startswith(told)
    assert not (tmp_path / "orders.zip").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, build: Build):
    (tmp_path / "file").touch()
    with pytest.raises(DeployError, match=rf"^The archive {tmp_path}/file/x\.zip cannot be written: "):
        build(output=tmp_path / "file" / "x.zip")


def test_sizes_are_counted_as_aws_does():
    assert [megabytes(size) for size in (512, 1024 * 100, deploy_archive.MB, deploy_archive.MAX_SIZE)] == [
        "0 KB",
        "100 KB",
        "1.0 MB",
        "50.0 MB",
    ]


def test_a_package_that_the_service_uses_and_the_archive_lacks_is_told(project: Path, index: Path, build: Build):
    make_wheel(index, "a")
    (project / "requirements.txt").write_text("a\n")
    used = frozenset({"a", "yaml.nodes", "starlette.routing", "boto3"})
    assert build(modules_used=used).notes == (
        "The service uses yaml, which is not in the archive: name what brings it in the project's requirements, or by "
        "--layer-provides where a layer does.",
    )

"""The archive of a service: its content, that it runs by itself, that it is reproducible."""

import json
import os
import platform
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from coworks_async.deploy.archive.build import (
    MAX_SIZE,
    MB,
    Archive,
    ArchiveOptions,
    Member,
    build_archive,
    format_size,
    sum_parts,
)
from coworks_async.deploy.archive.staging import EXTRAS, RUNTIME_PACKAGES
from coworks_async.deploy.options import Architecture
from coworks_async.exceptions import DeployError
from tests.aws.events import rest_event
from tests.deploy.wheels import index, make_wheel

__all__ = ["index"]

Build = Callable[..., Archive]

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
HERE: Architecture = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
SAMPLES = Path(__file__).parents[3] / "samples" / "docs" / "tech"

# Runs the events on stdin without the packages of this environment, and without writing `.pyc` files.
HANDLE_EVENTS = """
import sys
sys.path[:0] = sys.argv[1:]
sys.dont_write_bytecode = True
import json
import cws_lambda
results = [cws_lambda.lambda_handler(event, None) for event in json.load(sys.stdin)]
files = [str(vars(module).get("__file__")) for module in sys.modules.values()]
print(json.dumps([results, [file for file in files if "-packages" in file]]))
"""

# Uses every blueprint and extension.
EVERYTHING = """
from aws_xray_sdk.core import xray_recorder
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider

from coworks_async import TechMicroService, entry
from coworks_async.blueprints import Admin, Profiler
from coworks_async.extensions import OpenTelemetry, XRay


class Everything(TechMicroService):
    async def token_authorizer(self, token):
        return token == "token"

    @entry
    async def get(self):
        return {extension: self.extensions[extension].enabled for extension in sorted(self.extensions)}


app = Everything()
app.register_blueprint(Admin(), url_prefix="/admin")
Profiler(app)
XRay(app, xray_recorder)
OpenTelemetry(app, TracerProvider())
"""


def handle_events(archive: Archive, folder: Path, *paths: str, **environment: str) -> list[Any]:
    """Unpack an archive, and return its handler's results for GET requests in a Python that has nothing else."""
    with zipfile.ZipFile(archive.path) as file:
        file.extractall(folder / "task")
    # As in the Lambda runtime.
    (folder / "runtime").mkdir()
    for name in RUNTIME_PACKAGES:
        origin = find_spec(name).origin  # type: ignore[union-attr]
        source = Path(str(origin)) if name == "six" else Path(str(origin)).parent
        (folder / "runtime" / source.name).symlink_to(source)
    events = [rest_event("GET", path, (), (("Authorization", "token"),), None) for path in paths]
    command = [sys.executable, "-I", "-S", "-c", HANDLE_EVENTS, str(folder / "task"), str(folder / "runtime")]
    done = subprocess.run(
        command, env=environment, input=json.dumps(events), capture_output=True, text=True, check=True
    )
    results, foreign_files = json.loads(done.stdout)
    assert foreign_files == []
    return results  # type: ignore[no-any-return]


# With dependencies from the package index.


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Build the archive of the sample `first` for this Python and this machine."""
    folder = tmp_path_factory.mktemp("sample")
    options = ArchiveOptions(SAMPLES, "first", "app", python=RUNNING, architecture=HERE)
    return build_archive(options, folder / "deep" / "first.zip")


def test_the_handler_runs_in_an_interpreter_without_other_packages(sample: Archive, tmp_path: Path):
    (result,) = handle_events(sample, tmp_path, "/")
    assert (result["statusCode"], result["body"]) == (200, "Stored value 0.\n")


@pytest.mark.end_to_end
def test_a_service_with_all_blueprints_and_extensions_runs_in_such_an_interpreter(tmp_path: Path):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "everything.py").write_text(EVERYTHING)
    options = ArchiveOptions(
        tmp_path / "project",
        "everything",
        "app",
        top=tmp_path,
        python=RUNNING,
        architecture=HERE,
        used_modules=frozenset(EXTRAS),
        compiled=False,
    )
    archive = build_archive(options, tmp_path / "everything.zip")
    assert not [member.path for member in archive.members if member.path.startswith("coworks_async/gateway")]
    environment = {"AWS_LAMBDA_FUNCTION_NAME": "everything", "AWS_DEFAULT_REGION": "eu-west-1", "CWS_STAGE": "dev"}
    paths = ("/", "/admin", "/admin/route", "/admin/openapi.json", "/profile", "/profile/flame")
    results = handle_events(archive, tmp_path, *paths, **environment)
    assert [result["statusCode"] for result in results] == [200] * len(paths)
    assert json.loads(results[0]["body"]) == {"opentelemetry": True, "xray": True}
    assert "pyinstrument" in results[-1]["body"].lower()


def test_a_small_service_with_pyc_files_is_at_most_2_2_mb(sample: Archive):
    compiled = [member for member in sample.members if member.path.endswith(".pyc")]
    modules = [member for member in sample.members if member.path.endswith(".py")]
    assert len(compiled) == len(modules)
    assert sample.size == sample.path.stat().st_size <= 2_200_000
    assert sample.unpacked == sum(member.size for member in sample.members)
    assert sample.notes == ()


def test_the_archive_contains_no_tools_and_no_path_of_this_machine(sample: Archive):
    paths = {member.path for member in sample.members}
    assert {"cws_lambda.py", "first.py", "simple.py", "coworks_async/service.py", "starlette/routing.py"} <= paths
    excluded = ["boto3", "click", "uvicorn", "bin", "terraform", ".env"]
    excluded += [f"coworks_async/{name}" for name in ("cli", "deploy", "gateway", "terraform", "testing")]
    assert not [path for path in paths if path.startswith(tuple(excluded))]
    with zipfile.ZipFile(sample.path) as file:
        for name in file.namelist():
            content = file.read(name)
            assert not [path for path in (str(Path.cwd()), str(sample.path.parent)) if path.encode() in content]


def test_parts_are_sorted_largest_first(sample: Archive):
    parts = dict(sum_parts(sample.members))
    sizes = list(parts.values())
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) == sample.unpacked
    assert {"starlette", "coworks_async", "typing_extensions.py"} <= parts.keys()


def test_a_modules_pyc_file_is_part_of_the_module():
    members = [
        Member("a.py", 1, ""),
        Member("__pycache__/a.cpython-313.pyc", 2, ""),
        Member("b/__pycache__/c.pyc", 4, ""),
    ]
    assert sum_parts(members) == [("b", 4), ("a.py", 3)]


# Without CoWorks and its dependencies, as if a layer provided them.


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "orders.py").write_text("app = None\n")
    return folder


@pytest.fixture
def build(project: Path, tmp_path: Path) -> Build:
    def build(directory: Path = project, output: Path = tmp_path / "orders.zip", **changes: Any) -> Archive:
        options = ArchiveOptions(directory, "orders", "app", top=directory, layer_provides=("coworks-async",))
        return build_archive(replace(options, **{"compiled": False, **changes}), output)

    return build


def paths(archive: Archive) -> list[str]:
    return [member.path for member in archive.members]


def test_an_archive_contains_project_dependencies_and_entry_module(project: Path, index: Path, build: Build):
    make_wheel(index, "a")
    (project / "requirements.txt").write_text("a\n")
    assert paths(build()) == ["a-1.0.dist-info/METADATA", "a-1.0.dist-info/WHEEL", "a.py", "cws_lambda.py", "orders.py"]


def test_options_include_modules_and_exclude_files(
    project: Path, tmp_path: Path, build: Build, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "handmade.py").write_text("")
    (project / "data.csv").write_text("")
    (project / "secrets").write_text("")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    archive = build(module_names=("handmade",), ignore=("*.csv",), never=(project / "secrets",))
    assert paths(archive) == ["cws_lambda.py", "handmade.py", "orders.py"]


def test_a_private_key_is_refused_in_the_project_and_in_modules_of_the_environment(
    project: Path, tmp_path: Path, build: Build, monkeypatch: pytest.MonkeyPatch
):
    key = "-----BEGIN " + "EC PRIVATE KEY-----\n"
    (tmp_path / "handmade.py").write_text(f'KEY = """{key}"""')
    (project / "login.pem").write_text(key)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(DeployError, match=r"private key: login\.pem, handmade\.py\. "):
        build(module_names=("handmade",))
    archive = build(module_names=("handmade",), allow_secrets=("login.pem", "handmade.py"))
    assert paths(archive) == ["cws_lambda.py", "handmade.py", "login.pem", "orders.py"]


def test_the_same_sources_give_the_same_bytes(project: Path, tmp_path: Path, build: Build):
    (project / "run").write_text("#!/bin/sh\n")
    (project / "run").chmod(0o700)
    first = build(python=RUNNING, compiled=True)
    other = tmp_path / "elsewhere" / "longer"
    other.mkdir(parents=True)
    for name, mode in (("run", 0o777), ("orders.py", 0o600)):
        (other / name).write_bytes((project / name).read_bytes())
        (other / name).chmod(mode)
        os.utime(other / name, (2_000_000_000, 2_000_000_000))
    second = build(other, tmp_path / "second.zip", python=RUNNING, compiled=True)
    assert second.content_hash == first.content_hash
    assert second.path.read_bytes() == first.path.read_bytes()
    with zipfile.ZipFile(first.path) as file:
        infos = {info.filename: (info.date_time, info.external_attr >> 16) for info in file.infolist()}
    date = (1980, 1, 1, 0, 0, 0)
    assert (infos["run"], infos["orders.py"]) == ((date, 0o100755), (date, 0o100644))
    assert list(infos) == sorted(infos)


def test_the_content_hash_depends_on_contents_names_modes_and_the_presence_of_pyc_files(project: Path, build: Build):
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


def test_a_module_that_does_not_compile_is_a_note(project: Path, build: Build):
    (project / "template.py").write_text("{{ name }} = \n")
    assert build(python=RUNNING, compiled=True).notes == (
        f"template.py does not compile with Python {RUNNING}: it has no .pyc file.",
    )


def test_an_earlier_archive_is_not_part_of_the_next(project: Path, build: Build):
    first = build(output=project / "orders.zip")
    (project / "orders.zip").rename(project / "renamed.zip")
    build(output=project / "other.txt")
    assert build(output=project / "other.txt").content_hash == first.content_hash


@pytest.mark.end_to_end  # It writes 300 MB.
@pytest.mark.parametrize(
    ("size", "content", "message"),
    [
        (
            260,
            "zeros",
            "The archive has 260.0 MB unpacked, Lambda's limit is 250.0 MB. The largest parts, unpacked: big 260.0 MB",
        ),
        (
            51,
            "noise",
            "The archive has 51.0 MB zipped, Lambda's limit is 50.0 MB. The largest parts, unpacked: big 51.0 MB",
        ),
    ],
)
def test_a_too_large_archive_is_an_error_that_names_its_largest_parts(
    project: Path, tmp_path: Path, build: Build, size: int, content: str, message: str
):
    (project / "big").mkdir()
    with (project / "big" / "data").open("wb") as file:
        if content == "noise":
            file.write(os.urandom(size * 1024 * 1024))
        file.truncate(size * 1024 * 1024)
    with pytest.raises(DeployError) as caught:
        build()
    assert str(caught.value).startswith(message)
    assert not (tmp_path / "orders.zip").exists()


def test_an_unwritable_output_is_named(tmp_path: Path, build: Build):
    (tmp_path / "file").touch()
    with pytest.raises(DeployError, match=rf"^The archive {tmp_path}/file/x\.zip cannot be written: "):
        build(output=tmp_path / "file" / "x.zip")


def test_sizes_are_formatted_in_aws_units():
    assert [format_size(size) for size in (512, 1024 * 100, MB, MAX_SIZE)] == [
        "0 KB",
        "100 KB",
        "1.0 MB",
        "50.0 MB",
    ]


def test_a_used_package_that_the_archive_does_not_contain_is_a_note(project: Path, index: Path, build: Build):
    for name in ("a", "mangum", "msgspec", "python-multipart", "starlette"):
        make_wheel(index, name, "1.10" if name == "starlette" else "0.30")
    (project / "requirements.txt").write_text("a\n")
    used = frozenset({"a", "yaml.nodes", "starlette.routing", "boto3"})
    note = "The service uses yaml, which is not in the archive: add it to the project's requirements."
    assert build(used_modules=used, layer_provides=()).notes == (note,)
    # A layer may contain it.
    assert build(used_modules=used).notes == ()

"""The folder that becomes the archive: CoWorks, copied modules, cleanup, the entry module."""

import sys
import zipfile
from collections.abc import Callable, Iterator
from email.parser import Parser
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

from coworks_async import TechMicroService
from coworks_async.deploy.archive.source_files import find_project_files
from coworks_async.deploy.archive.staging import (
    build_coworks_wheel,
    check_name_conflicts,
    copy_module,
    find_extras,
    find_missing_packages,
    find_used_modules,
    remove_unused_files,
    write_entry_module,
)
from coworks_async.exceptions import CommandError, DeployError
from tests.aws.fake_stores import fake_stores


def make_files(folder: Path, *paths: str) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"# {path}\n")
    return folder


def list_files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_installed_packages_keep_importable_files_and_licences(tmp_path: Path):
    kept = ["a/__init__.py", "a/data.h", "a/tests/x.py", "a-1.dist-info/METADATA", "a-1.dist-info/licenses/LICENSE"]
    kept += ["a-1.dist-info/entry_points.txt", "a/RECORD"]
    removed = [".lock", "bin/tool", "a/__init__.pyi", "a/py.typed", "a/x.pyx", "a/__pycache__/x.pyc"]
    removed += [f"a-1.dist-info/{name}" for name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")]
    remove_unused_files(make_files(tmp_path, *kept, *removed))
    assert list_files(tmp_path) == sorted(kept)


# `--module-name`.


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "importable"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return folder


def test_modules_and_packages_of_this_environment_are_copied(importable: Path, tmp_path: Path):
    make_files(importable, "handmade.py", "handpack/__init__.py", "handpack/deep/x.py", "handpack/data.txt")
    make_files(importable, "handspace/part.py", "handpack/__pycache__/x.pyc")
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("handmade", "handpack", "handspace"):
        copy_module(name, tree)
    assert list_files(tree) == [
        "handmade.py",
        "handpack/__init__.py",
        "handpack/data.txt",
        "handpack/deep/x.py",
        "handspace/part.py",
    ]


@pytest.mark.parametrize("name", ["handnowhere", "sys", "a.b", "a-b", ""])
def test_an_unknown_module_is_an_error(name: str, tmp_path: Path):
    with pytest.raises(CommandError, match=rf"^--module-name: .*{name}"):
        copy_module(name, tmp_path)


def test_a_compiled_module_is_an_error(importable: Path, tmp_path: Path):
    make_files(importable, "handfast/__init__.py", "handfast/_core.abi3.so")
    with pytest.raises(DeployError, match=r"^--module-name handfast: handfast/_core.abi3.so is compiled for this"):
        copy_module("handfast", tmp_path)


# Name conflicts.


def check(tmp_path: Path, own: list[str], installed: list[str]) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "tree").mkdir()
    check_name_conflicts(
        find_project_files(make_files(tmp_path / "own", *own)), make_files(tmp_path / "tree", *installed)
    )


@pytest.mark.parametrize(
    ("own", "installed"),
    [
        ("multipart.py", "multipart/__init__.py"),
        ("multipart/__init__.py", "multipart.py"),
        ("shared/x.py", "shared/__init__.py"),
        ("shared/__init__.py", "shared/x.py"),
    ],
)
def test_a_project_module_with_the_name_of_an_installed_one_is_an_error(tmp_path: Path, own: str, installed: str):
    with pytest.raises(DeployError, match=rf"^The project's {own} has the name of the installed package \w+"):
        check(tmp_path, [own], [installed])


def test_parts_of_a_namespace_package_are_merged_unless_a_file_differs(tmp_path: Path):
    check(tmp_path, ["space/mine.py", "other.py"], ["space/theirs.py"])
    (tmp_path / "tree" / "space" / "mine.py").write_text("other = 1\n")
    with pytest.raises(DeployError, match=r"^The project's space/mine\.py has the name of the installed package space"):
        check_name_conflicts(find_project_files(tmp_path / "own"), tmp_path / "tree")


def test_a_project_may_require_itself(tmp_path: Path):
    check(tmp_path, ["orders/__init__.py", "orders/x.py", "orders/more.txt"], ["orders/__init__.py", "orders/x.py"])


def test_a_project_file_with_the_name_of_the_entry_module_is_an_error(tmp_path: Path):
    with pytest.raises(DeployError, match=r"^The project's cws_lambda\.py has the name of the entry module: rename"):
        check(tmp_path, ["cws_lambda.py"], [])


# The entry module.


def test_the_entry_module_exposes_the_services_handler(tmp_path: Path):
    make_files(tmp_path, "pack/orders.py")
    write_entry_module(tmp_path, "pack.orders", "box.app", is_factory=False, import_folder="")
    text = (tmp_path / "cws_lambda.py").read_text()
    assert text.endswith("\nlambda_handler = import_module('pack.orders').box.app.lambda_handler\n")
    assert "sys.path" not in text


def test_the_entry_module_calls_a_factory_and_imports_from_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "foldered.py").write_text("class App:\n    lambda_handler = 'handler'\nmake = App\n")
    write_entry_module(tmp_path, "foldered", "make", is_factory=True, import_folder="deep/er")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "cws_lambda", raising=False)
    assert __import__("cws_lambda").lambda_handler == "handler"
    for name in ("cws_lambda", "foldered"):
        monkeypatch.delitem(sys.modules, name)


def test_the_entry_module_resolves_references_before_it_imports_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "token_reader.py").write_text(
        "import os\nclass App:\n    lambda_handler = os.environ['TOKEN']\napp = App\n"
    )
    write_entry_module(tmp_path, "token_reader", "app", is_factory=False, import_folder="")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "cws_lambda", raising=False)
    monkeypatch.setenv("TOKEN", "ssm:/shop/token")
    with fake_stores(monkeypatch) as stores:
        stores.parameters["/shop/token"] = "t0ken"
        assert __import__("cws_lambda").lambda_handler == "t0ken"
    for name in ("cws_lambda", "token_reader"):
        monkeypatch.delitem(sys.modules, name)


def test_an_excluded_service_module_is_an_error(tmp_path: Path):
    with pytest.raises(DeployError, match=r"^The service's module test_orders is not in the archive: "):
        write_entry_module(tmp_path, "test_orders", "app", is_factory=False, import_folder="")


# CoWorks.


def test_the_wheel_of_coworks_contains_what_a_lambda_needs_and_the_licence(tmp_path: Path):
    with zipfile.ZipFile(build_coworks_wheel(tmp_path)) as wheel:
        names = wheel.namelist()
        info = f"coworks_async-{version('coworks-async')}.dist-info"
        metadata = Parser().parsestr(wheel.read(f"{info}/METADATA").decode())
        assert wheel.read(f"{info}/licenses/LICENSE").startswith(b"MIT License")
        listed = [line.split(",")[0] for line in wheel.read(f"{info}/RECORD").decode().splitlines()]
    assert "coworks_async/service.py" in names
    assert not [name for name in names if name.split("/")[1] in ("cli", "deploy", "gateway", "terraform", "testing.py")]
    assert listed == names
    needs = metadata.get_all("Requires-Dist", [])
    assert any(need.startswith("starlette") for need in needs)
    assert any(need.startswith("nh3") and "admin" in need for need in needs)
    assert not any(need.startswith(("uvicorn", "boto3", "click", "uv")) for need in needs)
    assert "standard" in metadata.get_all("Provides-Extra", [])


def test_the_wheel_of_coworks_is_reproducible_except_for_dates(tmp_path: Path):
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        with zipfile.ZipFile(build_coworks_wheel(tmp_path / name)) as wheel:
            contents.append({member: wheel.read(member) for member in wheel.namelist()})
    assert contents[0] == contents[1]


# The modules that a service uses.

Load = Callable[[str], frozenset[str]]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Return a function that writes and imports a project's module, and returns the modules that it uses."""
    before = {*sys.modules}

    def load(text: str) -> frozenset[str]:
        (tmp_path / "shelf.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        module = import_module("shelf")
        return find_used_modules(getattr(module, "app", TechMicroService(name="empty")), tmp_path)

    yield load
    for name in {"shelf", "prices", "lent"} - before:
        sys.modules.pop(name, None)


def get_packages(modules: frozenset[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_global_modules_classes_and_instances_are_used(load: Load):
    used = load("import json\nfrom httpx import Client\nfrom aws_xray_sdk.core import xray_recorder\nNAME = 'mine'\n")
    assert {"json", "httpx", "aws_xray_sdk"} <= get_packages(used)


def test_a_global_without_a_module_name_is_ignored(load: Load):
    assert get_packages(load("def odd(): ...\nodd.__module__ = None\n")) <= sys.stdlib_module_names


def test_modules_of_the_project_are_searched_and_not_returned(load: Load, tmp_path: Path):
    (tmp_path / "prices.py").write_text("import yaml\n\nclass Price:\n    pass\n")
    used = get_packages(load("from prices import Price\n"))
    assert "prices" not in used
    assert "yaml" in used


@pytest.mark.parametrize(
    ("text", "extras"),
    [
        ("from coworks_async.blueprints import Admin\n", {"admin"}),
        ("from coworks_async.blueprints import Profiler\n", {"profiler"}),
        ("from coworks_async.extensions import XRay as X, OpenTelemetry\n", {"xray", "otel"}),
        ("from coworks_async.extensions import JWT\n", {"jwt"}),
        ("from coworks_async import TechMicroService, blueprints\n", set()),
        (
            "from coworks_async import TechMicroService, blueprints\napp = TechMicroService(name='shelf')\n"
            "app.register_blueprint(blueprints.Admin(), url_prefix='/admin')\n",
            {"admin"},
        ),
        (
            "from coworks_async import TechMicroService, extensions\napp = TechMicroService(name='shelf')\n"
            "extensions.XRay(app)\nextensions.OpenTelemetry(app)\n",
            {"xray", "otel"},
        ),
    ],
)
def test_extras_are_those_of_the_used_blueprints_and_extensions(load: Load, text: str, extras: set[str]):
    assert find_extras(load(text)) == extras


def test_packages_that_neither_the_folder_nor_the_runtime_contains_are_missing(tmp_path: Path):
    (tmp_path / "httpx").mkdir()
    (tmp_path / "single.py").touch()
    modules = {"json.decoder", "httpx._client", "single", "yaml", "nowhere.deep", "botocore.session", "dateutil.tz"}
    assert find_missing_packages(tmp_path, modules) == ["nowhere", "yaml"]


def test_installed_packages_in_the_projects_folder_are_not_part_of_the_project(load: Load, tmp_path: Path):
    installed = tmp_path / ".venv" / "site-packages"
    installed.mkdir(parents=True)
    (installed / "lent.py").write_text("import yaml\n")
    used = load(f"import sys\nsys.path.append({str(installed)!r})\nimport lent\nsys.path.pop()\n")
    assert "lent" in used
    assert "yaml" not in used

"""What is told of the packages that a service uses, and which extras of CoWorks come along."""

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from coworks_async import TechMicroService
from coworks_async.deploy.archive.module_usage import absent_from, extras_for, modules_used

Load = Callable[[str], frozenset[str]]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Import a project's module and tell what its service uses."""
    before = {*sys.modules}

    def load(text: str) -> frozenset[str]:
        (tmp_path / "shelf.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        module = import_module("shelf")
        return modules_used(getattr(module, "app", TechMicroService(name="empty")), tmp_path)

    yield load
    for name in {"shelf", "prices", "lent"} - before:
        sys.modules.pop(name, None)


def tops(modules: frozenset[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_modules_classes_and_instances_of_others_are_used(load: Load):
    used = load("import json\nfrom httpx import Client\nfrom aws_xray_sdk.core import xray_recorder\nNAME = 'mine'\n")
    assert {"json", "httpx", "aws_xray_sdk"} <= tops(used)


def test_what_does_not_tell_where_it_was_made_is_no_use_of_others(load: Load):
    assert tops(load("def odd(): ...\nodd.__module__ = None\n")) <= sys.stdlib_module_names


def test_what_another_module_of_the_project_has_made_is_no_use_of_others(load: Load, tmp_path: Path):
    (tmp_path / "prices.py").write_text("import yaml\n\nclass Price:\n    pass\n")
    used = tops(load("from prices import Price\n"))
    assert "prices" not in used
    assert "yaml" in used


@pytest.mark.parametrize(
    ("text", "extras"),
    [
        ("from coworks_async.blueprints import Admin\n", {"admin"}),
        ("from coworks_async.blueprints import Profiler\n", {"profiler"}),
        ("from coworks_async.extensions import XRay as X, OpenTelemetry\n", {"xray", "otel"}),
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
def test_the_extras_are_those_of_the_blueprints_and_extensions_that_are_used(load: Load, text: str, extras: set[str]):
    assert extras_for(load(text)) == extras


def test_a_package_that_the_folder_lacks_is_named(tmp_path: Path):
    (tmp_path / "httpx").mkdir()
    (tmp_path / "single.py").touch()
    modules = {"json.decoder", "httpx._client", "single", "yaml", "nowhere.deep"}
    assert absent_from(tmp_path, modules, ()) == ["nowhere", "yaml"]


def test_what_comes_from_elsewhere_brings_what_it_needs(tmp_path: Path):
    assert absent_from(tmp_path, {"botocore.session", "urllib3", "dateutil.tz"}, ["boto3"]) == []
    assert absent_from(tmp_path, {"starlette.routing", "yaml"}, ["CoWorks_Async"]) == ["yaml"]
    assert absent_from(tmp_path, {"yaml"}, ["unknown", "pyyaml"]) == []
    assert absent_from(tmp_path, {"json"}, []) == []


def test_installed_packages_in_the_projects_folder_are_not_the_projects(load: Load, tmp_path: Path):
    installed = tmp_path / ".venv" / "site-packages"
    installed.mkdir(parents=True)
    (installed / "lent.py").write_text("import yaml\n")
    used = load(f"import sys\nsys.path.append({str(installed)!r})\nimport lent\nsys.path.pop()\n")
    assert "lent" in used
    assert "yaml" not in used

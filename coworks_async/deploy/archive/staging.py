"""Prepare the folder that becomes the archive: CoWorks itself, copied modules, cleanup and the entry module.

CoWorks is packed into a wheel of the running package, without the parts that only `cws` needs, so that it takes part in
uv's resolution: its dependencies and extras apply, and it replaces any version that is required.
https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

import hashlib
import importlib.util
import re
import shutil
import sys
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.metadata import Distribution, distribution
from pathlib import Path
from types import ModuleType
from typing import Any

import coworks_async
from coworks_async.deploy.stack import ENTRY_MODULE
from coworks_async.exceptions import CommandError, DeployError
from coworks_async.service import TechMicroService

COWORKS = "coworks-async"

EXCLUDED = frozenset({"cli", "deploy", "gateway", "terraform", "testing.py", "__pycache__"})
"""Folders and modules of CoWorks that are never in an archive."""

EXTRAS = {
    "coworks_async.blueprints.admin": "admin",
    "coworks_async.blueprints.profiler": "profiler",
    "coworks_async.extensions.jwt": "jwt",
    "coworks_async.extensions.opentelemetry": "otel",
    "coworks_async.extensions.xray": "xray",
}
"""Extras of CoWorks by the module that needs them."""

RUNTIME_PACKAGES = frozenset({"boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"})
"""Packages of the Lambda runtime."""

# Files of installers, whose paths and times differ between machines.
_INSTALLER_FILES = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json"})

# Read by type checkers and Cython only.
_UNUSED_SUFFIXES = frozenset({".pyi", ".pyx", ".pxd"})


def build_coworks_wheel(folder: Path) -> Path:
    """Write the wheel of CoWorks into a folder and return its path."""
    installed, package = distribution(COWORKS), Path(coworks_async.__file__).parent
    files: dict[str, bytes] = {}
    for path in sorted(package.rglob("*")):
        relative = path.relative_to(package.parent)
        if path.is_file() and EXCLUDED.isdisjoint(relative.parts):
            files[relative.as_posix()] = path.read_bytes()
    info = f"{package.name}-{installed.version}.dist-info"
    files |= {f"{info}/{name}": content for name, content in _create_metadata_files(installed).items()}
    record = "".join(f"{name},sha256={_hash(content)},{len(content)}\n" for name, content in files.items())
    wheel = folder / f"{package.name}-{installed.version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return wheel


def _create_metadata_files(installed: Distribution) -> dict[str, bytes]:
    fields = [("Metadata-Version", "2.4"), ("Name", COWORKS), ("Version", installed.version)]
    fields += [("License-Expression", installed.metadata["License-Expression"])]
    fields += [("Provides-Extra", extra) for extra in installed.metadata.get_all("Provides-Extra", ())]
    # The extra for `cws` may be required, but installs nothing.
    tools = re.compile(r"extra == ['\"]standard['\"]")
    fields += [("Requires-Dist", line) for line in installed.requires or () if tools.search(line) is None]
    files = {
        "METADATA": "".join(f"{name}: {value}\n" for name, value in fields).encode(),
        "WHEEL": b"Wheel-Version: 1.0\nGenerator: cws\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    # A copy of the package must contain its licence.
    licenses = [path for path in installed.files or () if "licenses" in path.parts]
    return files | {f"licenses/{path.name}": path.read_binary() for path in licenses}


def _hash(content: bytes) -> str:
    return urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def find_used_modules(service: TechMicroService, directory: Path) -> frozenset[str]:
    """Return the modules outside the project that a loaded service uses.

    These are the modules of its entries and extensions, and those of the global names in the project's modules.
    """
    project = {name: module for name, module in sys.modules.copy().items() if _is_inside(module, directory)}
    used = {entry.declaration.function.__module__ for entry in service.entries}
    used |= {type(extension).__module__ for extension in service.extensions.values()}
    used |= {_get_module(value) for module in project.values() for value in vars(module).copy().values()}
    own = {name.partition(".")[0] for name in project}
    return frozenset(name for name in used if name.partition(".")[0] not in own)


def _is_inside(module: ModuleType | None, directory: Path) -> bool:
    file = getattr(module, "__file__", None)
    path = Path(file).resolve() if isinstance(file, str) else None
    # The project's folder may contain a virtual environment.
    installed = {"dist-packages", "site-packages"}
    return path is not None and path.is_relative_to(directory) and installed.isdisjoint(path.parts)


def _get_module(value: Any) -> str:
    module = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    return module if isinstance(module, str) else type(value).__module__


def find_extras(modules: Iterable[str]) -> set[str]:
    """Return the extras of CoWorks that modules need."""
    return {extra for name in modules for prefix, extra in EXTRAS.items() if name.startswith(prefix)}


def find_missing_packages(tree: Path, modules: Iterable[str]) -> list[str]:
    """Return the packages of modules that neither the folder nor the Lambda runtime contains."""
    present = {get_import_name(path.name) for path in tree.iterdir()} | RUNTIME_PACKAGES | sys.stdlib_module_names
    return sorted({name.partition(".")[0] for name in modules} - present)


def remove_unused_files(tree: Path) -> None:
    """Remove files of installed packages that are not used at run time: scripts, installer files, type stubs."""
    (tree / ".lock").unlink(missing_ok=True)
    shutil.rmtree(tree / "bin", ignore_errors=True)
    for path in list(tree.rglob("*")):
        if path.name == "__pycache__":
            shutil.rmtree(path)
        elif path.is_file() and _is_unused(path):
            path.unlink()


def _is_unused(path: Path) -> bool:
    if path.parent.name.endswith(".dist-info"):
        return path.name in _INSTALLER_FILES
    return path.suffix in _UNUSED_SUFFIXES or path.name == "py.typed"


def copy_module(name: str, tree: Path) -> dict[str, Path]:
    """Copy a module or a package of this environment into the folder, and return its files by their paths there.

    Compiled code is an error.
    """
    spec, copied = _find_spec(name), dict[str, Path]()
    if spec.submodule_search_locations is None:
        root = Path(str(spec.origin))
        sources = [root]
    else:
        root = Path(next(iter(spec.submodule_search_locations)))
        sources = [path for path in sorted(root.rglob("*")) if path.is_file()]
    for source in sources:
        path = source.relative_to(root.parent)
        if "__pycache__" in path.parts:
            continue
        if source.name.endswith(tuple(EXTENSION_SUFFIXES)):
            raise DeployError(
                f"--module-name {name}: {path} is compiled for this machine. Add the distribution to the project's "
                "requirements instead."
            )
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, tree / path)
        copied[path.as_posix()] = source
    return copied


def _find_spec(name: str) -> ModuleSpec:
    if not name.isidentifier():
        raise CommandError(f"--module-name: {name!r} is not the name of a top-level module or package.")
    spec = importlib.util.find_spec(name)
    if spec is None or (spec.submodule_search_locations is None and not spec.has_location):
        raise CommandError(f"--module-name: this environment has no module or package {name!r}.")
    return spec


def check_name_conflicts(files: Mapping[str, Path], tree: Path) -> None:
    """Check that the project's modules and packages have other names than the installed ones and the entry module.

    Locally the project's module hides the installed one. In the archive they would be merged.
    """
    own: dict[str, dict[str, Path]] = {}
    for name, source in files.items():
        own.setdefault(get_import_name(name), {})[name] = source
    if ENTRY_MODULE in own:
        raise DeployError(f"The project's {next(iter(own[ENTRY_MODULE]))} has the name of the entry module: rename it.")
    for path in sorted(tree.iterdir()):
        mine = own.get(get_import_name(path.name))
        if mine is not None and not _can_merge(path, mine):
            raise DeployError(
                f"The project's {next(iter(mine))} has the name of the installed package {path.name}: rename it, or "
                "remove the dependency."
            )


def get_import_name(path: str) -> str:
    """Return the name that a top-level module or package is imported by."""
    return path.partition("/")[0].partition(".")[0]


def _can_merge(installed: Path, mine: Mapping[str, Path]) -> bool:
    """Return whether the files are identical (the project requires itself) or parts of a namespace package."""
    files = [path for path in installed.rglob("*") if path.is_file()] if installed.is_dir() else [installed]
    theirs = {path.relative_to(installed.parent).as_posix(): path for path in files}
    if all(path in mine and mine[path].read_bytes() == theirs[path].read_bytes() for path in theirs):
        return True
    initial = {f"{installed.name}.py", f"{installed.name}/__init__.py"}
    return installed.is_dir() and not initial & {*mine, *theirs} and not mine.keys() & theirs.keys()


def write_entry_module(tree: Path, module: str, attribute: str, is_factory: bool, import_folder: str) -> None:
    """Write the module that exposes the handler to Lambda's runtime."""
    path = tree / import_folder / module.replace(".", "/")
    if not (path.is_dir() or any(path.parent.glob(f"{path.name}.*"))):
        raise DeployError(
            f"The service's module {module} is not in the archive: an ignore file or a default pattern (test_*.py) "
            "excludes it. Add a line '!name' to .cwsignore, or use --module-name."
        )
    # The text is part of the content hash.
    lines = ['"""Lambda entry module, generated by cws."""', "", "from importlib import import_module"]
    if import_folder:
        lines += ["import os", "import sys"]
    lines += ["", "from coworks_async.aws.references import resolve_environment", ""]
    if import_folder:
        lines += ["# Folder of the service's modules."]
        lines += [f"sys.path.insert(0, os.path.join(os.path.dirname(__file__), {import_folder!r}))"]
    created = f"{attribute}()" if is_factory else attribute
    lines += ["# Before the import: the service may read its variables then.", "resolve_environment()"]
    lines += [f"lambda_handler = import_module({module!r}).{created}.lambda_handler", ""]
    (tree / f"{ENTRY_MODULE}.py").write_text("\n".join(lines), encoding="utf-8")

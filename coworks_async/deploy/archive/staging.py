"""The folder that becomes the archive: what is taken out of it, and what is put in besides the project's files."""

import importlib.util
import shutil
from collections.abc import Iterable, Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from pathlib import Path

from coworks_async.deploy.archive.source_files import ProjectFile
from coworks_async.deploy.stack import ENTRY_MODULE
from coworks_async.exceptions import CommandError, DeployError

# What an installer leaves behind; the paths and times in it differ from one machine to the next.
_MARKS = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json"})

# For type checkers and for the compiler of Cython; no import reads them.
_UNREAD = frozenset({".pyi", ".pyx", ".pxd"})


def remove_unneeded(tree: Path) -> None:
    """Take out of installed packages what they do not run on: scripts, marks of the installer, stubs for types."""
    (tree / ".lock").unlink(missing_ok=True)
    shutil.rmtree(tree / "bin", ignore_errors=True)
    for path in list(tree.rglob("*")):
        if path.name == "__pycache__":
            shutil.rmtree(path)
        elif path.is_file() and _is_unneeded(path):
            path.unlink()


def _is_unneeded(path: Path) -> bool:
    if path.parent.name.endswith(".dist-info"):
        return path.name in _MARKS
    return path.suffix in _UNREAD or path.name == "py.typed"


def copy_module(name: str, tree: Path) -> None:
    """Copy a module or a package of this environment into the folder.

    Raises:
        CommandError: there is none of this name.
        DeployError: it is compiled for this machine.
    """
    spec = _spec(name)
    if spec.submodule_search_locations is None:
        sources = [Path(str(spec.origin))]
        root = sources[0].parent
    else:
        folder = Path(next(iter(spec.submodule_search_locations)))
        root = folder.parent
        sources = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    for source in sources:
        inside = source.relative_to(root)
        if "__pycache__" in inside.parts:
            continue
        if source.name.endswith(tuple(EXTENSION_SUFFIXES)):
            raise DeployError(
                f"--module-name {name}: {inside} is compiled for this machine; name the distribution in the project's "
                "requirements instead."
            )
        (tree / inside).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, tree / inside)


def _spec(name: str) -> ModuleSpec:
    if not name.isidentifier():
        raise CommandError(f"--module-name takes a module or a package as one would import it, which {name!r} is not.")
    spec = importlib.util.find_spec(name)
    if spec is None or (spec.submodule_search_locations is None and not spec.has_location):
        raise CommandError(f"--module-name {name}: there is no such module or package in this environment.")
    return spec


def check_names(files: Iterable[ProjectFile], tree: Path) -> None:
    """Check that no module or package of the project has the name of an installed one.

    In one folder they would become a mixture, while on this machine the project's hides the other.

    Raises:
        DeployError: one has; or the name of the entry module is taken.
    """
    own: dict[str, list[ProjectFile]] = {}
    for file in files:
        own.setdefault(importable(file.path), []).append(file)
    if ENTRY_MODULE in own:
        raise DeployError(f"The project's {own[ENTRY_MODULE][0].path} has the name of the entry module: rename it.")
    for path in sorted(tree.iterdir()):
        mine = own.get(importable(path.name))
        if mine is not None and not _agree(path, mine):
            raise DeployError(
                f"The project's {mine[0].path} has the name of an installed package, {path.name}: rename it, or leave "
                "the dependency out."
            )


def importable(path: str) -> str:
    """Return the name by which something is imported, from its path."""
    return path.partition("/")[0].partition(".")[0]


def _agree(installed: Path, own: Sequence[ProjectFile]) -> bool:
    """Tell whether the two can share a folder: the very same files, as of a project that requires itself, or two
    parts of a namespace.
    """
    mine = {file.path: file.source for file in own}
    files = [path for path in installed.rglob("*") if path.is_file()] if installed.is_dir() else [installed]
    theirs = {path.relative_to(installed.parent).as_posix(): path for path in files}
    if all(path in mine and mine[path].read_bytes() == theirs[path].read_bytes() for path in theirs):
        return True
    initial = {f"{installed.name}.py", f"{installed.name}/__init__.py"}
    return installed.is_dir() and not initial & {*mine, *theirs} and not mine.keys() & theirs.keys()


def put_entry(tree: Path, module: str, attribute: str, is_factory: bool, import_folder: str) -> None:
    """Write the module in which Lambda's runtime finds the handler.

    Raises:
        DeployError: the service's own module is not in the archive.
    """
    place = tree / import_folder / module.replace(".", "/")
    if not (place.is_dir() or any(place.parent.glob(f"{place.name}.*"))):
        raise DeployError(
            f"The module {module} of the service is not in the archive: an ignore file or the names of tests "
            "(test_*.py) leave it out; put it back in by a line '!name' in .cwsignore, or by --module-name."
        )
    lines = ['"""Where Lambda finds the handler: made by cws."""', "", "from importlib import import_module"]
    if import_folder:
        lines += ["import os", "import sys", "", "# What the service imports its modules from."]
        lines += [f"sys.path.insert(0, os.path.join(os.path.dirname(__file__), {import_folder!r}))"]
    made = f"{attribute}()" if is_factory else attribute
    lines += ["", f"lambda_handler = import_module({module!r}).{made}.lambda_handler", ""]
    (tree / f"{ENTRY_MODULE}.py").write_text("\n".join(lines), encoding="utf-8")

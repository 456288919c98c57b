"""What a service that is loaded here needs in Lambda, as far as its own modules tell."""

import re
import sys
from collections.abc import Collection, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from coworks_async.deploy.archive.staging import importable

if TYPE_CHECKING:
    from coworks_async.service import TechMicroService

EXTRAS = {
    "coworks_async.blueprints.admin": "admin",
    "coworks_async.blueprints.profiler": "profiler",
    "coworks_async.extensions.opentelemetry": "otel",
    "coworks_async.extensions.xray": "xray",
}
"""The extra of CoWorks that each of its modules needs."""

_REQUIRED = re.compile(r"[A-Za-z0-9._-]+")
_INSTALLED = frozenset({"dist-packages", "site-packages"})


def modules_used(service: "TechMicroService", folder: Path) -> frozenset[str]:
    """Return the modules from which a service has its entries and extensions, and its loaded modules what they name.

    Parameters:
        folder: of the project. The modules in it are looked at, and are no part of the answer.
    """
    own = {name: module for name, module in sys.modules.copy().items() if _is_in(module, folder)}
    used = {entry.declaration.function.__module__ for entry in service.entries}
    used |= {type(extension).__module__ for extension in service.extensions.values()}
    used.update(*(_origins(value) for module in own.values() for value in vars(module).copy().values()))
    tops = {name.partition(".")[0] for name in own}
    return frozenset(name for name in used if name.partition(".")[0] not in tops)


def extras_for(modules: Collection[str]) -> set[str]:
    """Return the extras of CoWorks that these modules need.

    Example:
        >>> extras_for({"json", "coworks_async.blueprints.admin.blueprint"})
        {'admin'}
    """
    return {extra for name in modules for prefix, extra in EXTRAS.items() if name.startswith(prefix)}


def absent_from(folder: Path, modules: Collection[str], given: Iterable[str]) -> list[str]:
    """Return which of these modules' packages a folder lacks, where Python has not got them either.

    Parameters:
        given: distributions that come from elsewhere, with what they need.
    """
    there = {importable(path.name) for path in folder.iterdir()}
    tops = {name.partition(".")[0] for name in modules} - there - sys.stdlib_module_names
    if not tops:
        return []
    known, elsewhere = packages_distributions(), with_required(given)
    return sorted(name for name in tops if not elsewhere & {*map(normalized, known.get(name, ()))})


def with_required(names: Iterable[str]) -> set[str]:
    """Return distributions with all that they need, as far as they are installed here."""
    found: set[str] = set()
    left = [*map(normalized, names)]
    while left:
        name = left.pop()
        if name in found:
            continue
        found.add(name)
        try:
            needed = requires(name) or []
        except PackageNotFoundError:
            continue
        left += [normalized(match[0]) for line in needed if "extra ==" not in line and (match := _REQUIRED.match(line))]
    return found


def normalized(name: str) -> str:
    """Return the name of a distribution as indexes write it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_in(module: ModuleType | None, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    path = Path(file).resolve() if isinstance(file, str) else None
    # A virtual environment may stand in the project's folder.
    return path is not None and path.is_relative_to(folder) and not _INSTALLED & set(path.parts)


def _origins(value: Any) -> Iterator[str]:
    """Yield the module that something is, or in which it or its class was made."""
    found = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", type(value).__module__)
    if isinstance(found, str):
        yield found

"""The files that name a project's dependencies."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coworks_async.exceptions import DeployError


@dataclass(frozen=True, slots=True)
class Requirements:
    """The file that names a project's dependencies.

    Attributes:
        locked: a `uv.lock` beside it pins them.
    """

    file: Path
    locked: bool = False

    @property
    def name(self) -> str:
        """What a message calls it."""
        return "uv.lock" if self.locked else self.file.name


def find_requirements(directory: Path, top: Path) -> Requirements | None:
    """Find what names the dependencies: `uv.lock`, else `pyproject.toml`, else `requirements.txt`.

    Parameters:
        directory: the project's folder, sought first.
        top: the last folder that is sought, when the project's is in it.

    Raises:
        DeployError: a `pyproject.toml` cannot be read.
    """
    for folder in (directory, *(each for each in directory.parents if each.is_relative_to(top))):
        if _names_dependencies(folder / "pyproject.toml"):
            return Requirements(folder / "pyproject.toml", locked=(folder / "uv.lock").is_file())
        if (folder / "requirements.txt").is_file():
            return Requirements(folder / "requirements.txt")
    return None


def _names_dependencies(path: Path) -> bool:
    """Tell whether a `pyproject.toml` does; one may be there for the tools alone."""
    return "dependencies" in _read_toml(path).get("project", {})


def extras_of(requirements: Requirements, name: str) -> set[str]:
    """Return the extras of a distribution that the file asks for, and the files that it includes."""
    if requirements.file.name == "pyproject.toml":
        return extras_in(_read_toml(requirements.file)["project"]["dependencies"], name)
    return _extras_in_list(requirements.file, name, set())


def extras_in(lines: list[str], name: str) -> set[str]:
    """Return the extras of a distribution that requirements ask for.

    Example:
        >>> sorted(extras_in(["coworks-async[admin,xray]>=0.1", "starlette[full]"], "coworks-async"))
        ['admin', 'xray']
    """
    pattern = re.compile(rf"\s*{re.sub('[-_.]+', '[-_.]+', name)}\s*\[([^\]]*)\]", re.IGNORECASE)
    found = [match[1] for line in lines if (match := pattern.match(line))]
    return {extra.strip().lower() for extras in found for extra in extras.split(",")} - {""}


def _extras_in_list(file: Path, name: str, seen: set[Path]) -> set[str]:
    if file in seen or not file.is_file():
        # What is included and is not there is told by uv, as what cannot be parsed is.
        return set()
    seen.add(file)
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    included = [match[1] for line in lines if (match := re.match(r"\s*(?:-r|--requirement)[\s=]*(\S+)", line))]
    found = [_extras_in_list((file.parent / path).resolve(), name, seen) for path in included]
    return extras_in(lines, name).union(*found)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DeployError(f"{path} cannot be read: {error}.") from error

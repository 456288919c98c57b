"""Read the installed packages of the folder that becomes the archive, before the installer's records are removed."""

from dataclasses import dataclass
from importlib.metadata import PathDistribution
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package, with the paths of its files as the wheel lists them."""

    name: str
    version: str
    license: str  # SPDX expression or text of the metadata, empty without one.
    files: frozenset[str]


def read_packages(tree: Path) -> tuple[Package, ...]:
    """Return the packages in a folder, sorted by name."""
    installed = [PathDistribution(folder) for folder in tree.glob("*.dist-info")]
    packages = [
        Package(
            distribution.name,
            distribution.version,
            _find_license(distribution),
            frozenset(path.as_posix() for path in distribution.files or ()),
        )
        for distribution in installed
    ]
    return tuple(sorted(packages, key=lambda package: package.name.lower()))


def _find_license(distribution: PathDistribution) -> str:
    """Return the licence of the metadata: an SPDX expression, else a name, else a classifier's name."""
    metadata = distribution.metadata
    for field in ("License-Expression", "License"):
        text = metadata[field].strip() if field in metadata else ""
        # The old field may contain the whole text.
        if text not in ("", "UNKNOWN") and "\n" not in text:
            return text
    names = [line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier", []) if line.startswith("License ::")]
    return names[0] if names else ""

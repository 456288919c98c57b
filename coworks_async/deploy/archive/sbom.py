"""Write the list of packages in an archive (SBOM, software bill of materials) in CycloneDX's JSON format.

The library is in the extra `sbom`, so this module is imported late.
https://cyclonedx.org/docs/1.6/json/
"""

import hashlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from coworks_async.deploy.archive.build import Archive, hash_content
from coworks_async.deploy.archive.packages import Package
from coworks_async.deploy.archive.staging import COWORKS
from coworks_async.exceptions import DeployError


def write_sbom(archive: Archive, name: str, path: Path) -> None:
    """Write the packages of a service's archive to a file."""
    with archive.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    service = Component(
        type=ComponentType.APPLICATION,
        name=name,
        version=archive.content_hash,
        bom_ref=name,
        hashes=[_hash(digest)],
    )
    bom = Bom(components=[_component(package, archive) for package in archive.packages])
    bom.metadata.component = service
    tool = Component(type=ComponentType.APPLICATION, name=COWORKS, version=version(COWORKS), bom_ref="tool")
    bom.metadata.tools.components.add(tool)
    bom.register_dependency(service, bom.components)
    try:
        path.write_text(JsonV1Dot6(bom).output_as_string(indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise DeployError(f"The SBOM {path} cannot be written: {error.strerror}.") from error


def _component(package: Package, archive: Archive) -> Component:
    url = PackageURL("pypi", None, package.name, package.version)
    files = [member for member in archive.members if member.path in package.files]
    return Component(
        name=package.name,
        version=package.version,
        purl=url,
        bom_ref=str(url),
        licenses=list(_licenses(package)),
        hashes=[_hash(hash_content(files))],
    )


def _licenses(package: Package) -> Iterator[License]:
    if package.license:
        yield LicenseFactory().make_from_string(package.license)


def _hash(digest: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest)

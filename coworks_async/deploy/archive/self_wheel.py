"""CoWorks itself as a wheel: the very package that runs here, without what only `cws` needs.

As a wheel it goes through the same resolution as everything else: its dependencies and extras count, and whatever a
requirement says of its version, this one is taken.
https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

import hashlib
import re
import zipfile
from base64 import urlsafe_b64encode
from importlib.metadata import Distribution, distribution
from pathlib import Path

import coworks_async

NAME = "coworks-async"

LEFT_OUT = frozenset({"cli", "deploy", "gateway", "terraform", "__pycache__"})
"""The rooms and folders that no Lambda needs."""

TOOLS_EXTRA = "standard"
"""The extra that `cws` needs: it may be asked for, and brings nothing."""


def own_wheel(folder: Path) -> Path:
    """Write the wheel into a folder, and return its path."""
    installed = distribution(NAME)
    package = Path(coworks_async.__file__).parent
    files = {f"{package.name}/{path}": content for path, content in _package_files(package).items()}
    info = f"{package.name}-{installed.version}.dist-info"
    files |= {f"{info}/{path}": content for path, content in _metadata_files(installed).items()}
    record = "".join(f"{path},sha256={_digest(content)},{len(content)}\n" for path, content in files.items())
    wheel = folder / f"{package.name}-{installed.version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return wheel


def _package_files(package: Path) -> dict[str, bytes]:
    found = (path.relative_to(package) for path in sorted(package.rglob("*")) if path.is_file())
    return {path.as_posix(): (package / path).read_bytes() for path in found if not LEFT_OUT.intersection(path.parts)}


def _metadata_files(installed: Distribution) -> dict[str, bytes]:
    files = {
        "METADATA": _metadata(installed).encode(),
        "WHEEL": b"Wheel-Version: 1.0\nGenerator: cws\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    for path in installed.files or ():
        # Who passes the package on passes its licence on.
        if "licenses" in path.parts:
            files[f"licenses/{path.name}"] = path.read_binary()
    return files


def _metadata(installed: Distribution) -> str:
    told = [("Metadata-Version", "2.4"), ("Name", NAME), ("Version", installed.version)]
    told += [("Provides-Extra", extra) for extra in installed.metadata.get_all("Provides-Extra", ())]
    told += [("Requires-Dist", each) for each in installed.requires or () if not _is_for_tools(each)]
    return "".join(f"{name}: {value}\n" for name, value in told)


def _is_for_tools(requirement: str) -> bool:
    return re.search(rf"extra == ['\"]{TOOLS_EXTRA}['\"]", requirement) is not None


def _digest(content: bytes) -> str:
    return urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()

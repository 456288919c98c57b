"""Small wheels, and a package index of them that needs no network."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest


def make_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    tag: str = "py3-none-any",
    requires: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
    fields: str = "",
) -> Path:
    """Write a wheel, by default with one module named like the distribution. `fields` are lines of its metadata."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    needs = (f"{fields}\n" if fields else "") + "".join(f"Requires-Dist: {each}\n" for each in requires)
    extras = "".join(f"Provides-Extra: {each.split('==')[1].strip()[1:-1]}\n" for each in requires if "extra" in each)
    members = {
        **(files if files is not None else {f"{module}.py": f"version = {version!r}\n"}),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}{extras}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    path = folder / f"{module}-{version}-{tag}.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as wheel:
        for member, text in members.items():
            wheel.writestr(member, text)
        wheel.writestr(f"{info}/RECORD", "".join(f"{member},,\n" for member in members) + f"{info}/RECORD,,\n")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a folder of wheels that uv uses as its only index."""
    folder = tmp_path / "index"
    folder.mkdir()
    (tmp_path / "uv.toml").write_text(f"no-index = true\nfind-links = [{str(folder)!r}]\n")
    monkeypatch.setenv("UV_CONFIG_FILE", str(tmp_path / "uv.toml"))
    return folder

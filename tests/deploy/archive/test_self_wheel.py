"""The wheel of CoWorks itself."""

import zipfile
from email.parser import Parser
from importlib.metadata import version
from pathlib import Path

from coworks_async.deploy.archive.self_wheel import own_wheel


def test_the_wheel_holds_what_a_lambda_needs_and_the_licence(tmp_path: Path):
    with zipfile.ZipFile(own_wheel(tmp_path)) as wheel:
        names = wheel.namelist()
        info = f"coworks_async-{version('coworks-async')}.dist-info"
        metadata = Parser().parsestr(wheel.read(f"{info}/METADATA").decode())
        assert wheel.read(f"{info}/licenses/LICENSE").startswith(b"MIT License")
        listed = [line.split(",")[0] for line in wheel.read(f"{info}/RECORD").decode().splitlines()]
    assert "coworks_async/service.py" in names
    assert not [name for name in names if name.startswith(("coworks_async/cli", "coworks_async/deploy"))]
    assert listed == names
    needs = metadata.get_all("Requires-Dist", [])
    assert any(need.startswith("starlette") for need in needs)
    assert any(need.startswith("nh3") and "admin" in need for need in needs)
    assert not any(need.startswith(("uvicorn", "boto3", "click", "uv")) for need in needs)
    assert "standard" in metadata.get_all("Provides-Extra", [])


def test_the_same_package_is_the_same_wheel_but_for_the_dates(tmp_path: Path):
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        with zipfile.ZipFile(own_wheel(tmp_path / name)) as wheel:
            contents.append({member: wheel.read(member) for member in wheel.namelist()})
    assert contents[0] == contents[1]

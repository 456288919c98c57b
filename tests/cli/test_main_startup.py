"""What `cws --help` loads, and so how soon it is there."""

import subprocess
import sys
from pathlib import Path


def modules_of_the_help(project: Path) -> set[str]:
    code = "from coworks_async.cli import main; import sys; main(['--help'], standalone_mode=False)"
    report = "; print('MODULES', *sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code + report], cwd=project, capture_output=True, text=True, check=True, timeout=60
    )
    return set(run.stdout.partition("MODULES ")[2].split())


def test_the_help_loads_nothing_heavy(project: Path) -> None:
    loaded = modules_of_the_help(project)
    assert "click" in loaded
    heavy = {"uvicorn", "dotenv", "yaml", "rich", "boto3", "botocore", "httpx", "httpx2", "uv", "jinja2", "difflib"}
    heavy |= {"asyncio", "tempfile", "urllib.request"}
    assert loaded.isdisjoint(heavy)
    assert {
        name for name in loaded if name.startswith(("coworks_async.cli.commands", "coworks_async.gateway"))
    } == set()
    # Click, Starlette, msgspec and ourselves; the package's own names bring most of them.
    assert len(loaded) < 500


def test_yaml_is_loaded_where_there_is_a_project_file(project: Path) -> None:
    (project / "project.cws.yml").write_text("version: 3\n")
    loaded = modules_of_the_help(project)
    assert "yaml" in loaded
    assert "dotenv" not in loaded

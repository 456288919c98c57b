"""The commands in the README of the sample `layers`, with an AWS emulator."""

import os
from pathlib import Path

import pytest

from tests.aws.emulator import CREDENTIALS
from tests.cli.processes import CWS, start_server
from tests.deploy.conftest import emulator
from tests.samples.projects import LAYERS
from tests.samples.transcripts import check_session
from tests.tools import requires_tool

__all__ = ["emulator"]


@requires_tool("curl")
def test_the_commands_of_the_readme_print_what_it_shows(emulator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    variables = CREDENTIALS | {"AWS_ENDPOINT_URL": emulator, "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{Path(CWS).parent}{os.pathsep}{os.environ['PATH']}")
    with start_server("run", "--port", "0", cwd=LAYERS) as served:
        replacements = {
            ". .venv/bin/activate": ":",
            ". ./emulator.env": ":",
            "/tmp/layer.zip": str(tmp_path / "layer.zip"),  # noqa: S108 - the text of the README
            "http://127.0.0.1:5000": served.url,
        }
        assert check_session(LAYERS / "README.md", ". .venv/bin/activate", replacements, cwd=LAYERS) == 6

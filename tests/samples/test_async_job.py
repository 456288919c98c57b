"""The commands in the README of the sample `async_job`, with an AWS emulator."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.aws.emulator import CREDENTIALS
from tests.cli.processes import CWS, start_server, until
from tests.deploy.conftest import emulator
from tests.docs.shell import matches
from tests.samples.projects import ASYNC_JOB
from tests.samples.transcripts import read_session
from tests.tools import PATIENCE, requires_tool

__all__ = ["emulator"]

# A shorter job than that of the README. A client must still see the progress of 40 %.
REPLACEMENTS = {"1000000": "600000", "78498": "49098"}

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def read_job() -> list[tuple[str, str]]:
    """Return the commands of the README that create and poll a job, each with the output shown."""
    readme = ASYNC_JOB / "README.md"
    blocks = [read_session(readme, start) for start in (". .venv/bin/activate", "ID=", "URL=")]
    commands = [(command.text, command.output) for block in blocks for command in block]
    assert len(commands) == 10
    # The others set variables, which the test does itself.
    return [each for each in commands if not each[0].startswith((". .venv", "set -a", "ID=", "URL="))]


@requires_tool("curl")
def test_the_commands_of_the_readme_print_what_it_shows(emulator: str, monkeypatch: pytest.MonkeyPatch):
    for name, value in (CREDENTIALS | {"AWS_ENDPOINT_URL": emulator, "AWS_DEFAULT_REGION": "us-east-1"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{Path(CWS).parent}{os.pathsep}{os.environ['PATH']}")
    with start_server("run", "--port", "0", cwd=ASYNC_JOB) as served:
        for command, shown in read_job():
            for old, new in REPLACEMENTS.items():
                command, shown = command.replace(old, new), shown.replace(old, new)
            # The state of a job changes, so the client asks again until it is the one shown.
            output = repeat_until_shown(
                command.replace("http://127.0.0.1:5000", served.url), shown.replace("http://127.0.0.1:4566", emulator)
            )
            if '"pending"' in output:
                monkeypatch.setenv("ID", re.findall(UUID, output)[0])
            if '"result"' in output:
                monkeypatch.setenv("URL", output.partition('"result":"')[2].partition('"')[0])


def repeat_until_shown(command: str, shown: str) -> str:
    """Run a command, again if it is a GET of a job, until its output is the one shown; return the output."""
    outputs: list[str] = []

    def is_shown() -> bool:
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=PATIENCE, check=True)
        outputs.append(done.stdout)
        return matches(done.stdout, shown)

    if "/jobs/$ID -H" in command:
        until(is_shown)
    else:
        assert is_shown(), outputs
    return outputs[-1]

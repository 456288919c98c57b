"""A stage of the native runtime. The emulator ignores the wrapper, so the deployed archive is started by it here."""

import sys
from pathlib import Path

import pytest

from tests.aws.events import rest_event
from tests.deploy.archive.native_process import CLOCK, check_clock, started, stream, unpack
from tests.deploy.conftest import emulator
from tests.deploy.deployed_project import create_project, curl
from tests.deploy.toolchain import Toolchain

__all__ = ["emulator"]

pytestmark = pytest.mark.end_to_end


def test_the_deployed_archive_streams_when_its_own_wrapper_starts_it(
    toolchain: Toolchain, emulator: str, tmp_path: Path
):
    project = create_project(tmp_path / "shop", "native", toolchain, emulator)
    source = (project.directory / "app.py").read_text()
    project.write("app.py", f"import asyncio, time\n{source.replace('app = ', CLOCK + 'app = ')}")
    output = project.deploy("--runtime", "native")
    assert curl(output) == "The native is open.\n 200"
    function = project.client("lambda").get_function_configuration(FunctionName="native-dev", Qualifier="live")
    variables = function["Environment"]["Variables"]
    [key] = project.archives()
    archive = tmp_path / "archive.zip"
    project.client("s3").download_file(project.bucket, key, str(archive))
    task = unpack(archive, tmp_path / "task")
    # `--stream` adds this variable; it also needs a newer provider than the emulator's.
    variables |= {"CWS_STREAM": "rest", "_HANDLER": function["Handler"]}
    wrapper = variables.pop("AWS_LAMBDA_EXEC_WRAPPER").removeprefix("/var/task/")
    with started(task, (wrapper, sys.executable, "/var/runtime/bootstrap.py"), **variables) as api:
        check_clock(stream(api, rest_event("GET", "/clock", (), (), None)))
    project.destroy()

"""A deployment archive, unpacked and started by its own programs, as Lambda does it."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.aws.runtime_api import RuntimeApiThread, runtime_api

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"

WRAPPER = ("cws_native", sys.executable, "/var/runtime/bootstrap.py")
"""The program of a managed runtime, with the words that Lambda adds."""

BOOTSTRAP = ("bootstrap",)
"""The program of an OS-only runtime."""


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack an archive with its modes."""
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            Path(file.extract(info, folder)).chmod(info.external_attr >> 16)
    return folder


@contextmanager
def started(task: Path, command: tuple[str, ...], **environment: str) -> Iterator[RuntimeApiThread]:
    """Start a program of an unpacked archive, with the Runtime API simulator beside it."""
    # A layer of an OS-only runtime contains Python.
    layer = task.parent / "opt"
    layer.mkdir()
    (layer / f"python{RUNNING}").symlink_to(os.path.realpath(sys.executable))
    variables = {
        "PATH": f"/usr/bin:/bin:{layer}",
        "LAMBDA_TASK_ROOT": str(task),
        "AWS_LAMBDA_FUNCTION_NAME": "shop-dev",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_REGION": "eu-west-1",
        "_HANDLER": "cws_lambda.lambda_handler",
        "CWS_STAGE": "dev",
    }
    with runtime_api() as api:
        variables |= {"AWS_LAMBDA_RUNTIME_API": api.address} | environment
        process = subprocess.Popen([task / command[0], *command[1:]], cwd=task, env=variables)
        try:
            yield api
        finally:
            # The program has become the runtime: SIGTERM reaches it and stops it cleanly.
            process.terminate()
            assert process.wait() == 0

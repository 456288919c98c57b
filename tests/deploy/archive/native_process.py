"""A deployment archive, unpacked and started by its own programs, as Lambda does it."""

import asyncio
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.aws.runtime_api import RuntimeApiThread, runtime_api
from tests.tools import PATIENCE

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


# A second in five parts, each with the moment at which it was produced.
CLOCK = """
    @entry(no_auth=True)
    async def get_clock(self):
        for _ in range(5):
            yield f"{time.time()}\\n"
            await asyncio.sleep(0.25)
"""


def stream(api: RuntimeApiThread, event: Any) -> list[tuple[float, bytes]]:
    """Send an event, and return the chunks of its response with the moments of their arrival."""

    async def receive() -> list[tuple[float, bytes]]:
        return [(time.time(), chunk) async for chunk in api.api.submit(event).chunks()]

    return asyncio.run_coroutine_threadsafe(receive(), api.loop).result(PATIENCE)


def check_clock(chunks: list[tuple[float, bytes]]) -> None:
    """Check that the parts of `CLOCK` arrived when they were produced."""
    [(_, prelude), (_, separator), *parts] = chunks
    assert b'"statusCode":200' in prelude
    assert separator == bytes(8)
    produced = [float(part) for _, part in parts]
    assert len(produced) == 5
    assert produced[-1] - produced[0] >= 1
    delays = [arrival - moment for (arrival, _), moment in zip(parts, produced, strict=True)]
    # Far less than the second that a response sent as a whole would take.
    assert max(delays) < 0.2, delays

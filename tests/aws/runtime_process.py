"""A runtime in another process: AWS's client or the native one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.aws.events import ClientResponse
from tests.aws.runtime_api import Result, RuntimeApiThread, runtime_api
from tests.tools import PATIENCE

needs_awslambdaric = pytest.mark.skipif(
    find_spec("awslambdaric") is None or find_spec("runtime_client") is None,
    reason="awslambdaric is not installed; it may have no wheel for this Python",
)

RUNTIMES = [pytest.param("awslambdaric", marks=needs_awslambdaric), "native"]


@dataclass(frozen=True)
class Runtime:
    """A running runtime client."""

    api: RuntimeApiThread
    process: "subprocess.Popen[str]"

    def request(self, event: Any) -> ClientResponse:
        result = self.api.invoke(event)
        assert result.call == "response", result
        return ClientResponse(result.body)

    def fail(self, event: Any) -> Result:
        result = self.api.invoke(event)
        assert result.call == "error", result
        return result

    def stop(self) -> tuple[int, list[str]]:
        """Send SIGTERM. Return the exit code and the lines of the log."""
        self.api.wait_until_polling()
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out.splitlines()


@contextmanager
def running(folder: Path, runtime: str = "native", **environment: str) -> Iterator[Runtime]:
    """Run `shop.lambda_handler` of a project folder in a runtime, as Lambda does."""
    module = {"awslambdaric": ["awslambdaric", "shop.lambda_handler"], "native": ["coworks_async.aws.runtime"]}[runtime]
    variables = {
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",  # the first that reacts to signals while it waits
        "AWS_LAMBDA_FUNCTION_NAME": "shop",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
        "_HANDLER": "shop.lambda_handler",
        "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]),
    }
    with runtime_api() as api:
        process = subprocess.Popen(
            [sys.executable, "-m", *module],
            cwd=folder,
            env=os.environ | variables | {"AWS_LAMBDA_RUNTIME_API": api.address} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield Runtime(api, process)
        finally:
            process.kill()
            process.communicate()

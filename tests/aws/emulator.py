"""A local AWS emulator, `ministack`, in its own virtual environment."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.toolchain import install_emulator
from tests.tools import PATIENCE, free_port

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def install_program(folder: Path) -> Path:
    """Install the emulator in a folder, unless it is there, and return its program."""
    # Functions run under the emulator's Python and import this environment's packages, so the versions must match.
    return install_emulator(folder / f"{sys.version_info.major}.{sys.version_info.minor}")


@contextmanager
def emulator(program: Path, *, checks_rights: bool = False) -> Iterator[str]:
    """Start an emulator and yield its URL. With `checks_rights`, a function has only the rights of its role."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CWS_", "COVERAGE_"))
    }
    environment |= {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "MINISTACK_REGION": "eu-west-1"}
    environment["AUTH"] = str(checks_rights).lower()
    with TemporaryDirectory() as folder:
        environment |= {"TMPDIR": folder, "LOG_LEVEL": "WARNING", "HOME": folder}
        with Path(folder, "log").open("wb") as log:
            # A new process group, because the processes of functions outlive the emulator.
            process = subprocess.Popen(
                [program], cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            _wait_until_ready(process, url, Path(folder, "log"))
            yield url
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/_ministack/ready", timeout=PATIENCE):
                return
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)

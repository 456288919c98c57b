"""An AWS on this machine: S3 and Lambda by `ministack`, in an environment of its own."""

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


def environment(place: Path) -> Path:
    """Return the emulator's program, installed once in this folder."""
    # What a Lambda of this test run imports was installed for this Python.
    place = place / f"{sys.version_info.major}.{sys.version_info.minor}"
    return install_emulator(place)


@contextmanager
def emulator(program: Path) -> Iterator[str]:
    """Yield the URL of a fresh emulator."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CWS_", "COVERAGE_"))}
    own |= {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "MINISTACK_REGION": "eu-west-1"}
    with TemporaryDirectory() as folder:
        own |= {"TMPDIR": folder, "LOG_LEVEL": "WARNING", "HOME": folder}
        with Path(folder, "log").open("wb") as log:
            # A group of its own, to which the Lambdas' processes belong, which outlive the emulator.
            process = subprocess.Popen([program], cwd=folder, env=own, stdout=log, stderr=log, start_new_session=True)
        try:
            _until_ready(process, url, Path(folder, "log"))
            yield url
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)


def _until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/_ministack/ready", timeout=PATIENCE):
                return
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)

"""An AWS on this machine: S3 and Lambda by `ministack`, in an environment of its own."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

# Of its own: the Lambdas that it runs see its packages. boto3 is there as it is in Lambda's runtime.
PACKAGES = ("ministack==1.5.33", "boto3>=1.35")
PATIENCE = 60.0

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def environment(place: Path) -> Path:
    """Return the emulator's program, installed once in this place; skip the test where it cannot be.

    With `CWS_TEST_ALL=1` the test fails instead.
    """
    # What a Lambda of this test run imports was installed for this Python.
    place = place / f"{sys.version_info.major}.{sys.version_info.minor}"
    place.mkdir(exist_ok=True)
    program = place / "venv" / "bin" / "ministack"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (place / "made").exists():
            return program
        pip = [str(place / "venv" / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        for command in ([sys.executable, "-m", "venv", "--clear", str(place / "venv")], [*pip, *PACKAGES]):
            made = subprocess.run(command, capture_output=True, text=True, check=False)
            if made.returncode:
                reason = f"ministack cannot be installed: {(made.stderr.strip() or 'no reason').splitlines()[-1]}"
                if os.environ.get("CWS_TEST_ALL") == "1":
                    pytest.fail(reason, pytrace=False)
                pytest.skip(reason)
        (place / "made").touch()
    return program


@contextmanager
def emulator(program: Path) -> Iterator[str]:
    """Yield the URL of a fresh emulator."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
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
